// SPDX-License-Identifier: Apache-2.0
import AVFoundation
import ImageIO
import QuartzCore
import SwiftUI
import UIKit
import Winnow

/// How full the gauge's ring is, 0 to 1. It moves with the frames, and what observes it, the ring alone, is drawn as often.
@MainActor
final class GaugeLevel: ObservableObject {
    @Published var filled = 0.0
}

/// What the screen shows. Frames are judged on the camera's queue; only reports come here.
@MainActor
final class CameraModel: ObservableObject {
    @Published private(set) var state = CameraState.starting {
        didSet { UIApplication.shared.isIdleTimerDisabled = state == .running }  // else the screen goes dark over a live picture
    }
    /// Of a frame a few times a second, as faster numbers cannot be read; at once where the verdict has changed.
    @Published private(set) var report: FrameJudge.Report?
    /// What the main model says of the last accepted picture, or why it says nothing.
    @Published private(set) var diagnosis: String?
    /// Why the last frame could not be judged.
    @Published private(set) var frameError: String?
    /// Why a file could not be used.
    @Published private(set) var fileError: String?
    @Published private(set) var device: AVCaptureDevice?
    /// Longer side by shorter side of the camera's picture.
    @Published private(set) var aspect: CGFloat = 4.0 / 3.0
    @Published private(set) var loaded: Set<EngineKind> = []
    /// Changes of models that are under way or wait.
    @Published private var changes = 0
    @Published var engine: EngineKind {
        didSet { choose(engine) }
    }

    let level = GaugeLevel()
    let source = CameraSource()
    private let judge = FrameJudge()
    private let reportEvery = 0.15  // seconds
    private var reported = -Double.infinity
    private var position = AVCaptureDevice.Position.back
    private var lastChange: Task<Void, Never>?
    private var mainModel: MainModel?  // whose answers are shown

    init() {
        engine = UserDefaults.standard.string(forKey: "engine").flatMap(EngineKind.init(rawValue:)) ?? .runtime
        let (source, judge) = (self.source, self.judge)
        source.queue.async { [weak self] in
            source.onFrame = { [weak self] sample in
                let result = Result { try judge.judge(sample) }
                DispatchQueue.main.async { [weak self] in self?.take(result) }
            }
            source.onState = { [weak self] state, device in
                judge.reset()
                DispatchQueue.main.async { [weak self] in self?.take(state, device) }
            }
            judge.onDiagnosis = { [weak self] model, answer in
                DispatchQueue.main.async { [weak self] in self?.take(answer, of: model) }
            }
        }
        choose(engine)
        Task { await change { await self.load() } }
    }

    // ---- the camera ----

    func start() async {
        guard await CameraSource.isAllowed() else {
            state = .denied
            return
        }
        source.start(position)
    }

    func stop() {
        source.stop()
    }

    func turn() {
        position = position == .back ? .front : .back
        Task { await start() }  // which knows whether the camera is allowed
    }

    /// How the camera's picture must be turned, in degrees to the right, to stand upright.
    func turned(by degrees: CGFloat) {
        let orientations: [CGImagePropertyOrientation] = [.up, .right, .down, .left]
        let orientation = orientations[(Int(degrees) / 90 % 4 + 4) % 4]
        source.queue.async { [judge] in judge.orientation = orientation }
    }

    // ---- models ----

    /// The engine that judges: the other one where the chosen one has no model.
    var judging: EngineKind {
        loaded.contains(engine) ? engine : loaded.first ?? engine
    }

    var busy: Bool { changes > 0 }

    func open(_ picked: URL, as slot: ModelSlot) async {
        await change {
            do {
                try await slot.take(picked)
                await self.load()
            } catch {
                self.fileError = "\(picked.lastPathComponent): \(error.localizedDescription)"
            }
        }
    }

    /// Of a file that could not even be picked.
    func tell(_ failure: Error) {
        fileError = failure.localizedDescription
    }

    func forget(_ slot: ModelSlot) async {
        await change {
            do {
                try slot.forget()
                await self.load()
            } catch {
                self.fileError = "\(slot.title): \(error.localizedDescription)"
            }
        }
    }

    /// Changes of models follow one another as they were asked for: a load that read the files before a change must not end after the one that
    /// read them behind it.
    private func change(_ step: @escaping @MainActor @Sendable () async -> Void) async {
        let before = lastChange
        let task = Task { @MainActor in
            if let before { await before.value }
            await step()
        }
        lastChange = task
        changes += 1
        await task.value
        changes -= 1
    }

    /// A step of a change.
    private func load() async {
        let models = await Task.detached(priority: .userInitiated) { LoadedModels() }.value
        loaded = Set(models.engines.keys)
        fileError = models.errors.isEmpty ? nil : models.errors.joined(separator: "\n")
        mainModel = models.main
        forgetPicture()
        source.queue.async { [judge] in
            judge.engines = models.engines
            judge.mainModel = models.main
            judge.reset()
        }
    }

    private func choose(_ engine: EngineKind) {
        UserDefaults.standard.set(engine.rawValue, forKey: "engine")
        source.queue.async { [judge] in judge.chosen = engine }
    }

    // ---- what comes from the camera's queue ----

    private func take(_ result: Result<FrameJudge.Report?, Error>) {
        switch result {
        case .success(.some(let report)): show(report)
        case .success(.none): forgetPicture()
        case .failure(let failure):
            forgetPicture(because: failure.localizedDescription)
        }
    }

    private func show(_ next: FrameJudge.Report) {
        if level.filled != Double(next.gauge) { level.filled = Double(next.gauge) }
        if frameError != nil { frameError = nil }
        let now = CACurrentMediaTime()
        let changed = report?.shown.kind != next.shown.kind
        guard changed || now - reported >= reportEvery else { return }
        reported = now
        report = next
        if changed {
            diagnosis = nil
            announce(next)
        }
    }

    private func take(_ state: CameraState, _ device: AVCaptureDevice?) {
        if state != .running || device !== self.device { forgetPicture() }
        self.state = state
        self.device = device
        if let device { aspect = device.aspect }
    }

    private func take(_ answer: Result<String, Error>, of model: MainModel) {
        guard model === mainModel, report?.shown.isNormal == true else { return }
        switch answer {
        case .success(let text): diagnosis = word("diagnosis", text)
        case .failure(let failure): diagnosis = word("noDiagnosis", failure.localizedDescription)
        }
    }

    /// Nothing of a picture is shown that is no longer there, or could not be judged. Called with every frame: what is as it was is not set.
    private func forgetPicture(because error: String? = nil) {
        if level.filled != 0 { level.filled = 0 }
        if report != nil { report = nil }
        if diagnosis != nil { diagnosis = nil }
        if frameError != error { frameError = error }
    }

    private func announce(_ report: FrameJudge.Report) {
        UIAccessibility.post(notification: .announcement, argument: adviceText(report))
    }

    // ---- words ----

    func adviceText(_ report: FrameJudge.Report) -> String {
        switch report.shown.kind {
        case .normal:
            if let label = report.shown.label { return "\(label.name) \(percent(label.probability))" }
            return word("adviceNormal")
        case .unsure: return word("adviceUnsure")
        case .abnormal: return report.advice ?? word("adviceAbnormal")
        }
    }

    /// The gauge's word where there is no verdict.
    var noVerdict: String {
        if frameError != nil { return word("notJudged") }
        if !loaded.isEmpty { return word("noPicture") }
        return busy ? word("loading") : word("none")
    }

    /// Why there is no verdict; nil where there is one, or soon will be.
    var trouble: String? {
        switch state {
        case .denied: return word("denied")
        case .missing: return word("noCamera")
        case .interrupted(.inUse): return word("interruptedInUse")
        case .interrupted(.split): return word("interruptedSplit")
        case .interrupted(.hot): return word("interruptedHot")
        case .interrupted(.other): return word("interrupted")
        case .failed(let why): return word("failed", why)
        case .starting, .stopped: return nil
        case .running: return loaded.isEmpty && !busy ? fileError ?? word("noGate") : nil
        }
    }
}

/// The models that were chosen, loaded. Made away from the main thread, used on the camera's queue from then on.
private struct LoadedModels: @unchecked Sendable {
    var engines: [EngineKind: GateEngine] = [:]
    var main: MainModel?
    var errors: [String] = []

    /// One file that fails keeps none of the others from being used.
    init() {
        engines[.runtime] = load(.gate) { try RuntimeEngine(contentsOf: $0) }
        engines[.coreML] = load(.coreMLGate) { try CoreMLEngine(compiled: $0) }
        main = load(.main) { try MainModel(compiled: $0) }
    }

    private mutating func load<Model>(_ slot: ModelSlot, _ make: (URL) throws -> Model) -> Model? {
        guard let url = slot.existing else { return nil }
        do {
            return try make(url)
        } catch {
            errors.append("\(slot.title): \(error.localizedDescription)")
            return nil
        }
    }
}
