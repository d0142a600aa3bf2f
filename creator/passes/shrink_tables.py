"""Makes tables smaller: by the codes that occur, by symmetry, and where the function is a constant or a line at its ends.

Before::

    sigmoid = lookup(x) table=@[256] output=ufixed<8,8> : ufixed<8,8>[32]

After, where codes from 88 on have the entry 255, those below -88 the entry 0 or 1, and entries of x and -x add up to 256::

    sigmoid = lookup(x) table=@[64] output=ufixed<8,8> below=(1) above=(255) symmetry=-1 centre=256 : ufixed<8,8>[32]

What is found is checked at every code that occurs, so no output changes. It is used only where the memory that it saves is
worth more than the logic that it takes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from creator.affine import Format
from creator.formats import IntArray
from creator.graph.graph import Graph, Node
from creator.ops import Lookup

BLOCK_LUTS = 200
"""What a block RAM is worth in lookup tables; devices have 200 to 450 of these for each block."""

WORTH = 0.8
"""A table that is not smaller than this, beside the one before it, is not worth a longer pipeline."""

_BLOCK_BITS, _LEAST_BITS, _LEAST_WORDS, _LUT_WORDS = 18432, 512, 17, 16


def shrink_tables(graph: Graph) -> Graph:
    """Replaces each table by the smallest that gives the same for every code that occurs."""

    def shrunk(node: Node) -> Node:
        if not isinstance(node.op, Lookup) or node.op.chooses:
            return node
        source, (low, high) = graph.type_of(node.inputs[0]).format, graph.intervals[node.inputs[0]]
        codes = np.arange(low, high + 1)
        entries = node.op.run(graph.input_types(node), (codes,))
        own = cost(node.op, source)
        found = [(cost(op, source), op) for op in _candidates(node.op, source, codes, entries)]
        best = min(found, key=lambda item: item[0], default=(own, node.op))
        return dataclasses.replace(node, op=best[1]) if best[0] < WORTH * own else node

    return dataclasses.replace(graph, nodes=tuple(shrunk(node) for node in graph.nodes))


def cost(op: Lookup, source: Format) -> float:
    """What a table and the logic around it take, in lookup tables."""
    words, width = len(op.table), op.output.total_bits
    block = words * width >= _LEAST_BITS and words >= _LEAST_WORDS
    luts = BLOCK_LUTS * -(-words * width // _BLOCK_BITS) if block else width * max(1.0, words / _LUT_WORDS)
    if op.below or op.above:
        luts += width + (source.total_bits - op.address_bits) / 3
    if op.symmetry:
        luts += source.total_bits + (1.3 * width if op.symmetry < 0 else 0)
    return float(luts)


def _candidates(op: Lookup, source: Format, codes: IntArray, entries: IntArray) -> Iterator[Lookup]:
    """Smaller tables with the same ``entries`` for ``codes``, which are all that occur, ascending."""
    low, high = int(codes[0]), int(codes[-1])
    if high - low < len(op.table) // 2:  # no two codes share so few lower bits
        words = 1 << max(1, (high - low).bit_length())
        yield dataclasses.replace(op, table=_filled(words, codes & (words - 1), entries))
    for bits in range(1, source.total_bits):
        for symmetry in (0, 1, -1) if source.signed else (0,):
            made = dataclasses.replace(op, table=np.zeros(1 << bits, dtype=np.int64), symmetry=symmetry)
            first, last = made.inside(source)
            below, above = (_line(codes[part], entries[part]) for part in (codes < first, codes > last))
            if below is None or above is None:
                continue
            inside = (codes >= first) & (codes <= last)
            table = _table(1 << bits, symmetry, codes[inside], entries[inside], op.output.max_code)
            if table is not None and (below or above or symmetry):
                yield dataclasses.replace(op, table=table[0], below=below, above=above, symmetry=symmetry, centre=table[1])


def _line(codes: IntArray, entries: IntArray) -> tuple[int, ...] | None:
    """The constant or the shift that gives ``entries`` from ``codes``; empty if there are none, ``None`` if neither does."""
    if not codes.size:
        return ()
    if (entries == entries[0]).all():
        return (int(entries[0]),)
    return next(((0, shift) for shift in range(13) if np.array_equal(codes << shift, entries)), None)


def _table(words: int, symmetry: int, codes: IntArray, entries: IntArray, top: int) -> tuple[IntArray, int] | None:
    """The words that give ``entries`` for ``codes``, and the centre; ``None`` if there are none, or not with that symmetry."""
    if not codes.size:
        return None
    if not symmetry:
        return _filled(words, codes & (words - 1), entries), 0
    if symmetry > 0:
        table, centre = _filled(words, np.abs(codes), entries), 0
        same = table[np.abs(codes)]
    else:
        below = codes <= 0
        if not below.any() or -codes[0] < codes[-1]:  # a positive code without its negative
            return None
        table = _filled(words, -codes[below], entries[below])
        nearest = codes[codes > 0][:1]
        centre = int((entries[np.searchsorted(codes, nearest)] + table[nearest]).sum())
        same = np.where(codes < 0, table[-codes], np.minimum(centre - table[codes], top))
    return (table, centre) if np.array_equal(same, entries) else None


def _filled(words: int, places: IntArray, entries: IntArray) -> IntArray:
    """A table with ``entries`` at ``places``; elsewhere what the first of them is."""
    table = np.full(words, entries[0])
    table[places] = entries
    return table
