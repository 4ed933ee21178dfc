// SPDX-License-Identifier: Apache-2.0
import AVFoundation

/// What the camera does, as far as its user must know.
enum CameraState: Equatable, Sendable {
    case starting, running, stopped, denied, missing
    case interrupted(Interruption)
    case failed(String)

    enum Interruption: Sendable {
        case inUse, split, hot, other
    }
}

/// The camera, and frames from it. All but `session`, which a preview layer shows, belongs to `queue`; frames arrive there, one at a time, the
/// newest only.
final class CameraSource: NSObject, @unchecked Sendable {
    let queue = DispatchQueue(label: "camera", qos: .userInitiated, autoreleaseFrequency: .workItem)
    let session = AVCaptureSession()

    /// On `queue`.
    var onFrame: (CMSampleBuffer) -> Void = { _ in }
    /// On `queue`.
    var onState: (CameraState, AVCaptureDevice?) -> Void = { _, _ in }

    private let output = AVCaptureVideoDataOutput()
    private var input: AVCaptureDeviceInput?
    private var wanted = false

    override init() {
        super.init()
        let center = NotificationCenter.default
        center.addObserver(self, selector: #selector(interrupted), name: AVCaptureSession.wasInterruptedNotification, object: session)
        center.addObserver(self, selector: #selector(resumed), name: AVCaptureSession.interruptionEndedNotification, object: session)
        center.addObserver(self, selector: #selector(failed), name: AVCaptureSession.runtimeErrorNotification, object: session)
    }

    /// Asks the user where nobody has yet.
    static func isAllowed() async -> Bool {
        switch AVCaptureDevice.authorizationStatus(for: .video) {
        case .authorized: return true
        case .notDetermined: return await AVCaptureDevice.requestAccess(for: .video)
        default: return false
        }
    }

    func start(_ position: AVCaptureDevice.Position) {
        queue.async { [self] in
            wanted = true
            do {
                if input?.device.position != position { try configure(position) }
                if !session.isRunning { session.startRunning() }
                if session.isRunning { tell(.running) }
            } catch {
                tell(error is Missing ? .missing : .failed(error.localizedDescription))
            }
        }
    }

    func stop() {
        queue.async { [self] in
            wanted = false
            if session.isRunning { session.stopRunning() }
            tell(.stopped)
        }
    }

    private struct Missing: Error {}

    private func tell(_ state: CameraState) {
        onState(state, input?.device)
    }

    private func configure(_ position: AVCaptureDevice.Position) throws {
        guard
            let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: position)
                ?? AVCaptureDevice.default(for: .video)
        else { throw Missing() }
        let next = try AVCaptureDeviceInput(device: device)
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        for old in session.inputs { session.removeInput(old) }
        input = nil
        guard session.canAddInput(next) else { throw Missing() }
        session.addInput(next)
        if session.outputs.isEmpty {
            guard session.canAddOutput(output) else { throw Missing() }
            session.addOutput(output)
            output.alwaysDiscardsLateVideoFrames = true
            output.setSampleBufferDelegate(self, queue: queue)
        }
        // What the sensor's pipeline makes anyway, and the gate reads in place.
        output.videoSettings = [
            kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
        ]
        // Unturned, whatever a camera's connection begins with: the angle that the preview tells is the whole turn.
        if let connection = output.connection(with: .video), connection.isVideoRotationAngleSupported(0) {
            connection.videoRotationAngle = 0
        }
        try chooseFormat(of: device)
        input = next
    }

    /// 640 x 480, as the gate sees a few hundred pixels, at 60 frames a second or else at 30. The format itself, of a camera that the session
    /// has already: a preset would choose one at the commit only, and hand the choice back to the session. A camera without such a format
    /// keeps its own.
    private func chooseFormat(of device: AVCaptureDevice) throws {
        for rate: CMTimeScale in [60, 30] {
            guard let format = device.formats.first(where: { $0.isSmall && $0.reaches(rate) }) else { continue }
            try device.lockForConfiguration()
            device.activeFormat = format
            device.activeVideoMinFrameDuration = CMTime(value: 1, timescale: rate)
            device.unlockForConfiguration()
            return
        }
    }

    @objc private func interrupted(_ notification: Notification) {
        let number = notification.userInfo?[AVCaptureSessionInterruptionReasonKey] as? Int
        let why: CameraState.Interruption
        switch number.flatMap(AVCaptureSession.InterruptionReason.init(rawValue:)) {
        case .videoDeviceInUseByAnotherClient: why = .inUse
        case .videoDeviceNotAvailableWithMultipleForegroundApps: why = .split
        case .videoDeviceNotAvailableDueToSystemPressure: why = .hot
        case .videoDeviceNotAvailableInBackground: return  // nobody sees it
        default: why = .other
        }
        queue.async { [self] in tell(.interrupted(why)) }
    }

    @objc private func resumed(_ notification: Notification) {
        queue.async { [self] in if wanted { tell(.running) } }
    }

    @objc private func failed(_ notification: Notification) {
        let error = notification.userInfo?[AVCaptureSessionErrorKey] as? AVError
        queue.async { [self] in
            if error?.code == .mediaServicesWereReset, wanted {
                session.startRunning()
                tell(.running)
            } else {
                tell(.failed(error?.localizedDescription ?? ""))
            }
        }
    }
}

extension CameraSource: AVCaptureVideoDataOutputSampleBufferDelegate {
    func captureOutput(_ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection) {
        onFrame(sample)
    }
}

extension AVCaptureDevice {
    /// Longer side by shorter side of the frames.
    var aspect: CGFloat {
        let size = CMVideoFormatDescriptionGetDimensions(activeFormat.formatDescription)
        let (long, short) = (max(size.width, size.height), min(size.width, size.height))
        return short > 0 ? CGFloat(long) / CGFloat(short) : 4.0 / 3.0
    }
}

extension AVCaptureDevice.Format {
    fileprivate var isSmall: Bool {
        let size = CMVideoFormatDescriptionGetDimensions(formatDescription)
        return size.width == 640 && size.height == 480
            && CMFormatDescriptionGetMediaSubType(formatDescription) == kCVPixelFormatType_420YpCbCr8BiPlanarFullRange
    }

    fileprivate func reaches(_ rate: CMTimeScale) -> Bool {
        videoSupportedFrameRateRanges.contains { $0.minFrameRate <= Double(rate) && Double(rate) <= $0.maxFrameRate }
    }
}
