"""Gives every accumulator the width that its real weights and its real input range need, and no more.

Before::

    linear_1 = linear(input) weight=@[10,64] accumulator=fixed<52,9> ...

After::

    linear_1 = linear(input) weight=@[10,64] accumulator=fixed<17,9> ...
"""

from __future__ import annotations

import dataclasses

from creator.formats import FixedPoint, bits_for
from creator.graph.graph import Graph, Node
from creator.ops import Linear


def infer_accumulators(graph: Graph) -> Graph:
    """Narrows each accumulator to the bounds of its partial sums."""

    def narrowed(node: Node) -> Node:
        if not isinstance(node.op, Linear):
            return node
        source = graph.type_of(node.inputs[0])
        sums = node.op.sums(source, graph.intervals[node.inputs[0]])
        # At least one bit of the shifted product: with all weights zero the sums alone may need fewer.
        accumulator = FixedPoint(max(bits_for(*sums), node.op.align(source) + 1), node.op.accumulator.frac_bits)
        return dataclasses.replace(node, op=dataclasses.replace(node.op, accumulator=accumulator))

    return dataclasses.replace(graph, nodes=tuple(narrowed(node) for node in graph.nodes))
