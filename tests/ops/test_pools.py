"""Maxima and sums of windows against loops over Python's integers; bounds, formats, refusals, lanes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.affine import Affine
from creator.ops import Interval, Lanes, MaxPool, SumPool, TensorType
from creator.ops.sumpool import MAX_TAPS, sum_format

F = FixedPoint
IN = F(5, 2)

GEOMETRIES = [
    ((6, 5, 2), (2, 2), (2, 2), (0, 0), (0, 0)),
    ((6, 5, 2), (3, 3), (2, 1), (1, 2), (1, 0)),
    ((3, 4, 1), (3, 4), (1, 1), (2, 3), (2, 3)),
    ((4, 7, 3), (1, 2), (3, 4), (0, 1), (0, 1)),
    ((8, 2), (3,), (2,), (1,), (2,)),
    ((5, 1), (5,), (5,), (0,), (0,)),
]


def windows(shape, kernel, stride, before, after) -> Iterator[tuple[tuple[int, ...], list[tuple[int, ...]]]]:
    """Each window's place and the pixels in it that the sample has."""
    counts = [(n + b + a - k) // s + 1 for n, k, s, b, a in zip(shape, kernel, stride, before, after, strict=False)]
    for place in itertools.product(*map(range, counts)):
        pixels = itertools.product(
            *(range(p * s - b, p * s - b + k) for p, s, b, k in zip(place, stride, before, kernel, strict=True))
        )
        yield place, [at for at in pixels if all(0 <= i < n for i, n in zip(at, shape, strict=False))]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_maxima_are_those_of_a_loop(geometry) -> None:
    shape, *rest = geometry
    op, kinds = MaxPool(*rest), (TensorType(shape, IN),)
    x = np.random.default_rng(1).integers(-16, 16, (7, *shape))
    y = op.run(kinds, (x,))
    assert y.shape == (7, *op.infer(kinds).shape)
    for place, pixels in windows(shape, *rest):
        assert pixels
        for sample, channel in itertools.product(range(7), range(shape[-1])):
            assert y[(sample, *place, channel)] == max(int(x[(sample, *at, channel)]) for at in pixels)
    assert op.interval(kinds, (Interval(-3, 7),)) == (-3, 7)
    assert op.infer(kinds).format == IN


@pytest.mark.parametrize(
    "fmt", [IN, F(4, 0, signed=False), Affine(0.1, -16, 5), Affine(0.1, 3, 5), F(4, 1, symmetric=True)], ids=str
)
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_sums_and_their_bounds_are_those_of_a_loop(geometry, fmt) -> None:
    shape, *rest = geometry
    op, kinds, zero = SumPool(*rest, 0), (TensorType(shape, fmt),), getattr(fmt, "zero_point", 0)
    x = np.random.default_rng(2).integers(fmt.min_code, fmt.max_code, (7, *shape), endpoint=True)
    y = op.run(kinds, (x,))
    counts = []
    for place, pixels in windows(shape, *rest):
        counts.append(len(pixels))
        for sample, channel in itertools.product(range(7), range(shape[-1])):
            assert y[(sample, *place, channel)] == sum(int(x[(sample, *at, channel)]) - zero for at in pixels)
    for low, high in ((fmt.min_code, fmt.max_code), (1, 2)):
        ends = [(count * (low - zero), count * (high - zero)) for count in counts]
        assert op.interval(kinds, (Interval(low, high),)) == (min(e[0] for e in ends), max(e[1] for e in ends))
    result = op.infer(kinds).format
    taps = int(np.prod(rest[0]))
    low, high = taps * (fmt.min_code - zero), taps * (fmt.max_code - zero)
    assert result.frac_bits == fmt.frac_bits
    assert result.min_code <= low
    assert high <= result.max_code
    narrower = F(result.total_bits - 1, 0, result.signed) if result.total_bits > 1 else None
    assert narrower is None or low < narrower.min_code or high > narrower.max_code


def test_a_shift_moves_the_point_of_a_sum() -> None:
    op = SumPool((2, 2), (2, 2), (0, 0), (0, 0), 2)
    assert op.infer((TensorType((4, 4, 1), IN),)).format == F(7, 4)
    with pytest.raises(CreatorError, match="the binary point of a sum of"):
        op.infer((TensorType((4, 4, 1), Affine(0.1, 3)),))


@pytest.mark.parametrize("make", [MaxPool, lambda *rest: SumPool(*rest, 0)], ids=["max", "sum"])
@pytest.mark.parametrize(
    ("shape", "rest", "message"),
    [
        ((4,), ((2,), (2,), (0,), (0,)), "one number for each spatial axis"),
        ((2, 2, 2, 2), ((2,) * 3, (2,) * 3, (0,) * 3, (0,) * 3), "one number for each spatial axis"),
        ((4, 2), ((2, 2), (2, 2), (0, 0), (0, 0)), "one number for each spatial axis"),
        ((4, 2), ((0,), (1,), (0,), (0,)), "kernel, stride and dilation are at least 1"),
        ((4, 2), ((2,), (0,), (0,), (0,)), "kernel, stride and dilation are at least 1"),
        ((4, 2), ((2,), (1,), (-1,), (0,)), "padding at least 0"),
        ((4, 2), ((5,), (1,), (0,), (0,)), "larger than the sample"),
        ((4, 2), ((2,), (1,), (2,), (0,)), "wholly in the padding"),
        ((4, 2), ((2,), (1,), (0,), (2,)), "wholly in the padding"),
    ],
)
def test_refusals(make, shape, rest, message) -> None:
    with pytest.raises(CreatorError, match=message):
        make(*rest).infer((TensorType(shape, IN),))


def test_sums_that_are_too_wide_are_refused() -> None:
    with pytest.raises(CreatorError, match="more than 52 bits"):
        SumPool((4,), (4,), (0,), (0,), 0).infer((TensorType((4, 1), F(51, 0)),))

    kind, most = (TensorType((1, 1), IN),), SumPool((MAX_TAPS,), (1,), (MAX_TAPS - 1,), (0,), 0)
    assert most.infer(kind) == TensorType((1, 1), F(5 + 24, 2))
    with pytest.raises(CreatorError, match="windows of 16777217 elements have too many"):
        SumPool((MAX_TAPS + 1,), (1,), (MAX_TAPS,), (0,), 0).infer(kind)


def test_the_format_of_a_sum() -> None:
    assert sum_format(F(5, 2), 3) == F(7, 2)
    assert sum_format(F(5, 2), 3, 1) == F(7, 3)
    assert sum_format(F(1, 0), 1) == F(1, 0)
    assert sum_format(F(1, 0, signed=False), 1) == F(1, 0, signed=False)
    assert sum_format(F(1, 0, signed=False), 2) == F(2, 0, signed=False)


@pytest.mark.parametrize("make", [MaxPool, lambda *rest: SumPool(*rest, 0)], ids=["max", "sum"])
def test_lanes_divide_the_channels(make) -> None:
    kind = TensorType((4, 4, 12), IN)
    op = make((2, 2), (2, 2), (0, 0), (0, 0))
    assert op.lane_choices((kind,), op.infer((kind,))) == ([1, 2, 3, 4, 6, 12], None)
    assert op.timing((kind,), Lanes(3)).interval == 4 * 4 * 4
    assert make((3, 3), (1, 1), (1, 1), (1, 1)).timing((kind,), Lanes(12, 12)).interval == max(4 * 5, 5 * 4)
