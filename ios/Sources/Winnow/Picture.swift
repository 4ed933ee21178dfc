// SPDX-License-Identifier: Apache-2.0
import CWinnow

/// A borrowed picture of 8 bits a channel: the pixels must outlive it.
public struct Picture {
    public enum Format: Sendable {
        case rgb, bgr, rgba, bgra, gray

        var bytes: Int {
            switch self {
            case .rgb, .bgr: return 3
            case .rgba, .bgra: return 4
            case .gray: return 1
            }
        }

        var name: winnow_pixel_format {
            switch self {
            case .rgb: return WINNOW_RGB
            case .bgr: return WINNOW_BGR
            case .rgba: return WINNOW_RGBA
            case .bgra: return WINNOW_BGRA
            case .gray: return WINNOW_GRAY
            }
        }
    }

    /// What of a picture is judged.
    public enum Region: Sendable {
        case whole
        /// The square of the shorter side in its middle.
        case centralSquare
    }

    var image: winnow_image

    init(image: winnow_image) {
        self.image = image
    }

    /// Interleaved pixels. `bytesPerRow` is that of rows without gaps by default; `orientation` is EXIF's, 1 to 8.
    public init(
        _ pixels: UnsafeRawBufferPointer, width: Int, height: Int, bytesPerRow: Int? = nil, format: Format, orientation: Int = 1,
        region: Region = .whole
    ) throws {
        guard (1...65_535).contains(width), (1...65_535).contains(height) else {
            throw WinnowError(.argument, "a picture of \(width) x \(height) pixels: both must be 1 to 65535")
        }
        let row = width * format.bytes
        let stride = bytesPerRow ?? row
        // By division: a stride may be any number.
        guard stride >= row, pixels.count >= row, height == 1 || (pixels.count - row) / (height - 1) >= stride else {
            throw WinnowError(.argument, "\(pixels.count) bytes are not \(width) x \(height) pixels in rows of \(stride)")
        }
        image = winnow_image()
        image.plane.0 = pixels.bindMemory(to: UInt8.self).baseAddress
        image.stride.0 = stride
        image.width = Int32(width)
        image.height = Int32(height)
        image.format = format.name
        image.orientation = Int32(clamping: orientation)
        if region == .centralSquare { keepCentralSquare(bytesPerPixel: format.bytes) }
    }

    /// Moves the planes' beginnings. Even steps, so that the chroma of NV12 and I420 stays where its luma is.
    mutating func keepCentralSquare(bytesPerPixel: Int) {
        let side = min(image.width, image.height)
        let column = Int(image.width - side) / 4 * 2
        let row = Int(image.height - side) / 4 * 2
        image.plane.0 = image.plane.0.map { $0 + row * image.stride.0 + column * bytesPerPixel }
        if image.format == WINNOW_NV12 {
            image.plane.1 = image.plane.1.map { $0 + row / 2 * image.stride.1 + column }
        } else if image.format == WINNOW_I420 {
            image.plane.1 = image.plane.1.map { $0 + row / 2 * image.stride.1 + column / 2 }
            image.plane.2 = image.plane.2.map { $0 + row / 2 * image.stride.2 + column / 2 }
        }
        image.width = side
        image.height = side
    }

    func withImage<Result>(_ body: (UnsafePointer<winnow_image>) throws -> Result) rethrows -> Result {
        try withUnsafePointer(to: image, body)
    }
}
