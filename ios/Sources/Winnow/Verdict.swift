// SPDX-License-Identifier: Apache-2.0
import CWinnow

/// What a gate says of one picture.
public struct Verdict: Equatable, Sendable {
    public enum Kind: UInt32, Sendable {
        /// The right kind of picture.
        case normal = 0
        /// Below the threshold, but not by much.
        case unsure
        /// Not the right kind of picture.
        case abnormal
    }

    /// The most probable class, of a gate that has classes; worth something for normal pictures alone.
    public struct Label: Equatable, Sendable {
        public let name: String
        public let probability: Float
        /// Place of the class in `Gate.classes`.
        public let index: Int

        public init(name: String, probability: Float, index: Int) {
            self.name = name
            self.probability = probability
            self.index = index
        }
    }

    public let kind: Kind
    /// 0 < p <= 1: the share of calibration normals that look no more normal.
    public let pValue: Float
    /// The gate's score, higher is more normal; comparable with `Gate.threshold`.
    public let similarity: Float
    public let label: Label?

    public var isNormal: Bool { kind == .normal }

    public init(kind: Kind, pValue: Float, similarity: Float, label: Label? = nil) {
        self.kind = kind
        self.pValue = pValue
        self.similarity = similarity
        self.label = label
    }

    init(_ result: winnow_result, className: (Int) -> String) {
        self.init(
            kind: Kind(rawValue: UInt32(result.verdict.rawValue)) ?? .abnormal,
            pValue: result.p_value,
            similarity: result.similarity,
            label: result.class_index < 0
                ? nil
                : Label(
                    name: className(Int(result.class_index)), probability: result.class_probability, index: Int(result.class_index)))
    }

    var result: winnow_result {
        winnow_result(
            verdict: winnow_verdict(rawValue: .init(kind.rawValue)),
            p_value: pValue,
            similarity: similarity,
            class_index: label.map { Int32(clamping: $0.index) } ?? -1,
            class_probability: label?.probability ?? 0)
    }
}
