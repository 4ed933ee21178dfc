// SPDX-License-Identifier: Apache-2.0
import AVFoundation
import SwiftUI
import UIKit

/// The live picture, level with the horizon; says how a frame must be turned.
struct CameraPreview: UIViewRepresentable {
    let session: AVCaptureSession
    let device: AVCaptureDevice?
    let onTurn: @MainActor (CGFloat) -> Void

    func makeUIView(context: Context) -> PreviewView {
        let view = PreviewView()
        view.previewLayer.session = session
        view.previewLayer.videoGravity = .resizeAspect
        view.onTurn = onTurn
        view.isAccessibilityElement = true
        view.accessibilityLabel = word("preview")
        return view
    }

    func updateUIView(_ view: PreviewView, context: Context) {
        view.onTurn = onTurn
        view.follow(device)
    }
}

final class PreviewView: UIView {
    var onTurn: @MainActor (CGFloat) -> Void = { _ in }
    private var rotation: AVCaptureDevice.RotationCoordinator?
    private var observations: [NSKeyValueObservation] = []
    private weak var followed: AVCaptureDevice?

    override class var layerClass: AnyClass { AVCaptureVideoPreviewLayer.self }

    var previewLayer: AVCaptureVideoPreviewLayer {
        guard let layer = self.layer as? AVCaptureVideoPreviewLayer else { fatalError("layerClass says otherwise") }
        return layer
    }

    func follow(_ device: AVCaptureDevice?) {
        guard let device, device !== followed else { return }
        followed = device
        let coordinator = AVCaptureDevice.RotationCoordinator(device: device, previewLayer: previewLayer)
        let change: @Sendable () -> Void = { [weak self] in
            DispatchQueue.main.async { [weak self] in self?.turn() }
        }
        observations = [
            coordinator.observe(\.videoRotationAngleForHorizonLevelPreview) { _, _ in change() },
            coordinator.observe(\.videoRotationAngleForHorizonLevelCapture) { _, _ in change() },
        ]
        rotation = coordinator  // now that nothing observes the one before
        turn()
    }

    private func turn() {
        guard let rotation else { return }
        let angle = rotation.videoRotationAngleForHorizonLevelPreview
        if let connection = previewLayer.connection, connection.isVideoRotationAngleSupported(angle) {
            connection.videoRotationAngle = angle
        }
        onTurn(rotation.videoRotationAngleForHorizonLevelCapture)
    }
}
