"""Merges a change of format into the exact sum or product before it.

Before::

    sum = add(a, b) output=fixed<9,4> ... : fixed<9,4>[32]        # holds every sum of two fixed<8,4>
    q = quantize(sum) output=fixed<8,3> rounding=half_even ... : fixed<8,3>[32]

After::

    sum = add(a, b) output=fixed<8,3> rounding=half_even ... : fixed<8,3>[32]
"""

from __future__ import annotations

import dataclasses

from creator.graph.build import rewrite
from creator.graph.graph import Graph, Node
from creator.ops import Add, Interval, Multiply, Op, Quantize


def merge_changes(graph: Graph) -> Graph:
    """Replaces an add or a multiply that neither rounds nor limits, followed by quantize, with one that does what that does."""
    before = {node.name: node for node in graph.nodes}

    def rule(node: Node, source: Node | None) -> tuple[Op, tuple[str, ...]] | None:
        if source is None or not isinstance(node.op, Quantize) or not isinstance(source.op, (Add, Multiply)):
            return None
        if source.op is not before[source.name].op or not _is_exact(graph, before[source.name]):
            return None
        rules = {name: getattr(node.op, name) for name in ("output", "rounding", "overflow", "low", "high")}
        return dataclasses.replace(source.op, **rules), source.paths + node.paths

    return rewrite(graph, rule)


def _is_exact(graph: Graph, node: Node) -> bool:
    """Whether every sum or product is a value of the node's output, within its limits."""
    op, types = node.op, graph.input_types(node)
    assert isinstance(op, (Add, Multiply))
    intervals = tuple(graph.intervals[name] for name in node.inputs)
    reached = op.sums(types, intervals) if isinstance(op, Add) else op.products(intervals)
    finer = op.output.frac_bits - op.frac_bits(types)
    if finer < 0:
        return False
    codes = Interval(reached.low << finer, reached.high << finer)
    return op.low <= codes.low and codes.high <= op.high
