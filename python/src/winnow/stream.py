# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from typing import Dict, Optional

from ._library import check, ffi, lib, new_error
from .verdict import NAMES, Verdict


class Stream:
    """Steadies the verdicts of a camera's frames, so that what is shown never flickers.

        stream = Stream()
        for frame in camera:
            shown = stream.update(gate(frame))

    Everything is measured in seconds, so any frame rate gives the same. `smoothing`: the age at which a frame weighs 1/e of the newest;
    `hysteresis` (0 to 0.5): how far beyond the middle between two verdicts the average must go; `dwell`: how long a shown verdict stays at
    the least; `gap`: the pause after which it starts afresh. Defaults are winnow.h's. For one thread at a time."""

    def __init__(self, *, smoothing: Optional[float] = None, hysteresis: Optional[float] = None, dwell: Optional[float] = None,
                 gap: Optional[float] = None):
        self._stream = ffi.new("winnow_stream *")
        self._names: Dict[int, Optional[str]] = {-1: None}
        lib.winnow_stream_init(self._stream)
        for name, value in (("smoothing", smoothing), ("hysteresis", hysteresis), ("dwell", dwell), ("gap", gap)):
            if value is not None:
                setattr(self._stream, name, value)

    def update(self, frame: Verdict, seconds: Optional[float] = None) -> Verdict:
        """Takes the verdict of a frame and when it was captured (default: now); gives what to show."""
        self._names[frame.class_index] = frame.class_name
        result = ffi.new("winnow_result *", (NAMES.index(frame.verdict), frame.p_value, frame.similarity, frame.class_index,
                                             frame.probability or 0))
        error = new_error()
        check(lib.winnow_stream_update(self._stream, result, time.monotonic() if seconds is None else seconds, result, error), error)
        index = result.class_index
        return Verdict(NAMES[result.verdict], result.p_value, result.similarity, self._names[index],
                       result.class_probability if index >= 0 else None, index)
