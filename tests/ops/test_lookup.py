"""Tables: every code, bounds over what is reached, sizes, cycles."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import CreatorError, FixedPoint
from creator.affine import Affine
from creator.ops import Interval, Lanes, Lookup, TensorType, Timing
from creator.ops.lookup import pattern_codes

F = FixedPoint
FORMATS = [F(4, 1), F(4, 0, signed=False), F(1, 0), F(1, 0, signed=False), F(4, 0, symmetric=True), Affine(0.1, 3, 4)]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_every_code_finds_the_entry_of_its_bits(fmt: FixedPoint) -> None:
    size = 1 << fmt.total_bits
    entries = np.random.default_rng(1).permutation(size)
    kind = (TensorType((2,), fmt),)
    op = Lookup(entries, F(fmt.total_bits + 1, 0))
    assert op.infer(kind) == TensorType((2,), op.output)
    codes = range(fmt.min_code, fmt.max_code + 1)
    assert op.run(kind, (np.array(codes),)).tolist() == [int(entries[code % size]) for code in codes]
    for low in codes:
        for high in range(low, fmt.max_code + 1):
            reached = [int(entries[code % size]) for code in range(low, high + 1)]
            assert op.interval(kind, (Interval(low, high),)) == (min(reached), max(reached))


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_the_code_of_each_pattern(fmt: FixedPoint) -> None:
    size = 1 << fmt.total_bits
    expected = [pattern - size if fmt.signed and pattern >= size // 2 else pattern for pattern in range(size)]
    assert pattern_codes(fmt).tolist() == expected


def test_the_largest_table() -> None:
    op = Lookup(np.zeros(1 << 12, dtype=np.int64), F(4, 0))
    op.infer((TensorType((1,), F(12, 0)),))
    with pytest.raises(CreatorError, match=r"13 input bits is too large.*at most 12"):
        Lookup(np.zeros(1 << 13, dtype=np.int64), F(4, 0)).infer((TensorType((1,), F(13, 0)),))


@pytest.mark.parametrize("size", [7, 15, 17, 32])
def test_a_table_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(CreatorError, match=r"needs \(16,\)"):
        Lookup(np.zeros(size, dtype=np.int64), F(4, 0)).infer((TensorType((1,), F(4, 0)),))


def test_an_entry_outside_the_output_is_refused() -> None:
    with pytest.raises(CreatorError, match="in its table, code 8 is outside"):
        Lookup(np.full(16, 8), F(4, 0)).infer((TensorType((1,), F(4, 0)),))


@pytest.mark.parametrize(
    ("bits", "lanes", "timing"),
    [
        (8, Lanes(), Timing(7, 2)),
        (10, Lanes(2, 2), Timing(4, 2)),
        (11, Lanes(7, 7), Timing(1, 4)),
        (4, Lanes(2, 7), Timing(4, 2)),
    ],
)
def test_cycles(bits: int, lanes: Lanes, timing: Timing) -> None:
    op = Lookup(np.zeros(1 << bits, dtype=np.int64), F(4, 0))
    assert op.timing((TensorType((7,), F(bits, 0)),), lanes) == timing


def test_the_bits_of_a_place() -> None:
    assert [Lookup(np.zeros(words), F(3, 0)).address_bits for words in (1, 2, 8, 4096)] == [0, 1, 3, 12]


def test_which_codes_are_inside() -> None:
    op = Lookup(np.array([3, 2, 1, 0]), F(4, 0), above=(5,))
    assert op.inside(F(4, 0, signed=False)) == (0, 3)
    assert op.inside(F(4, 0)) == (-2, 1)
    assert dataclasses.replace(op, symmetry=1).inside(F(4, 0)) == (-3, 3)
    assert op.run((TensorType((5,), F(3, 0, signed=False)),), (np.arange(5)[None],)).tolist() == [[3, 2, 1, 0, 5]]


def test_an_odd_table_saturates_where_it_has_to() -> None:
    odd = Lookup(np.array([3, 2]), F(4, 0), symmetry=-1, centre=9)  # 9 less 2 is the largest code
    assert not odd.clips
    assert odd.infer((TensorType((2,), F(2, 0)),)) == TensorType((2,), F(4, 0))  # of no more than two words
    assert dataclasses.replace(odd, centre=10).clips
    assert dataclasses.replace(odd, table=np.array([3, -3]), centre=5).clips
    assert not dataclasses.replace(odd, symmetry=0, centre=10).clips


def test_the_table_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Lookup([1, 2], F(4, 0)).table[0] = 3


SMALL = Lookup(np.arange(8), F(5, 0))


@pytest.mark.parametrize(
    ("change", "entry", "message"),
    [
        ({"symmetry": 2}, F(5, 0), "need a signed input"),
        ({"symmetry": 1}, F(5, 0, signed=False), "need a signed input"),
        ({"below": (3,)}, F(5, 0, signed=False), "need a signed input"),
        ({"centre": 3}, F(5, 0), "a centre needs an odd table"),
        ({"symmetry": 1, "centre": 3}, F(5, 0), "a centre needs an odd table"),
        ({"above": (3,), "table": np.zeros(1)}, F(5, 0), "one of two words or more"),
        ({"above": (1, 2)}, F(5, 0), "is no line"),
        ({"above": (0, -1)}, F(5, 0), "is no line"),
        ({"above": (0, 1, 2)}, F(5, 0), "is no line"),
        ({"table": np.zeros((2, 4))}, F(5, 0), r"needs \(32,\)"),
    ],
)
def test_a_shrunk_table_that_makes_no_sense_is_refused(change: dict, entry: FixedPoint, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        dataclasses.replace(SMALL, **change).infer((TensorType((1,), entry),))


@pytest.mark.parametrize(
    ("change", "codes", "message"),
    [
        ({}, (-4, 4), "8 words, and 9 codes occur"),
        ({"above": (3,)}, (-5, 8), "beyond the table"),
        ({"below": (3,)}, (-5, 4), "beyond the table"),
        ({"symmetry": 1}, (-8, 7), "beyond the table"),
        ({"below": (16,)}, (-5, 3), "outside"),
        ({"above": (0, 2)}, (-4, 4), "outside"),
        ({"symmetry": -1, "centre": -10}, (-7, 7), "outside"),
    ],
)
def test_codes_without_entries_and_entries_that_do_not_fit_are_refused(change: dict, codes: tuple, message: str) -> None:
    kind = (TensorType((1,), F(5, 0)),)
    op = dataclasses.replace(SMALL, **change)
    op.infer(kind)
    with pytest.raises(CreatorError, match=message):
        op.interval(kind, (Interval(*codes),))


@pytest.mark.parametrize(
    ("change", "delay"),
    [({}, 2), ({"above": (3,)}, 3), ({"symmetry": -1}, 4), ({"symmetry": 1, "below": (0,)}, 4)],
)
def test_what_a_shrunk_table_adds_to_the_cycles(change: dict, delay: int) -> None:
    assert dataclasses.replace(SMALL, **change).timing((TensorType((7,), F(5, 0)),), Lanes()) == Timing(7, delay)


def test_lines_and_symmetries_mean_what_they_say() -> None:
    kind = (TensorType((1,), F(5, 0)),)
    codes = np.arange(-16, 16)
    lines = dataclasses.replace(SMALL, below=(-9,), above=(0, 0)).run(kind, (codes,))
    assert lines.tolist() == [-9 if c < -4 else c if c > 3 else c % 8 for c in codes.tolist()]
    even = dataclasses.replace(SMALL, symmetry=1, below=(1,), above=(2,)).run(kind, (codes,))
    assert even.tolist() == [1 if c < -7 else 2 if c > 7 else abs(c) for c in codes.tolist()]
    odd = dataclasses.replace(SMALL, symmetry=-1, centre=17, below=(1,), above=(2,))
    assert odd.clips
    assert odd.run(kind, (codes,)).tolist() == [
        1 if c < -7 else 2 if c > 7 else -c if c < 0 else min(17 - c, 15) for c in codes.tolist()
    ]
