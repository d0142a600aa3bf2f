"""What operations share: types, beats, thresholds of memories, checks."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import Interval, Lanes, TensorType, beats
from creator.ops.base import check_codes, check_limits, check_overflow, deep_stages, frozen_array, is_deep, limited

F = FixedPoint


def test_types() -> None:
    kind = TensorType((2, np.int64(3)), F(8, 4))  # type: ignore[arg-type]
    assert kind.shape == (2, 3)
    assert [type(n) for n in kind.shape] == [int, int]
    assert kind.size == 6
    assert str(kind) == "fixed<8,4>[2,3]"
    assert TensorType((1,), F(52, 0)).size == 1
    assert TensorType((1 << 12, 1 << 12), F(8, 4)).size == 1 << 24


@pytest.mark.parametrize(
    ("shape", "fmt", "message"),
    [
        ((), F(8, 4), "positive integers"),
        ((0,), F(8, 4), "positive integers"),
        ((3, -1), F(8, 4), "positive integers"),
        ((True,), F(8, 4), "positive integers"),
        ((2.0,), F(8, 4), "positive integers"),
        ((1 << 12, (1 << 12) + 1), F(8, 4), "more than 16777216 elements"),
        ((2,), Affine((0.1, 0.2), 0, 8, axis=0), "a scale for each index"),
        ((2,), F(53, 0), "more than 52 bits"),
    ],
)
def test_types_that_are_refused(shape: tuple[int, ...], fmt: FixedPoint, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        TensorType(shape, fmt)


def test_beats() -> None:
    for size in range(1, 30):
        for lanes in range(1, 12):
            assert beats(size, lanes) == len(range(0, size, lanes))


def test_lanes_and_intervals() -> None:
    assert Lanes() == (1, 1, False, False)
    assert (str(Lanes(2, 3)), str(Lanes(2, 3, True, True))) == ("2x3", "2x3 packed pipelined")
    assert Interval.of(F(4, 1, symmetric=True)) == (-7, 7)


@pytest.mark.parametrize(("words", "stages"), [(1, 0), (1024, 0), (1025, 2), (99999, 2)])
def test_deep_memories(words: int, stages: int) -> None:
    assert deep_stages(words) == stages
    assert is_deep(words) == (stages > 0)


def test_arrays_are_frozen_copies() -> None:
    given = np.arange(6, dtype=np.int32).reshape(2, 3).T
    found = frozen_array(given)
    assert found.dtype == np.int64
    assert found.flags["C_CONTIGUOUS"]
    given[0, 0] = 9
    assert found.tolist() == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


@pytest.mark.parametrize("values", [[1.5], [2**63], ["a"], [[1], [2, 3]], [float("nan")]])
def test_arrays_of_others_are_refused(values: list[object]) -> None:
    with pytest.raises(CreatorError, match="expected an array of integers"):
        frozen_array(values)  # type: ignore[arg-type]


def test_checks() -> None:
    check_codes(F(4, 0), np.array([-8, 7]), "weight")
    with pytest.raises(CreatorError, match="in its weight, code -9 is outside"):
        check_codes(F(4, 0), np.array([-9, 7]), "weight")
    check_limits(-8, 7, F(4, 0))
    check_limits(3, 3, F(4, 0))
    for low, high in ((-9, 7), (-8, 8), (4, 3)):
        with pytest.raises(CreatorError, match="is not a range of"):
            check_limits(low, high, F(4, 0))
    check_overflow(F(4, 0), Rounding.FLOOR, Overflow.WRAP)
    with pytest.raises(CreatorError, match="training only"):
        check_overflow(F(4, 0), Rounding.STOCHASTIC, Overflow.SATURATE)
    with pytest.raises(CreatorError, match="cannot wrap"):
        check_overflow(F(4, 0, symmetric=True), Rounding.FLOOR, Overflow.WRAP)


@pytest.mark.parametrize(
    ("interval", "overflow", "limits", "expected"),
    [
        ((-8, 7), Overflow.WRAP, (-8, 7), (-8, 7)),
        ((-3, 2), Overflow.WRAP, (-8, 7), (-3, 2)),
        ((-8, 2), Overflow.WRAP, (-8, 7), (-8, 2)),
        ((1, 7), Overflow.WRAP, (-8, 7), (1, 7)),
        ((-9, 2), Overflow.WRAP, (-8, 7), (-8, 7)),
        ((1, 8), Overflow.WRAP, (-8, 7), (-8, 7)),
        ((1, 8), Overflow.WRAP, (0, 5), (0, 5)),
        ((1, 8), Overflow.SATURATE, (-8, 7), (1, 7)),
        ((-20, -10), Overflow.SATURATE, (-8, 7), (-8, -8)),
        ((10, 20), Overflow.SATURATE, (-3, 4), (4, 4)),
        ((-20, 20), Overflow.SATURATE, (-3, 4), (-3, 4)),
        ((-2, 1), Overflow.SATURATE, (-3, 4), (-2, 1)),
    ],
)
def test_bounds_after_overflow_and_clamp(
    interval: tuple[int, int], overflow: Overflow, limits: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert limited(Interval(*interval), F(4, 0), overflow, *limits) == expected
