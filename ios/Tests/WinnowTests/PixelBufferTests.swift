// SPDX-License-Identifier: Apache-2.0
#if canImport(CoreVideo)
import CoreVideo
import XCTest

@testable import Winnow

final class PixelBufferTests: XCTestCase {
    func testABGRABufferIsTheArray() throws {
        let fixture = try Fixture()
        let pixels = try XCTUnwrap(fixture.pictures.first).pixels
        let bgra = pixels.bgra()
        let buffer = try make(pixels.width, pixels.height, kCVPixelFormatType_32BGRA)
        CVPixelBufferLockBaseAddress(buffer, [])
        let base = try XCTUnwrap(CVPixelBufferGetBaseAddress(buffer))
        for row in 0..<pixels.height {
            bgra[(4 * pixels.width * row)...].withUnsafeBytes {
                (base + row * CVPixelBufferGetBytesPerRow(buffer)).copyMemory(from: $0.baseAddress!, byteCount: 4 * pixels.width)
            }
        }
        CVPixelBufferUnlockBaseAddress(buffer, [])
        let expected = try bgra.withUnsafeBytes {
            try fixture.gate.score(Picture($0, width: pixels.width, height: pixels.height, format: .bgra))
        }
        XCTAssertEqual(try fixture.gate.score(buffer), expected)
    }

    /// Grey is the same in every kind of YUV of full range.
    func testNV12OfGreyIsGrey() throws {
        let fixture = try Fixture()
        let (width, height) = (160, 120)
        let buffer = try make(width, height, kCVPixelFormatType_420YpCbCr8BiPlanarFullRange)
        CVPixelBufferLockBaseAddress(buffer, [])
        let luma = try XCTUnwrap(CVPixelBufferGetBaseAddressOfPlane(buffer, 0)).assumingMemoryBound(to: UInt8.self)
        let chroma = try XCTUnwrap(CVPixelBufferGetBaseAddressOfPlane(buffer, 1))
        memset(chroma, 128, CVPixelBufferGetBytesPerRowOfPlane(buffer, 1) * (height / 2))
        var grey = [UInt8](repeating: 0, count: width * height)
        for row in 0..<height {
            for column in 0..<width {
                let value = UInt8(truncatingIfNeeded: 3 * row ^ 2 * column)
                luma[row * CVPixelBufferGetBytesPerRowOfPlane(buffer, 0) + column] = value
                grey[row * width + column] = value
            }
        }
        CVPixelBufferUnlockBaseAddress(buffer, [])
        for region in [Picture.Region.whole, .centralSquare] {
            let expected = try grey.withUnsafeBytes {
                try fixture.gate.score(Picture($0, width: width, height: height, format: .gray, orientation: 6, region: region))
            }
            XCTAssertEqual(try fixture.gate.score(buffer, orientation: .right, region: region), expected)
        }
    }

    func testOtherFormatsAreNamed() throws {
        let fixture = try Fixture()
        let buffer = try make(16, 16, kCVPixelFormatType_64ARGB)
        XCTAssertThrowsError(try fixture.gate.score(buffer)) { error in
            XCTAssertTrue(error.localizedDescription.contains("420f"), error.localizedDescription)
        }
    }

    private func make(_ width: Int, _ height: Int, _ format: OSType) throws -> CVPixelBuffer {
        var buffer: CVPixelBuffer?
        XCTAssertEqual(CVPixelBufferCreate(nil, width, height, format, nil, &buffer), kCVReturnSuccess)
        return try XCTUnwrap(buffer)
    }
}
#endif
