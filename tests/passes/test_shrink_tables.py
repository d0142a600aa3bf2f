"""Tables that shrink give the same at every code that occurs, and shrink only where it is worth it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from creator import FixedPoint, Graph
from creator.affine import Affine, Format
from creator.graph.text import arrays_of, parse_graph
from creator.nn import elementary
from creator.ops import Clamp, Interval, Lookup, TensorType
from creator.ops.lookup import pattern_codes
from creator.passes import LOWER, run_passes, shrink_tables
from creator.passes.shrink_tables import WORTH, cost
from tests.graph.chains import chain

F = FixedPoint


def made(function, source: Format, output: Format) -> Lookup:
    """The table of a function of values."""
    codes = np.maximum(pattern_codes(source), source.min_code)
    return Lookup(output.to_integers([function(value) for value in source.from_integers(codes).tolist()]), output)


def shrunk(op: Lookup, source: Format, *before: Clamp) -> Lookup:
    """The lowered table, compared at every code of the network's input."""
    graph = chain(*before, op, entry=source, shape=(1,))
    after = shrink_tables(graph).verify()
    codes = np.arange(source.min_code, source.max_code + 1)[:, None]
    assert np.array_equal(after.run(codes), graph.run(codes))
    assert after.intervals == graph.intervals
    assert after.output_type == graph.output_type
    found = after.nodes[-1].op
    assert isinstance(found, Lookup)
    assert found is op or cost(found, source) < WORTH * cost(op, source)
    return found


def shape(op: Lookup) -> tuple:
    return len(op.table), op.below, op.above, op.symmetry, op.centre


CASES = [
    ("tanh", F(6, 2), F(8, 7), (32, (-128,), (127,), 0, 0)),
    ("sigmoid", F(6, 2), F(8, 8, signed=False), (32, (0,), (), -1, 256)),
    ("sigmoid", F(6, 2), F(9, 7), (32, (0,), (), -1, 128)),
    ("sigmoid", F(12, 8), F(12, 12, signed=False), (2048, (1,), (), -1, 4096)),
    ("tanh", F(9, 2), F(6, 5), (32, (-32,), (31,), 0, 0)),
    ("tanh", F(8, 2, signed=False), F(6, 5), (16, (), (31,), 0, 0)),
    ("gelu", F(12, 8), F(12, 8), (2048, (0,), (0, 0), 0, 0)),
    ("silu", F(8, 1), F(10, 1), (16, (0,), (0, 0), 0, 0)),
    ("silu", F(8, 2), F(11, 4), (256, (), (), 0, 0)),  # 64 words of 11 bits would be a block RAM, too
    ("silu", F(7, 1), F(9, 3), (32, (0,), (0, 2), 0, 0)),
]


@pytest.mark.parametrize(("name", "source", "output", "expected"), CASES)
def test_known_functions(name: str, source: Format, output: Format, expected: tuple) -> None:
    assert shape(shrunk(made(getattr(elementary, name), source, output), source)) == expected


def test_even_functions_and_identities() -> None:
    assert shape(shrunk(made(lambda x: x * x, F(6, 2), F(9, 2)), F(6, 2)))[3] == 1
    assert shape(shrunk(made(lambda x: x, F(8, 2), F(12, 4)), F(8, 2))) == (16, (0, 2), (0, 2), 0, 0)
    assert shape(shrunk(made(lambda x: 0.5, F(8, 2), F(12, 4)), F(8, 2))) == (16, (8,), (8,), 0, 0)


def test_only_codes_that_occur_have_entries() -> None:
    op = Lookup(np.random.default_rng(1).integers(-128, 128, 256), F(8, 0))
    assert shape(shrunk(op, F(8, 0))) == shape(op)
    assert shape(shrunk(op, F(8, 0), Clamp(-3, 9))) == (16, (), (), 0, 0)
    assert shape(shrunk(op, F(8, 0), Clamp(-3, 12))) == (16, (), (), 0, 0)
    assert shape(shrunk(op, F(8, 0), Clamp(-3, 13)))[0] == 32
    assert shape(shrunk(op, F(8, 0), Clamp(5, 5)))[0] == 2


def random_table(rng: np.random.Generator, source: Format, output: Format) -> Lookup:
    """A table with symmetry, constants or lines somewhere, or nearly so."""
    codes = np.maximum(pattern_codes(source), source.min_code)
    entries = rng.integers(output.min_code, output.max_code + 1, len(codes))
    kind, half = rng.integers(6), int(rng.integers(1, len(codes)))
    if kind in (1, 2) and source.signed:
        entries = entries[np.abs(codes) % len(codes)]
        if kind == 2:
            entries = np.where(codes < 0, entries, 2 * entries[0] - entries)
    if kind in (3, 4):
        entries = np.where(codes >= half, output.max_code, entries)
        entries = np.where(codes < -half, codes << int(rng.integers(3)) if kind == 4 else 3, entries)
    if kind == 5:
        entries = np.where(abs(codes) >= half, codes, entries)
    if rng.integers(3) == 0:
        entries[rng.integers(len(entries))] ^= 1
    return Lookup(np.clip(entries, output.min_code, output.max_code), output)


@pytest.mark.parametrize("seed", range(200))
def test_random_tables(seed: int) -> None:
    rng = np.random.default_rng(seed)
    source = [F(6, 2), F(7, 0), F(6, 0, signed=False), F(6, 3, symmetric=True), Affine(0.1, 9, 6)][seed % 5]
    output = [F(9, 2), F(6, 0, signed=False), F(7, 2, symmetric=True), Affine(0.1, 20, 8, signed=False)][seed % 4]
    limits = sorted(rng.integers(source.min_code, source.max_code + 1, 2).tolist())
    shrunk(random_table(rng, source, output), source, *([Clamp(*limits)] if seed % 3 == 0 else []))


def test_each_kind_of_random_table_shrinks_somewhere() -> None:
    seen = set()
    for seed in range(200):
        rng = np.random.default_rng(seed)
        op = shrunk(random_table(rng, F(6, 0), F(9, 2)), F(6, 0))
        seen |= {("below", len(op.below)), ("above", len(op.above)), ("symmetry", op.symmetry)}
    assert seen >= {*((side, n) for side in ("below", "above") for n in (0, 1, 2)), *(("symmetry", n) for n in (-1, 0, 1))}


def test_one_wrong_entry_keeps_the_whole_table() -> None:
    op = made(elementary.sigmoid, F(6, 2), F(8, 8, signed=False))
    assert shrunk(op, F(6, 2)).symmetry == -1
    for place in range(64):
        table = op.table.copy()
        table[place] ^= 2
        found = shrunk(dataclasses.replace(op, table=table), F(6, 2))
        assert found.symmetry == 0 or place >= 32  # a wrong entry of a negative code may be hidden where positive ones saturate


def test_it_is_the_last_of_the_lowering_passes_and_done_once() -> None:
    assert LOWER[-1] is shrink_tables
    graph: Graph = run_passes(chain(made(elementary.tanh, F(6, 2), F(8, 7)), entry=F(6, 2)), LOWER)
    assert shrink_tables(graph) == graph
    assert parse_graph(graph.text(), arrays_of(graph)).text() == graph.text()


def test_intervals_of_shrunk_tables_are_those_of_whole_ones() -> None:
    source = F(6, 2)
    whole = made(elementary.tanh, source, F(8, 7))
    small = shrunk(whole, source)
    kind = (TensorType((1,), source),)
    for low in range(-32, 32, 3):
        for high in range(low, 32, 5):
            assert small.interval(kind, (Interval(low, high),)) == whole.interval(kind, (Interval(low, high),))
