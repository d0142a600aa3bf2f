"""What the nodes of a traced model are: which give values, which join them, who reads them."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F

from creator import nn
from creator.errors import CreatorError
from creator.preparation.layers import is_unsigned
from creator.tracing.broadcast import EXPANSIONS
from creator.tracing.calls import CALLS, CLAMPS, MAGNITUDES, RELUS
from creator.tracing.constants import NEGATIONS, is_line
from creator.tracing.functions import COPIES, DROPOUTS, PERMUTES, RESHAPES
from creator.tracing.fx import fx_graph, graph_module, modes_kept, module_path
from creator.tracing.joins import CONCATENATIONS, LARGER, PRODUCTS, SMALLER, SUMS, is_join, operands
from creator.tracing.parts import NARROWS, SELECTS, SPLITS, UNBINDS, is_branch
from creator.tracing.reductions import LARGEST, LEAST, REDUCTIONS
from creator.tracing.rows import ARG_MAX
from creator.tracing.spatial_calls import SPATIAL_CALLS

_FUNCTIONS = SUMS.keys() | PRODUCTS
_IN_PLACE = {operator.iadd, operator.isub, operator.imul, "add_", "sub_", "mul_", "subtract_", "multiply_"}
_FEW_BITS = 8
_MOVES = (
    torch.nn.MaxPool1d, torch.nn.MaxPool2d, torch.nn.AdaptiveMaxPool1d, torch.nn.AdaptiveMaxPool2d, torch.nn.Upsample,
    torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Flatten, torch.nn.Unflatten, torch.nn.Identity,
    torch.nn.ZeroPad1d, torch.nn.ZeroPad2d, torch.nn.PixelShuffle, torch.nn.PixelUnshuffle, torch.nn.ChannelShuffle,
)  # fmt: skip
_MOVE_CALLS = {F.max_pool1d, F.max_pool2d, F.interpolate, torch.max_pool1d, torch.max_pool2d, F.adaptive_max_pool2d}
_MOVE_CALLS |= {F.adaptive_max_pool1d, operator.getitem, getattr, *NARROWS, *SELECTS, *SPLITS, *UNBINDS, *COPIES}
_MOVE_CALLS |= {*LARGEST, *LEAST, F.pixel_shuffle, F.pixel_unshuffle, F.channel_shuffle}


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


def join_kind(target: object) -> type[Any]:
    """The layer for a function that joins values."""
    if target in CONCATENATIONS:
        return nn.Concatenate
    if target in PRODUCTS:
        return nn.Multiply
    return nn.Add if SUMS[target] > 0 else nn.Subtract


def joined_values(node: torch.fx.Node) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """What a function joins, and the axis of a concatenation.

    Raises:
        CreatorError: for other arguments, and where a value is overwritten that something reads later.
    """
    try:
        values, dim = operands(node.target, node.args, node.kwargs)
    except CreatorError as error:
        raise error.at(module_path(node)) from None
    if node.target in _IN_PLACE:
        order = {each: place for place, each in enumerate(node.graph.nodes)}
        if any(order[user] > order[node] for user in values[0].users):
            what = "changes in place a value that is read elsewhere too"
            raise CreatorError(what, module_path(node), "use the version that is not in place")
    return tuple(values), (dim,) if node.target in CONCATENATIONS else ()


def meets_a_number(node: torch.fx.Node) -> bool:
    """Whether ``node`` is a value's negation, or its sum, product or quotient with a number of few bits, which is exact."""
    if node.target in NEGATIONS:
        return True
    if not (is_line(node.target) or node.target in _FUNCTIONS) or node.kwargs:
        return False
    numbers = [arg for arg in node.args if isinstance(arg, (int, float)) and not isinstance(arg, bool)]
    if len(numbers) != 1 or len(node.args) != 2 or (is_line(node.target) and not isinstance(node.args[0], torch.fx.Node)):
        return False
    return math.isfinite(numbers[0]) and _few_bits(numbers[0], node.target)


def _few_bits(number: float, target: object) -> bool:
    mantissa = abs(math.frexp(number)[0])
    return mantissa == 0.5 if is_line(target) else mantissa * 2**_FEW_BITS % 1 == 0


def size_as_padding(
    node: torch.fx.Node, module: torch.nn.Module, shapes: Mapping[torch.fx.Node, tuple[int, ...]], calls: int
) -> None:
    """Makes the size that a transposed convolution is called with its output padding.

    Raises:
        CreatorError: for other arguments of a layer, and for a layer with several ``calls``.
    """
    path, source = str(node.target), node.args[0] if node.args else None
    if not isinstance(source, torch.fx.Node) or not isinstance(module, torch.nn.modules.conv._ConvTransposeNd):
        raise CreatorError("must be called with its input alone", path)
    if calls > 1:
        raise CreatorError("is called more than once with a size", path, "use one layer for each call")
    sizes = zip(shapes[source][2:], shapes[node][2:], strict=True)
    rules = zip(module.stride, module.padding, module.dilation, module.kernel_size, strict=True)
    each = zip(sizes, rules, strict=True)
    module.output_padding = tuple(m - ((n - 1) * s - 2 * int(p) + d * (k - 1) + 1) for (n, m), (s, p, d, k) in each)
    node.args, node.kwargs = (source,), {}


def limits_of(node: torch.fx.Node) -> tuple[float, float] | None:
    """Both limits of a function that clamps to two numbers."""
    if node.op not in ("call_function", "call_method") or node.target not in CLAMPS:
        return None
    try:
        low, high = CLAMPS[node.target](*node.args[1:], **node.kwargs)
    except TypeError:
        return None  # tracing says what is wrong
    both = isinstance(low, (int, float)) and isinstance(high, (int, float)) and low < high
    return (float(low), float(high)) if both else None  # type: ignore[arg-type]


_STAY = {
    *RESHAPES,
    *PERMUTES,
    *EXPANSIONS,
    *DROPOUTS,
    *ARG_MAX,
    *SPATIAL_CALLS,
    *REDUCTIONS,
    *LARGER,
    *SMALLER,
    *COPIES,
    *CALLS,
}


def is_known(node: torch.fx.Node, tensors: set[torch.fx.Node]) -> bool:
    """Whether a function needs no layer in its place, as far as its name tells; those that are replaced are others."""
    return node.target in _STAY or is_branch(node, tensors) or meets_a_number(node)


def never_negative(node: torch.fx.Node, modules: Mapping[str, torch.nn.Module]) -> bool:
    """Whether a node's values come from a ReLU, or were quantized to an unsigned format, possibly moved or pooled since."""
    if node.op == "call_module":
        module = modules[str(node.target)]
        if isinstance(module, (torch.nn.ReLU, torch.nn.ReLU6)):
            return True
        module = getattr(module, "quantize", None) or module
        if isinstance(module, nn.Lookup):
            return module.output_format.min_value >= 0
        if getattr(module, "output_quantizer", None) is not None:
            return is_unsigned(module.output_quantizer)
        moves = isinstance(module, _MOVES)
    else:
        moves = node.target in RESHAPES | PERMUTES | DROPOUTS | _MOVE_CALLS
        if node.target in RELUS or node.target in MAGNITUDES:
            return True
        if node.target in SMALLER and len(node.all_input_nodes) > 1:
            return False
    source = node.args[0] if node.args else None
    return moves and isinstance(source, torch.fx.Node) and never_negative(source, modules)


def traced_in_both_modes(model: torch.nn.Module, example: torch.Tensor) -> torch.fx.GraphModule:
    """``model``, which becomes part of the result, in the arithmetic of training.

    Raises:
        CreatorError: if it does something else in training, or what torch.fx does not see, with ``example`` in evaluation.
    """
    if not list(model.children()):
        model = torch.nn.Sequential(model)
    with modes_kept(model):
        # What forward makes of self.training is fixed by tracing; dropout is the one difference that is known what to do with.
        graphs = [fx_graph(model.train(mode)) for mode in (False, True)]
    for node in graphs[0].nodes:
        if node.target in DROPOUTS and (node.args[2] if len(node.args) > 2 else node.kwargs.get("training", True)):
            raise CreatorError("dropout is on in evaluation, too", node.name, "pass training=self.training, or use nn.Dropout")
    steps = [[(node.op, _step(node)) for node in graph.nodes if node.target not in DROPOUTS] for graph in graphs]
    if steps[0] != steps[1]:
        what = "its forward does something else in training than in evaluation"
        raise CreatorError(what, type(model).__name__, "use modules that know their mode, such as torch.nn.Dropout")
    if not _computes(model, graphs[0], example):
        what = "its forward does what torch.fx does not see, such as to change a value in place with += and to read it again"
        raise CreatorError(what, type(model).__name__, "write x = x + y")
    return graph_module(model, graphs[1])


def is_made_in_forward(node: torch.fx.Node) -> bool:
    """Whether ``node`` gives a tensor that forward makes of nothing, to which torch.fx gives a new name each time."""
    return node.op == "get_attr" and str(node.target).startswith("_tensor_constant")


def _step(node: torch.fx.Node) -> Any:
    return "" if is_made_in_forward(node) else node.target


def _computes(model: torch.nn.Module, graph: torch.fx.Graph, example: torch.Tensor) -> bool:
    """Whether ``graph`` gives what ``model`` gives in evaluation; true where either fails, which is another matter."""
    with modes_kept(model), torch.no_grad():
        try:
            expected, found = model.eval()(example), torch.fx.Interpreter(model, graph=graph).run(example)
        except Exception:  # noqa: BLE001 - whatever the user's model raises
            return True
    if not isinstance(expected, torch.Tensor) or not isinstance(found, torch.Tensor):
        return True
    return expected.shape == found.shape and torch.allclose(expected, found, rtol=0, atol=0, equal_nan=True)
