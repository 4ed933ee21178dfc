// SPDX-License-Identifier: Apache-2.0
import SwiftUI

@main
struct WinnowCameraApp: App {
    @StateObject private var model = CameraModel()
    @Environment(\.scenePhase) private var phase

    var body: some Scene {
        WindowGroup {
            CameraScreen(model: model)
                .preferredColorScheme(.dark)
                .task { await model.start() }
        }
        .onChange(of: phase) { _, now in
            // Coming back from Settings, the camera may be allowed at last.
            if now == .active { Task { await model.start() } }
            if now == .background { model.stop() }
        }
    }
}
