"""Narrows the stream between a layer that gives its exact sums and the change of scale that reads them.

Before::

    sums = linear(input) ... accumulator=fixed<19,4> output=fixed<52,4> ... : fixed<52,4>[10]
    scaled = rescale(sums) factors=@[10] shift=20 output=affine<8,0.05,3> ... : affine<8,0.05,3>[10]

After::

    sums = linear(input) ... accumulator=fixed<19,4> output=fixed<19,4> ... : fixed<19,4>[10]
    scaled = rescale(sums) factors=@[10] shift=20 output=affine<8,0.05,3> ... : affine<8,0.05,3>[10]

Only where nothing but changes of scale, or to floating point, reads the sums: they take integers of any width, so no other type
changes.
"""

from __future__ import annotations

import dataclasses

from creator.formats import FixedPoint, Overflow, bits_for
from creator.graph.graph import Graph, Node
from creator.ops import Interval, Linear, Minifloat, Op, Rescale, Reshape


def narrow_sums(graph: Graph) -> Graph:
    """Gives each saturating linear node that only such changes read the narrowest output that holds all of its codes."""
    types = {graph.input: graph.input_type}
    nodes = []
    for node in graph.nodes:
        op: Op = node.op
        if isinstance(op, Linear) and op.overflow is Overflow.SATURATE and _only_rescaled(graph, node):
            op = _narrowed(op, graph.intervals[node.name])
        types[node.name] = op.infer(tuple(types[name] for name in node.inputs))
        nodes.append(dataclasses.replace(node, op=op, type=types[node.name]))
    return dataclasses.replace(graph, nodes=tuple(nodes))


def _narrowed(op: Linear, reached: Interval) -> Linear:
    signed = op.output.signed
    bits = bits_for(*reached) if signed else max(1, reached.high.bit_length())
    if bits >= op.output.total_bits:
        return op
    output = FixedPoint(bits, op.output.frac_bits, signed)
    return dataclasses.replace(op, output=output, low=max(op.low, output.min_code), high=min(op.high, output.max_code))


def _only_rescaled(graph: Graph, node: Node) -> bool:
    readers = [other for other in graph.nodes if node.name in other.inputs]
    return bool(readers) and graph.output != node.name and all(_takes_any_width(graph, reader) for reader in readers)


def _takes_any_width(graph: Graph, reader: Node) -> bool:
    return isinstance(reader.op, (Minifloat, Rescale)) or (isinstance(reader.op, Reshape) and _only_rescaled(graph, reader))
