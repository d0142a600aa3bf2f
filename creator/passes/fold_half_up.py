"""Makes rounding half up free: its half becomes part of the bias, and what remains is dropping bits.

Before::

    linear_1 = linear(input) bias=b accumulator=fixed<17,9> output=fixed<8,4> rounding=half_up ...

After, with 2**4 added to every bias, since 9 - 4 = 5 bits are dropped::

    linear_1 = linear(input) bias=b+16 accumulator=fixed<17,9> output=fixed<8,4> rounding=floor ...
"""

from __future__ import annotations

import dataclasses

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.graph.graph import Graph, Node
from creator.ops import Linear
from creator.ops.base import MAX_BITS


def fold_half_up(graph: Graph) -> Graph:
    """Folds the half of every linear node that rounds half up into its bias, where the wider sum stays legal."""

    def folded(node: Node) -> Node:
        op = node.op
        if not isinstance(op, Linear) or op.rounding is not Rounding.HALF_UP:
            return node
        dropped = op.dropped
        if dropped >= MAX_BITS - 1:
            return node
        half = (1 << dropped) >> 1 if dropped > 0 else 0
        wide = FixedPoint(MAX_BITS, op.accumulator.frac_bits)
        new = dataclasses.replace(op, bias=op.bias + half, rounding=Rounding.FLOOR, accumulator=wide)
        source = node.inputs[0]
        sums = new.sums(graph.type_of(source), graph.intervals[source])
        fits = wide.min_code <= sums.low and sums.high <= wide.max_code
        return dataclasses.replace(node, op=new) if fits else node

    result = dataclasses.replace(graph, nodes=tuple(folded(node) for node in graph.nodes))
    try:
        return result.verify()
    except CreatorError:  # the bounds of a folded sum are wider, and a layer further on may not bear that
        return graph
