# SPDX-License-Identifier: Apache-2.0
import pytest

import winnow
from winnow import Stream, Verdict

GOOD = Verdict("normal", 0.6, 1.0, "rust", 0.9, 1)
BAD = Verdict("abnormal", 0.01, -5.0, "blast", 0.5, 0)


def test_one_bad_frame_does_not_flicker():
    stream = Stream()
    shown = [stream.update(BAD if i == 15 else GOOD, i / 30) for i in range(40)]
    assert {v.verdict for v in shown} == {"normal"}
    assert shown[15].similarity < shown[14].similarity == 1.0  # the averages do move
    assert all(v.class_name == "rust" for v in shown)


def test_a_change_is_shown_after_a_moment_at_any_frame_rate():
    for rate in (10, 60):
        stream = Stream()
        frames = [(i / rate, stream.update(GOOD if i < rate else BAD, i / rate)) for i in range(4 * rate)]
        changed = min(t for t, v in frames if v.verdict == "abnormal")
        assert 1.1 < changed < 2.0
        assert frames[-1][1].class_name == "blast"


def test_settings():
    quick = Stream(smoothing=0.001, hysteresis=0, dwell=0)
    quick.update(GOOD, 0)
    assert quick.update(BAD, 0.1).verdict == "abnormal"
    with pytest.raises(winnow.Error, match="outside its range"):
        Stream(smoothing=0).update(GOOD, 0)
    with pytest.raises(winnow.Error, match="finite"):
        Stream().update(GOOD, float("nan"))


def test_a_gate_without_classes_and_the_clock():
    shown = Stream().update(Verdict("unsure", 0.04, -1.0))
    assert shown == Verdict("unsure", pytest.approx(0.04), -1.0)
