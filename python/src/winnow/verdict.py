# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any, NamedTuple, Optional, Sequence

from ._library import ffi, lib

NAMES = tuple(ffi.string(lib.winnow_verdict_name(i)).decode() for i in range(lib.WINNOW_ABNORMAL + 1))


class Verdict(NamedTuple):
    """What a gate says of one picture."""

    verdict: str
    """"normal", "unsure" or "abnormal"."""
    p_value: float
    """0 < p <= 1: the share of calibration normals that look no more normal."""
    similarity: float
    """The gate's score, higher is more normal; comparable with Gate.threshold."""
    class_name: Optional[str] = None
    """The most probable class, of a gate that has classes; worth something for normal pictures alone."""
    probability: Optional[float] = None
    """That of the class, 0 to 1."""
    class_index: int = -1
    """Place of the class in Gate.classes, or -1."""

    @property
    def is_normal(self) -> bool:
        """Whether it is the right kind of picture."""
        return self.verdict == "normal"


def verdict_of(result: Any, classes: Sequence[str]) -> Verdict:
    index = result.class_index
    classified = index >= 0
    return Verdict(NAMES[result.verdict], result.p_value, result.similarity, classes[index] if classified else None,
                   result.class_probability if classified else None, index)
