"""The elements of a sample in another order: against an index computed from another."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, Permute, TensorType, Timing
from creator.ops.permute import inverse, moves_nothing

F = FixedPoint


@pytest.mark.parametrize("axes", [(0,), (1, 0), (0, 1), *itertools.permutations(range(3)), (2, 0, 3, 1)], ids=str)
def test_each_axis_of_the_result_is_one_of_the_input(axes: tuple[int, ...]) -> None:
    shape = (2, 3, 4, 5)[: len(axes)]
    op, kind = Permute(axes), TensorType(shape, F(8, 4))
    x = np.arange(2 * kind.size).reshape(2, *shape)
    y = op.run((kind,), (x,))
    assert op.infer((kind,)) == TensorType(y.shape[1:], F(8, 4))
    assert y.shape == (2, *(shape[axis] for axis in axes))
    for place in itertools.product(*map(range, y.shape)):
        source = dict(zip(axes, place[1:], strict=True))
        assert y[place] == x[(place[0], *(source[axis] for axis in range(len(axes))))]
    back = Permute(inverse(axes))
    assert np.array_equal(back.run((op.infer((kind,)),), (y,)), x)
    assert moves_nothing(axes, shape) == (y.ravel().tolist() == x.ravel().tolist())
    for ones in itertools.product([1, 3], repeat=len(axes)):
        flat = np.arange(np.prod(ones)).reshape(ones)
        assert moves_nothing(axes, ones) == np.array_equal(flat.transpose(axes).ravel(), flat.ravel())


def test_bounds_lanes_and_cycles() -> None:
    """A frame is stored, then read; a read takes two cycles."""
    op, kind = Permute((1, 0)), TensorType((3, 4), F(8, 4))
    assert op.interval((kind,), (Interval(-3, 9),)) == (-3, 9)
    assert op.timing((kind,), Lanes()) == Timing(12, 12 + 2)
    assert op.lane_choices((kind,), op.infer((kind,))) == ([1], None)


@pytest.mark.parametrize("axes", [(0,), (0, 0), (1, 2), (0, 1, 2), (-1, 0)], ids=str)
def test_what_does_not_name_each_axis_once_is_refused(axes: tuple[int, ...]) -> None:
    with pytest.raises(CreatorError, match=r"are not those of shape \(3, 4\)"):
        Permute(axes).infer((TensorType((3, 4), F(8, 4)),))


@pytest.mark.parametrize(
    ("axes", "shape", "block"),
    [((1, 0), (3, 4), 12), ((0, 2, 1), (3, 2, 4), 8), ((0, 1, 3, 2), (2, 3, 2, 5), 10), ((0, 2, 1, 3), (2, 3, 2, 5), 30),
     ((2, 0, 1), (2, 3, 4), 24), ((0, 2, 1), (3, 1, 1), 3), ((0, 1), (3, 4), 12)],
    ids=str,
)  # fmt: skip
def test_axes_before_the_first_that_moves_are_turns_of_a_block(
    axes: tuple[int, ...], shape: tuple[int, ...], block: int
) -> None:
    op, kind = Permute(axes), TensorType(shape, F(8, 4))
    assert op.block(kind) == block
    assert op.timing((kind,), Lanes()) == Timing(kind.size, block + 2)
    parts = np.arange(kind.size).reshape(-1, block)
    moved = op.run((kind,), (parts.reshape(1, *shape),)).reshape(-1, block)
    assert (np.sort(moved, axis=1) == parts).all()  # no element leaves its block
