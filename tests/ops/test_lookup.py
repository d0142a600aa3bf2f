"""Tables: every code, bounds over what is reached, sizes, cycles."""

from __future__ import annotations

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


def test_the_table_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Lookup([1, 2], F(4, 0)).table[0] = 3
