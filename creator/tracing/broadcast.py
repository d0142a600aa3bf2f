"""Values of one element along an axis, repeated there as torch repeats them: by upsampling, with no core of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from creator import ops
from creator.errors import CreatorError
from creator.graph import Builder
from creator.tracing.layout import Value, channels_first, channels_last, natural

Shape = tuple[int, ...]

EXPANSIONS = {torch.broadcast_to, "broadcast_to", "expand", "expand_as"}


def expanded(builder: Builder, value: Value, shape: Shape, paths: tuple[str, ...]) -> Value:
    """``value`` repeated to ``shape`` along the axes along which it has one element."""
    if sum(size > 1 for size in value.shape) < 2:
        value = channels_last(builder, value, paths)  # which moves nothing, and is the order that others are in most likely
    elif not is_transposed(builder, value):
        value = natural(builder, value, paths)
    return repeated(builder, value, shape, paths)


def alike(builder: Builder, values: Sequence[Value], paths: tuple[str, ...]) -> list[Value]:
    """The values with their elements stored in one order, as they are, channels last if one is, or as torch has them; and
    repeated to one shape, by torch's rule.

    Raises:
        CreatorError: for shapes that do not fit.
    """
    shape = common_shape([value.shape for value in values])
    if len({(value.shape, builder.type_of(value.name).shape, value.axes) for value in values}) == 1:
        return list(values)
    return [repeated(builder, value, shape, paths) for value in transposed_alike(builder, values, paths)]


def repeated(builder: Builder, value: Value, shape: Shape, paths: tuple[str, ...]) -> Value:
    """``value``, which is its node transposed, repeated to ``shape`` along the axes along which it has one element."""
    if value.shape == shape:
        return value
    stored = builder.type_of(value.name).shape
    axes = value.axes or tuple(range(len(stored)))
    wanted = list(stored)
    for place, size in zip(axes, shape, strict=True):
        wanted[place] = size
    name = _repeated(builder, value.name, tuple(wanted), paths)
    return Value(name, shape, value.axes)


def _repeated(builder: Builder, name: str, wanted: Shape, paths: tuple[str, ...]) -> str:
    """The node ``name`` repeated along its axes of one element, those beside each other at once, from the first to the last."""
    stored = builder.type_of(name).shape
    start = 0
    while start < len(stored):
        stop = start
        while stop < len(stored) and stored[stop] == 1:
            stop += 1
        factor = math.prod(wanted[start:stop])
        if factor > 1:
            inner = math.prod(stored[stop:])
            name = builder.add(ops.Reshape((math.prod(wanted[:start]), inner)), name, paths)
            name = builder.add(ops.Upsample((factor,)), name, paths)
        start = stop + 1
    return name if builder.type_of(name).shape == wanted else builder.add(ops.Reshape(wanted), name, paths)


def common_shape(shapes: Sequence[Shape]) -> Shape:
    """What samples of ``shapes`` become together, by torch's rule, the batch being an axis before them.

    Raises:
        CreatorError: where torch would align the batch with another axis, or where sizes do not fit.
    """
    if len(set(shapes)) == 1:
        return shapes[0]
    text = " and ".join(str(shape) for shape in shapes)
    if len({len(shape) for shape in shapes}) > 1:
        what = f"its operands have the shapes {text}, and torch aligns the last axes, so that the batch meets another one"
        raise CreatorError(what, hint="keep all axes: keepdim=True, or x[:, :, None, None]")
    shape = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
    if any(size not in (1, most) for each in shapes for size, most in zip(each, shape, strict=True)):
        raise CreatorError(f"its operands have the shapes {text}", hint="make both alike, or 1 along an axis")
    return shape


def is_transposed(builder: Builder, value: Value) -> bool:
    """Whether ``value`` is its node transposed only, and not reshaped."""
    stored = builder.type_of(value.name).shape
    axes = value.axes or tuple(range(len(stored)))
    return tuple(stored[axis] for axis in axes) == value.shape


def transposed_alike(builder: Builder, values: Sequence[Value], paths: tuple[str, ...]) -> list[Value]:
    """The values with nodes that are all transposed in one way, and not reshaped."""
    if all(is_transposed(builder, value) for value in values) and len({value.axes for value in values}) == 1:
        return list(values)
    first = any(value.axes == channels_first(len(value.shape)) and is_transposed(builder, value) for value in values)
    return [(channels_last if first else natural)(builder, value, paths) for value in values]
