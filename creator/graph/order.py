"""In which order a network's streams carry the elements of a sample.

Inside, values are channels last; a model's input and output may be channels first. A node that exchanges axes and alone reads
the graph's input, or alone makes its output, is no hardware, but the order of the elements on the stream there.
"""

from __future__ import annotations

from creator.formats import IntArray
from creator.graph.graph import Graph, Node
from creator.ops.permute import Permute, inverse


def input_order(graph: Graph) -> Node | None:
    """The node that is the order of the input's elements, if there is one."""
    readers = [node for node in graph.nodes if graph.input in node.inputs]
    alone = len(readers) == 1 and isinstance(readers[0].op, Permute) and graph.output != graph.input
    return readers[0] if alone else None


def output_order(graph: Graph) -> Node | None:
    """The node that is the order of the output's elements, if there is one."""
    found = next((node for node in graph.nodes if node.name == graph.output and isinstance(node.op, Permute)), None)
    read = any(graph.output in node.inputs for node in graph.nodes)
    return None if read or found is input_order(graph) else found


def axes_of(node: Node | None) -> tuple[int, ...] | None:
    """The axes that a node of :func:`input_order` or :func:`output_order` exchanges."""
    return node.op.axes if node is not None and isinstance(node.op, Permute) else None


def input_axes(graph: Graph) -> tuple[int, ...]:
    """The axes of a sample in the order in which the input's stream carries it, the last one moving fastest."""
    return axes_of(input_order(graph)) or tuple(range(len(graph.input_shape)))


def output_axes(graph: Graph) -> tuple[int, ...]:
    """The axes of a result in the order in which the output's stream carries it, the last one moving fastest."""
    axes = axes_of(output_order(graph))
    return tuple(range(len(graph.output_shape))) if axes is None else inverse(axes)


def to_stream(graph: Graph, x: IntArray) -> IntArray:
    """Input codes of shape (batch, *input_shape) in the order of the stream, shape (batch, elements)."""
    axes = axes_of(input_order(graph))
    return (x if axes is None else _permuted(x, axes)).reshape(len(x), -1)


def result_from_stream(graph: Graph, y: IntArray) -> IntArray:
    """Output codes of shape (batch, elements) as they are on the stream, in shape (batch, *output_shape)."""
    axes = axes_of(output_order(graph))
    if axes is None:
        return y.reshape(len(y), *graph.output_shape)
    stored = tuple(graph.output_shape[axis] for axis in inverse(axes))
    return _permuted(y.reshape(len(y), *stored), axes)


def _permuted(x: IntArray, axes: tuple[int, ...]) -> IntArray:
    return x.transpose(0, *(axis + 1 for axis in axes))
