"""Runs a traced module on an example, batch by batch node, and lowers each node on the way.

Running for real gives every shape, whatever arithmetic the module does on ``x.size(0)``.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
import torch.fx

from creator.errors import CreatorError
from creator.graph import Builder, Graph
from creator.nn import Add, ArgMax, BatchNorm1d, BatchNorm2d, HardSwish, Multiply, MultiThreshold, PReLU, Quantize
from creator.nn.slots import BlockOutput, FloatOutput
from creator.nn.weighted import Weighted
from creator.ops import Reshape, TensorType
from creator.tracing.activations import gated_op, lined_op
from creator.tracing.appending import Raw
from creator.tracing.functions import Functions
from creator.tracing.fx import module_path, reason
from creator.tracing.joins import JOINS, module_join
from creator.tracing.layout import Value, channels_last, natural
from creator.tracing.modules import module_handler
from creator.tracing.pooling import SPATIAL, axes_of
from creator.tracing.rows import NO_ROWS, row_axis
from creator.tracing.weighted import CONVOLUTIONS, folded_ops, weighted_ops

NORMS = (BatchNorm1d, BatchNorm2d)


class Lowering(Functions):
    """Lowers one traced module.

    Args:
        module: in eval mode.
        graph: what torch.fx made of it.
        input_shape: of one sample.
    """

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

    def _output(self, n: torch.fx.Node) -> str:
        result = n.args[0]
        value = self.values.get(result) if isinstance(result, torch.fx.Node) else None
        if not isinstance(value, Value):
            what = "the output has no number format" if isinstance(value, Raw) else "forward must return one value"
            raise CreatorError(what, "output", "return the result of the last layer, and begin with nn.Quantize")
        assert self.builder is not None
        return natural(self.builder, value, ("output",)).name
