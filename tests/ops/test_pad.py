"""Padding and spreading: where each pixel lands; bounds, refusals, cycles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, Pad, TensorType

IN = FixedPoint(5, 2)


@pytest.mark.parametrize(
    ("shape", "before", "after", "step"),
    [((2, 3, 2), (1, 2), (0, 1), (1, 1)), ((3, 2, 1), (0, 1), (2, 0), (2, 3)), ((4, 2), (1,), (2,), (3,)),
     ((1, 1, 3), (1, 1), (1, 1), (5, 5))],
)  # fmt: skip
def test_pixels_land_in_their_places_and_the_code_in_all_others(shape, before, after, step) -> None:
    op, kinds = Pad(before, after, step, -7), (TensorType(shape, IN),)
    x = np.random.default_rng(1).integers(-16, 16, (3, *shape))
    y = op.run(kinds, (x,))
    places = [b + (n - 1) * s + 1 + a for n, b, a, s in zip(shape, before, after, step, strict=False)]
    assert y.shape[1:] == op.infer(kinds).shape == (*places, shape[-1])
    taken = {}
    for at in itertools.product(*map(range, shape[:-1])):
        taken[tuple(b + i * s for i, b, s in zip(at, before, step, strict=True))] = at
    assert len(taken) == np.prod(shape[:-1])
    for place in itertools.product(*map(range, places)):
        got = y[(slice(None), *place)]
        assert np.array_equal(got, x[(slice(None), *taken[place])] if place in taken else np.full_like(got, -7))
    assert op.interval(kinds, (Interval(2, 9),)) == (-7, 9)
    assert op.infer(kinds).format == IN


def test_what_inserts_nothing_leaves_the_bounds() -> None:
    assert Pad((0,), (0,), (1,), -7).interval((TensorType((4, 1), IN),), (Interval(2, 9),)) == (2, 9)
    assert Pad((0,), (0,), (3,), -7).interval((TensorType((1, 4), IN),), (Interval(2, 9),)) == (2, 9)
    assert Pad((0, 0), (0, 0), (1, 1), -7).interval((TensorType((4, 3, 1), IN),), (Interval(2, 9),)) == (2, 9)
    assert Pad((0, 1), (0, 0), (1, 1), 5).interval((TensorType((4, 3, 1), IN),), (Interval(2, 9),)) == (2, 9)
    assert Pad((0,), (1,), (1,), 12).interval((TensorType((4, 1), IN),), (Interval(2, 9),)) == (2, 12)


@pytest.mark.parametrize(
    ("shape", "op", "message"),
    [
        ((4,), Pad((1,), (1,), (1,), 0), "one number for each spatial axis"),
        ((4, 4, 1), Pad((1,), (1,), (1,), 0), "one number for each spatial axis"),
        ((4, 4, 4, 1), Pad((1,) * 3, (1,) * 3, (1,) * 3, 0), "one number for each spatial axis"),
        ((4, 1), Pad((1, 1), (1,), (1,), 0), "one number for each spatial axis"),
        ((4, 1), Pad((1,), (1, 1), (1,), 0), "one number for each spatial axis"),
        ((4, 1), Pad((1,), (1,), (1, 1), 0), "one number for each spatial axis"),
        ((4, 1), Pad((-1,), (1,), (1,), 0), "padding is at least 0"),
        ((4, 1), Pad((1,), (-1,), (1,), 0), "padding is at least 0"),
        ((4, 1), Pad((1,), (1,), (0,), 0), "its step at least 1"),
        ((4, 4, 1), Pad((1, 1), (1, 1), (1, 0), 0), "its step at least 1"),
        ((4, 1), Pad((1,), (1,), (1,), 16), "in its padding"),
    ],
)
def test_refusals(shape, op, message) -> None:
    with pytest.raises(CreatorError, match=message):
        op.infer((TensorType(shape, IN),))


def test_the_interval_is_that_of_the_result() -> None:
    kinds = (TensorType((3, 4, 6), IN),)
    op = Pad((1, 2), (1, 1), (2, 1), 0)
    assert op.timing(kinds, Lanes(2)).interval == 7 * 7 * 3
    assert op.lane_choices(kinds, op.infer(kinds)) == ([1, 2, 3, 6], None)
