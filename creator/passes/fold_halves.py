"""Makes rounding to nearest nearly free: the half that it would add becomes part of the bias.

Before::

    linear_1 = linear(input) bias=b accumulator=fixed<17,9> output=fixed<8,4> rounding=half_up ...
    linear_2 = linear(linear_1) bias=c accumulator=fixed<17,9> output=fixed<8,4> rounding=half_even ...

After, with 2**4 added to every bias, since 9 - 4 = 5 bits are dropped::

    linear_1 = linear(input) bias=b+16 accumulator=fixed<17,9> output=fixed<8,4> rounding=floor ...
    linear_2 = linear(linear_1) bias=c+16 accumulator=fixed<17,9> output=fixed<8,4> rounding=half_even ... offset=16

What remains of rounding half up is dropping bits. What remains of half to even is dropping bits, and clearing the lowest that
is kept where all that are dropped are 0, which is where there was a tie.
"""

from __future__ import annotations

import dataclasses

from creator.formats import FixedPoint, Rounding, bits_for
from creator.graph.graph import Graph, Node
from creator.ops import Linear
from creator.ops.base import MAX_BITS


def fold_halves(graph: Graph) -> Graph:
    """Folds the half of linear nodes that round half up, or half to even, into their biases where the wider sum stays legal."""

    def folded(node: Node) -> Node:
        op = node.op
        if not isinstance(op, Linear) or op.rounding not in (Rounding.HALF_UP, Rounding.HALF_EVEN) or op.offset:
            return node
        source = node.inputs[0]
        bits = bits_for(*op.sums(graph.type_of(source), graph.intervals[source]))
        if op.dropped > bits:  # the half is larger than the sums, which it would make wide for nothing
            return node
        wide = FixedPoint(MAX_BITS, op.accumulator.frac_bits)
        new = dataclasses.replace(op, bias=op.bias + op.half, accumulator=wide)
        if op.rounding is Rounding.HALF_UP:
            new = dataclasses.replace(new, rounding=Rounding.FLOOR)
        else:
            new = dataclasses.replace(new, offset=op.half)
        sums = new.sums(graph.type_of(source), graph.intervals[source])
        fits = wide.min_code <= sums.low and sums.high <= wide.max_code
        return dataclasses.replace(node, op=new) if fits else node

    # What a layer gives, and its bounds, stay the same, so that no other layer notices.
    return dataclasses.replace(graph, nodes=tuple(folded(node) for node in graph.nodes))
