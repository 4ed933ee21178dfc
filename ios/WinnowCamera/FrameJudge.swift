// SPDX-License-Identifier: Apache-2.0
import AVFoundation
import ImageIO
import QuartzCore
import Winnow

/// From a frame to what is shown: engine, stream, times, hand-over to the main model. Belongs to the camera's queue.
final class FrameJudge: @unchecked Sendable {
    struct Report: Sendable {
        /// The steadied verdict.
        let shown: Verdict
        /// Who gave it: the other engine where the chosen one has no model.
        let engine: EngineKind
        /// How full the ring is, 0 to 1: half at the threshold.
        let gauge: Float
        /// Of that engine's gate, like the advice.
        let threshold: Float
        let advice: String?
        /// What a frame takes, the median of the last few, of each engine that has a model.
        let milliseconds: [EngineKind: Double]
        /// Why an engine could not judge the last frame that it got.
        let errors: [EngineKind: String]
        let framesPerSecond: Int
    }

    var engines: [EngineKind: GateEngine] = [:]
    var chosen = EngineKind.runtime {
        didSet { if chosen != oldValue { stream = VerdictStream() } }
    }
    var mainModel: MainModel?
    var orientation = CGImagePropertyOrientation.right
    /// An answer, and the model that gave it, which may have been replaced since.
    var onDiagnosis: @Sendable (MainModel, Result<String, Error>) -> Void = { _, _ in }

    private var stream = VerdictStream()
    private var milliseconds: [EngineKind: [Double]] = [:]  // of the last frames
    private var errors: [EngineKind: String] = [:]
    private var times: [Double] = []
    private var frames = 0
    private var lastHandOver = -Double.infinity

    private let compareEvery = 30  // frames; the other engine judges one too, so that both times are shown
    private let handOverEvery = 0.5  // seconds
    private let medianOf = 15  // frames; one that an interruption or a model's first run made slow does not show

    /// Forgets what an engine took and what was shown, after models or the camera have changed.
    func reset() {
        stream = VerdictStream()
        milliseconds = [:]
        errors = [:]
        lastHandOver = -.infinity
    }

    /// nil where no engine has a model.
    func judge(_ sample: CMSampleBuffer) throws -> Report? {
        guard let frame = sample.imageBuffer, let kind = engines[chosen] != nil ? chosen : engines.keys.first,
            let engine = engines[kind]
        else { return nil }
        let verdict = try timed(kind, engine, frame)
        frames += 1
        if frames % compareEvery == 0 {
            // What it says is not shown; that it failed is, by `errors`.
            for (other, engine) in engines where other != kind { _ = try? timed(other, engine, frame) }
        }
        let seconds = sample.presentationTimeStamp.seconds
        let shown = try stream.update(verdict, at: seconds)
        if verdict.isNormal && shown.isNormal { handOver(frame, at: seconds) }
        return Report(
            shown: shown, engine: kind, gauge: gauge(shown, engine), threshold: engine.threshold, advice: engine.advice,
            milliseconds: milliseconds.mapValues { median(of: $0) }, errors: errors, framesPerSecond: rate(at: CACurrentMediaTime()))
    }

    /// On the verdict's side of half, also while the averages lead a verdict that is about to change.
    private func gauge(_ shown: Verdict, _ engine: GateEngine) -> Float {
        let gauge = engine.gauge(shown)
        return shown.isNormal ? max(gauge, 0.5) : min(gauge, 0.5)
    }

    private func timed(_ kind: EngineKind, _ engine: GateEngine, _ frame: CVPixelBuffer) throws -> Verdict {
        do {
            let start = CACurrentMediaTime()
            let verdict = try engine.judge(frame, orientation: orientation)
            let last = milliseconds[kind, default: []] + [1000 * (CACurrentMediaTime() - start)]
            milliseconds[kind] = Array(last.suffix(medianOf))
            errors[kind] = nil
            return verdict
        } catch {
            milliseconds[kind] = nil
            errors[kind] = error.localizedDescription
            throw error
        }
    }

    private func median(of values: [Double]) -> Double {
        values.sorted()[values.count / 2]
    }

    /// Frames judged in the last second.
    private func rate(at now: Double) -> Int {
        times.append(now)
        times.removeAll { $0 <= now - 1 }
        return times.count
    }

    private func handOver(_ frame: CVPixelBuffer, at seconds: Double) {
        guard let mainModel, seconds - lastHandOver >= handOverEvery else { return }
        lastHandOver = seconds
        mainModel.diagnose(frame, orientation: orientation) { [onDiagnosis] answer in onDiagnosis(mainModel, answer) }
    }
}
