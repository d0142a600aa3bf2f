"""Merges an activation that only limits the range into the requantizer before it.

Before::

    linear_1 = linear(input) ... low=-128 high=127 : fixed<8,4>[32]
    relu = clamp(linear_1) low=0 high=127 : fixed<8,4>[32]

After::

    linear_1 = linear(input) ... low=0 high=127 : fixed<8,4>[32]
"""

from __future__ import annotations

import dataclasses

from creator.graph.build import rewrite
from creator.graph.graph import Graph, Node
from creator.ops import Add, Clamp, Linear, Minifloat, Multiply, Op, Polynomial, Quantize, Rescale, Slope
from creator.ops.clamp import merged

LIMITED = (Add, Clamp, Linear, Minifloat, Multiply, Polynomial, Quantize, Rescale, Slope)
"""Operations with limits."""


def merge_clamps(graph: Graph) -> Graph:
    """Replaces an operation that has limits, followed by clamp, with the first, its limits narrowed."""

    def rule(node: Node, source: Node | None) -> tuple[Op, tuple[str, ...]] | None:
        if source is None or not isinstance(node.op, Clamp) or not isinstance(source.op, LIMITED):
            return None
        low, high = merged((source.op.low, source.op.high), (node.op.low, node.op.high))
        return dataclasses.replace(source.op, low=low, high=high), source.paths + node.paths

    return rewrite(graph, rule)
