"""The change of format: every code against fractions, exact bounds, stages, and what it refuses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import Interval, Lanes, Quantize, TensorType, Timing
from creator.ops.quantize import MAX_SHIFTED_BITS, requantizer_stages, rounded_interval
from tests.graph.chains import quantize
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of, power, rounded

F = FixedPoint
ENTRIES = [F(7, 3), F(6, 2, signed=False), F(5, -1, symmetric=True)]
OUTPUTS = [F(4, 1), F(5, 3, signed=False), F(3, 0), F(6, 5), F(4, -3)]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("entry", ENTRIES, ids=str)
def test_every_code_against_fractions_and_the_bounds(entry: FixedPoint, overflow: Overflow, rounding: Rounding) -> None:
    codes = np.arange(entry.min_code, entry.max_code + 1)
    kind = (TensorType((1,), entry),)
    for output in OUTPUTS:
        op = quantize(output, rounding, overflow)
        exact = [code_of(code * power(-entry.frac_bits), output, rounding, overflow) for code in codes.tolist()]
        assert op.run(kind, (codes[:, None],)).ravel().tolist() == exact
        low, high = op.interval(kind, (Interval.of(entry),))
        assert (low, high) == (min(exact), max(exact)) or (overflow is Overflow.WRAP and (low, high) == Interval.of(output))
        narrow = op.__class__(output, rounding, overflow, min(output.min_code + 1, output.max_code), output.max_code - 1)
        limits = narrow.low, narrow.high
        if narrow.low <= narrow.high:
            clipped = [min(max(code, limits[0]), limits[1]) for code in exact]
            assert narrow.run(kind, (codes[:, None],)).ravel().tolist() == clipped
            found = narrow.interval(kind, (Interval.of(entry),))
            assert found.low <= min(clipped) <= max(clipped) <= found.high
            assert limits[0] <= found.low <= found.high <= limits[1]


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_the_rounded_interval_is_exact(rounding: Rounding) -> None:
    for low, high in itertools.combinations_with_replacement(range(-20, 21), 2):
        for shift in (-2, -1, 0, 1, 2, 3, 7):
            ends = [rounded(code * power(-shift), rounding) for code in (low, high)]
            assert rounded_interval(Interval(low, high), shift, rounding) == tuple(ends)


def test_what_is_wider_than_64_bits_on_the_output_s_grid_is_refused() -> None:
    assert MAX_SHIFTED_BITS == 64
    assert rounded_interval(Interval(-8, 7), -60, Rounding.FLOOR) == (-8 << 60, 7 << 60)
    with pytest.raises(CreatorError, match="61 bits finer"):
        rounded_interval(Interval(-8, 7), -61, Rounding.FLOOR)
    with pytest.raises(CreatorError, match="60 bits finer"):
        rounded_interval(Interval(-9, 7), -60, Rounding.FLOOR)
    assert rounded_interval(Interval(-(2**70), 0), 10, Rounding.FLOOR) == (-(2**60), 0)


@pytest.mark.parametrize(
    ("shift", "rounding", "zero_point", "stages"),
    [
        (1, Rounding.HALF_EVEN, 0, 2), (0, Rounding.HALF_EVEN, 0, 1), (-1, Rounding.HALF_EVEN, 0, 1),
        (1, Rounding.FLOOR, 0, 1), (1, Rounding.FLOOR, 1, 2), (0, Rounding.FLOOR, -1, 2), (0, Rounding.FLOOR, 0, 1),
        (2, Rounding.TOWARD_ZERO, 3, 2),
    ],
)  # fmt: skip
def test_stages_of_a_requantizer(shift: int, rounding: Rounding, zero_point: int, stages: int) -> None:
    assert requantizer_stages(shift, rounding, zero_point) == stages
    if not zero_point:
        assert requantizer_stages(shift, rounding) == stages


def test_cycles_with_lanes() -> None:
    kind = (TensorType((7,), F(8, 4)),)
    assert quantize(F(4, 2)).timing(kind, Lanes(3, 3)) == Timing(3, 2)
    assert quantize(F(4, 4)).timing(kind, Lanes(7, 7)) == Timing(1, 1)
    assert quantize(F(4, 4)).timing(kind, Lanes(3, 7)) == Timing(3, 1)
    assert quantize(F(4, 6)).timing(kind, Lanes()) == Timing(7, 1)


@pytest.mark.parametrize(
    ("op", "entry", "message"),
    [
        (quantize(F(4, 2)), Affine(0.1, 0, 8), "no shift by a power of two"),
        (Quantize(Affine(0.1, 0, 8), Rounding.FLOOR, Overflow.SATURATE, 0, 1), F(8, 4), "no shift by a power of two"),  # type: ignore[arg-type]
        (quantize(F(4, 2, symmetric=True), overflow=Overflow.WRAP), F(8, 4), "cannot wrap"),
        (quantize(F(4, 2), Rounding.STOCHASTIC), F(8, 4), "training only"),
        (Quantize(F(4, 2), Rounding.FLOOR, Overflow.SATURATE, -9, 7), F(8, 4), "clamp -9"),
        (Quantize(F(4, 2), Rounding.FLOOR, Overflow.SATURATE, -8, 8), F(8, 4), "clamp -8 ... 8"),
        (Quantize(F(4, 2), Rounding.FLOOR, Overflow.SATURATE, 3, 2), F(8, 4), "clamp 3 ... 2"),
    ],
)
def test_what_it_refuses(op: Quantize, entry: FixedPoint, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer((TensorType((2,), entry),))


def test_the_type_of_the_result() -> None:
    assert quantize(F(4, 2)).infer((TensorType((2, 3), F(8, 4)),)) == TensorType((2, 3), F(4, 2))
