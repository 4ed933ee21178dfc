// SPDX-License-Identifier: Apache-2.0
import CoreML
import CoreVideo
import ImageIO
import Vision

/// The app's main model, behind the gate: any Core ML model that takes a picture. It has a queue of its own, so that a slow one does not
/// hold the camera up, and takes one picture at a time.
final class MainModel: @unchecked Sendable {
    private let request: VNCoreMLRequest
    private let queue = DispatchQueue(label: "main model", qos: .userInitiated, autoreleaseFrequency: .workItem)
    private let lock = NSLock()
    private var busy = false  // guarded by lock

    init(compiled url: URL) throws {
        let model = try MLModel(contentsOf: url, configuration: MLModelConfiguration())
        request = VNCoreMLRequest(model: try VNCoreMLModel(for: model))
        request.imageCropAndScaleOption = .scaleFill
    }

    /// A buffer that nobody writes to any more.
    private struct Accepted: @unchecked Sendable {
        let frame: CVPixelBuffer
    }

    /// Hands an accepted frame over, unless the one before is still being looked at. `then` is called on the model's queue.
    func diagnose(
        _ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation, then: @escaping @Sendable (Result<String, Error>) -> Void
    ) {
        guard take() else { return }
        let accepted = Accepted(frame: frame)
        queue.async { [self] in
            defer { give() }
            request.regionOfInterest = centralSquare(of: accepted.frame, orientation: orientation)
            then(
                Result {
                    try VNImageRequestHandler(cvPixelBuffer: accepted.frame, orientation: orientation).perform([request])
                    return try describe(request.results ?? [])
                })
        }
    }

    private func take() -> Bool {
        lock.lock()
        defer { lock.unlock() }
        if busy { return false }
        busy = true
        return true
    }

    private func give() {
        lock.lock()
        busy = false
        lock.unlock()
    }

    private func describe(_ results: [VNObservation]) throws -> String {
        let best =
            (results as? [VNClassificationObservation])?.first
            ?? (results as? [VNRecognizedObjectObservation])?.max { $0.confidence < $1.confidence }?.labels.first
        if let best { return "\(best.identifier) \(percent(best.confidence))" }
        for case let observation as VNCoreMLFeatureValueObservation in results {
            guard let array = observation.featureValue.multiArrayValue, array.count > 0 else { continue }
            let values = (0..<min(array.count, 3)).map { number(array[$0].floatValue, digits: 2) }
            return "\(observation.featureName): \(values.joined(separator: ", "))\(array.count > 3 ? " …" : "")"
        }
        throw MainModelError.noAnswer
    }
}

enum MainModelError: LocalizedError {
    case noAnswer

    var errorDescription: String? { word("noAnswer") }
}
