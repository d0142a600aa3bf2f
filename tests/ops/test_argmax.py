"""The index of the largest element, against Python's own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from creator import FixedPoint
from creator.affine import Affine
from creator.ops import ArgMax, Interval, Lanes, TensorType, Timing
from creator.ops.argmax import Comparison

F = FixedPoint


@pytest.mark.parametrize("shape", [(1,), (2,), (5,), (3, 4), (2, 3, 3), (4, 1)])
def test_the_first_of_the_largest(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(sum(shape)).integers(-2, 2, (50, *shape))
    kind = TensorType(shape, F(2, 0))
    y = ArgMax().run((kind,), (x,))
    rows = [row.tolist() for row in x.reshape(-1, shape[-1])]
    assert y.reshape(-1).tolist() == [row.index(max(row)) for row in rows]
    assert y.shape == (50, *ArgMax().infer((kind,)).shape)
    assert y.dtype == np.int64


def test_every_sample_of_four_codes() -> None:
    x = np.array(list(itertools.product(range(-2, 2), repeat=4)))
    y = ArgMax().run((TensorType((4,), F(2, 0)),), (x,))
    assert y[:, 0].tolist() == [row.index(max(row)) for row in x.tolist()]


@pytest.mark.parametrize(("size", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (10, 4), (256, 8), (257, 9)])
def test_the_result_is_an_unsigned_integer_of_as_many_bits_as_the_last_index_needs(size: int, bits: int) -> None:
    kind = TensorType((3, size), Affine(0.1, 3, 8))
    assert ArgMax().infer((kind,)) == TensorType((3,), F(bits, 0, signed=False))
    assert ArgMax().infer((TensorType((size,), F(8, 4)),)) == TensorType((1,), F(bits, 0, signed=False))
    assert ArgMax().interval((kind,), (Interval(-128, 127),)) == Interval(0, size - 1)
    assert ArgMax().interval((TensorType((2, 3, size), F(8, 4)),), (Interval(-128, 127),)) == Interval(0, size - 1)


@pytest.mark.parametrize(
    ("shape", "lanes", "timing"),
    [
        ((12,), 1, Timing(12, 1)),
        ((12,), 2, Timing(6, 1 + 1)),
        ((12,), 5, Timing(3, 3 + 1)),
        ((12,), 12, Timing(1, 4)),
        ((1,), 1, Timing(1, 1)),
        ((6, 4), 2, Timing(12, 1 + 1)),
        ((6, 4), 4, Timing(6, 2)),
        ((6, 4), 8, Timing(3, 2)),
        ((6, 4), 20, Timing(2, 2)),
        ((6, 1), 4, Timing(2, 1)),
    ],
)
def test_timing(shape: tuple[int, ...], lanes: int, timing: Timing) -> None:
    kind = TensorType(shape, F(8, 4))
    assert lanes in ArgMax().lane_choices((kind,), ArgMax().infer((kind,)))[0]
    assert ArgMax().timing((kind,), Lanes(lanes, ArgMax().results((kind,), lanes))) == timing


@pytest.mark.parametrize(
    ("shape", "lanes", "parts"),
    [
        ((12,), 5, (1, 3, 5, 2)),
        ((12,), 4, (1, 3, 4, 4)),
        ((3, 4), 2, (1, 2, 2, 2)),
        ((3, 4), 8, (2, 1, 4, 4)),
        ((1,), 1, (1, 1, 1, 1)),
    ],
)
def test_how_a_row_is_cut_into_beats(shape: tuple[int, ...], lanes: int, parts: tuple[int, ...]) -> None:
    found = Comparison(TensorType(shape, F(8, 4)), Lanes(lanes))
    assert (found.rows, found.words, found.terms, found.remainder) == parts


@pytest.mark.parametrize(
    ("shape", "lanes"),
    [
        ((7,), {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}),
        ((5, 6), {1: 1, 2: 1, 3: 1, 6: 1, 12: 2, 18: 3, 24: 4, 30: 5}),
        ((2, 2, 1), {1: 1, 2: 2, 3: 3, 4: 4}),
    ],
)
def test_a_beat_has_part_of_one_row_or_whole_rows(shape: tuple[int, ...], lanes: dict[int, int]) -> None:
    kind = TensorType(shape, F(8, 4))
    inputs, outputs = ArgMax().lane_choices((kind,), ArgMax().infer((kind,)))
    assert outputs is None
    assert {count: ArgMax().results((kind,), count) for count in inputs} == lanes
