// SPDX-License-Identifier: Apache-2.0
import CWinnow

/// Steadies the verdicts of a camera's frames, so that what an app shows never flickers. Everything is measured in seconds: any frame rate
/// gives the same. For one thread at a time.
public struct VerdictStream {
    private var stream = winnow_stream()
    private var names: [Int: String] = [:]

    public init() {
        winnow_stream_init(&stream)
    }

    /// The age in seconds at which a frame weighs 1/e of the newest. To be set before the first update, like the others.
    public var smoothing: Double {
        get { stream.smoothing }
        set { stream.smoothing = newValue }
    }

    /// 0 to 0.5: how far beyond the middle between two verdicts the average must go to change them.
    public var hysteresis: Double {
        get { stream.hysteresis }
        set { stream.hysteresis = newValue }
    }

    /// How long a shown verdict stays at the least, in seconds.
    public var dwell: Double {
        get { stream.dwell }
        set { stream.dwell = newValue }
    }

    /// After a pause of more than this, in seconds, it starts afresh.
    public var gap: Double {
        get { stream.gap }
        set { stream.gap = newValue }
    }

    /// Takes the verdict of a frame and when it was captured, in seconds of a clock that does not run backwards; gives what to show.
    public mutating func update(_ verdict: Verdict, at seconds: Double) throws -> Verdict {
        if let label = verdict.label { names[label.index] = label.name }
        var frame = verdict.result
        var shown = winnow_result()
        try check { winnow_stream_update(&stream, &frame, seconds, &shown, $0) }
        return Verdict(shown) { names[$0] ?? "" }
    }
}
