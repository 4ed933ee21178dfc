// SPDX-License-Identifier: Apache-2.0
import XCTest

@testable import Winnow

final class StreamTests: XCTestCase {
    private let good = Verdict(kind: .normal, pValue: 0.6, similarity: 1)
    private let bad = Verdict(kind: .abnormal, pValue: 0.01, similarity: -5)

    func testOneBadFrameDoesNotFlicker() throws {
        var stream = VerdictStream()
        let shown = try (0..<40).map { try stream.update($0 == 15 ? bad : good, at: Double($0) / 30) }
        XCTAssertTrue(shown.allSatisfy(\.isNormal))
        XCTAssertLessThan(shown[15].similarity, shown[14].similarity)
    }

    func testAChangeIsShownAfterAMomentAtAnyFrameRate() throws {
        for rate in [10, 60] {
            var stream = VerdictStream()
            let shown = try (0..<4 * rate).map { try stream.update($0 < rate ? good : bad, at: Double($0) / Double(rate)) }
            let changed = try XCTUnwrap(shown.firstIndex { $0.kind == .abnormal })
            XCTAssertEqual(Double(changed) / Double(rate), 1.55, accuracy: 0.45)
        }
    }

    func testTheLabelsNameIsKept() throws {
        var stream = VerdictStream()
        let labelled = Verdict(
            kind: .normal, pValue: 0.6, similarity: 1, label: Verdict.Label(name: "rust", probability: 0.9, index: 1))
        XCTAssertEqual(try stream.update(labelled, at: 0).label?.name, "rust")
    }

    func testSettingsOutsideTheirRangeAreRefused() {
        var stream = VerdictStream()
        stream.smoothing = 0
        XCTAssertThrowsError(try stream.update(good, at: 0)) { error in
            XCTAssertEqual((error as? WinnowError)?.code, .argument)
        }
    }
}
