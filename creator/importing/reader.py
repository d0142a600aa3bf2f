"""Walks the torch.fx graph of a converted model and writes one whose modules are creator's layers.

Three kinds of models meet here. Those with quantized tensors have operations that know the scale of their result. Those with
quantize and dequantize operations around floating-point ones (reference models, PT2E) say what a result is quantized to only
after the operation; it is :class:`Pending` until then. Weights are constants of either kind.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.fx
from torch.fx.node import map_aggregate

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError

Handler = Callable[..., Any]
"""Takes the reader and the arguments of a call; gives what the call does."""
After = Callable[[torch.fx.Node, Format], torch.fx.Node]


@dataclass(frozen=True)
class Value:
    """A tensor of the network.

    Args:
        node: in the graph that is written.
        format: of its elements; ``None`` for the network's input before it is quantized.
        floating: whether torch computes with it in floating point, after a dequantization.
    """

    node: torch.fx.Node
    format: Format | None = None
    floating: bool = False


class Match(NamedTuple):
    """What a value of the written graph is in the model.

    Args:
        node: the node of the model with the same codes.
        format: of the codes.
        path: the layer that computes it; empty where elements are only moved.
    """

    node: torch.fx.Node
    format: Format
    path: str


@dataclass(frozen=True)
class Size:
    """A number that depends on shapes alone; ``node`` computes it in the graph that is written."""

    node: torch.fx.Node


@dataclass(frozen=True)
class Pending:
    """A result in floating point whose format a later quantization gives.

    Args:
        emit: writes the layer with that format and returns its node.
        after: what then comes, such as a ReLU, which may change places with the rounding.
        where: the module path.
    """

    emit: Callable[[Format], torch.fx.Node]
    where: str
    after: tuple[After, ...] = ()

    def followed(self, then: After) -> Pending:
        """The same with ``then`` behind it."""
        return dataclasses.replace(self, after=(*self.after, then))


class Imported(torch.nn.Module):
    """What holds the layers of the written graph."""


class Reader:
    """Reads one model.

    Args:
        model: converted by torch.ao or by PT2E.
        source: its graph.
        multiplier_bits: of the layers.
        output: format of a result that stays in floating point, or ``None``.
    """

    def __init__(
        self, model: torch.nn.Module, source: torch.fx.Graph, multiplier_bits: int, output: Format | None = None
    ) -> None:
        self.model, self.source, self.multiplier_bits, self.output = model, source, multiplier_bits, output
        self.graph = torch.fx.Graph()
        self.root = Imported()
        self.values: dict[torch.fx.Node, Any] = {}
        self.where = ""
        self.paths: list[str] = []
        self.matches: dict[str, Match] = {}
        """By the names of the nodes of the written graph."""

    def read(self, handle: Callable[[Reader, torch.fx.Node], Any]) -> None:
        """Lets ``handle`` give the value of each node that the output depends on, in order."""
        placeholders = [node for node in self.source.nodes if node.op == "placeholder"]
        if len([node for node in placeholders if not node.args]) != 1:
            what = f"forward takes {len(placeholders)} inputs"
            raise CreatorError(what, type(self.model).__name__, "a network has exactly one")
        needed = _needed(self.source)
        for node in self.source.nodes:
            if node not in needed:
                continue
            self.where = place_of(node)
            try:
                value = self.values[node] = self._value(node, handle)
            except CreatorError as error:
                raise error.at(self.where) from None
            if isinstance(value, Value) and value.format is not None and not value.floating:
                made = value.node.op == "call_module" or isinstance(self.values.get(node.all_input_nodes[0]), Pending)
                path = str(value.node.target) if value.node.op == "call_module" else self.paths[-1]
                self.matches.setdefault(value.node.name, Match(node, value.format, path if made else ""))

    def _value(self, node: torch.fx.Node, handle: Callable[[Reader, torch.fx.Node], Any]) -> Any:
        if node.op == "placeholder":
            if node.args:
                return node.args[0]  # an argument with a default
            return Value(self.graph.placeholder(re.sub(r"\W", "_", str(node.target))))
        if node.op == "get_attr":
            found: Any = self.model
            for name in str(node.target).split("."):
                found = getattr(found, name)
            return found
        if node.op == "output":
            return self._finish(node)
        return handle(self, node)

    def _finish(self, node: torch.fx.Node) -> None:
        result = self.arguments(node.args[0])
        while isinstance(result, (tuple, list)) and len(result) == 1:
            result = result[0]
        if isinstance(result, Pending) and self.output is not None:
            result = self.quantize(result, self.output)
        if isinstance(result, Pending):
            hint = "quantize it: in PT2E annotate the output too, or pass output=, the format that it shall have"
            raise CreatorError("its result stays in floating point and is the network's output", result.where, hint)
        if not isinstance(result, Value) or result.format is None:
            raise CreatorError("the model must return one quantized value", "output", "return the result of the last layer")
        self.graph.output(result.node)

    # What handlers use.

    def arguments(self, args: Any) -> Any:
        """``args`` of a node, with values in the places of nodes."""
        return map_aggregate(args, lambda arg: self.values[arg] if isinstance(arg, torch.fx.Node) else arg)

    def place(self, layer: torch.nn.Module, *inputs: torch.fx.Node, where: str | None = None) -> torch.fx.Node:
        """Puts a layer at the module path ``where``, or near it if that is taken, and calls it."""
        path = self._free(where if where is not None else self.where)
        if hasattr(layer, "where"):
            layer.where = path
        *parents, name = path.split(".")
        place: torch.nn.Module = self.root
        for parent in parents:
            if parent not in place._modules:
                place.add_module(parent, torch.nn.Module())
            place = place.get_submodule(parent)
        place.add_module(name, layer)
        self.paths.append(path)
        return self.graph.call_module(path, inputs)

    def _free(self, path: str) -> str:
        def taken(name: str) -> bool:
            return any(name == old or name.startswith(f"{old}.") or old.startswith(f"{name}.") for old in self.paths)

        if not taken(path):
            return path
        base, number = path.replace(".", "_"), 1
        while taken(f"{base}_{number}"):
            number += 1
        return f"{base}_{number}"

    def pending(self, make: Callable[[Format], torch.nn.Module], *inputs: torch.fx.Node) -> Pending:
        """The result of a layer that is made as soon as its output's format is known."""
        where = self.where
        return Pending(lambda output: self.place(make(output), *inputs, where=where), where)

    def quantize(self, x: Any, output: Format, where: str | None = None) -> Value:
        """``x`` in the format ``output``: that of the layer before it, if it waits for one; else a change of format, which is
        put at ``where``."""
        if isinstance(x, Pending):
            try:
                node = x.emit(output)
                for then in x.after:
                    node = then(node, output)
            except CreatorError as error:
                raise error.at(x.where) from None
            return Value(node, output)
        if not isinstance(x, Value):
            raise CreatorError("quantizes what is not a value of the network")
        if x.format == output:
            return Value(x.node, output)
        layer = nn.Quantize(output, multiplier_bits=self.multiplier_bits)
        layer.input_format = x.format
        layer.check_formats()
        where = where or re.sub(r"quantize_per_tensor(_default)?", "quantize", self.where)
        return Value(self.place(layer.eval(), x.node, where=where), output)

    def formatted(self, x: Any) -> tuple[torch.fx.Node, Format]:
        """The node and the format of a value that has one.

        Raises:
            CreatorError: for one that is in floating point.
        """
        if isinstance(x, Value) and x.format is not None:
            return x.node, x.format
        if isinstance(x, Pending):
            raise CreatorError(f"reads the result of {x.where} in floating point", hint="quantize that result too")
        if isinstance(x, Value):
            raise CreatorError("reads values in floating point", hint="begin the quantized part before it, with QuantStub")
        raise CreatorError("reads what is not a value of the network")


def _needed(graph: torch.fx.Graph) -> set[torch.fx.Node]:
    needed: set[torch.fx.Node] = set()
    for node in reversed(graph.nodes):
        if node.op in ("placeholder", "output") or node in needed:
            needed |= {node, *node.all_input_nodes}
    return needed


_PATH = re.compile(r"[A-Za-z_0-9]+(\.[A-Za-z_0-9]+)*")


def place_of(node: torch.fx.Node) -> str:
    """The module path of a node; of a function, that of the layer of torch.nn which became it, or one made of its name."""
    if node.op == "call_module":
        return str(node.target)
    if node.op == "output":
        return "output"
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = (str(part) for part in stack[-1][:2]) if stack and isinstance(stack[-1], tuple) else ("", "")
    if not _PATH.fullmatch(path):
        return str(node.name)
    return path if "torch.nn." in kind and "torch.nn.modules.container" not in kind else f"{path}.{node.name}"
