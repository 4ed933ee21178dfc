// SPDX-License-Identifier: Apache-2.0
import SwiftUI
import UIKit
import Winnow

struct CameraScreen: View {
    @ObservedObject var model: CameraModel
    @State private var choosing = false
    @Environment(\.openURL) private var openURL

    private var shown: Verdict? { model.report?.shown }

    var body: some View {
        GeometryReader { space in
            let portrait = space.size.height >= space.size.width
            ZStack {
                Color.black.ignoresSafeArea()
                picture
                    .aspectRatio(portrait ? 1 / model.aspect : model.aspect, contentMode: .fit)
                    .frame(maxWidth: .infinity, maxHeight: .infinity)
                if let trouble = model.trouble ?? model.frameError { message(trouble) }
            }
            .overlay(alignment: .top) { instruments.padding(12) }
            .overlay(alignment: .bottom) { controls.padding(.bottom, 12) }
        }
        .sheet(isPresented: $choosing) { ModelsView(model: model) }
    }

    private var picture: some View {
        CameraPreview(session: model.source.session, device: model.device, onTurn: { model.turned(by: $0) })
            .overlay {
                // The square that is judged: that of the picture's shorter side.
                RoundedRectangle(cornerRadius: 24)
                    .strokeBorder(shown.tint, lineWidth: 3)
                    .aspectRatio(1, contentMode: .fit)
                    .animation(.easeInOut(duration: 0.25), value: shown?.kind)
                    .accessibilityHidden(true)
            }
    }

    /// Side by side: where the screen is narrow the figures give way, instead of standing under the gauge.
    private var instruments: some View {
        HStack(alignment: .top, spacing: 8) {
            FiguresView(model: model)
            Spacer(minLength: 0)
            GaugeView(report: model.report, level: model.level, noVerdict: model.noVerdict)
        }
    }

    private var controls: some View {
        VStack(spacing: 12) {
            if model.trouble == nil, let report = model.report {
                VStack(spacing: 2) {
                    Text(model.adviceText(report))
                        .font(.title3.weight(.semibold))
                    if let diagnosis = model.diagnosis {
                        Text(diagnosis)
                            .font(.subheadline)
                    }
                }
                .multilineTextAlignment(.center)
                .padding(.horizontal, 18)
                .padding(.vertical, 8)
                .background(.black.opacity(0.78), in: Capsule())
                .accessibilityElement(children: .combine)
            }
            HStack(spacing: 24) {
                Button { model.turn() } label: {
                    Label(word("turn"), systemImage: "arrow.triangle.2.circlepath.camera")
                }
                Button { choosing = true } label: {
                    Label(word("models"), systemImage: "square.stack.3d.up")
                }
            }
            .buttonStyle(.bordered)
            .tint(.white)
        }
        .foregroundStyle(.white)
    }

    private func message(_ text: String) -> some View {
        VStack(spacing: 14) {
            Text(text)
                .multilineTextAlignment(.center)
            if model.state == .denied {
                Button(word("openSettings")) {
                    if let settings = URL(string: UIApplication.openSettingsURLString) { openURL(settings) }
                }
            } else if model.state == .running {
                Button(word("open")) { choosing = true }
            } else {
                Button(word("again")) { Task { await model.start() } }
            }
        }
        .buttonStyle(.borderedProminent)
        .padding(18)
        .frame(maxWidth: 420)
        .background(.regularMaterial, in: RoundedRectangle(cornerRadius: 20))
        .padding(24)
    }
}

/// Upper left: frames a second, and what a frame takes in each engine.
struct FiguresView: View {
    @ObservedObject var model: CameraModel

    var body: some View {
        VStack(alignment: .leading, spacing: 2) {
            line(word("speed"), model.report.map { word("framesPerSecond", String($0.framesPerSecond)) })
            ForEach(EngineKind.allCases.filter { model.loaded.contains($0) }) { kind in
                line(
                    (kind == model.report?.engine ? "▸ " : "") + kind.name,
                    model.report?.milliseconds[kind].map { word("milliseconds", number(Float($0), digits: 1)) })
                if let error = model.report?.errors[kind] {
                    Text(error)
                        .lineLimit(3)
                        .frame(maxWidth: 190, alignment: .leading)
                }
            }
        }
        .font(.caption.monospacedDigit())
        .padding(10)
        .background(.black.opacity(0.72), in: RoundedRectangle(cornerRadius: 14))
        .foregroundStyle(.white)
        .accessibilityElement(children: .combine)
    }

    private func line(_ name: String, _ value: String?) -> some View {
        HStack {
            Text(name).foregroundStyle(.secondary)
            Spacer(minLength: 10)
            Text(value ?? "–")
        }
        .frame(maxWidth: 190)
    }
}
