// SPDX-License-Identifier: Apache-2.0
import CWinnow
import Foundation

/// A gate file, ready to judge:
///
///     let gate = try Gate(contentsOf: url)
///     let verdict = try gate.score(pixelBuffer)
///
/// Any number of threads may use one gate at a time.
public final class Gate: @unchecked Sendable {
    /// Names of the classes that the gate tells apart among normal pictures; often none.
    public let classes: [String]
    /// The least similarity that is accepted.
    public let threshold: Float
    /// The share of normal pictures, 0 to 1, that the gate was calibrated to turn away.
    public let falseReject: Float
    /// Length of what `embedding` gives.
    public let embeddingSize: Int

    private let gate: OpaquePointer
    private let lock = NSLock()
    private var idle: [OpaquePointer] = []  // sessions that no thread has; guarded by lock

    public convenience init(contentsOf url: URL) throws {
        try self.init { gate, error in
            url.withUnsafeFileSystemRepresentation { winnow_gate_open($0, gate, error) }
        }
    }

    public convenience init(data: Data) throws {
        try self.init { gate, error in
            data.withUnsafeBytes { winnow_gate_open_memory($0.baseAddress, $0.count, gate, error) }
        }
    }

    private init(opening: (UnsafeMutablePointer<OpaquePointer?>, UnsafeMutablePointer<winnow_error>) -> winnow_status) throws {
        var opened: OpaquePointer?
        try check { opening(&opened, $0) }
        guard let gate = opened else { throw WinnowError(.internal, "a gate was opened, and there is none") }
        self.gate = gate
        classes = (0..<winnow_gate_class_count(gate)).map { String(cString: winnow_gate_class_name(gate, $0)) }
        threshold = winnow_gate_threshold(gate)
        falseReject = winnow_gate_false_reject(gate)
        embeddingSize = Int(winnow_gate_embedding_size(gate))
    }

    deinit {
        for session in idle { winnow_session_free(session) }
        winnow_gate_free(gate)
    }

    /// What the gate file says under a key of docs/format.md, e.g. "winnow.advice".
    public func metadata(_ key: String) -> String? {
        guard let text = winnow_gate_metadata(gate, key) else { return nil }
        return String(cString: text)
    }

    /// Judges a picture in memory. Allocates nothing once as many threads as ever at a time have called it.
    public func score(_ picture: Picture) throws -> Verdict {
        var result = winnow_result()
        try withSession { session in
            try picture.withImage { image in
                try check { winnow_score(session, image, &result, $0) }
            }
        }
        return Verdict(result) { classes[$0] }
    }

    /// What a gauge shows of a verdict, 0 to 1: half at the threshold. Of a stream's verdict too, whose averages lead it by a moment: they may
    /// be on the other side of half.
    public func gauge(_ verdict: Verdict) -> Float {
        winnow_gauge(gate, verdict.similarity, verdict.pValue)
    }

    /// The embedding of a picture, of length 1.
    public func embedding(_ picture: Picture) throws -> [Float] {
        var embedding = [Float](repeating: 0, count: embeddingSize)
        try withSession { session in
            try picture.withImage { image in
                try check { winnow_embed(session, image, &embedding, $0) }
            }
        }
        return embedding
    }

    private func withSession(_ body: (OpaquePointer) throws -> Void) throws {
        let session = try take()
        defer { give(session) }
        try body(session)
    }

    private func take() throws -> OpaquePointer {
        lock.lock()
        let free = idle.popLast()
        lock.unlock()
        if let free { return free }
        var made: OpaquePointer?
        try check { winnow_session_create(gate, &made, $0) }
        guard let session = made else { throw WinnowError(.internal, "a session was made, and there is none") }
        return session
    }

    private func give(_ session: OpaquePointer) {
        lock.lock()
        idle.append(session)
        lock.unlock()
    }
}
