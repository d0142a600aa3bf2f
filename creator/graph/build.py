"""Builds graphs and rewrites them."""

from __future__ import annotations

import re
from collections.abc import Callable

from creator.errors import CreatorError
from creator.graph.graph import Graph, Node
from creator.ops import Op, TensorType


class Builder:
    """Collects nodes in order; infers each type and gives each node a unique name."""

    def __init__(self, input_type: TensorType, input: str = "input") -> None:
        self.input = input
        self.input_type = input_type
        self._types = {input: input_type}
        self._nodes: list[Node] = []

    def type_of(self, name: str) -> TensorType:
        """The type of a node's result or of the input."""
        return self._types[name]

    def add(self, op: Op, source: str, paths: tuple[str, ...], name: str | None = None) -> str:
        """Appends ``op`` reading ``source``; returns its name, made from the first module path unless given."""
        where = paths[0] if paths else op.name
        try:
            result = op.infer((self._types[source],))
        except CreatorError as error:
            raise error.at(where) from None
        name = name or self._unique(node_name(op.name, where))
        self._types[name] = result
        self._nodes.append(Node(name, op, (source,), result, paths))
        return name

    def _unique(self, name: str) -> str:
        taken = {known.lower() for known in self._types}
        candidate, count = name, 2
        while candidate.lower() in taken:
            candidate, count = f"{name}_{count}", count + 1
        return candidate

    def graph(self, output: str) -> Graph:
        """The verified graph whose result is ``output``: the nodes that it depends on, and no others."""
        needed = {output}
        for node in reversed(self._nodes):
            if node.name in needed:
                needed.update(node.inputs)
        nodes = tuple(node for node in self._nodes if node.name in needed)
        return Graph(self.input, self.input_type, nodes, output).verify()


def node_name(op: str, path: str) -> str:
    """``encoder.0`` as a linear node: ``encoder_0``; ``0``: ``linear_0``. ASCII letters, digits and single underscores."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_")
    return name if name[:1].isalpha() else f"{op}_{name}".rstrip("_")


def rewrite(graph: Graph, rule: Callable[[Node, Node | None], tuple[Op, tuple[str, ...]] | str | None]) -> Graph:
    """A new graph in which ``rule(node, source)`` has been applied to every node, in order.

    ``source`` is the new node that the node reads, or ``None`` for the graph's input. The rule returns ``None`` to keep the
    node, ``"drop"`` to let its readers read its source instead, or ``(op, paths)`` to replace *source and node together* by
    one node that has the source's name, where nothing else reads the source.
    """
    readers: dict[str, int] = {graph.output: 1}
    for node in graph.nodes:
        for name in node.inputs:
            readers[name] = readers.get(name, 0) + 1
    renamed = {graph.input: graph.input}
    types = {graph.input: graph.input_type}
    done: dict[str, Node] = {}
    for node in graph.nodes:
        source_name = renamed[node.inputs[0]]
        source = done.get(source_name)
        only_reader = readers[source_name] == 1
        choice = rule(node, source)
        if choice == "drop":
            renamed[node.name] = source_name
            readers[source_name] = readers.get(source_name, 0) + readers.get(node.name, 0) - 1
            continue
        if isinstance(choice, tuple) and source is not None and only_reader:
            op, paths = choice
            inputs = (types[source.inputs[0]],)
            done[source_name] = Node(source_name, op, source.inputs, op.infer(inputs), paths)
            types[source_name] = done[source_name].type
            renamed[node.name] = source_name
            readers[source_name] = readers.get(node.name, 0)
            continue
        done[node.name] = Node(node.name, node.op, (source_name,), node.type, node.paths)
        types[node.name] = node.type
        renamed[node.name] = node.name
    return Graph(graph.input, graph.input_type, tuple(done.values()), renamed[graph.output])
