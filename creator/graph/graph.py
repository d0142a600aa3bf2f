"""Graph and Node: frozen values that can be verified, run, printed and saved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops import Interval, Op, TensorType


@dataclass(frozen=True)
class Node:
    """One operation in a graph.

    Args:
        name: unique in the graph; letters, digits and underscores, as its VHDL entity will be called.
        op: the operation with its attributes.
        inputs: names of the nodes, or of the graph's input, that it reads.
        type: of the result.
        paths: torch module paths that the node stands for, the first being the one that errors name.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    type: TensorType
    paths: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """What an error or a mismatch report calls the node."""
        text = " + ".join(self.paths) if self.paths else self.name
        return "".join(character if character.isprintable() else "?" for character in text)


@dataclass(frozen=True)
class Graph:
    """An integer network: nodes in topological order, one input, one output. A value may have several readers.

    Args:
        input: name of the input.
        input_type: shape and format of one sample.
        nodes: each reads only the input or earlier nodes.
        output: name of the node, or the input, that is the result.
    """

    input: str
    input_type: TensorType
    nodes: tuple[Node, ...]
    output: str
    _types: Mapping[str, TensorType] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        types = {self.input: self.input_type} | {node.name: node.type for node in self.nodes}
        object.__setattr__(self, "_types", types)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.input_type.shape

    @property
    def input_format(self) -> Format:
        """Format of the input's codes."""
        return self.input_type.format

    @property
    def output_type(self) -> TensorType:
        """Shape and format of the result for one sample."""
        return self.type_of(self.output)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the result for one sample."""
        return self.output_type.shape

    @property
    def output_format(self) -> Format:
        """Format of the result's codes."""
        return self.output_type.format

    def type_of(self, name: str) -> TensorType:
        """The type of a node's result or of the input."""
        return self._types[name]

    def input_types(self, node: Node) -> tuple[TensorType, ...]:
        """The types of what ``node`` reads."""
        return tuple(self.type_of(name) for name in node.inputs)

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Bounds of the codes of every value, for inputs anywhere in the input's format."""
        found = {self.input: Interval.of(self.input_format)}
        for node in self.nodes:
            try:
                found[node.name] = node.op.interval(self.input_types(node), tuple(found[name] for name in node.inputs))
            except CreatorError as error:
                raise error.at(node.where) from None
        return found

    def verify(self) -> Graph:
        """Checks that every reference, type, array and accumulator is sound; returns the graph itself.

        Raises:
            CreatorError: naming the first node that is not.
        """
        known = {self.input}
        for node in self.nodes:
            if not node.name.isidentifier() or not node.name.isascii():
                raise CreatorError(f"{node.name!r} is not a name", "graph")
            if node.name in known:
                raise CreatorError("a name is used twice", node.name)
            missing = [name for name in node.inputs if name not in known]
            if missing:
                raise CreatorError(f"reads {', '.join(missing)}, which does not come before it", node.where)
            if len(node.inputs) != node.op.arity:
                needed = "one value" if node.op.arity == 1 else f"{node.op.arity} values"
                raise CreatorError(f"reads {len(node.inputs)} values, where {node.op.name} takes {needed}", node.where)
            try:
                inferred = node.op.infer(self.input_types(node))
            except CreatorError as error:
                raise error.at(node.where) from None
            if inferred != node.type:
                raise CreatorError(f"is declared {node.type}, but computes {inferred}", node.where)
            known.add(node.name)
        if self.output not in known:
            raise CreatorError(f"the output {self.output!r} does not exist", "graph")
        _ = self.intervals
        return self

    def check_input(self, x: npt.ArrayLike, where: str = "input vectors") -> IntArray:
        """``x`` as int64 of shape (batch, *input_shape), refused if it is not codes of the input format in that shape."""
        try:
            array = np.asarray(x)
        except (ValueError, TypeError, RuntimeError) as error:
            raise CreatorError(f"is not an array: {error}", where, "pass integer codes in one rectangular array") from None
        if array.ndim != len(self.input_shape) + 1 or array.shape[1:] != self.input_shape:
            shape = ", ".join(map(str, self.input_shape))
            raise CreatorError(f"expected shape (batch, {shape}), got {array.shape}", where)
        return self.input_format.check(array, where)

    def run_all(self, x: npt.ArrayLike) -> dict[str, IntArray]:
        """Every value of the graph by name, for input codes ``x`` of shape (batch, *input_shape)."""
        values = {self.input: self.check_input(x)}
        for node in self.nodes:
            values[node.name] = node.op.run(self.input_types(node), tuple(values[name] for name in node.inputs))
        return values

    def run(self, x: npt.ArrayLike) -> IntArray:
        """The network on integers.

        Args:
            x: codes of the input format, any integer dtype, shape (batch, *input_shape).

        Returns:
            int64 codes of the output format, shape (batch, *output_shape).

        Raises:
            CreatorError: if ``x`` has another shape or is not in the input's format.
        """
        return self.run_all(x)[self.output]

    def text(self) -> str:
        """The graph as text, one line a node; arrays are named, not printed."""
        from creator.graph.text import print_graph

        return print_graph(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the graph to one file that :func:`creator.load` reads back: safetensors with the text as metadata."""
        from creator.graph.storage import save

        save(self, path)

    def __str__(self) -> str:
        return self.text()
