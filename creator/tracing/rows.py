"""Layers that treat each row along one axis: the elements of a row have to follow each other in the stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.graph import Builder
from creator.nn.slots import BlockOutput
from creator.nn.softmax import exponential
from creator.ops import ArgMax, Op
from creator.ops.microscale import results_in
from creator.ops.softmax import MAX_TABLE
from creator.tracing.layout import Value, natural, permuted, reshaped
from creator.tracing.requantized import Context

ROWS = (nn.ArgMax, nn.Softmax, nn.Top1)
"""Modules with an axis ``dim``."""


NO_ROWS = object()
"""In place of an axis, which may be anything that users give."""


def row_axis(module: torch.nn.Module) -> object:
    """The axis along which a module treats rows; ``NO_ROWS`` for one that treats each element alone."""
    if isinstance(module, ROWS):
        return module.dim
    return module.block_axis if isinstance(module, nn.Quantize) and module.treats_blocks else NO_ROWS


MOST_EXPONENT = 96
"""What a shared exponent, of -127 to 127, and float32 hold in any case."""

ARG_MAX = {torch.argmax, "argmax"}


def argmax_arguments(dim: Any = None, keepdim: Any = False) -> tuple[Any, bool]:
    """Those of ``torch.argmax`` after its input."""
    return dim, bool(keepdim)


def along(
    builder: Builder, value: Value, dim: object, make: Callable[[Context], Op], paths: tuple[str, ...], keepdim: bool = False
) -> Value:
    """Appends an operation on the rows of ``value`` along torch's axis ``dim``, the batch being axis 0.

    ``keepdim``: whether an axis of which one element is left stays.
    """
    axis = _axis(dim, value.shape)
    stored, axes = _last(builder, value, axis, paths)
    try:
        op = make(Context(builder.type_of(stored)))
    except CreatorError as error:
        raise error.at(paths[0]) from None
    name = builder.add(op, stored, paths)
    result = builder.type_of(name).shape
    if isinstance(op, ArgMax):
        kept = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
        shape = (*value.shape[:axis], *value.shape[axis + 1 :]) or (1,)
        left = axes[:axis] + axes[axis + 1 :] or (0,)
        found = Value(name, shape, _needed(left))
        return reshaped(builder, found, kept, paths) if keepdim else found
    shape = (*value.shape[:axis], result[-1], *value.shape[axis + 1 :])
    return Value(name, shape, _needed(axes))


def _needed(axes: tuple[int, ...]) -> tuple[int, ...] | None:
    return None if axes == tuple(sorted(axes)) else axes


def _axis(dim: object, shape: tuple[int, ...]) -> int:
    """``dim`` as an axis of a sample."""
    rank = len(shape) + 1
    if not isinstance(dim, int) or isinstance(dim, bool) or not (1 <= dim < rank or -rank < dim < 0):
        sizes = ", ".join(map(str, shape))
        raise CreatorError(f"dim={dim!r} is not an axis of a sample, in values of shape (batch, {sizes})", hint="use dim=-1")
    return dim % rank - 1


def _last(builder: Builder, value: Value, axis: int, paths: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """A node with the elements of ``value`` whose last axis is torch's ``axis``; and by which axes it is transposed to it."""
    stored = builder.type_of(value.name).shape
    axes = value.axes or tuple(range(len(stored)))
    if tuple(stored[place] for place in axes) == value.shape and axes[axis] == len(stored) - 1:
        return value.name, axes
    order = (*(other for other in range(len(value.shape)) if other != axis), axis)
    moved = natural(builder, permuted(builder, value, order, paths), paths)
    return moved.name, tuple(order.index(place) for place in range(len(order)))


def argmax_op(module: nn.ArgMax, context: Context) -> ops.Op:
    """The index of the largest element of each row."""
    return ops.ArgMax()


def top1_op(module: nn.Top1, context: Context) -> ops.Op:
    """The largest element of each row, and its index."""
    return ops.Top1()


def softmax_op(module: nn.Softmax, context: Context) -> ops.Op:
    """A table of exponentials, as far as they are not zero, and a division."""
    fmt = context.input.format
    if isinstance(fmt, Affine):
        raise CreatorError(f"a softmax of {fmt} is not supported", hint="give the layer before a FixedPoint")
    grid = module.grid(context.input.shape[-1])
    entries: list[int] = []
    for difference in range(fmt.max_code - fmt.min_code + 1):
        entry = exponential(difference * fmt.step, grid)
        if entry == 0:
            break
        if difference == MAX_TABLE:
            raise CreatorError(
                f"a table of exponentials for {fmt} has more than {MAX_TABLE} entries",
                hint="put nn.Quantize with fewer fractional bits before it",
            )
        entries.append(entry)
    return ops.Softmax(np.array(entries), module.output_format)


def microscale_op(q: BlockOutput, context: Context) -> ops.Microscale:
    """Rounding of blocks of a row to elements that share an exponent."""
    blocks, x = q.elements(), context.input.format
    if x.frac_bits + blocks.exponent > MOST_EXPONENT or x.total_bits - x.frac_bits > MOST_EXPONENT:
        raise CreatorError(f"exponents shared in {x} do not fit a byte", hint="use a format nearer to 1")
    return ops.Microscale(blocks.size, blocks.digits, blocks.depth, blocks.largest, blocks.least, q.rounding)


def microscaled(fmt: Format | None) -> Format | None:
    """The format of values of ``fmt`` after :func:`microscale_op`, on the same grid; ``None`` where it refuses."""
    try:
        return results_in(fmt) if isinstance(fmt, FixedPoint) else None
    except CreatorError:
        return None
