"""Builds graphs and rewrites them."""

from __future__ import annotations

import re
from collections import Counter
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

    def add(self, op: Op, source: str | tuple[str, ...], paths: tuple[str, ...], name: str | None = None) -> str:
        """Appends ``op`` reading ``source``, one value or several; returns its name, made from the first module path unless
        given."""
        where = paths[0] if paths else op.name
        sources = (source,) if isinstance(source, str) else source
        if len(sources) != op.arity:
            raise CreatorError(f"{op.name} reads {op.arity} values, not {len(sources)}", where)
        try:
            result = op.infer(tuple(self._types[each] for each in sources))
        except CreatorError as error:
            raise error.at(where) from None
        name = name or self._unique(node_name(op.name, where))
        self._types[name] = result
        self._nodes.append(Node(name, op, sources, result, paths))
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

    ``source`` is the new node that the node reads; ``None`` for the graph's input, and for a node that reads several values.
    The rule returns ``None`` to keep the node, ``"drop"`` to let its readers read its source instead, or ``(op, paths)`` to
    replace *source and node together* by one node that has the source's name, where nothing else reads the source. A node
    that reads several values can only be kept.
    """
    readers = Counter([graph.output, *(name for node in graph.nodes for name in node.inputs)])
    renamed = {graph.input: graph.input}
    types = {graph.input: graph.input_type}
    done: dict[str, Node] = {}
    for node in graph.nodes:
        names = tuple(renamed[name] for name in node.inputs)
        alone = len(names) == 1
        source = done.get(names[0]) if alone else None
        choice = rule(node, source)
        if choice == "drop" and alone:
            renamed[node.name] = names[0]
            readers[names[0]] += readers[node.name] - 1
            continue
        if isinstance(choice, tuple) and source is not None and readers[source.name] == 1:
            op, paths = choice
            result = op.infer(tuple(types[name] for name in source.inputs))
            done[source.name] = Node(source.name, op, source.inputs, result, paths)
            types[source.name] = result
            renamed[node.name] = source.name
            readers[source.name] = readers[node.name]
            continue
        done[node.name] = Node(node.name, node.op, names, node.type, node.paths)
        types[node.name] = node.type
        renamed[node.name] = node.name
    return Graph(graph.input, graph.input_type, tuple(done.values()), renamed[graph.output])
