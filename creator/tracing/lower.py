"""Runs a traced module on an example, batch by batch node, and lowers each node on the way.

Running for real gives every shape, whatever arithmetic the module does on ``x.size(0)``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F

from creator import ops
from creator.errors import CreatorError
from creator.graph import Builder, Graph
from creator.nn import Add, ArgMax, BatchNorm1d, BatchNorm2d, HardSwish, Multiply, MultiThreshold, PReLU, Quantize
from creator.nn.slots import BlockOutput, FloatOutput
from creator.nn.weighted import Weighted
from creator.ops import Reshape, TensorType
from creator.tracing.activations import gated_op, lined_op
from creator.tracing.appending import Appending, Raw
from creator.tracing.broadcast import EXPANSIONS, expanded
from creator.tracing.calls import CALLS, called_op
from creator.tracing.constants import NEGATIONS, appended, is_line, line_of
from creator.tracing.fx import Call, holds_tensors, module_path, reason
from creator.tracing.joins import CONCATENATIONS, JOINS, function_join, is_join, module_join, operands
from creator.tracing.layout import Value, channels_last, natural, permuted, reshaped
from creator.tracing.modules import FUNCTION_HINTS, module_handler
from creator.tracing.parts import NARROWS, SPLITS, indexed, narrowed, split
from creator.tracing.pooling import SPATIAL, axes_of
from creator.tracing.rows import ARG_MAX, NO_ROWS, argmax_arguments, row_axis
from creator.tracing.spatial_calls import SPATIAL_CALLS, reduced_last, spatial_call
from creator.tracing.weighted import CONVOLUTIONS, folded_ops, weighted_ops

RESHAPES = {torch.flatten, torch.reshape, torch.unsqueeze, torch.squeeze, torch.ravel}
RESHAPES |= {"flatten", "reshape", "view", "unsqueeze", "squeeze", "contiguous", "unflatten", "ravel"}
PERMUTES = {torch.permute, torch.transpose, torch.swapaxes, torch.movedim, torch.moveaxis}
PERMUTES |= {"permute", "transpose", "swapaxes", "movedim", "moveaxis"}
NORMS = (BatchNorm1d, BatchNorm2d)
DROPOUTS = {F.dropout, F.alpha_dropout, F.feature_alpha_dropout, torch.dropout}


class Lowering(Appending, torch.fx.Interpreter):
    """Lowers one traced module.

    Args:
        module: in eval mode.
        graph: what torch.fx made of it.
        input_shape: of one sample.
    """

    BATCH = 3
    """Of the example; a size that no reshape writes out by accident."""

    def __init__(self, module: torch.nn.Module, graph: torch.fx.Graph, input_shape: tuple[int, ...]) -> None:
        # Not with a GraphModule: torch.fx makes Python code for one, with the names of the modules in it.
        super().__init__(module, graph=graph)
        self.input_shape = input_shape
        self.builder: Builder | None = None
        self.values: dict[torch.fx.Node, Value | Raw] = {}
        self.parts: dict[torch.fx.Node, list[Value]] = {}
        self.result: str | None = None

    def lower(self, example: torch.Tensor) -> Graph:
        """The graph of the nodes that the output depends on, not yet verified."""
        placeholders = [node for node in self.graph.nodes if node.op == "placeholder"]
        if len([node for node in placeholders if not node.args]) != 1:
            raise CreatorError(f"forward takes {len(placeholders)} inputs", hint="a network has exactly one")
        self.run(example)
        if self.builder is None or self.result is None:
            raise CreatorError("the network has no nn.Quantize", hint="begin it with nn.Quantize(FixedPoint(8, 4))")
        return self.builder.graph(self.result)

    def run_node(self, n: torch.fx.Node) -> Any:
        """Runs one node on the example and lowers it."""
        reads = [source for source in n.all_input_nodes if source in self.values or source in self.parts]
        if n.op == "placeholder":
            if not self.values:
                self.values[n] = Raw(self.input_shape)
            return super().run_node(n)
        if n.op == "output":
            self.result = self._output(n)
            return super().run_node(n)
        where = module_path(n)
        if n.op == "call_module":
            assert isinstance(n.target, str)
            self._module(n, self.fetch_attr(n.target), where)
        versions = {node: value._version for node, value in self.env.items() if isinstance(value, torch.Tensor)}
        try:
            result = super().run_node(n)
        except CreatorError as error:
            raise error.at(where) from None
        except Exception as error:  # noqa: BLE001 - whatever torch raises for shapes that do not fit
            raise CreatorError(f"fails on an input of shape (batch, ...): {reason(error)}", where) from None
        for node, version in versions.items():
            # Harmless where nothing reads the old value any more; otherwise later readers would see the change.
            if self.env[node]._version != version and node not in self.user_to_last_uses.get(n, ()):
                raise CreatorError(
                    "changes in place a value that is still in use", where, "use the version that is not in place"
                )
        if n.op == "call_module" and n not in self.values and not self._is_constant(n.all_input_nodes[0]):
            # A module that at most reshapes: what it does is seen from the shape of its result.
            self.values[n] = self._reshaped(self.values[n.all_input_nodes[0]], result, where)
        elif n.op in ("call_function", "call_method") and reads:
            self._function(n, result, where)
        return result

    def _module(self, n: torch.fx.Node, module: torch.nn.Module, where: str) -> None:
        handler = module_handler(module, where)
        if n.all_input_nodes and all(map(self._is_constant, n.all_input_nodes)):
            return
        if isinstance(module, (Add, Multiply)) and len(n.args) == 2 and sum(map(self._is_constant, n.args)) == 1:
            target = operator.mul if isinstance(module, Multiply) else operator.add if module.sign > 0 else operator.sub
            self.values[n] = self._line(target, n.args, where, module)
            return
        if isinstance(module, JOINS):
            values = self._operands(n.args, where)
            self.values[n] = self._at(where, lambda builder: module_join(builder, module, values, (where,)))
            return
        if len(n.all_input_nodes) != 1 or len(n.args) != 1 or n.kwargs or n.args[0] not in self.values:
            raise CreatorError("must be called with the one value that comes before it", where)
        source = n.all_input_nodes[0]
        value = self.values[source]
        axes = len(value.shape) + 1
        if isinstance(value, Raw) and isinstance(module, Quantize):
            self._define_input(n, value, module, where)
        elif isinstance(module, NORMS):
            self._batch_norm(n, module, where)
        elif isinstance(module, Weighted) and n.users and all(self._folds(module, user, axes) for user in n.users):
            self.values[n] = value  # the normalisation takes the layer's place
        elif isinstance(module, Weighted):
            self.values[n] = self._weighted(module, lambda context: weighted_ops(module, context), value, (where,))
        elif isinstance(module, tuple(SPATIAL)) and handler is not None:
            self.values[n] = self._spatial(lambda context: handler(module, context), value, axes_of(module), (where,))
        elif (dim := row_axis(module)) is not NO_ROWS and handler is not None:
            keepdim = isinstance(module, ArgMax) and module.keepdim
            self.values[n] = self._along(lambda context: handler(module, context), value, dim, where, keepdim)
        elif isinstance(module, HardSwish) and module.slope_format is not None:
            self.values[n] = self._gated(module, self._formatted(value, (where,)), where)
        elif handler is not None:
            per_channel = isinstance(module, PReLU) and module.num_parameters > 1
            if per_channel or (isinstance(module, MultiThreshold) and module.channels > 1):
                value = self._with_channels(value, (where,))
            self.values[n] = self._add(handler, module, value, (where,))

    def _gated(self, module: HardSwish, value: Value, where: str) -> Value:
        """A value times a gate that is made of it."""
        gate = self._add(lined_op, module, value, (where,))
        return self._at(
            where, lambda builder: value.renamed(builder.add(gated_op(module), (value.name, gate.name), (where,)))
        )  # fmt: skip

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
        try:
            nodes, dim = operands(call.target, call.args, call.kwargs)
        except CreatorError as error:
            raise error.at(where) from None
        if is_line(call.target) and not any(map(self._is_constant, nodes)):
            raise CreatorError("a quotient of two values is not supported", where, "use a table of the divisor: nn.Lookup")
        if call.target not in CONCATENATIONS and any(map(self._is_constant, nodes)):
            return self._line(call.target, nodes, where)
        values = self._operands(nodes, where)
        return self._at(where, lambda builder: function_join(builder, call.target, values, dim, (where,)))

    def _split(self, call: Call, results: Sequence[torch.Tensor], where: str) -> list[Value]:
        """A function of one value with several results."""
        (value,) = self._operands(call.args[:1], where)
        shapes = [tuple(each.shape[1:]) for each in results]
        return self._at(where, lambda builder: split(builder, value, shapes, call.args[1:], call.kwargs, (where,)))

    def _part(self, call: Call, value: Value, where: str) -> Value:
        """An index, or ``narrow``."""
        if call.target is operator.getitem:
            return self._at(where, lambda builder: indexed(builder, value, call.args[1], (where,)))
        return self._at(where, lambda builder: narrowed(builder, value, call.args[1:], call.kwargs, (where,)))

    def _expanded(self, call: Call, result: torch.Tensor, where: str) -> Value:
        """A value repeated along axes of one element."""
        (value,) = self._operands(call.args[:1], where)
        if result.ndim != len(value.shape) + 1 or result.shape[0] != self.BATCH:
            raise CreatorError("mixes the batch with other axes", where, "keep the batch as the first axis, and add no axis")
        return self._at(where, lambda builder: expanded(builder, value, tuple(result.shape[1:]), (where,)))

    def _windowed(self, call: Call, value: Value | Raw, result: torch.Tensor, where: str) -> Value | Raw:
        """A function that pools, pads or upsamples."""
        value = self._formatted(value, (where,))
        moved = reduced_last(call.target, value.shape, call.args[1:], call.kwargs)
        if moved is not None and self.builder is not None:
            value = permuted(self.builder, value, moved[0], (where,))
            call = Call(call.target, (call.args[0], moved[1]), {})
        try:
            make, axes = spatial_call(call.target, value.shape, call.args[1:], call.kwargs)
        except CreatorError as error:
            raise error.at(where) from None
        return self._reshaped(self._spatial(make, value, axes, (where,)), result, where)

    def _define_input(self, n: torch.fx.Node, raw: Raw, module: Quantize, where: str) -> None:
        try:
            quantizer = module.quantizer
            if isinstance(quantizer, BlockOutput):
                what = f"a network's input cannot be {quantizer.quantizer.fmt}"
                raise CreatorError(what, hint="put nn.Quantize of a FixedPoint before this one")
            if isinstance(quantizer, FloatOutput):
                what = f"a network's input cannot be {quantizer.quantizer.fmt}"
                raise CreatorError(what, hint=f"put nn.Quantize({quantizer.format!r}), which holds all of it, before this one")
            input_type = TensorType(self.input_shape, quantizer.format)
        except CreatorError as error:
            raise error.at(where) from None
        if self.builder is not None:
            raise CreatorError("the input is quantized in two places", where, "quantize it once and use the result")
        self.builder = Builder(input_type)
        name = self.builder.input
        if raw.shape != self.input_shape:
            name = self.builder.add(Reshape(raw.shape), self.builder.input, raw.paths)
        value = Value(name, raw.shape)
        if len(raw.shape) in {
            len(module.kernel_size) + 1 for module in self.module.modules() if isinstance(module, CONVOLUTIONS)
        }:
            value = channels_last(self.builder, value, (where,))  # as the stream has them
        self.values[n] = value

    def _folds(self, layer: Weighted, n: torch.fx.Node, axes: int) -> bool:
        """Whether ``n``, which reads the output of ``layer``, is a normalisation that folds into it."""
        module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        return isinstance(module, NORMS) and module.takes(layer, axes)

    def _batch_norm(self, n: torch.fx.Node, module: BatchNorm1d | BatchNorm2d, where: str) -> None:
        before = n.all_input_nodes[0]
        found = self._at(where, lambda _: module.layer_before(self.env[before]))
        if found is None:
            self.values[n] = self._normalised(module, self.values[before], (where,))
            return
        layer, _ = found
        while before.op != "call_module" or self.fetch_attr(str(before.target)) is not layer:
            before = before.all_input_nodes[0]  # what gives the very tensor that it gets, as Identity does
        source = self.values[before.all_input_nodes[0]]
        paths = (str(before.target), where)
        self.values[n] = self._weighted(layer, lambda context: folded_ops(layer, module, context), source, paths)

    def _reshaped(self, value: Value | Raw, result: Any, where: str) -> Value | Raw:
        if result.ndim < 2 or result.shape[0] != self.BATCH:
            raise CreatorError("mixes the batch with other axes", where, "keep the batch as the first axis")
        shape = tuple(result.shape[1:])
        if isinstance(value, Raw):
            return value if shape == value.shape else Raw(shape, (*value.paths, where))
        assert self.builder is not None
        if shape == value.shape:
            return value
        return reshaped(self.builder, value, shape, (where,))

    def _permuted(self, call: Call, value: Value | Raw, where: str) -> Value | Raw:
        """A value with its axes exchanged: which, is seen from what happens to one whose axes all differ."""
        probe = torch.empty([2, 3, 5, 7, 11, 13][: len(value.shape) + 1])
        target = call.target if callable(call.target) else getattr(torch.Tensor, str(call.target))
        moved = target(probe, *call.args[1:], **call.kwargs)
        axes = tuple(probe.shape.index(size) - 1 for size in moved.shape)
        if axes[0] != -1:
            raise CreatorError("mixes the batch with other axes", where, "keep the batch as the first axis")
        value = self._formatted(value, (where,))
        assert self.builder is not None
        return permuted(self.builder, value, axes[1:], (where,))

    def _function(self, n: torch.fx.Node, result: Any, where: str) -> None:
        if n.target is operator.getitem and n.args[0] in self.parts:
            self.values[n] = self.parts[n.args[0]][n.args[1]]  # type: ignore[index]
            return
        call = Call.of(n, self.env)
        if n.target in SPLITS:
            self.parts[n] = self._split(call, result, where)
            return
        if not isinstance(result, torch.Tensor):
            if holds_tensors(result):
                raise CreatorError("operations with several results are not supported", where, "use layers from creator.nn")
            return  # a size: Python arithmetic on it needs no hardware
        if is_join(n.target) or is_line(n.target):
            self.values[n] = self._joined(call, where)
            return
        if n.target in EXPANSIONS:
            self.values[n] = self._expanded(call, result, where)
            return
        value = self.values.get(n.all_input_nodes[0])
        others = [source for source in n.all_input_nodes[1:] if isinstance(self.env.get(source), torch.Tensor)]
        if value is None or others or n.args[:1] != (n.all_input_nodes[0],):
            raise CreatorError(
                "operations on several values are not supported", where, "use a chain of layers without branches"
            )
        if n.target in RESHAPES:
            self.values[n] = self._reshaped(value, result, where)
        elif n.target in PERMUTES:
            self.values[n] = self._permuted(call, value, where)
        elif n.target is operator.getitem or n.target in NARROWS:
            self.values[n] = self._reshaped(self._part(call, self._formatted(value, (where,)), where), result, where)
        elif n.target in SPATIAL_CALLS:
            self.values[n] = self._windowed(call, value, result, where)
        elif n.target in DROPOUTS and not call.kwargs.get("training", call.args[2] if len(call.args) > 2 else True):
            self.values[n] = value
        elif n.target in CALLS:
            self.values[n] = self._add(
                lambda _, context: called_op(call.target, call.args[1:], call.kwargs, context), self.module, value, (where,)
            )
        elif n.target in ARG_MAX:
            dim, keepdim = argmax_arguments(*call.args[1:], **call.kwargs)
            self.values[n] = self._along(lambda _: ops.ArgMax(), value, dim, where, keepdim)
        else:
            hint = FUNCTION_HINTS.get(where.rsplit(".", 1)[-1], "use layers from creator.nn")
            raise CreatorError("this operation is not supported", where, hint)

    def _output(self, n: torch.fx.Node) -> str:
        result = n.args[0]
        value = self.values.get(result) if isinstance(result, torch.fx.Node) else None
        if not isinstance(value, Value):
            what = "the output has no number format" if isinstance(value, Raw) else "forward must return one value"
            raise CreatorError(what, "output", "return the result of the last layer, and begin with nn.Quantize")
        assert self.builder is not None
        return natural(self.builder, value, ("output",)).name
