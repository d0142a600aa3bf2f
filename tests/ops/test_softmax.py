"""Softmax on integers, against fractions, and what is no such operation."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.ops import Interval, Lanes, Softmax, TensorType, Timing
from tests.oracle import softmax_codes

F = FixedPoint
U8 = F(8, 8, signed=False)
IN = F(4, 1)


@pytest.mark.parametrize("output", [U8, F(9, 8, signed=False), F(8, 7), F(3, 5, signed=False), F(1, 0), F(20, 16)])
@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (3, 4)])
def test_the_definition(output: FixedPoint, shape: tuple[int, ...]) -> None:
    op = Softmax(np.array([1024, 621, 377, 229, 139, 84, 51, 31, 19, 11, 7, 4]), output)
    kind = TensorType(shape, IN)
    x = np.random.default_rng(1).integers(-8, 8, (60, *shape))
    y = op.run((kind,), (x,))
    assert op.infer((kind,)) == TensorType(shape, output)
    expected = [softmax_codes(op, row) for row in x.reshape(-1, shape[-1]).tolist()]
    assert y.reshape(-1, shape[-1]).tolist() == expected
    low, high = op.interval((kind,), (Interval.of(IN),))
    assert low <= y.min()
    assert y.max() <= high


def test_ties_of_the_division_go_up() -> None:
    op = Softmax(np.array([3, 1]), F(3, 1, signed=False))  # 3/4 and 1/4: 1.5 and 0.5 steps
    assert op.run((TensorType((2,), IN),), (np.array([[5, 4]]),)).tolist() == [[2, 1]]


def test_sums_of_results_are_near_one() -> None:
    table = [round(65536 * math.exp(-d / 16)) for d in range(200)]
    op = Softmax(np.array(table), F(16, 16, signed=False))
    x = np.random.default_rng(2).integers(-128, 128, (500, 10))
    total = op.run((TensorType((10,), F(8, 4)),), (x,)).sum(axis=1) / Fraction(65536)
    assert max(abs(float(1 - each)) for each in total) <= 10 / 2 / 65536


@pytest.mark.parametrize(
    ("table", "output", "message"),
    [
        ([], U8, "its table has shape"),
        ([[1, 1]], U8, "its table has shape"),
        ([1] * 4097, U8, "its table has shape"),
        ([0, 0], U8, "its table's first entry is not its largest"),
        ([4, 5], U8, "its table's first entry is not its largest"),
        ([4, -1], U8, "its table's first entry is not its largest"),
        ([4, 1], F(8, -1), "its result cannot be fixed<8,-1>"),
        ([4, 1], F(40, 31), "its result cannot be"),
        ([2**40, 1], F(20, 20), "its division needs more than 61 bits"),
    ],
)
def test_what_is_refused(table: list, output: FixedPoint, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        Softmax(np.array(table, dtype=np.int64), output).infer((TensorType((10,), IN),))


@pytest.mark.parametrize(
    ("shape", "lanes", "entries", "timing"),
    [
        ((10,), 1, 100, Timing(10, 2 * 10 + 5 + 11)),
        ((10,), 4, 100, Timing(3, 2 + 2 * 3 + 7 + 11)),
        ((10,), 10, 100, Timing(1, 4 + 2 + 9 + 11)),
        ((3, 4), 2, 1025, Timing(6, 1 + 2 * 2 + 7 + 11)),
        ((10,), 1, 1025, Timing(10, 2 * 10 + 6 + 11)),
        ((10,), 2, 4096, Timing(5, 1 + 2 * 5 + 7 + 11)),
        ((16,), 1, 100, Timing(16, 2 * 16 + 5 + 11)),
        ((17,), 1, 100, Timing(17, 2 * 17 + 6 + 12)),
    ],
)
def test_timing(shape: tuple[int, ...], lanes: int, entries: int, timing: Timing) -> None:
    assert Softmax(np.ones(entries, dtype=np.int64), U8).timing((TensorType(shape, F(12, 4)),), Lanes(lanes, lanes)) == timing


def test_widths_and_bounds() -> None:
    op, rows = Softmax(np.array([5, 3, 0]), F(9, 8, signed=False)), TensorType((3, 10), IN)
    assert not op.table.flags.writeable
    assert op.infer((rows,)) == TensorType((3, 10), F(9, 8, signed=False))
    assert (op.entry_bits, op.sum_bits(rows), op.quotient_bits) == (3, 6, 9)
    assert op.interval((rows,), (Interval(0, 1),)) == (0, 256)
    assert Softmax(op.table, U8).interval((rows,), (Interval(0, 1),)) == (0, 255)
    assert op.reached(rows) == 3
    longest = Softmax(np.ones(4096, dtype=np.int64), U8)
    assert longest.infer((rows,)) == TensorType((3, 10), U8)
    assert (longest.reached(rows), longest.reached(TensorType((3,), F(13, 0)))) == (16, 4096)


def test_the_finest_results() -> None:
    for fmt in (F(31, 30, signed=False), F(1, 0, signed=False)):
        assert Softmax(np.array([4, 1]), fmt).infer((TensorType((10,), IN),)).format == fmt


def test_the_largest_division() -> None:
    """44 bits of a sum and 17 of the quotient are 61."""
    table, row = np.array([2**40, 1], dtype=np.int64), TensorType((10,), IN)
    assert Softmax(table, F(17, 16)).sum_bits(row) == 44
    assert Softmax(table, F(17, 16)).infer((row,)).shape == (10,)
    with pytest.raises(CreatorError, match="more than 61 bits"):
        Softmax(table, F(18, 17)).infer((row,))


def test_a_beat_has_part_of_one_row_or_all_of_it() -> None:
    op = Softmax(np.array([4, 1]), U8)
    assert list(op.lane_choices((TensorType((5,), IN),), TensorType((5,), U8))[0]) == [1, 2, 3, 4, 5]
    assert list(op.lane_choices((TensorType((3, 6), IN),), TensorType((3, 6), U8))[0]) == [1, 2, 3, 6]
