"""What a traced model calls, written in terms that prepare knows: stacks as concatenations, squares as products, reductions as
pools."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.tracing.functions import is_square
from creator.tracing.fx import Call
from creator.tracing.joins import STACKS, operands
from creator.tracing.reductions import MEANS, TOTALS, reduction_of
from creator.tracing.spatial_calls import spatial_module

GATES = {F.glu}
Shapes = dict[torch.fx.Node, tuple[int, ...]]


def rewrite(graph: torch.fx.Graph) -> None:
    """Writes stacks and squares in other words, which compute the same."""
    for node in list(graph.nodes):
        if node.op not in ("call_function", "call_method"):
            continue
        if node.target in STACKS:
            _unstack(graph, node)
        elif is_square(node):
            with graph.inserting_before(node):
                _replace(graph, node, graph.call_function(operator.mul, (node.args[0], node.args[0])))


def _unstack(graph: torch.fx.Graph, node: torch.fx.Node) -> None:
    values, dim = operands(node.target, node.args, node.kwargs)
    with graph.inserting_before(node):
        wider = [graph.call_function(torch.unsqueeze, (value, dim)) for value in values]
        _replace(graph, node, graph.call_function(torch.cat, (wider, dim)))


def _replace(graph: torch.fx.Graph, node: torch.fx.Node, made: torch.fx.Node) -> None:
    made.meta = dict(node.meta)
    node.replace_all_uses_with(made)
    graph.erase_node(node)


def as_module(
    node: torch.fx.Node, source: torch.fx.Node, shapes: Shapes, numbers: Mapping[torch.fx.Node, Any]
) -> tuple[torch.fx.Node, torch.nn.Module]:
    """The module of torch's that averages, sums or gates as a call of a function does, and what it reads.

    Where channels are reduced, the axes that stay become rows of one channel.
    """
    call, shape = Call.of(node, numbers), shapes[source]
    if call.target in GATES:
        return source, torch.nn.GLU(*call.args[1:], **call.kwargs)
    sums = call.target in TOTALS
    if not sums and call.target not in MEANS:
        return source, spatial_module(call.target, shape[1:], call.args[1:], call.kwargs)
    if call.kwargs.get("dtype") is not None:
        raise CreatorError("dtype= is not supported", hint="leave it out")
    gone = [axis + 1 for axis in reduction_of(call, len(shape) - 1).axes]
    kept = [axis for axis in range(1, len(shape)) if axis not in gone]
    if 1 in gone or len(shape) not in (3, 4):
        order = [*kept, *gone] if kept else [*gone[1:], *gone[:1]]
        rows, size = (math.prod(shape[axis] for axis in axes) for axes in (kept, gone))
        with node.graph.inserting_before(node):
            moved = node.graph.call_function(torch.permute, (source, (0, *order)))
            source = node.graph.call_function(torch.reshape, (moved, (-1, 1, rows, size)))
        shapes[moved] = tuple(shape[axis] for axis in (0, *order))
        shapes[source] = (shape[0], 1, rows, size)
        kernel: tuple[int, ...] = (1, size)
    else:
        kernel = tuple(size if axis + 2 in gone else 1 for axis, size in enumerate(shape[2:]))
    if len(kernel) == 2:
        return source, torch.nn.AvgPool2d(kernel, divisor_override=1 if sums else None)
    made = torch.nn.AvgPool1d(kernel[0])
    made.divisor_override = 1 if sums else None  # type: ignore[assignment]  # which creator's layer has, too
    return source, made
