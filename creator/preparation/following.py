"""Which format each value of a model has, as far as formats alone decide: shapes are not known yet."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.fx

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.nn.joins import Concatenate
from creator.tracing.calls import MAGNITUDES, magnitude_format
from creator.tracing.constants import is_line, line_format, line_of
from creator.tracing.functions import POWERS, SQUARES
from creator.tracing.fx import fx_graph
from creator.tracing.joins import CONCATENATIONS, LARGER, SMALLER, STACKS, common_format, exact_format, is_join, operands
from creator.tracing.layout import Value
from creator.tracing.rows import ARG_MAX, microscaled
from creator.tracing.spatial_calls import AVERAGES

_SHAPES_DECIDE = (
    nn.ArgMax, nn.Top1, torch.nn.AvgPool1d, torch.nn.AvgPool2d, torch.nn.AdaptiveAvgPool1d, torch.nn.AdaptiveAvgPool2d
)  # fmt: skip

Formats = Mapping[str, Mapping[str, Format]]
"""Of each layer that has formats, by its path: those of its weights and of its output."""


def reads(model: torch.nn.Module, fixed: Formats) -> Iterator[tuple[str, torch.nn.Module, Format | None]]:
    """Each call of a module: its path, the module, and the format of what it reads; ``None`` where that is not known."""
    for path, module, sources in calls(model, fixed):
        yield path, module, next((source for source in sources if source is not None), None)


def calls(model: torch.nn.Module, fixed: Formats) -> Iterator[tuple[str, torch.nn.Module, tuple[Format | None, ...]]]:
    """The same with the formats of all that it reads."""
    root = model if list(model.children()) else torch.nn.Sequential(model)
    formats: dict[torch.fx.Node, Format | None] = {}
    for node in fx_graph(root).nodes:
        sources = tuple(formats.get(arg) for arg in node.args if isinstance(arg, torch.fx.Node))
        if node.op == "call_module":
            path = str(node.target)
            module = root.get_submodule(path)
            yield path, module, sources
            formats[node] = _given(root, node, module, fixed.get(path), fixed.get(f"{path}.quantize"), sources)
        else:
            formats[node] = _function(root, node, formats)


def folds(module: torch.nn.Module) -> bool:
    """Whether it is a normalisation without formats, which folds into the layer before it where there is one."""
    return isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and not module.alone


def _given(
    root: torch.nn.Module, node: torch.fx.Node, module: torch.nn.Module, own: Mapping[str, Format] | None,
    rounding: Mapping[str, Format] | None, sources: tuple[Format | None, ...],
) -> Format | None:  # fmt: skip
    """The format of what a module gives; ``own``: its formats, ``rounding``: those of the ``nn.Quantize`` in it."""
    source = next((source for source in sources if source is not None), None)
    if own is not None:
        return own["output"] if "output" in own else microscaled(source)
    if rounding is not None:
        return rounding["output"]
    if isinstance(module, Concatenate):
        return _common(sources)
    if isinstance(module, (nn.Lookup, nn.PReLU, nn.Softmax)) or (folds(module) and not _after_its_layer(root, node)):
        return module.output_format  # type: ignore[no-any-return]
    if isinstance(module, nn.MultiThreshold):
        return module.output_format
    return None if isinstance(module, _SHAPES_DECIDE) else source


def _function(root: torch.nn.Module, node: torch.fx.Node, formats: Mapping[torch.fx.Node, Format | None]) -> Format | None:
    """The format of what a function gives; what does not compute, such as a permutation, keeps that of what it reads."""
    known = [fmt for source in node.all_input_nodes if (fmt := formats.get(source)) is not None]
    if not known or node.target in AVERAGES or node.target in ARG_MAX:
        return None
    if node.target in MAGNITUDES:
        return magnitude_format(known[0]) if isinstance(known[0], FixedPoint) else None
    try:
        if node.target in SQUARES | POWERS:
            return exact_format(operator.mul, [known[0], known[0]])
        if node.target in STACKS or node.target in LARGER | SMALLER:
            return common_format(known) if len(known) == len(node.all_input_nodes) else None
        if is_join(node.target):
            given, _ = operands(node.target, node.args, dict(node.kwargs))
            values = [arg for arg in given if isinstance(arg, torch.fx.Node) and arg.op != "get_attr"]
            if len(values) == len(given):
                found = [formats.get(value) for value in values]
                return None if None in found else exact_format(node.target, [fmt for fmt in found if fmt is not None])
            return None if node.target in CONCATENATIONS else _line(root, node.target, given, formats)
        return _line(root, node.target, node.args, formats) if is_line(node.target) else known[0]
    except CreatorError:
        return None  # tracing will say why


def _line(
    root: torch.nn.Module, target: object, given: Any, formats: Mapping[torch.fx.Node, Format | None]
) -> FixedPoint | None:
    """The format of a sum, a product or a quotient of a value and a constant."""
    source, rank = None, 1
    made: list[Any] = []
    for arg in given:
        if isinstance(arg, torch.fx.Node) and arg.op != "get_attr":
            source = formats.get(arg)
            made.append(Value("", (1,)))
        else:
            made.append(operator.attrgetter(str(arg.target))(root) if isinstance(arg, torch.fx.Node) else arg)
            rank = max(rank, made[-1].ndim if isinstance(made[-1], torch.Tensor) else 0)
    return line_format(line_of(target, made, rank), source) if isinstance(source, FixedPoint) else None


def _common(formats: tuple[Format | None, ...]) -> Format | None:
    known = [fmt for fmt in formats if fmt is not None]
    try:
        return exact_format(torch.cat, known) if len(known) == len(formats) else None
    except CreatorError:
        return None


def _after_its_layer(root: torch.nn.Module, node: torch.fx.Node) -> bool:
    """Whether a normalisation is called with what a layer that it can fold into gives."""
    before = node.all_input_nodes[0]
    follows = getattr(root.get_submodule(str(node.target)), "follows", ())
    return before.op == "call_module" and isinstance(root.get_submodule(str(before.target)), follows)
