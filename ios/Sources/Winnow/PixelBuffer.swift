// SPDX-License-Identifier: Apache-2.0
#if canImport(CoreVideo)
import CWinnow
import CoreVideo
import ImageIO

extension Gate {
    /// Judges a camera's frame in place: NV12, I420, BGRA, RGBA, RGB or grey. The buffer says which YUV it is; `orientation` is how it must
    /// be turned to stand upright.
    public func score(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up, region: Picture.Region = .whole
    ) throws -> Verdict {
        try Picture.with(buffer, orientation: orientation, region: region) { try self.score($0) }
    }

    /// The embedding of a camera's frame, of length 1.
    public func embedding(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up, region: Picture.Region = .whole
    ) throws -> [Float] {
        try Picture.with(buffer, orientation: orientation, region: region) { try self.embedding($0) }
    }
}

extension Picture {
    /// Calls `body` with a picture of the buffer's own memory, which is locked meanwhile.
    static func with<Result>(
        _ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation, region: Region, _ body: (Picture) throws -> Result
    ) throws -> Result {
        let layout = try Layout(CVPixelBufferGetPixelFormatType(buffer))
        guard CVPixelBufferLockBaseAddress(buffer, .readOnly) == kCVReturnSuccess else {
            throw WinnowError(.io, "the pixel buffer's memory cannot be locked")
        }
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        var image = winnow_image()
        image.width = Int32(CVPixelBufferGetWidth(buffer))
        image.height = Int32(CVPixelBufferGetHeight(buffer))
        image.format = layout.format
        image.orientation = Int32(orientation.rawValue)
        if layout.planes == 0 {
            image.plane.0 = pointer(CVPixelBufferGetBaseAddress(buffer))
            image.stride.0 = CVPixelBufferGetBytesPerRow(buffer)
        } else {
            image.plane = (plane(0, of: buffer, layout), plane(1, of: buffer, layout), plane(2, of: buffer, layout))
            image.stride = (stride(0, of: buffer, layout), stride(1, of: buffer, layout), stride(2, of: buffer, layout))
            image.yuv = yuv(of: buffer, videoRange: layout.videoRange)
        }
        var picture = Picture(image: image)
        if region == .centralSquare { picture.keepCentralSquare(bytesPerPixel: layout.bytes) }
        return try body(picture)
    }

    private static func pointer(_ address: UnsafeMutableRawPointer?) -> UnsafePointer<UInt8>? {
        address.map { UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) }
    }

    private static func plane(_ index: Int, of buffer: CVPixelBuffer, _ layout: Layout) -> UnsafePointer<UInt8>? {
        index < layout.planes ? pointer(CVPixelBufferGetBaseAddressOfPlane(buffer, index)) : nil
    }

    private static func stride(_ index: Int, of buffer: CVPixelBuffer, _ layout: Layout) -> Int {
        index < layout.planes ? CVPixelBufferGetBytesPerRowOfPlane(buffer, index) : 0
    }

    private static func yuv(of buffer: CVPixelBuffer, videoRange: Bool) -> winnow_yuv {
        let matrix = CVBufferCopyAttachment(buffer, kCVImageBufferYCbCrMatrixKey, nil) as? String
        if matrix == kCVImageBufferYCbCrMatrix_ITU_R_709_2 as String {
            return videoRange ? WINNOW_YUV_709_VIDEO : WINNOW_YUV_709_FULL
        }
        return videoRange ? WINNOW_YUV_601_VIDEO : WINNOW_YUV_601_FULL
    }
}

/// What a pixel format of Core Video is to winnow.h.
private struct Layout {
    let format: winnow_pixel_format
    let planes: Int  // 0: not planar
    let bytes: Int  // a pixel of the first plane
    let videoRange: Bool

    init(_ type: OSType) throws {
        switch type {
        case kCVPixelFormatType_420YpCbCr8BiPlanarFullRange: self.init(WINNOW_NV12, planes: 2)
        case kCVPixelFormatType_420YpCbCr8BiPlanarVideoRange: self.init(WINNOW_NV12, planes: 2, videoRange: true)
        case kCVPixelFormatType_420YpCbCr8PlanarFullRange: self.init(WINNOW_I420, planes: 3)
        case kCVPixelFormatType_420YpCbCr8Planar: self.init(WINNOW_I420, planes: 3, videoRange: true)
        case kCVPixelFormatType_32BGRA: self.init(WINNOW_BGRA, bytes: 4)
        case kCVPixelFormatType_32RGBA: self.init(WINNOW_RGBA, bytes: 4)
        case kCVPixelFormatType_24RGB: self.init(WINNOW_RGB, bytes: 3)
        case kCVPixelFormatType_24BGR: self.init(WINNOW_BGR, bytes: 3)
        case kCVPixelFormatType_OneComponent8: self.init(WINNOW_GRAY)
        default:
            let name = String(decoding: (0..<4).map { UInt8(truncatingIfNeeded: type >> (24 - 8 * $0)) }, as: UTF8.self)
            throw WinnowError(.unsupported, "pixel format '\(name)' is not read: ask the camera for 420f or BGRA")
        }
    }

    private init(_ format: winnow_pixel_format, planes: Int = 0, bytes: Int = 1, videoRange: Bool = false) {
        self.format = format
        self.planes = planes
        self.bytes = bytes
        self.videoRange = videoRange
    }
}
#endif
