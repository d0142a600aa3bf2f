"""Concatenation: shapes, formats, lanes, and the order of the stream."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Concatenate, Interval, Lanes, TensorType, Timing

F = FixedPoint


def types(*shapes: tuple[int, ...], fmt: FixedPoint = F(8, 4)) -> tuple[TensorType, ...]:  # noqa: B008
    return tuple(TensorType(shape, fmt) for shape in shapes)


@pytest.mark.parametrize(
    ("axis", "first", "second", "result"),
    [(0, (3,), (4,), (7,)), (0, (2, 3), (1, 3), (3, 3)), (1, (2, 3), (2, 1), (2, 4)), (1, (2, 3, 4), (2, 5, 4), (2, 8, 4))],
)
def test_the_elements_of_the_one_and_then_of_the_other(axis: int, first, second, result) -> None:
    op, kinds = Concatenate(axis), types(first, second)
    assert op.arity == len(kinds)
    assert op.infer(kinds) == TensorType(result, F(8, 4))
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-128, 128, (5, *shape)) for shape in (first, second))
    found = op.run(kinds, (a, b))
    assert found.shape == (5, *result)
    # On the stream: runs of the one and the other in turn.
    runs = op.runs(kinds)
    parts = [each.reshape(5, op.rounds(kinds), run) for each, run in zip((a, b), runs, strict=True)]
    assert np.array_equal(found.reshape(5, -1), np.concatenate(parts, 2).reshape(5, -1))
    assert op.interval(kinds, (Interval(-3, 4), Interval(1, 9))) == (-3, 9)


@pytest.mark.parametrize(
    ("axis", "kinds", "message"),
    [
        (0, (TensorType((3,), F(8, 4)), TensorType((3,), F(8, 3))), "formats fixed<8,4> and fixed<8,3> .hint: .*nn.Quantize"),
        (1, types((3,), (3,)), r"shape \(3,\) has no axis 1"),
        (-1, types((3,), (3,)), "has no axis -1"),
        (0, types((3, 2), (3, 1)), "differ elsewhere than along axis 0"),
        (0, types((3, 2), (6,)), "differ elsewhere"),
    ],
)
def test_what_does_not_fit_is_refused(axis: int, kinds, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        Concatenate(axis).infer(kinds)


def pairs(axis: int, kinds: tuple[TensorType, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(lanes[:2] for lanes in Concatenate(axis).lane_pairs(kinds))


def test_lanes_divide_the_runs_or_take_whole_ones() -> None:
    channels, alone = types((6, 4), (6, 6)), types((4,), (7,))
    assert pairs(1, channels) == ((1, 1), (2, 2), (4, 10), (8, 20), (12, 30), (24, 60))
    assert pairs(0, types((4,), (4,))) == ((1, 1), (2, 2), (4, 4), (4, 8))
    assert pairs(0, alone) == ((1, 1), (2, 2), (4, 4), (4, 11))
    assert Concatenate(1).operand_lanes(channels, Lanes(8, 20)) == (8, 12)
    assert Concatenate(1).operand_lanes(channels, Lanes(2, 2)) == (2, 2)
    cycles = [Concatenate(1).timing(channels, lanes) for lanes in Concatenate(1).lane_pairs(channels)]
    assert cycles == [Timing(n, 1) for n in (60, 30, 6, 3, 2, 1)]
    assert [Concatenate(0).timing(alone, lanes).interval for lanes in Concatenate(0).lane_pairs(alone)] == [11, 6, 3, 1]
