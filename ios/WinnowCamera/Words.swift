// SPDX-License-Identifier: Apache-2.0
import Foundation
import Winnow

/// A word of Localizable.strings. Values are put in as text, so that every language may order them.
func word(_ key: String, _ values: String...) -> String {
    String(format: NSLocalizedString(key, comment: ""), arguments: values)
}

func percent(_ share: Float, digits: Int = 0) -> String {
    Double(share).formatted(.percent.precision(.fractionLength(digits)))
}

func number(_ value: Float, digits: Int) -> String {
    Double(value).formatted(.number.precision(.fractionLength(digits)))
}

/// Digits behind the point, 2 to 6, that show a difference of two numbers near 1 in two places.
func digits(apart difference: Float) -> Int {
    guard difference != 0, difference.isFinite else { return 6 }
    return min(max(1 + Int((-log10(abs(difference))).rounded(.up)), 2), 6)
}

extension Verdict.Kind {
    /// The verdict in a word.
    var name: String {
        switch self {
        case .normal: return word("normal")
        case .unsure: return word("unsure")
        case .abnormal: return word("abnormal")
        }
    }
}

extension Optional where Wrapped == Verdict {
    /// The verdict as a sign, for those who do not tell the colours apart.
    var sign: String {
        switch self?.kind {
        case .normal: return "checkmark"
        case .unsure: return "questionmark"
        case .abnormal: return "xmark"
        case nil: return "minus"
        }
    }
}
