"""Every pixel several times: where each comes from; refusals, cycles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, TensorType, Upsample

IN = FixedPoint(5, 2)


@pytest.mark.parametrize(("shape", "factors"), [((2, 3, 2), (2, 3)), ((3, 1, 1), (1, 4)), ((4, 2), (3,))])
def test_every_pixel_comes_from_the_one_before_it(shape, factors) -> None:
    op, kinds = Upsample(factors), (TensorType(shape, IN),)
    x = np.random.default_rng(1).integers(-16, 16, (3, *shape))
    y = op.run(kinds, (x,))
    assert y.shape[1:] == op.infer(kinds).shape == (*(n * f for n, f in zip(shape, factors, strict=False)), shape[-1])
    for place in itertools.product(*map(range, y.shape[1:-1])):
        source = tuple(i // f for i, f in zip(place, factors, strict=True))
        assert np.array_equal(y[(slice(None), *place)], x[(slice(None), *source)])
    assert op.interval(kinds, (Interval(2, 9),)) == (2, 9)


@pytest.mark.parametrize(
    ("shape", "factors", "message"),
    [
        ((4,), (2,), "one factor for each spatial axis"),
        ((4, 4, 1), (2,), "one factor for each spatial axis"),
        ((4, 4, 1), (2, 2, 2), "one factor for each spatial axis"),
        ((4, 4, 4, 1), (2, 2, 2), "one factor for each spatial axis"),
        ((4, 1), (0,), "are not 1 or more"),
        ((4, 4, 1), (0, 2), "are not 1 or more"),
        ((4, 4, 1), (1, 1), "change nothing"),
    ],
)
def test_refusals(shape, factors, message) -> None:
    with pytest.raises(CreatorError, match=message):
        Upsample(factors).infer((TensorType(shape, IN),))


def test_the_interval_is_that_of_the_result() -> None:
    kinds = (TensorType((3, 4, 10), IN),)
    op = Upsample((2, 3))
    assert op.timing(kinds, Lanes(2)).interval == 6 * 12 * 5
    assert op.lane_choices(kinds, op.infer(kinds)) == ([1, 2, 5, 10], None)
