"""Parts of values: shapes, lanes, and what of the stream goes on."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, Slice, TensorType, Timing

F = FixedPoint


@pytest.mark.parametrize(("axis", "start", "stop"), [(0, 0, 1), (0, 1, 3), (1, 2, 4), (1, 0, 4), (2, 1, 2)])
def test_elements_along_an_axis(axis: int, start: int, stop: int) -> None:
    op, kind = Slice(axis, start, stop), TensorType((3, 4, 2), F(8, 4))
    x = np.random.default_rng(0).integers(-128, 128, (5, 3, 4, 2))
    found = op.run((kind,), (x,))
    assert np.array_equal(found, np.take(x, range(start, stop), axis + 1))
    assert op.infer((kind,)).shape == found.shape[1:]
    assert op.interval((kind,), (Interval(-3, 4),)) == (-3, 4)
    # On the stream: a part of each run.
    low, high, run = op.places(kind)
    assert np.array_equal(found.reshape(5, -1), x.reshape(5, op.rounds(kind), run)[:, :, low:high].reshape(5, -1))


@pytest.mark.parametrize(("axis", "start", "stop"), [(0, 0, 4), (0, 2, 2), (0, -1, 2), (1, 0, 1), (-1, 0, 1), (0, 2, 1)])
def test_what_does_not_fit_is_refused(axis: int, start: int, stop: int) -> None:
    with pytest.raises(CreatorError, match=r"is no part of|has no axis"):
        Slice(axis, start, stop).infer((TensorType((3,), F(8, 4)),))


def test_the_beats_that_are_kept() -> None:
    kind = TensorType((3, 8, 2), F(8, 4))
    assert Slice(1, 2, 6).kept_beats(kind, Lanes(2)) == (2, 6, 8)
    assert Slice(1, 2, 6).kept_beats(kind, Lanes(4)) == (1, 3, 4)
    assert Slice(0, 0, 5).kept_beats(TensorType((8,), F(8, 4)), Lanes(3)) == (0, 2, 3)


@pytest.mark.parametrize(
    ("op", "shape", "pairs"),
    [
        (Slice(0, 4, 7), (8,), ((1, 1), (2, 2), (8, 3))),
        (Slice(0, 0, 5), (8,), ((1, 1), (2, 2), (3, 3), (4, 4), (8, 5))),
        (Slice(1, 2, 4), (3, 6), ((1, 1), (2, 2), (6, 2), (12, 4), (18, 6))),
        (Slice(1, 4, 10), (2, 12), ((1, 1), (2, 2), (12, 6), (24, 12))),
        (Slice(0, 0, 3), (3,), ((1, 1), (2, 2), (3, 3))),
    ],
)
def test_lanes_divide_what_is_kept_or_take_whole_runs(op: Slice, shape: tuple[int, ...], pairs) -> None:
    kind = TensorType(shape, F(8, 4))
    assert tuple(lanes[:2] for lanes in op.lane_pairs((kind,)) or ()) == pairs
    for lanes in pairs:
        assert op.operand_lanes((kind,), Lanes(*lanes)) == (lanes[0],)
        assert op.timing((kind,), Lanes(*lanes)) == Timing(-(-kind.size // lanes[0]), 1)
