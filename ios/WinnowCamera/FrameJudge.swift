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
        /// What the last frame took, of each engine that has a model.
        let milliseconds: [EngineKind: Double]
        let framesPerSecond: Int
    }

    var engines: [EngineKind: GateEngine] = [:]
    var chosen = EngineKind.runtime {
        didSet { if chosen != oldValue { stream = VerdictStream() } }
    }
    var mainModel: MainModel?
    var orientation = CGImagePropertyOrientation.right
    var onDiagnosis: @Sendable (String) -> Void = { _ in }

    private var stream = VerdictStream()
    private var milliseconds: [EngineKind: Double] = [:]
    private var times: [Double] = []
    private var frames = 0
    private var lastHandOver = -Double.infinity

    private let compareEvery = 30  // frames; the other engine judges one too, so that both times are shown
    private let handOverEvery = 0.5  // seconds

    /// Forgets what an engine took and what was shown, after models have changed.
    func reset() {
        stream = VerdictStream()
        milliseconds = [:]
    }

    /// nil where no engine has a model.
    func judge(_ sample: CMSampleBuffer) throws -> Report? {
        guard let frame = sample.imageBuffer, let kind = engines[chosen] != nil ? chosen : engines.keys.first else { return nil }
        let verdict = try timed(kind, frame)
        frames += 1
        if frames % compareEvery == 0 {
            for other in engines.keys where other != kind { _ = try? timed(other, frame) }
        }
        let seconds = sample.presentationTimeStamp.seconds
        let shown = try stream.update(verdict, at: seconds)
        if verdict.isNormal && shown.isNormal { handOver(frame, at: seconds) }
        return Report(shown: shown, milliseconds: milliseconds, framesPerSecond: rate(at: CACurrentMediaTime()))
    }

    private func timed(_ kind: EngineKind, _ frame: CVPixelBuffer) throws -> Verdict {
        guard let engine = engines[kind] else { throw EngineError.notAGate }
        let start = CACurrentMediaTime()
        let verdict = try engine.judge(frame, orientation: orientation)
        milliseconds[kind] = 1000 * (CACurrentMediaTime() - start)
        return verdict
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
        mainModel.diagnose(frame, orientation: orientation, then: onDiagnosis)
    }
}
