// SPDX-License-Identifier: Apache-2.0
import XCTest

@testable import Winnow

final class GateTests: XCTestCase {
    /// The library is built with other kernels here than in the program: the last digits may differ.
    private let accuracy: Float = 1e-4

    func testSaysWhatTheProgramSays() throws {
        let fixture = try Fixture()
        XCTAssertGreaterThan(fixture.pictures.count, 3)
        for (expected, pixels) in fixture.pictures {
            let verdict = try pixels.rgb.withUnsafeBytes {
                try fixture.gate.score(Picture($0, width: pixels.width, height: pixels.height, format: .rgb))
            }
            XCTAssertEqual("\(verdict.kind)", expected.verdict)
            XCTAssertEqual(verdict.similarity, expected.similarity, accuracy: accuracy * max(1, abs(expected.similarity)))
            XCTAssertEqual(verdict.pValue, expected.p_value, accuracy: accuracy)
            XCTAssertEqual(verdict.isNormal, verdict.similarity >= fixture.gate.threshold)
        }
    }

    func testTheGaugeIsOnTheVerdictsSideOfHalf() throws {
        let fixture = try Fixture()
        for (expected, _) in fixture.pictures {
            let verdict = Verdict(
                kind: expected.verdict == "normal" ? .normal : .abnormal, pValue: expected.p_value, similarity: expected.similarity)
            let gauge = fixture.gate.gauge(verdict)
            XCTAssertTrue((0...1).contains(gauge))
            XCTAssertEqual(gauge >= 0.5, verdict.isNormal)
        }
    }

    func testEveryLayoutGivesTheSame() throws {
        let fixture = try Fixture()
        let pixels = try XCTUnwrap(fixture.pictures.first).pixels
        let expected = try pixels.rgb.withUnsafeBytes {
            try fixture.gate.score(Picture($0, width: pixels.width, height: pixels.height, format: .rgb))
        }
        let verdict = try pixels.bgra().withUnsafeBytes {
            try fixture.gate.score(Picture($0, width: pixels.width, height: pixels.height, format: .bgra))
        }
        XCTAssertEqual(verdict, expected)
    }

    func testTheCentralSquareIsThatOfTheCutPicture() throws {
        let fixture = try Fixture()
        let pixels = try XCTUnwrap(fixture.pictures.first).pixels
        let side = min(pixels.width, pixels.height)
        let column = (pixels.width - side) / 4 * 2
        let row = (pixels.height - side) / 4 * 2
        let cut = (0..<side).flatMap { y -> ArraySlice<UInt8> in
            let start = 3 * ((row + y) * pixels.width + column)
            return pixels.rgb[start..<start + 3 * side]
        }
        let square = try pixels.rgb.withUnsafeBytes {
            try fixture.gate.score(
                Picture($0, width: pixels.width, height: pixels.height, format: .rgb, region: .centralSquare))
        }
        let expected = try cut.withUnsafeBytes {
            try fixture.gate.score(Picture($0, width: side, height: side, format: .rgb))
        }
        XCTAssertEqual(square, expected)
    }

    func testAnEmbeddingHasLengthOne() throws {
        let fixture = try Fixture()
        let pixels = try XCTUnwrap(fixture.pictures.first).pixels
        let embedding = try pixels.rgb.withUnsafeBytes {
            try fixture.gate.embedding(Picture($0, width: pixels.width, height: pixels.height, format: .rgb))
        }
        XCTAssertEqual(embedding.count, fixture.gate.embeddingSize)
        XCTAssertEqual(embedding.reduce(0) { $0 + $1 * $1 }, 1, accuracy: 1e-5)
    }

    func testThreadsShareAGate() throws {
        let fixture = try Fixture()
        let gate = fixture.gate
        let pixels = try XCTUnwrap(fixture.pictures.first).pixels
        let expected = try pixels.rgb.withUnsafeBytes {
            try gate.score(Picture($0, width: pixels.width, height: pixels.height, format: .rgb))
        }
        let wrong = Counter()
        DispatchQueue.concurrentPerform(iterations: 32) { _ in
            let verdict = try? pixels.rgb.withUnsafeBytes {
                try gate.score(Picture($0, width: pixels.width, height: pixels.height, format: .rgb))
            }
            if verdict != expected { wrong.increase() }
        }
        XCTAssertEqual(wrong.value, 0)
    }

    func testBytesAreAGateToo() throws {
        let fixture = try Fixture()
        let again = try Gate(data: Data(contentsOf: fixture.gateFile))
        XCTAssertEqual(again.threshold, fixture.gate.threshold)
        XCTAssertNotNil(again.metadata("winnow.created"))
        XCTAssertNil(again.metadata("no such key"))
    }

    func testErrorsSayWhatAndWhere() {
        XCTAssertThrowsError(try Gate(contentsOf: URL(fileURLWithPath: "/nowhere/rice.safetensors"))) { error in
            XCTAssertEqual((error as? WinnowError)?.code, .io)
            XCTAssertTrue(error.localizedDescription.contains("rice.safetensors"), error.localizedDescription)
        }
        XCTAssertThrowsError(try Gate(data: Data(repeating: 7, count: 100))) { error in
            XCTAssertEqual((error as? WinnowError)?.code, .format)
        }
    }

    func testPicturesThatTheBytesCannotBeAreRefused() throws {
        let bytes = [UInt8](repeating: 0, count: 12)
        func picture(_ width: Int, _ height: Int, _ stride: Int?) throws {
            _ = try bytes.withUnsafeBytes { try Picture($0, width: width, height: height, bytesPerRow: stride, format: .rgb) }
        }
        try picture(2, 2, nil)
        try picture(2, 2, 6)
        try picture(1, 2, 9)
        try picture(2, 1, Int.max)
        let wrong: [(Int, Int, Int?)] = [
            (2, 3, nil), (2, 2, 7), (2, 2, 5), (1, 2, 10), (0, 2, nil), (2, 0, nil), (Int.max, 1, nil), (1, Int.max, nil), (2, 2, Int.max),
        ]
        for (width, height, stride) in wrong {
            XCTAssertThrowsError(try picture(width, height, stride), "\(width) x \(height)") { error in
                XCTAssertEqual((error as? WinnowError)?.code, .argument)
            }
        }
    }
}

private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var count = 0

    var value: Int {
        lock.lock()
        defer { lock.unlock() }
        return count
    }

    func increase() {
        lock.lock()
        count += 1
        lock.unlock()
    }
}
