"""What the nodes of a traced model are: which give values, which join them, who reads them."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.preparation.layers import is_unsigned
from creator.tracing.calls import RELUS
from creator.tracing.fx import fx_graph, graph_module, modes_kept
from creator.tracing.joins import PRODUCTS, SUMS, is_join
from creator.tracing.lower import DROPOUTS, PERMUTES, RESHAPES
from creator.tracing.parts import NARROWS, SPLITS

_FUNCTIONS = SUMS.keys() | PRODUCTS
_MOVES = (
    torch.nn.MaxPool1d, torch.nn.MaxPool2d, torch.nn.AdaptiveMaxPool1d, torch.nn.AdaptiveMaxPool2d, torch.nn.Upsample,
    torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Flatten, torch.nn.Unflatten, torch.nn.Identity,
    torch.nn.ZeroPad1d, torch.nn.ZeroPad2d,
)  # fmt: skip
_MOVE_CALLS = {F.max_pool1d, F.max_pool2d, F.interpolate, torch.max_pool1d, torch.max_pool2d, F.adaptive_max_pool2d}
_MOVE_CALLS |= {F.adaptive_max_pool1d, operator.getitem, *NARROWS, *SPLITS}


class Kinds(torch.fx.Interpreter):
    """Runs the model and notes which nodes give tensors, and of which shape, and what other nodes give, sizes for example."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.tensors: set[torch.fx.Node] = set()
        self.shapes: dict[torch.fx.Node, tuple[int, ...]] = {}
        self.numbers: dict[torch.fx.Node, Any] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        """The node's value."""
        result = super().run_node(n)
        if isinstance(result, torch.Tensor):
            self.tensors.add(n)
            self.shapes[n] = tuple(result.shape)
        else:
            self.numbers[n] = result
        return result


def only_user(node: torch.fx.Node) -> torch.fx.Node | None:
    """What reads the node, if nothing else does."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def joins_values(node: torch.fx.Node, tensors: set[torch.fx.Node]) -> bool:
    """Whether ``node`` is a sum, a difference or a product of values, not of a value and a number; ``tensors``: the values."""
    if node.op not in ("call_function", "call_method") or not is_join(node.target) or node not in tensors:
        return False
    operands = [*node.args, *(value for name, value in node.kwargs.items() if name in ("input", "other"))]
    values = sum(isinstance(value, torch.fx.Node) and value in tensors and value.op != "get_attr" for value in operands)
    return node.target in _FUNCTIONS and values == len(operands) == 2


def never_negative(node: torch.fx.Node, modules: Mapping[str, torch.nn.Module]) -> bool:
    """Whether a node's values come from a ReLU, or were quantized to an unsigned format, possibly moved or pooled since."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6)):
            return True
        module = getattr(module, "quantize", None) or module
        if getattr(module, "output_quantizer", None) is not None:
            return is_unsigned(module.output_quantizer)
        moves = isinstance(module, _MOVES)
    else:
        moves = node.target in RESHAPES | PERMUTES | DROPOUTS | _MOVE_CALLS
        if node.target in RELUS:
            return True
    source = node.args[0] if node.args else None
    return moves and isinstance(source, torch.fx.Node) and never_negative(source, modules)


def traced_in_both_modes(model: torch.nn.Module) -> torch.fx.GraphModule:
    """``model``, which becomes part of the result, in the arithmetic of training."""
    if not list(model.children()):
        model = torch.nn.Sequential(model)
    with modes_kept(model):
        # What forward makes of self.training is fixed by tracing; dropout is the one difference that is known what to do with.
        graphs = [fx_graph(model.train(mode)) for mode in (False, True)]
    for node in graphs[0].nodes:
        if node.target in DROPOUTS and (node.args[2] if len(node.args) > 2 else node.kwargs.get("training", True)):
            raise CreatorError("dropout is on in evaluation, too", node.name, "pass training=self.training, or use nn.Dropout")
    steps = [[(node.op, node.target) for node in graph.nodes if node.target not in DROPOUTS] for graph in graphs]
    if steps[0] != steps[1]:
        what = "its forward does something else in training than in evaluation"
        raise CreatorError(what, type(model).__name__, "use modules that know their mode, such as torch.nn.Dropout")
    return graph_module(model, graphs[1])
