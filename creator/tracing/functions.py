"""Functions and methods that a model calls, each lowered by what it is: a join, a part, a reshape, a reduction, ..."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F

from creator import ops
from creator.errors import CreatorError
from creator.graph import Builder
from creator.nn import Add, Multiply
from creator.tracing.appending import Appending, Raw
from creator.tracing.broadcast import EXPANSIONS, expanded
from creator.tracing.calls import CALLS, called_op
from creator.tracing.constants import NEGATIONS, appended, is_line, line_of
from creator.tracing.fx import Call, holds_tensors
from creator.tracing.hints import FUNCTION_HINTS
from creator.tracing.joins import (
    CONCATENATIONS,
    FLOAT32_BITS,
    FLOAT64_BITS,
    LARGER,
    SMALLER,
    STACKS,
    extreme,
    function_join,
    is_join,
    operands,
    stacked,
)
from creator.tracing.layout import Value, permuted, probe, reshaped
from creator.tracing.parts import NARROWS, SELECTS, SPLITS, UNBINDS, indexed, narrowed, selected, split, unbound
from creator.tracing.reductions import EXTREMES, REDUCTIONS, pools_spatially, reduced
from creator.tracing.rows import ARG_MAX, argmax_arguments
from creator.tracing.spatial_calls import SPATIAL_CALLS, spatial_call

RESHAPES = {torch.flatten, torch.reshape, torch.unsqueeze, torch.squeeze, torch.ravel, torch.unflatten}
RESHAPES |= {"flatten", "reshape", "view", "unsqueeze", "squeeze", "contiguous", "unflatten", "ravel"}
PERMUTES = {torch.permute, torch.transpose, torch.swapaxes, torch.swapdims, torch.movedim, torch.moveaxis}
PERMUTES |= {"permute", "transpose", "swapaxes", "swapdims", "movedim", "moveaxis"}
DROPOUTS = {F.dropout, F.alpha_dropout, F.feature_alpha_dropout, torch.dropout}
COPIES = {torch.clone, torch.detach, "clone", "detach", "float", "double", "to", "type"}
"""What gives the values that it gets, if the type that it gives them can hold these."""
SQUARES = {torch.square, "square"}
POWERS = {operator.pow, torch.pow, "pow"}
PICKS: dict[Any, int] = {0: 0, 1: 1, "values": 0, "indices": 1}
"""Results of a maximum along an axis, by index and by name."""


def is_square(call: Call | torch.fx.Node) -> bool:
    """Whether a call multiplies a value by itself."""
    return call.target in SQUARES or (call.target in POWERS and (*call.args[1:], *call.kwargs.values()) == (2,))


def _nodes(call: Call, where: str) -> tuple[Sequence[Any], int]:
    """What a function of several values reads, and its axis; refusals name ``where``."""
    try:
        return operands(call.target, call.args, call.kwargs)
    except CreatorError as error:
        raise error.at(where) from None


class Functions(Appending, torch.fx.Interpreter):
    """Lowers calls of functions and methods; the interpreter runs them for real."""

    BATCH = 3
    """Of the example; a size that no reshape writes out by accident."""

    values: dict[torch.fx.Node, Value | Raw]
    parts: dict[torch.fx.Node, list[Value]]

    def _operands(self, nodes: Sequence[Any], where: str) -> list[Value]:
        """The values of the network that something reads."""
        found = [self.values.get(node) if isinstance(node, torch.fx.Node) else None for node in nodes]
        if not found or any(value is None for value in found):
            what = "an operand that is no value of the network is not supported"
            raise CreatorError(what, where, "put numbers and parameters into a layer from creator.nn")
        return [self._formatted(value, (where,)) for value in found if value is not None]

    def _is_constant(self, node: Any) -> bool:
        """Whether an operand depends on no value of the network: a number, a parameter, a buffer, or what is made of those."""
        if isinstance(node, torch.fx.Node):
            return node not in self.values and node not in self.parts and isinstance(self.env.get(node), torch.Tensor)
        return isinstance(node, (int, float)) and not isinstance(node, bool)

    def _line(self, target: object, nodes: Sequence[Any], where: str, module: Add | Multiply | None = None) -> Value:
        """What takes one value, and constants."""
        read = [node for node in nodes if not self._is_constant(node)]
        (value,) = self._operands(read, where)
        given = [value if node is read[0] else self.env.get(node, node) for node in nodes]

        def make(builder: Builder) -> Value:
            return appended(builder, line_of(target, given, len(value.shape)), value, module, (where,))

        return self._at(where, make)

    def _joined(self, call: Call, where: str) -> Value:
        """A function of several values, or of a value and a constant."""
        if call.target in NEGATIONS:
            return self._line(call.target, call.args, where)
        nodes, dim = _nodes(call, where)
        if is_line(call.target) and not any(map(self._is_constant, nodes)):
            raise CreatorError("a quotient of two values is not supported", where, "use a table of the divisor: nn.Lookup")
        if call.target not in CONCATENATIONS and any(map(self._is_constant, nodes)):
            return self._line(call.target, nodes, where)
        values = self._operands(nodes, where)
        return self._at(where, lambda builder: function_join(builder, call.target, values, dim, (where,)))

    def _split(self, call: Call, results: Sequence[torch.Tensor], where: str) -> list[Value]:
        """A function of one value with several results."""
        (value,) = self._operands(call.args[:1], where)
        if call.target in UNBINDS:
            return self._at(where, lambda builder: unbound(builder, value, call.args[1:], call.kwargs, (where,)))
        shapes = [tuple(each.shape[1:]) for each in results]
        return self._at(where, lambda builder: split(builder, value, shapes, call.args[1:], call.kwargs, (where,)))

    def _part(self, call: Call, value: Value, where: str) -> Value:
        """An index, ``narrow``, or ``select``."""
        if call.target is operator.getitem:
            return self._at(where, lambda builder: indexed(builder, value, call.args[1], (where,)))
        take = selected if call.target in SELECTS else narrowed
        return self._at(where, lambda builder: take(builder, value, call.args[1:], call.kwargs, (where,)))

    def _stacked(self, call: Call, where: str) -> Value:
        """Values one after the other along a new axis."""
        nodes, dim = _nodes(call, where)
        values = self._operands(nodes, where)
        return self._at(where, lambda builder: stacked(builder, values, dim, (where,)))

    def _extreme(self, call: Call, where: str) -> Value:
        """The larger or the smaller of two values."""
        nodes, _ = _nodes(call, where)
        if any(map(self._is_constant, nodes)):
            raise CreatorError("a maximum with a constant is not supported", where, "use x.clamp(min=0.5, max=2.0)")
        values = self._operands(nodes, where)
        return self._at(where, lambda builder: extreme(builder, values, call.target in LARGER, (where,)))

    def _reduced(self, call: Call, dtype: torch.dtype, where: str) -> Value:
        """A sum, an average, a maximum or a minimum over axes of a sample."""
        (value,) = self._operands(call.args[:1], where)
        return self._at(where, lambda builder: reduced(builder, value, call, dtype, (where,)))

    def _picked(self, n: torch.fx.Node, where: str) -> Value:
        """One of several results."""
        found, index = self.parts[n.args[0]], n.args[1]  # type: ignore[index]
        if n.args[0].target in EXTREMES:  # type: ignore[union-attr]
            if PICKS.get(index) != 0:
                raise CreatorError("the indices of a maximum are not supported", where, "use x.argmax(dim), or nn.Top1")
            index = 0
        return found[index]  # type: ignore[index]

    def _copied(self, value: Value | Raw, result: torch.Tensor, where: str) -> Value | Raw:
        """The same values, in another type at most."""
        fmt = self.builder.type_of(value.name).format if self.builder is not None and isinstance(value, Value) else None
        bits = {torch.float32: FLOAT32_BITS, torch.float64: FLOAT64_BITS}.get(result.dtype, 0)
        if bits < (1 if fmt is None else fmt.total_bits):
            what = f"the type {str(result.dtype).removeprefix('torch.')} does not hold {fmt or 'the input'}"
            raise CreatorError(what, where, "leave the type as it is")
        return value

    def _expanded(self, call: Call, result: torch.Tensor, where: str) -> Value:
        """A value repeated along axes of one element."""
        (value,) = self._operands(call.args[:1], where)
        if result.ndim != len(value.shape) + 1 or result.shape[0] != self.BATCH:
            raise CreatorError("mixes the batch with other axes", where, "keep the batch as the first axis, and add no axis")
        return self._at(where, lambda builder: expanded(builder, value, tuple(result.shape[1:]), (where,)))

    def _windowed(self, call: Call, value: Value | Raw, result: torch.Tensor, where: str) -> Value | Raw:
        """A function that pools, pads or upsamples."""
        value = self._formatted(value, (where,))
        try:
            make, axes = spatial_call(call.target, value.shape, call.args[1:], call.kwargs)
        except CreatorError as error:
            raise error.at(where) from None
        return self._reshaped(self._spatial(make, value, axes, (where,)), result, where)

    def _reshaped(self, value: Value | Raw, result: Any, where: str) -> Value | Raw:
        if result.shape[:1] != (self.BATCH,):
            raise CreatorError("mixes the batch with other axes", where, "keep the batch as the first axis")
        shape = tuple(result.shape[1:]) or (1,)  # one element a sample has no axis in torch
        if isinstance(value, Raw):
            return value if shape == value.shape else Raw(shape, (*value.paths, where))
        assert self.builder is not None
        if shape == value.shape:
            return value
        return reshaped(self.builder, value, shape, (where,))

    def _permuted(self, call: Call, value: Value | Raw, where: str) -> Value | Raw:
        """A value with its axes exchanged: which, is seen from what happens to one whose axes all differ."""
        value = self._formatted(value, (where,))
        batch = self._at(where, lambda _: probe(len(value.shape)))
        target = call.target if callable(call.target) else getattr(torch.Tensor, str(call.target))
        moved = target(batch, *call.args[1:], **call.kwargs)
        axes = tuple(batch.shape.index(size) - 1 for size in moved.shape)
        if axes[0] != -1:
            raise CreatorError("mixes the batch with other axes", where, "keep the batch as the first axis")
        assert self.builder is not None
        return permuted(self.builder, value, axes[1:], (where,))

    def _function(self, n: torch.fx.Node, result: Any, where: str) -> None:
        """Lowers a call that reads values of the network; ``result`` is that of the example."""
        if n.target in (operator.getitem, getattr) and n.args[0] in self.parts:
            self.values[n] = self._picked(n, where)
            return
        call = Call.of(n, self.env)
        if n.target in SPLITS | UNBINDS:
            self.parts[n] = self._split(call, result, where)
        elif n.target in EXTREMES and isinstance(result, tuple):
            self.parts[n] = [self._reduced(call, result[0].dtype, where)]
        elif isinstance(result, torch.Tensor):
            self.values[n] = self._several(n, call, result, where) or self._single(n, call, result, where)
        elif holds_tensors(result):
            raise CreatorError("operations with several results are not supported", where, "use layers from creator.nn")
        # else a size: Python arithmetic on it needs no hardware

    def _several(self, n: torch.fx.Node, call: Call, result: torch.Tensor, where: str) -> Value | None:
        """A function of several values, or of a value and constants; ``None`` for others."""
        if is_join(n.target) or is_line(n.target):
            return self._joined(call, where)
        if n.target in STACKS:
            return self._stacked(call, where)
        if is_square(call):
            return self._joined(Call(operator.mul, (n.args[0], n.args[0]), {}), where)
        if n.target in LARGER | SMALLER and len(n.args) + len(n.kwargs) == 2:
            return self._extreme(call, where)
        return self._expanded(call, result, where) if n.target in EXPANSIONS else None

    def _single(self, n: torch.fx.Node, call: Call, result: torch.Tensor, where: str) -> Value | Raw:
        """A function of one value."""
        value = self.values.get(n.all_input_nodes[0])
        others = [source for source in n.all_input_nodes[1:] if isinstance(self.env.get(source), torch.Tensor)]
        if value is None or others or n.args[:1] != (n.all_input_nodes[0],):
            hint = FUNCTION_HINTS.get(where.rsplit(".", 1)[-1], "use a layer of creator.nn in its place")
            raise CreatorError("operations on several values are not supported", where, hint)
        if n.target in RESHAPES:
            return self._reshaped(value, result, where)
        if n.target in PERMUTES:
            return self._permuted(call, value, where)
        if n.target is operator.getitem or n.target in NARROWS | SELECTS:
            return self._reshaped(self._part(call, self._formatted(value, (where,)), where), result, where)
        if n.target in REDUCTIONS:
            rank = len(self._formatted(value, (where,)).shape)
            if not self._at(where, lambda _: pools_spatially(call, rank)):
                return self._reduced(call, result.dtype, where)
        if n.target in SPATIAL_CALLS:
            return self._windowed(call, value, result, where)
        if n.target in COPIES:
            return self._copied(value, result, where)
        if n.target in DROPOUTS and not call.kwargs.get("training", call.args[2] if len(call.args) > 2 else True):
            return value
        if n.target in CALLS:
            return self._add(
                lambda _, context: called_op(call.target, call.args[1:], call.kwargs, context), self.module, value, (where,)
            )
        if n.target in ARG_MAX:
            dim, keepdim = argmax_arguments(*call.args[1:], **call.kwargs)
            return self._along(lambda _: ops.ArgMax(), value, dim, where, keepdim)
        hint = FUNCTION_HINTS.get(where.rsplit(".", 1)[-1], "use layers from creator.nn")
        raise CreatorError("this operation is not supported", where, hint)
