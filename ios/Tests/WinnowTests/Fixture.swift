// SPDX-License-Identifier: Apache-2.0
import Foundation
import XCTest

@testable import Winnow

/// A gate, and what `winnow check --json` says of some pictures: a folder that tests/test_ios.py makes and WINNOW_FIXTURE names.
struct Fixture {
    struct Line: Decodable {
        let path: String
        let verdict: String
        let p_value: Float
        let similarity: Float
    }

    struct Pixels {
        let width: Int
        let height: Int
        let rgb: [UInt8]

        /// A binary PPM of 8 bits a channel, as the fixture's are written: `P6 96 80 255\n`.
        init(ppm: Data) throws {
            let end = try XCTUnwrap(ppm.firstIndex(of: 10))
            let words = String(decoding: ppm[..<end], as: UTF8.self).split(separator: " ")
            width = try XCTUnwrap(Int(words[1]))
            height = try XCTUnwrap(Int(words[2]))
            rgb = Array(ppm[(end + 1)...])
        }

        func bgra() -> [UInt8] {
            (0..<width * height).flatMap { [rgb[3 * $0 + 2], rgb[3 * $0 + 1], rgb[3 * $0], 255] }
        }
    }

    let gate: Gate
    let gateFile: URL
    let pictures: [(expected: Line, pixels: Pixels)]

    init() throws {
        guard let folder = ProcessInfo.processInfo.environment["WINNOW_FIXTURE"].map(URL.init(fileURLWithPath:)) else {
            throw XCTSkip("WINNOW_FIXTURE names no folder")
        }
        gateFile = folder.appendingPathComponent("gate.safetensors")
        gate = try Gate(contentsOf: gateFile)
        let lines = try String(contentsOf: folder.appendingPathComponent("expected.jsonl"), encoding: .utf8).split(separator: "\n")
        pictures = try lines.map {
            let line = try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            let ppm = try Data(contentsOf: folder.appendingPathComponent(line.path + ".ppm"))
            return (expected: line, pixels: try Pixels(ppm: ppm))
        }
    }
}
