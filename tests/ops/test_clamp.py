"""Limits: every code, bounds, and two in a row as one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Clamp, Interval, Lanes, TensorType, Timing
from creator.ops.clamp import merged

KIND = (TensorType((5,), FixedPoint(4, 1)),)


def test_every_code_of_every_clamp_and_its_bounds() -> None:
    codes = np.arange(-8, 8)
    for low, high in itertools.combinations_with_replacement(range(-8, 8), 2):
        op = Clamp(low, high)
        assert op.infer(KIND) == KIND[0]
        assert op.run(KIND, (codes,)).tolist() == [min(max(code, low), high) for code in range(-8, 8)]
        for least, most in ((-8, 7), (-3, 2), (5, 5)):
            expected = min(max(least, low), high), min(max(most, low), high)
            assert op.interval(KIND, (Interval(least, most),)) == expected


def test_two_clamps_are_one() -> None:
    pairs = list(itertools.combinations_with_replacement(range(-4, 5), 2))
    for first, second in itertools.product(pairs, pairs):
        low, high = merged(first, second)
        for code in range(-6, 7):
            once = min(max(code, first[0]), first[1])
            assert min(max(code, low), high) == min(max(once, second[0]), second[1])


@pytest.mark.parametrize(("low", "high"), [(-9, 7), (-8, 8), (1, 0)])
def test_a_clamp_outside_its_format_is_refused(low: int, high: int) -> None:
    with pytest.raises(CreatorError, match="is not a range of"):
        Clamp(low, high).infer(KIND)


def test_cycles() -> None:
    assert Clamp(0, 1).timing(KIND, Lanes()) == Timing(5, 1)
    assert Clamp(0, 1).timing(KIND, Lanes(2, 2)) == Timing(3, 1)
    assert Clamp(0, 1).timing(KIND, Lanes(2, 5)) == Timing(3, 1)
