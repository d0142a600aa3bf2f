"""Counting thresholds, against Python's own comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, TensorType, Threshold, Timing

F = FixedPoint
IN = F(4, 1)


@pytest.mark.parametrize("rows", [[[0]], [[8]], [[-8]], [[3, -2, 3]], [[0, 1], [-8, 8], [2, 2]]])
def test_the_count_of_thresholds_that_are_reached(rows: list[list[int]]) -> None:
    op, kind = Threshold(np.array(rows)), TensorType((2, 3), IN)
    x = np.random.default_rng(1).integers(-8, 8, (100, 2, 3))
    y = op.run((kind,), (x,))
    assert not op.thresholds.flags.writeable
    flat = [sum(code >= t for t in rows[i % len(rows)]) for i, code in enumerate(x.ravel().tolist())]
    assert y.ravel().tolist() == flat
    assert op.infer((kind,)) == TensorType((2, 3), F(len(rows[0]).bit_length(), 0, signed=False))
    low, high = op.interval((kind,), (Interval.of(IN),))
    assert low == min(sum(t <= -8 for t in row) for row in rows)
    assert high == max(sum(t <= 7 for t in row) for row in rows)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ([0], "thresholds of shape .1,. do not fit"),
        ([[0], [1]], r"thresholds of shape .2, 1. do not fit values of shape .3,. .hint: give 1 to 256"),
        ([[0] * 257], "thresholds of shape .1, 257. do not fit"),
        ([[9]], "a threshold lies outside -8 ... 8"),
        ([[-9]], "a threshold lies outside -8 ... 8"),
        ([[-9, 0]], "a threshold lies outside -8 ... 8"),
        ([[0, 9]], "a threshold lies outside -8 ... 8"),
    ],
)
def test_what_does_not_fit_is_refused(thresholds: list, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        Threshold(np.array(thresholds)).infer((TensorType((3,), IN),))


@pytest.mark.parametrize(
    ("thresholds", "lanes", "timing"),
    [
        ([[1]], 1, Timing(6, 1)),
        ([[1, 2]], 2, Timing(3, 2)),
        ([[1, 2, 3, 4, 5]], 4, Timing(2, 4)),
        ([[1, 2, 3]] * 3, 1, Timing(6, 3)),
        ([[1], [2], [3]], 1, Timing(6, 3)),
        ([[1, 2], [2, 3], [3, 4]], 2, Timing(3, 4)),
    ],
)
def test_timing(thresholds: list, lanes: int, timing: Timing) -> None:
    assert Threshold(np.array(thresholds)).timing((TensorType((2, 3), IN),), Lanes(lanes)) == timing


def test_as_many_as_there_can_be() -> None:
    op, kind = Threshold(np.arange(256)[None]), TensorType((3,), F(9, 0))
    assert op.infer((kind,)) == TensorType((3,), F(9, 0, signed=False))
    assert op.run((kind,), (np.array([[-1, 0, 255]]),)).tolist() == [[0, 1, 256]]


def test_a_deep_memory_takes_two_stages_more() -> None:
    op, kind = Threshold(np.arange(1100)[:, None]), TensorType((1100,), F(12, 0))
    assert op.timing((kind,), Lanes()) == Timing(1100, 2 + 2 + 1)
    assert op.words(kind, Lanes(3)) == 367  # the frame ends before they repeat
    assert op.words(TensorType((3, 1100), F(12, 0)), Lanes(8)) == 275
    assert op.timing((kind,), Lanes(3)) == Timing(367, 2 + 1)
