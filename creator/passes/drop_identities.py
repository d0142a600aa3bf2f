"""Drops what changes nothing.

Before::

    flat = reshape(input) shape=(64) : fixed<8,4>[64]           # input is fixed<8,4>[64] already
    relu = clamp(flat) low=0 high=127 : fixed<8,4>[64]          # input is never negative, say
    again = quantize(relu) output=fixed<8,4> ... : fixed<8,4>[64]
    part = slice(again) axis=0 start=0 stop=64 : fixed<8,4>[64]
    same = rescale(part) factors=... output=fixed<8,4> ... : fixed<8,4>[64]   # all factors are 2**shift

After: ``relu`` alone where its input can be negative, otherwise nothing.
"""

from __future__ import annotations

from creator.graph.build import rewrite
from creator.graph.graph import Graph, Node
from creator.ops import Clamp, Quantize, Rescale, Reshape, Shift, Slice


def drop_identities(graph: Graph) -> Graph:
    """Removes reshapes to the same shape, slices that keep everything, shifts by nothing, clamps that never bind, and changes
    to the format or scale that is already there."""

    def rule(node: Node, source: Node | None) -> str | None:
        del source
        before, interval = graph.input_types(node)[0], graph.intervals[node.inputs[0]]
        match node.op:
            case Reshape() | Slice():
                same = node.type.shape == before.shape
            case Shift(places=places):
                same = places == 0
            case Rescale() if node.op.scaling != ((1,), 0):
                same = False
            case Clamp(low=low, high=high) | Quantize(low=low, high=high) | Rescale(low=low, high=high):
                same = node.type.format == before.format and low <= interval.low and interval.high <= high
            case _:
                same = False
        return "drop" if same else None

    return rewrite(graph, rule)
