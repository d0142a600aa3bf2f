"""The convolution on integers: against loops over fractions, its bounds, lanes, cycles, and what it refuses."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.ops import Conv, Interval, Lanes, TensorType, Timing
from creator.ops.window import Window
from tests.oracle import code_of, power

F = FixedPoint
X, W = F(4, 1), F(3, 2)
GEOMETRIES = [
    # shape, outputs, kernel, stride, dilation, before, after, channel groups
    ((4, 5, 2), 3, (3, 2), (1, 2), (1, 2), (1, 0), (0, 1), 1),
    ((3, 4, 4), 6, (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), 2),
    ((3, 2, 3), 3, (1, 2), (2, 1), (1, 1), (0, 1), (0, 0), 3),
    ((7, 2), 2, (3,), (2,), (2,), (1,), (3,), 1),
    ((2, 6), 4, (2,), (1,), (1,), (0,), (0,), 2),
]


def layer(shape, outputs, kernel, stride, dilation, before, after, channel_groups, **changes: object) -> Conv:
    rng = np.random.default_rng(1)
    columns = math.prod(kernel) * shape[-1] // channel_groups
    op = Conv(
        weight=rng.integers(-4, 4, (outputs, columns)), weight_format=W, bias=rng.integers(-40, 40, outputs),
        accumulator=F(20, 5), output=F(6, 1), rounding=Rounding.HALF_UP, overflow=Overflow.SATURATE, low=-19, high=25,
        kernel=kernel, stride=stride, dilation=dilation, before=before, after=after, channel_groups=channel_groups, pad_code=5,
    )  # fmt: skip
    return replace(op, **changes)


def window(op: Conv, x: np.ndarray, place: tuple[int, ...], group: int) -> list[int]:
    """What the weights of a group's outputs meet at a place of the result, in their order."""
    channels = x.shape[-1] // op.channel_groups
    found = []
    for tap in itertools.product(*map(range, op.kernel)):
        pixel = [p * s - b + t * d for p, s, b, t, d in zip(place, op.stride, op.before, tap, op.dilation, strict=True)]
        inside = all(0 <= i < n for i, n in zip(pixel, x.shape, strict=False))
        values = x[(*pixel, slice(group * channels, (group + 1) * channels))].tolist() if inside else [op.pad_code] * channels
        found += values
    return found


def sums(op: Conv, x: np.ndarray, place: tuple[int, ...]) -> list[int]:
    """The whole sums of one sample at a place, on the grid of 2**-5."""
    found = []
    for output, (row, bias) in enumerate(zip(op.weight.tolist(), op.bias.tolist(), strict=True)):
        values = window(op, x, place, output // (op.out_features // op.channel_groups))
        found.append(4 * sum(w * v for w, v in zip(row, values, strict=True)) + bias)
    return found


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_every_window_against_fractions(geometry) -> None:
    op, kinds = layer(*geometry), (TensorType(geometry[0], X),)
    x = np.random.default_rng(2).integers(-8, 8, (5, *geometry[0]))
    y = op.run(kinds, (x,))
    assert op.infer(kinds) == TensorType(y.shape[1:], F(6, 1))
    assert y.shape[-1] == geometry[1]
    for n, place in itertools.product(range(5), itertools.product(*map(range, y.shape[1:-1]))):
        exact = [value * power(-5) for value in sums(op, x[n], place)]
        expected = [min(max(code_of(value, F(6, 1), Rounding.HALF_UP, Overflow.SATURATE), -19), 25) for value in exact]
        assert y[(n, *place)].tolist() == expected
    assert op.run(kinds, (x[:0],)).shape == (0, *y.shape[1:])


@pytest.mark.parametrize(("size", "batches"), [(1 << 24, [1] * 5), (1 << 22, [2, 2, 1]), (1 << 21, [4, 1]), (1 << 20, [5])])
def test_as_many_samples_at_once_as_there_is_room_for(size: int, batches: list[int], monkeypatch) -> None:
    """2**24 elements of windows, but at least one sample."""
    calls: list[int] = []
    monkeypatch.setattr(Conv, "_run", lambda self, x, values: calls.append(len(values)) or np.arange(len(values)) + sum(calls))
    op = layer((size, 1), 1, (2,), (1,), (1,), (0,), (0,), 1)
    y = op.run((TensorType((size, 1), X),), (np.broadcast_to(0, (5, size, 1)),))
    assert calls == batches
    ends = itertools.accumulate(batches)
    assert y.tolist() == [n + end for end, each in zip(ends, batches, strict=True) for n in range(each)]


def test_a_bias_that_holds_the_half() -> None:
    op = layer((1, 1), 1, (1,), (1,), (1,), (0,), (0,), 1, weight=np.array([[2]]), bias=np.array([8]), output=F(8, 1))
    kinds = (TensorType((1, 1), X),)
    halves = replace(op, rounding=Rounding.HALF_EVEN, bias=np.array([0]), low=-128, high=127)
    folded = replace(halves, bias=np.array([8]), offset=8)  # one half of a step of 2**-1, on the grid of 2**-5
    x = np.arange(-8, 8).reshape(16, 1, 1)
    assert halves.run(kinds, (x,)).ravel().tolist() == [round(each / 2) for each in range(-8, 8)]
    assert np.array_equal(folded.run(kinds, (x,)), halves.run(kinds, (x,)))


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("pad", [-3, 0, 5, 7])
def test_bounds_include_padding(geometry, pad: int) -> None:
    op, kinds = layer(*geometry, output=F(12, 5), low=-2048, high=2047, pad_code=pad), (TensorType(geometry[0], X),)
    padded = any(geometry[5]) or any(geometry[6])
    assert op.padded == padded
    assert op.reads(Interval(1, 4)) == (Interval(min(1, pad), max(4, pad)) if padded else Interval(1, 4))
    low, high = (min(1, pad), max(4, pad)) if padded else (1, 4)
    rows = list(zip(op.weight.tolist(), op.bias.tolist(), strict=True))
    ends = [[4 * sum(w * (a if w > 0 else b) for w in row) + bias for row, bias in rows] for a, b in ((low, high), (high, low))]
    assert op.interval(kinds, (Interval(1, 4),)) == (min(ends[0]), max(ends[1]))


@pytest.mark.parametrize(
    ("changes", "shape", "message"),
    [
        ({}, (4, 5), r"takes values of shape \(height, width, channels\), but gets \(4, 5\)"),
        ({}, (4, 5, 4, 1), r"takes values of shape \(height, width, channels\)"),
        ({"kernel": (4,)}, (4, 5, 4), r"takes values of shape \(length, channels\)"),
        ({"channel_groups": 0}, (4, 5, 4), "0 groups do not divide 4 inputs and 6 outputs"),
        ({"channel_groups": 3}, (4, 5, 4), "3 groups do not divide 4 inputs"),
        ({"channel_groups": 4}, (4, 5, 4), "4 groups do not divide 4 inputs and 6 outputs"),
        ({}, (4, 5, 6), "takes 4 channels, but gets 6"),
        ({}, (1, 5, 4), "larger than the sample"),
        ({"pad_code": 8}, (4, 5, 4), "in its padding"),
        ({"pad_code": -9}, (4, 5, 4), "in its padding"),
    ],
)
def test_refusals(changes, shape, message) -> None:
    op = layer(*GEOMETRIES[1])
    assert op.infer((TensorType((4, 5, 4), X),)).shape == (3, 4, 6)
    with pytest.raises(CreatorError, match=message):
        replace(op, **changes).infer((TensorType(shape, X),))


def test_lanes_of_one_group_and_of_several() -> None:
    kind = TensorType((3, 5, 4), X)
    one = layer((3, 4, 4), 6, (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), 1)
    assert (one.group_channels, one.group_outputs) == (4, 6)
    assert one.lane_choices((kind,), one.infer((kind,))) == ([1, 2, 4], [1, 2, 3, 6])
    assert one.lane_pairs((kind,)) is None
    two = layer(*GEOMETRIES[1])
    assert (two.group_channels, two.group_outputs) == (2, 3)
    assert [pair[:2] for pair in two.lane_pairs((kind,)) or ()] == [(1, 1), (1, 3), (2, 1), (2, 3), (4, 6)]
    taken = [(two.side_by_side(lanes), two.passes(lanes), two.terms(lanes)) for lanes in two.lane_pairs((kind,)) or ()]
    assert taken == [(1, (2, 3), 1), (1, (2, 1), 1), (1, (2, 3), 2), (1, (2, 1), 2), (2, (1, 1), 2)]
    three = layer((3, 2, 9), 6, (1, 2), (2, 1), (1, 1), (0, 1), (0, 0), 3)
    assert [pair[:2] for pair in three.lane_pairs((kind,)) or ()] == [(1, 1), (1, 2), (3, 1), (3, 2), (9, 6)]
    assert [two.ring(kind, Lanes(n, 1)).beats for n in (1, 2)] == [4, 2]
    assert two.ring(kind, Lanes(2, 1)).window == Window((3, 5), 4, (2, 2), (1, 1), (1, 1), (0, 0), (0, 0))


@pytest.mark.parametrize(
    ("geometry", "lanes", "changes", "timing"),
    [
        # Six windows of 4 taps; 4 channels, 6 outputs: 5 registers, 2 of the requantizer, and what is computed.
        (((3, 4, 4), 6, (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), 1), Lanes(), {}, Timing(576, 5 + 2 + 576)),
        (((3, 4, 4), 6, (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), 1), Lanes(2, 3), {}, Timing(96, 5 + 1 + 2 + 96)),
        # Wide: 2 of the queue, 2 of the ways.
        (((3, 4, 4), 6, (2, 2), (1, 1), (1, 1), (0, 0), (0, 0), 1), Lanes(4, 2), {}, Timing(72, 5 + 2 + 2 + 2 + 2 + 72)),
        (GEOMETRIES[1], Lanes(4, 6), {}, Timing(24, 5 + 1 + 2 + 2 + 2 + 24)),
        # Padding takes two behind the memory; those of a deep memory of weights are as many.
        (((3, 4, 1), 2, (2, 2), (1, 1), (1, 1), (1, 0), (0, 0), 1), Lanes(), {}, Timing(72, 5 + 2 + 2 + 72)),
        (((2, 1, 16), 70, (1, 1), (1, 1), (1, 1), (0, 0), (0, 0), 1), Lanes(), {}, Timing(2240, 5 + 2 + 2 + 2240)),
        (((1, 1, 16), 70, (2, 1), (1, 1), (1, 1), (1, 0), (0, 0), 1), Lanes(), {}, Timing(2240, 5 + 2 + 2 + 2240)),
        # Fewer windows than beats: the sample's beats.
        (((9, 2), 1, (1,), (9,), (1,), (0,), (0,), 1), Lanes(), {}, Timing(18, 5 + 2 + 2)),
    ],
    ids=str,
)
def test_cycles(geometry, lanes, changes, timing) -> None:
    op, kind = layer(*geometry, **changes), TensorType(geometry[0], X)
    assert op.timing((kind,), lanes) == timing
