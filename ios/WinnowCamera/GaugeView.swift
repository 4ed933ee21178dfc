// SPDX-License-Identifier: Apache-2.0
import SwiftUI
import Winnow

extension Optional where Wrapped == Verdict {
    var tint: Color {
        switch self?.kind {
        case .normal: return Color(red: 0.30, green: 0.79, blue: 0.42)
        case .unsure: return Color(red: 0.95, green: 0.70, blue: 0.20)
        case .abnormal: return Color(red: 1.00, green: 0.42, blue: 0.37)
        case nil: return Color(white: 0.62)
        }
    }
}

/// How sure the gate is. The ring is half full at the threshold, where the tick is, and its number says the same of a hundred; colour, sign and
/// word say the verdict; similarity and p-value stand below.
struct GaugeView: View {
    let report: FrameJudge.Report?
    let level: GaugeLevel
    /// The word where there is no report.
    let noVerdict: String

    private var verdict: Verdict? { report?.shown }

    /// With as many digits as it takes to tell it from the threshold.
    private var similarity: String {
        guard let report else { return "–" }
        return number(report.shown.similarity, digits: digits(apart: report.shown.similarity - report.threshold))
    }

    var body: some View {
        VStack(spacing: 6) {
            ring
                .frame(width: 84, height: 84)
                .padding(5)
            Text(verdict?.kind.name ?? noVerdict)
                .font(.subheadline.weight(.semibold))
                .foregroundStyle(verdict.tint)
            Text(word("similarity") + " " + similarity)
                .font(.caption2.monospacedDigit())
            Text(word("pvalue") + " " + (verdict.map { number($0.pValue, digits: 3) } ?? "–"))
                .font(.caption2.monospacedDigit())
        }
        .frame(minWidth: 116)  // for six digits
        .padding(8)
        .background(.black.opacity(0.72), in: RoundedRectangle(cornerRadius: 22))
        .foregroundStyle(.white)
        .accessibilityElement(children: .ignore)
        .accessibilityLabel(word("gauge"))
        .accessibilityValue(spoken)
        .accessibilityAddTraits(.updatesFrequently)
    }

    private var ring: some View {
        ZStack {
            Circle()
                .stroke(.white.opacity(0.16), lineWidth: 9)
            GaugeRing(level: level, tint: verdict.tint)
            Capsule()
                .frame(width: 2.5, height: 11)
                .offset(y: 42)
                .opacity(0.75)
            Image(systemName: verdict.sign)
                .font(.title2.bold())
                .offset(y: -8)
            Text(report.map { number(100 * $0.gauge, digits: 0) } ?? "")
                .font(.caption.monospacedDigit())
                .offset(y: 18)
        }
    }

    private var spoken: String {
        guard let verdict else { return noVerdict }
        return word("gaugeValue", verdict.kind.name, number(verdict.pValue, digits: 3), similarity)
    }
}

/// The part of the gauge that moves with the frames.
struct GaugeRing: View {
    @ObservedObject var level: GaugeLevel
    let tint: Color
    @Environment(\.accessibilityReduceMotion) private var still

    var body: some View {
        Circle()
            .trim(from: 0, to: level.filled)
            .stroke(tint, style: StrokeStyle(lineWidth: 9, lineCap: .round))
            .rotationEffect(.degrees(-90))
            .animation(still ? nil : .linear(duration: 0.12), value: level.filled)
    }
}
