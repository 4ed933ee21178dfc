// SPDX-License-Identifier: Apache-2.0
import CoreML
import CoreVideo
import ImageIO
import Vision
import Winnow

/// Who computes the verdicts.
enum EngineKind: String, CaseIterable, Identifiable, Sendable {
    case runtime, coreML

    var id: Self { self }

    var name: String {
        switch self {
        case .runtime: return word("engineRuntime")
        case .coreML: return word("engineCoreML")
        }
    }
}

/// Judges the square in the middle of a frame.
protocol GateEngine: AnyObject {
    var threshold: Float { get }
    var advice: String? { get }
    /// How full a gauge's ring is, 0 to 1: half at the threshold.
    func gauge(_ verdict: Verdict) -> Float
    func judge(_ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation) throws -> Verdict
}

/// The C runtime, on the frame's own memory.
final class RuntimeEngine: GateEngine {
    private let gate: Gate

    init(contentsOf url: URL) throws {
        gate = try Gate(contentsOf: url)
    }

    var threshold: Float { gate.threshold }
    var advice: String? { gate.metadata("winnow.advice") }

    func gauge(_ verdict: Verdict) -> Float { gate.gauge(verdict) }

    func judge(_ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation) throws -> Verdict {
        try gate.score(frame, orientation: orientation, region: .centralSquare)
    }
}

/// What `winnow export --to coreml` or `--to mlpackage` writes. Vision resizes, not the gate's own filter: scores differ a little.
final class CoreMLEngine: GateEngine {
    let threshold: Float
    let advice: String?
    private let request: VNCoreMLRequest
    private let gaugePValue: Float
    private let gaugeSpread: Float?
    private let unsure: Float
    private let classes: [String]

    init(compiled url: URL) throws {
        let configuration = MLModelConfiguration()
        configuration.computeUnits = .all
        let model = try MLModel(contentsOf: url, configuration: configuration)
        let notes = model.modelDescription.metadata[.creatorDefinedKey] as? [String: String] ?? [:]
        guard let threshold = Float(notes["winnow.threshold"] ?? ""), let falseReject = Float(notes["winnow.false_reject"] ?? ""),
            model.modelDescription.outputDescriptionsByName["p_value"] != nil
        else { throw EngineError.notAGate }
        self.threshold = threshold
        gaugePValue = Float(notes["winnow.gauge.p_value"] ?? "") ?? falseReject
        gaugeSpread = Float(notes["winnow.gauge.spread"] ?? "")
        unsure = Float(notes["winnow.unsure"] ?? "") ?? .infinity
        advice = notes["winnow.advice"]
        var names: [String] = []
        while let name = notes["winnow.class.\(names.count)"] { names.append(name) }
        classes = names
        request = VNCoreMLRequest(model: try VNCoreMLModel(for: model))
        request.imageCropAndScaleOption = .scaleFill
    }

    /// As winnow_gauge. A model that was exported before its metadata had what that takes: from p alone, which falls no further than the least
    /// p-value of the calibration lets it.
    func gauge(_ verdict: Verdict) -> Float {
        let byP = verdict.pValue / (verdict.pValue + gaugePValue)
        if verdict.similarity >= threshold { return max(byP, 0.5) }
        guard let gaugeSpread else { return min(byP, 0.5) }
        return min(byP, 0.5 * exp((verdict.similarity - threshold) / gaugeSpread))
    }

    func judge(_ frame: CVPixelBuffer, orientation: CGImagePropertyOrientation) throws -> Verdict {
        request.regionOfInterest = centralSquare(of: frame, orientation: orientation)
        try VNImageRequestHandler(cvPixelBuffer: frame, orientation: orientation).perform([request])
        var values: [String: MLMultiArray] = [:]
        for case let observation as VNCoreMLFeatureValueObservation in request.results ?? [] {
            values[observation.featureName] = observation.featureValue.multiArrayValue
        }
        guard let similarity = values["similarity"]?[0].floatValue, let p = values["p_value"]?[0].floatValue,
            let normal = values["is_normal"]?[0].floatValue
        else { throw EngineError.notAGate }
        return Verdict(
            kind: normal > 0.5 ? .normal : similarity >= unsure ? .unsure : .abnormal, pValue: p, similarity: similarity,
            label: values["class_probability"].flatMap { best(of: $0) })
    }

    private func best(of probabilities: MLMultiArray) -> Verdict.Label? {
        let count = min(probabilities.count, classes.count)
        guard let index = (0..<count).max(by: { probabilities[$0].floatValue < probabilities[$1].floatValue }) else { return nil }
        return Verdict.Label(name: classes[index], probability: probabilities[index].floatValue, index: index)
    }
}

enum EngineError: LocalizedError {
    case notAGate

    var errorDescription: String? { word("notAGateModel") }
}

/// Vision's coordinates of the square in the middle: shares of the upright picture.
func centralSquare(of frame: CVPixelBuffer, orientation: CGImagePropertyOrientation) -> CGRect {
    var width = Double(CVPixelBufferGetWidth(frame))
    var height = Double(CVPixelBufferGetHeight(frame))
    if orientation.rawValue >= CGImagePropertyOrientation.leftMirrored.rawValue { swap(&width, &height) }
    let side = min(width, height)
    return CGRect(x: (width - side) / 2 / width, y: (height - side) / 2 / height, width: side / width, height: side / height)
}
