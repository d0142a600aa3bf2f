"""``creator.prepare``: a floating-point model becomes one that trains with quantization."""

from __future__ import annotations

import copy
import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import torch.fx

from creator import nn
from creator.errors import CreatorError
from creator.nn.pool import Averaging
from creator.nn.weighted import Weighted
from creator.preparation.config import QConfig, QConfigMapping, takes
from creator.preparation.layers import (
    ACTIVATIONS,
    FUNCTIONS,
    NORMS,
    ROUNDING,
    UNCHANGED,
    WEIGHTED,
    dropout_of,
    entry_layer,
    is_own,
    is_unsigned,
    normalisation,
    quantizes,
    rounded,
    stub,
)
from creator.preparation.nodes import (
    Kinds,
    is_known,
    is_made_in_forward,
    join_kind,
    joined_values,
    joins_values,
    limits_of,
    never_negative,
    only_user,
    size_as_padding,
    traced_in_both_modes,
)
from creator.preparation.rewriting import GATES, as_module, rewrite
from creator.preparation.target import Target
from creator.quantize.float_quantizer import FloatQuantizer
from creator.quantize.quantizer import Quantizer
from creator.tracing.calls import RELUS
from creator.tracing.functions import DROPOUTS
from creator.tracing.fx import modes_kept, module_path, reason
from creator.tracing.hints import hint_of
from creator.tracing.joins import CONCATENATIONS, is_join
from creator.tracing.spatial_calls import AVERAGES

_REPLACEMENTS = "use Linear, Conv1d, Conv2d, ReLU and the activations of creator.nn; nn.Lookup for other functions of one value"


def prepare(
    model: torch.nn.Module,
    example_input: torch.Tensor,
    config: QConfig | QConfigMapping | None = None,
    target: Target | None = None,
) -> torch.fx.GraphModule:
    """A copy of ``model`` that trains with quantization; the model itself is left alone.

    ``Linear``, ``Conv1d`` and ``Conv2d`` become layers of :mod:`creator.nn`; a batch normalisation that follows is fused into
    them, elsewhere it becomes a scale and a bias for each channel; a ReLU after that becomes an unsigned output; sigmoid, GELU
    and the like become tables; sums and products of two values are quantized, behind the ReLU that may follow; so are sums and
    averages over axes, and gated units; the values of a concatenation get one format; parts stay; the input is quantized first.
    Module paths stay as they are, so a floating-point ``state_dict`` loads. Then :func:`creator.calibrate`, train, or both, and
    :func:`creator.convert`.

    Args:
        model: any module that torch.fx can trace.
        example_input: a batch, to see that the model runs; its values do not matter.
        config: formats: one for all layers, or a mapping. ``None``: 8 bits, observed power-of-two scales.
        target: what the hardware supports; a configuration beyond that is refused.

    Returns:
        An ordinary module, in the mode of ``model``, with its parameters' values.

    Raises:
        CreatorError: naming the path of every module that has no quantized counterpart.
    """
    if not isinstance(model, torch.nn.Module):
        raise CreatorError(f"expected a torch.nn.Module, got {type(model).__name__}", "prepare")
    if not isinstance(example_input, torch.Tensor) or not example_input.numel():
        raise CreatorError("example_input is not a tensor with elements", "prepare", "pass one batch of the input")
    if target is not None and not isinstance(target, Target):
        raise CreatorError(f"target={target!r:.60} is not a Target", "prepare", "pass creator.Target(...) or None")
    traced = traced_in_both_modes(copy.deepcopy(model), example_input)
    rewrite(traced.graph)
    modules = list(model.modules())
    if any(isinstance(module, Quantizer) for module in modules) and not any(type(module) in WEIGHTED for module in modules):
        raise CreatorError("the model is prepared already", "prepare", "prepare the floating-point model")
    preparation = _Preparation(traced, QConfigMapping.of(config), target or Target())
    preparation.check(example_input)
    preparation.run()
    return traced.train(model.training)


class _Preparation:
    def __init__(self, traced: torch.fx.GraphModule, mapping: QConfigMapping, target: Target) -> None:
        self.traced, self.mapping, self.target = traced, mapping, target
        self.nodes: torch.fx.Graph = traced.graph
        self.modules: dict[str, torch.nn.Module] = dict(traced.named_modules())
        self.calls = Counter(str(node.target) for node in self.nodes.nodes if node.op == "call_module")
        self.orders: dict[tuple[str, Any], int] = {}
        self.tensors: set[torch.fx.Node] = set()
        self.shapes: dict[torch.fx.Node, tuple[int, ...]] = {}
        self.numbers: dict[torch.fx.Node, Any] = {}
        self.first: QConfig | None = None  # of the first layer with weights

    def check(self, example: torch.Tensor) -> None:
        """Runs the model once in evaluation mode, and names every node that cannot be prepared."""
        kinds = Kinds(self.traced)
        try:
            with modes_kept(self.traced), torch.no_grad():
                self.traced.eval()
                kinds.run(example)
        except Exception as error:  # noqa: BLE001 - whatever the user's model raises
            raise CreatorError(
                f"fails on the example input: {reason(error)}", "prepare", "pass a batch that it takes"
            ) from None
        self.tensors, self.shapes, self.numbers = kinds.tensors, kinds.shapes, kinds.numbers
        inputs = [node for node in self.nodes.nodes if node.op == "placeholder"]
        if len(inputs) != 1:
            raise CreatorError(f"forward takes {len(inputs)} inputs", "prepare", "a network has exactly one")
        refused = {text: node for node in self.nodes.nodes if (text := self._refusal(node))}
        if refused:
            hints = (hint_of(self.modules.get(str(node.target)), text) for text, node in refused.items())
            hint = next(filter(None, hints), _REPLACEMENTS)
            raise CreatorError("cannot be prepared: " + ", ".join(refused), "prepare", hint)
        called = {str(node.target) for node in self.nodes.nodes if node.op == "call_module"}
        kinds_called = {type(self.modules[path]) for path in called}
        kinds_called |= {join_kind(node.target) for node in self.nodes.nodes if is_join(node.target)}
        lost = self.mapping.unused(called, kinds_called)
        if lost:
            raise CreatorError(f"the configuration names {', '.join(lost)}, which the model does not have", "prepare")

    def _refusal(self, node: torch.fx.Node) -> str:
        """Names a node that has no quantized counterpart; empty for one that has."""
        if node.op == "call_module":
            module = self.modules[str(node.target)]
            kinds = (*WEIGHTED, *NORMS, *ACTIVATIONS, *ROUNDING, *UNCHANGED)
            known = type(module) in kinds or is_own(module) or stub(module)
            return "" if known else f"{node.target} ({type(module).__name__})"
        if node.op == "get_attr":
            return "a tensor made in forward" if is_made_in_forward(node) else f"{node.target} (used outside a layer)"
        if node.op in ("call_function", "call_method") and node in self.tensors:
            if node.target in FUNCTIONS or node.target in GATES or is_known(node, self.tensors):
                return ""
            return module_path(node)
        return ""

    def run(self) -> None:
        joins = {node for node in self.nodes.nodes if joins_values(node, self.tensors)}
        joins |= {node for node in self.nodes.nodes if node.target in CONCATENATIONS}
        for node in list(self.nodes.nodes):
            if node.op == "call_module":
                self._module(node, self.modules[str(node.target)])
            elif node.op in ("call_function", "call_method") and node.target in FUNCTIONS and node in self.tensors:
                self._table(node)
            elif node.op == "call_function" and node.target in DROPOUTS:
                self._dropout(node)
            elif (limits := limits_of(node)) is not None:
                self._become(node, torch.nn.Hardtanh(*limits))  # whose limits convert brings to an arbitrary scale
            elif node.op in ("call_function", "call_method") and node.target in AVERAGES | GATES and node in self.tensors:
                self._rounded_call(node)
            elif node in joins:
                self._join(node)
        self._refuse_unused_orders()
        self._quantize_input()
        self.nodes.lint()
        self.traced.recompile()
        self.traced.delete_all_unused_submodules()
        for path, module in self.traced.named_modules():
            if isinstance(module, (Quantizer, nn.Quantize, Weighted, Averaging)):
                module.where = path

    def _refuse_unused_orders(self) -> None:
        for name, kind, index in self.mapping.orders:
            if index >= self.orders.get((name, kind), 0):
                what = f"the configuration names {kind.__name__} {index} in {name or 'the model'}"
                raise CreatorError(f"{what}, which has {self.orders.get((name, kind), 0)}", "prepare", "count from 0")

    def _replace(self, path: str, module: torch.nn.Module) -> None:
        self.traced.set_submodule(path, module)
        self.modules[path] = module

    def _module(self, node: torch.fx.Node, module: torch.nn.Module) -> None:
        path = str(node.target)
        if type(module) in WEIGHTED:
            qconfig = self._qconfig(path, module)
            if qconfig is not None:
                self._weighted(node, module, qconfig)
        elif type(module) in NORMS:
            qconfig = self._qconfig(path, module)
            if qconfig is not None:
                self._normalisation(node, module, qconfig)
        elif type(module) in ROUNDING:
            qconfig = self._qconfig(path, module)
            if qconfig is not None:
                self._rounded(path, module, qconfig)
        elif type(module) in ACTIVATIONS:
            self._refuse_in_place(node, getattr(module, "inplace", False), path)
            try:
                made = ACTIVATIONS[type(module)](module)
            except CreatorError as error:
                raise CreatorError(error.what, path, error.hint) from None
            self._replace(path, made.train(module.training))
        elif stub(module):
            entry = stub(module) == "QuantStub"
            qconfig = self._qconfig(path, module) if entry else None
            self._replace(path, nn.Quantize(qconfig.make("activation")) if qconfig else torch.nn.Identity())

    def _qconfig(self, path: str, module: torch.nn.Module) -> QConfig | None:
        kind = type(module)
        orders: dict[str, int] = {}
        parts = path.split(".")
        for name in (".".join(parts[:count]) for count in range(len(parts))):
            orders[name] = self.orders.get((name, kind), 0)
            self.orders[name, kind] = orders[name] + 1
        qconfig = self.mapping.find(path, kind, orders)
        if qconfig is not None:
            try:
                self.target.check(qconfig, path)
            except CreatorError as error:
                raise error.at(path) from None
        return qconfig

    def _weighted(self, node: torch.fx.Node, module: torch.nn.Module, qconfig: QConfig) -> None:
        path = str(node.target)
        if len(node.args) != 1 or node.kwargs:
            size_as_padding(node, module, self.shapes, self.calls[path])
        last, norm = node, None
        follower = only_user(node)
        if follower is not None and follower.op == "call_module" and type(self.modules[str(follower.target)]) in NORMS:
            if self.calls[path] > 1 or self.calls[str(follower.target)] > 1:
                raise CreatorError("is called more than once, so it cannot be fused", str(follower.target), "use it once")
            try:
                norm = normalisation(self.modules[str(follower.target)])
            except CreatorError as error:
                raise error.at(str(follower.target)) from None
            last = follower
        layer = self._rectified(path, last, qconfig, functools.partial(WEIGHTED[type(module)], module, qconfig))
        self._replace(path, layer)
        if norm is not None:
            layer.fuse(norm)
            self._replace(str(last.target), norm)

    def _normalisation(self, node: torch.fx.Node, module: torch.nn.Module, qconfig: QConfig) -> None:
        """One that folds into no layer, and becomes one itself."""
        path = str(node.target)
        self._replace(path, self._rectified(path, node, qconfig, functools.partial(normalisation, module, qconfig)))

    def _rectified(self, path: str, last: torch.fx.Node, qconfig: QConfig, make: Callable[[bool | None], Any]) -> Any:
        """The layer that ``make`` makes, with an unsigned output in place of a ReLU that follows ``last``."""
        relu = only_user(last)
        folds = relu is not None and self._is_relu(relu) and takes(qconfig.activation, "signed") and self.calls[path] == 1
        try:
            layer = make(False if folds else None)
            if folds and not is_unsigned(layer.output_quantizer):
                folds, layer = False, make(None)
        except CreatorError as error:
            raise CreatorError(error.what, path, error.hint) from None
        self.first = self.first or qconfig
        if folds and relu is not None:
            layer.rectifies = True
            relu.replace_all_uses_with(last)
            self.nodes.erase_node(relu)
        return layer

    def _rounded(self, path: str, module: torch.nn.Module, qconfig: QConfig) -> None:
        try:
            self._replace(path, rounded(module, qconfig))
        except CreatorError as error:
            raise CreatorError(error.what, path, error.hint) from None

    def _is_relu(self, node: torch.fx.Node) -> bool:
        if node.op == "call_module":
            return type(self.modules[str(node.target)]) in (torch.nn.ReLU, nn.ReLU)
        return node.op in ("call_function", "call_method") and node.target in RELUS

    def _table(self, node: torch.fx.Node) -> None:
        where = module_path(node)
        if node.args[:1] != tuple(node.all_input_nodes):
            raise CreatorError("its arguments are not the input and then numbers", where, "pass the input first")
        self._refuse_in_place(node, node.kwargs.get("inplace", False), where)
        try:
            made = FUNCTIONS[node.target](*node.args[1:], **node.kwargs)
        except TypeError:
            raise CreatorError("these arguments are not supported", where, "pass torch's arguments, by their names") from None
        except CreatorError as error:
            raise CreatorError(error.what, where, error.hint) from None
        self._become(node, made)

    @staticmethod
    def _refuse_in_place(node: torch.fx.Node, in_place: object, where: str) -> None:
        """Its replacement leaves the input as it is, which another reader would notice."""
        source = node.args[0]
        if in_place and isinstance(source, torch.fx.Node) and len(source.users) > 1:
            raise CreatorError("changes in place a value that is read elsewhere too", where, "use inplace=False")

    def _join(self, node: torch.fx.Node) -> None:
        """A layer in the place of a sum, a product or a concatenation; a ReLU behind the former is its unsigned output."""
        kind, relu = join_kind(node.target), only_user(node)
        rectified = kind is not nn.Concatenate and relu is not None and self._is_relu(relu)
        last = relu if rectified and relu is not None else node
        follower = only_user(last)
        if follower is not None and follower.op == "call_module" and quantizes(self.modules[str(follower.target)]):
            return
        values, rest = joined_values(node)
        qconfig = self._qconfig(self._free_name(node.name), kind())
        if qconfig is None:
            return
        positive = kind is not nn.Subtract and all(never_negative(value, self.modules) for value in values)
        choice = qconfig.make("activation", False if rectified or positive else None)
        if isinstance(choice, FloatQuantizer):  # to which nn.Quantize rounds; a concatenation only moves its numbers
            if kind is not nn.Concatenate:
                self._replace_after(last, self._free_name(f"{node.name}_quantize"), nn.Quantize(choice))
            return
        folds = rectified and is_unsigned(choice)
        layer = kind(*rest, output=choice if folds or not rectified else qconfig.make("activation"))
        made = self._become(node, layer, values)
        if folds and relu is not None:
            layer.rectifies = True
            relu.replace_all_uses_with(made)
            self.nodes.erase_node(relu)

    def _replace_after(self, node: torch.fx.Node, path: str, module: torch.nn.Module) -> None:
        """Puts ``module`` behind ``node``, before all that read it."""
        self.traced.add_submodule(path, module.train(self.traced.training))
        self.modules[path] = module
        with self.nodes.inserting_after(node):
            made = self.nodes.call_module(path, (node,))
        self.shapes[made] = self.shapes[node]
        node.replace_all_uses_with(made, delete_user_cb=lambda user: user is not made)

    def _dropout(self, node: torch.fx.Node) -> None:
        """A module in the place of a function, so that it knows the mode."""
        self._become(node, dropout_of(node.target, node.args, dict(node.kwargs)))

    def _rounded_call(self, node: torch.fx.Node) -> None:
        """A layer in the place of a function that averages, sums or gates, where its output is quantized."""
        source = node.args[0] if node.args else None
        if not isinstance(source, torch.fx.Node):
            raise CreatorError("must be called with the value first", module_path(node))
        try:
            source, module = as_module(node, source, self.shapes, self.numbers)
        except CreatorError as error:
            raise error.at(module_path(node)) from None
        qconfig = self._qconfig(self._free_name(node.name), module)
        if qconfig is None:
            return
        after, moved = self.shapes[node], source is not node.args[0]
        made = self._become(node, rounded(module, qconfig), (source,))
        if moved or len(after) < len(self.shapes[source]):  # a mean without keepdim, or over channels
            with self.nodes.inserting_after(made):
                flat = self.nodes.call_function(torch.reshape, (made, (-1, *after[1:])))
            self.shapes[flat] = after
            made.replace_all_uses_with(flat, delete_user_cb=lambda user: user is not flat)

    def _become(self, node: torch.fx.Node, module: torch.nn.Module, values: tuple[Any, ...] = ()) -> torch.fx.Node:
        """A module in the place of a function, called with ``values``, or with the function's first argument."""
        path = self._free_name(node.name)
        self.traced.add_submodule(path, module.train(self.traced.training))
        self.modules[path] = module
        with self.nodes.inserting_before(node):
            made = self.nodes.call_module(path, values or (node.args[0],))
        node.replace_all_uses_with(made)
        self.nodes.erase_node(node)
        self.shapes[made] = self.shapes[node]
        return made

    def _quantize_input(self) -> None:
        entry = next(node for node in self.nodes.nodes if node.op == "placeholder")
        users = [node for node in entry.users if node in self.tensors or node.op == "call_module"]
        if users and all(node.op == "call_module" and quantizes(self.modules[str(node.target)]) for node in users):
            return
        qconfig = self.mapping.global_qconfig or self.first
        if qconfig is None:
            raise CreatorError("the configuration quantizes no layer", "prepare", "set a global QConfig")
        self._replace_after(entry, self._free_name("quantize"), entry_layer(qconfig.make("activation")))

    def _free_name(self, name: str) -> str:
        taken = {path.split(".")[0] for path in self.modules} | set(vars(self.traced))
        return name if name not in taken else next(f"{name}_{k}" for k in range(1, 10**6) if f"{name}_{k}" not in taken)
