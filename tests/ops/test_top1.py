"""The largest element and its index, in one format."""

from __future__ import annotations

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.affine import Affine
from creator.ops import Interval, Lanes, TensorType, Timing, Top1

F = FixedPoint


@pytest.mark.parametrize(
    ("size", "entry", "output"),
    [
        (10, F(8, 4), F(9, 4)),  # an index of 4 bits, a sign, 4 fractional bits
        (2, F(8, 4), F(8, 4)),
        (1, F(8, 4), F(8, 4)),
        (300, F(8, 4), F(14, 4)),
        (10, F(8, 0), F(8, 0)),
        (10, F(3, 0), F(5, 0)),
        (10, F(8, 4, signed=False), F(8, 4, signed=False)),
        (17, F(8, 4, signed=False), F(9, 4, signed=False)),
        (10, F(4, -3), F(7, 0)),
        (10, F(4, -3, signed=False), F(7, 0, signed=False)),
        (200, F(4, -3), F(9, 0)),
        (3, F(4, 9), F(12, 9)),
        (3, F(4, 2, symmetric=True), F(5, 2)),
    ],
)
def test_the_format_holds_both(size: int, entry: FixedPoint, output: FixedPoint) -> None:
    kind = TensorType((2, size), entry)
    assert Top1().infer((kind,)) == TensorType((2, 2), output)
    x = np.full((1, 2, size), entry.min_code)
    x[0, 0, -1] = entry.max_code
    y = Top1().run((kind,), (x,))
    values = output.from_integers(output.check(y, "results"))
    assert values.tolist() == [[[entry.max_value, size - 1], [entry.min_value, 0.0]]]
    low, high = Top1().interval((kind,), (Interval.of(entry),))
    assert low <= y.min()
    assert y.max() <= high
    assert output.min_code <= low
    assert high <= output.max_code


def test_the_first_of_the_largest() -> None:
    kind = TensorType((4,), F(3, 1))
    x = np.array([[1, 3, 3, 2], [-1, -1, -1, -1], [-4, -3, -2, -1]])
    assert Top1().run((kind,), (x,)).tolist() == [[3, 2], [-1, 0], [-1, 6]]


def test_bounds() -> None:
    kind = TensorType((2, 3, 10), F(8, 4))
    assert Top1().infer((kind,)) == TensorType((2, 3, 2), F(9, 4))
    assert Top1().interval((kind,), (Interval(-5, 7),)) == (-5, 9 << 4)
    assert Top1().interval((kind,), (Interval(3, 200),)) == (0, 200)
    assert Top1().interval((TensorType((10,), F(8, -3)),), (Interval(-5, 7),)) == (-5 << 3, 7 << 3)


def test_52_bits_are_not_too_many() -> None:
    assert Top1().infer((TensorType((3,), F(52, 4)),)).format == F(52, 4)
    with pytest.raises(CreatorError, match="take 53 bits, more than 52"):
        Top1().infer((TensorType((3,), F(52, -1)),))


def test_lanes_give_both_in_one_beat() -> None:
    assert Top1().results((TensorType((7,), F(8, 4)),), 3) == 2
    assert Top1().results((TensorType((3, 4), F(8, 4)),), 8) == 4


def test_timing() -> None:
    row, rows = TensorType((12,), F(8, 4)), TensorType((6, 4), F(8, 4))
    assert Top1().timing((row,), Lanes(5, 2)) == Timing(3, 3 + 1)
    assert Top1().timing((rows,), Lanes(8, 4)) == Timing(3, 2)
    assert Top1().lane_choices((rows,), Top1().infer((rows,))) == ([1, 2, 4, 8, 12, 16, 20, 24], None)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Affine(0.1, 3, 8), "an index is no value of affine.*use ArgMax alone"),
        (F(8, 60), "take 65 bits, more than 52"),
    ],
)
def test_what_has_no_such_format_is_refused(entry, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        Top1().infer((TensorType((10,), entry),))
