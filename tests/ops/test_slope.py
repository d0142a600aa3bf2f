"""Slopes: every code against exact fractions, bounds, what is refused, cycles, and the sums that stand for a slope."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import Interval, Lanes, Slope, TensorType, Timing
from creator.ops.slope import signed_digits
from tests.graph.chains import slope
from tests.oracle import OVERFLOWS, ROUNDINGS, sloped

F = FixedPoint
SIGNED, UNSIGNED = F(5, 2), F(5, 2, signed=False)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize(
    ("everywhere", "offset", "entry"), [(0, 0, SIGNED), (1, 9, SIGNED), (1, -30, UNSIGNED), (1, 0, SIGNED)]
)
def test_every_code_and_the_bounds(
    rounding: Rounding, overflow: Overflow, everywhere: int, offset: int, entry: FixedPoint
) -> None:
    output = F(5, 3)
    op = Slope(np.array([3, -5, 0]), 3, output, rounding, overflow, -14, 12, everywhere, offset)
    codes = np.arange(entry.min_code, entry.max_code + 1)
    kind = (TensorType((3,), entry),)
    assert op.infer(kind) == TensorType((3,), output)
    found = op.run(kind, (np.repeat(codes[:, None], 3, axis=1),))
    assert found.tolist() == [[sloped(op, entry, code, channel) for channel in range(3)] for code in codes.tolist()]
    for low in range(entry.min_code, entry.max_code + 1):
        for high in range(low, entry.max_code + 1):
            reached = found[low - entry.min_code : high - entry.min_code + 1]
            bounds = op.interval(kind, (Interval(low, high),))
            assert bounds.low <= reached.min()
            assert reached.max() <= bounds.high
            if overflow is Overflow.SATURATE:
                assert bounds == (reached.min(), reached.max())


REFUSED = [
    (slope([1, 2], 1, SIGNED), SIGNED, "slopes of shape"),
    (slope([1 << 23], 1, SIGNED), SIGNED, "more than 24 bits"),
    (slope([1], 49, SIGNED), SIGNED, "49 fractional bits"),
    (slope([1], -1, SIGNED), SIGNED, "-1 fractional bits"),
    (slope([1], 1, SIGNED, offset=1), SIGNED, "needs a signed input and no offset"),
    (slope([1], 1, SIGNED), UNSIGNED, "needs a signed input and no offset"),
    (slope([1], 1, SIGNED, everywhere=2), SIGNED, "not 0 to 48"),
    (slope([1], 1, SIGNED), Affine(0.1, 3, 8), "is not computed in hardware"),
]


@pytest.mark.parametrize(("op", "entry", "message"), REFUSED)
def test_what_does_not_fit_is_refused(op: Slope, entry: FixedPoint, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer((TensorType((3,), entry),))


def test_limits_and_widths_are_checked() -> None:
    kind = (TensorType((3,), F(24, 0)),)
    for op in (slope([1], 0, SIGNED), slope([1], 48, SIGNED), slope([-(1 << 23), 0, (1 << 23) - 1], 1, SIGNED)):
        assert op.infer(kind) == TensorType((3,), SIGNED)
    with pytest.raises(CreatorError, match="is not a range"):
        Slope(np.array([1]), 0, SIGNED, Rounding.FLOOR, Overflow.SATURATE, -100, 3).infer(kind)
    with pytest.raises(CreatorError, match="stochastic"):
        Slope(np.array([1]), 0, SIGNED, Rounding.STOCHASTIC, Overflow.SATURATE, -1, 3).infer(kind)
    wide = (TensorType((3,), F(32, 0)),)
    slope([1 << 19], 20, SIGNED).interval(wide, (Interval(0, 0),))
    with pytest.raises(CreatorError, match="products need 53 bits"):
        slope([1 << 19], 21, SIGNED).interval(wide, (Interval(0, 0),))


@pytest.mark.parametrize(
    ("op", "lanes", "timing"),
    [
        (slope([1], 0, F(4, 0)), Lanes(), Timing(6, 2)),
        (slope([-8], 3, F(5, 0)), Lanes(4, 4), Timing(2, 3)),
        (slope([3], 3, F(5, 0), Rounding.FLOOR), Lanes(), Timing(6, 3)),
        (slope([21], 3, F(5, 0), Rounding.FLOOR), Lanes(), Timing(6, 4)),
        (slope([1, 2, 3, 4, 5, 6], 3, F(5, 0), Rounding.FLOOR), Lanes(3, 3), Timing(2, 6)),
        (slope([1, 2, 3, 4, 5, 1 << 20], 3, F(5, 0)), Lanes(6, 6), Timing(1, 8)),
        (slope([1, 2, 3, 4, 5, 1 << 16], 3, F(5, 0)), Lanes(6, 6), Timing(1, 7)),  # 17 bits and a sign are one part
    ],
)
def test_cycles(op: Slope, lanes: Lanes, timing: Timing) -> None:
    assert op.timing((TensorType((6,), F(5, 0)),), lanes) == timing


@pytest.mark.parametrize(
    ("entry", "parts"), [(F(1, 0), (1, 1)), (F(18, 0), (1, 1)), (F(19, 0), (2, 1)), (F(35, 0), (2, 1))], ids=str
)
def test_wide_values_are_multiplied_in_parts(entry: FixedPoint, parts: tuple[int, int]) -> None:
    assert slope([1, 2], 0, SIGNED).parts(TensorType((2,), entry)) == parts


def test_the_sums_of_a_constant_slope() -> None:
    kind = TensorType((2,), SIGNED)
    assert [slope([each], 0, SIGNED).value_stages(kind) for each in (0, 1, 3, 21, -8)] == [1, 1, 2, 3, 1]


def test_the_memory_of_slopes() -> None:
    pair, many = slope([1, 2], 0, SIGNED), slope(list(range(1100)), 0, SIGNED)
    assert [op.memory_stages(TensorType((2, n), SIGNED), Lanes()) for op, n in ((pair, 2), (many, 1100))] == [2, 4]
    assert slope([3, 3], 0, SIGNED).memory_stages(TensorType((2,), SIGNED), Lanes()) == 0
    # The slopes repeat after so many beats, or the frame ends before.
    assert [pair.slope_words(TensorType((6, 2), SIGNED), Lanes(n)) for n in (1, 2, 3, 12)] == [2, 1, 2, 1]
    assert many.slope_words(TensorType((1, 1100), SIGNED), Lanes(3)) == 367


def test_signed_digits_add_up_and_have_no_neighbours() -> None:
    for value in range(-1030, 1031):
        digits = signed_digits(value)
        assert sum(digit << place for place, digit in digits) == value
        places = [place for place, _ in digits]
        assert places == sorted(places)
        assert all(after - before > 1 for before, after in pairwise(places))
        assert len(digits) <= bin(abs(value)).count("1")


def test_the_bounds_of_one_slope() -> None:
    assert slope([3], 0, SIGNED).exact(Interval(-8, -2)) == (-24, -6)
    assert slope([-3], 0, SIGNED).exact(Interval(-8, -2)) == (6, 24)
    assert slope([3], 1, SIGNED).exact(Interval(-8, 5)) == (-24, 10)
    assert slope([-3], 1, SIGNED).exact(Interval(-8, -1)) == (3, 24)
    assert slope([3], 1, SIGNED).exact(Interval(2, 5)) == (4, 10)
    assert slope([3], 1, SIGNED, everywhere=1, offset=1).exact(Interval(-8, 5)) == (-23, 16)


def test_equal_slopes_are_one() -> None:
    assert slope([3, 3, 3], 2, SIGNED).distinct == (3,)
    assert not slope([3, 3, 3], 2, SIGNED).slopes.flags.writeable
    assert slope([3, 3, 2], 2, SIGNED).distinct == (3, 3, 2)
