"""What takes a part of a value: indices, ``narrow``, ``select``, ``split``, ``chunk`` and ``unbind``."""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
import torch.fx

from creator import ops
from creator.errors import CreatorError
from creator.graph import Builder
from creator.tracing.broadcast import transposed_alike
from creator.tracing.joins import CONCATENATIONS, is_join, stored_axis
from creator.tracing.layout import Value, without_axis

SPLITS = {torch.split, torch.chunk, torch.split_with_sizes, torch.tensor_split}
SPLITS |= {"split", "chunk", "split_with_sizes", "tensor_split"}
NARROWS = {torch.narrow, "narrow"}
SELECTS = {torch.select, "select"}
UNBINDS = {torch.unbind, "unbind"}


def is_branch(n: torch.fx.Node, tensors: Collection[torch.fx.Node]) -> bool:
    """Whether a call joins values of the network, or takes a part of one. ``tensors`` are the nodes that give tensors."""
    if n.target is operator.getitem or n.target in NARROWS or n.target in SELECTS:
        return True
    if n.target is getattr:  # x.max(1).values, but not x.T
        return n.args[0] not in tensors
    values = n.args[0] if n.target in CONCATENATIONS and n.args else n.args
    return is_join(n.target) and all(
        isinstance(value, torch.fx.Node) and value in tensors and value.op != "get_attr"
        for value in (values if isinstance(values, (list, tuple)) else [values])
    )


def part(builder: Builder, value: Value, taken: Mapping[int, range], paths: tuple[str, ...]) -> Value:
    """Appends what takes of ``value`` the elements at the places ``taken``, which ascend, along each of torch's axes there."""
    taken = {dim: places for dim, places in taken.items() if places != range(value.shape[dim - 1])}
    if not taken:
        return value
    (value,) = transposed_alike(builder, [value], paths)
    name, shape, steps = value.name, list(value.shape), {}
    for dim, places in taken.items():
        axis, stored = stored_axis(value, dim)
        size, count = shape[axis], len(places)
        step = places.step if count > 1 else 1
        stop = size if step > 1 and -(-(size - places.start) // step) == count else places[-1] + 1
        if (places.start, stop) != (0, size):
            name = builder.add(ops.Slice(stored, places.start, stop), name, paths)
        if step > 1:
            steps[stored] = step
        shape[axis] = count
    return Value(_every(builder, name, steps, paths), tuple(shape), value.axes)


def _every(builder: Builder, name: str, steps: dict[int, int], paths: tuple[str, ...]) -> str:
    """Appends what takes the first and every ``step``-th element after it along axes of a node: pools with windows of one."""
    shape = list(builder.type_of(name).shape)
    while steps:
        axis = min(steps)
        outer = math.prod(shape[:axis])
        along = [axis, axis + 1] if outer == 1 and axis + 1 in steps else [axis]
        stride = [steps.pop(place) for place in along]
        rows = [outer] if outer > 1 else []
        pixels = (*rows, *(shape[place] for place in along), math.prod(shape[along[-1] + 1 :]))
        ones, nothing = (1,) * (len(pixels) - 1), (0,) * (len(pixels) - 1)
        if builder.type_of(name).shape != pixels:
            name = builder.add(ops.Reshape(pixels), name, paths)
        name = builder.add(ops.MaxPool(ones, (*([1] * len(rows)), *stride), nothing, nothing), name, paths)
        shape[axis : axis + len(along)] = [-(-shape[place] // step) for place, step in zip(along, stride, strict=True)]
        if builder.type_of(name).shape != tuple(shape):
            name = builder.add(ops.Reshape(tuple(shape)), name, paths)
    return name


def indexed(builder: Builder, value: Value, index: Any, paths: tuple[str, ...]) -> Value:
    """Appends what ``x[index]`` takes of a value, all axes kept: an index along one keeps one element there."""
    given = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in given:
        place, rank = given.index(Ellipsis), len(value.shape) + 1
        missing = rank - sum(each is not None for each in given) + 1
        given[place : place + 1] = [slice(None)] * missing
    given = [each for each in given if each is not None]
    if given[:1] != [slice(None)]:
        raise CreatorError("mixes the batch with other axes", hint="begin the index with a colon")
    parts: dict[int, range] = {}
    for dim, each in enumerate(given[1:], start=1):
        taken = range(value.shape[dim - 1])[each] if isinstance(each, (int, slice)) and not isinstance(each, bool) else None
        if isinstance(taken, int):
            taken = range(taken, taken + 1)
        if taken is None or not taken:
            raise CreatorError(f"the index {each!r:.60} is not supported", hint="use numbers and slices")
        parts[dim] = taken
    return part(builder, value, parts, paths)


def narrowed(builder: Builder, value: Value, args: Sequence[Any], kwargs: Mapping[str, Any], paths: tuple[str, ...]) -> Value:
    """Appends what ``narrow`` takes; ``args`` are those after its input."""
    given = dict(zip(("dim", "start", "length"), args, strict=False)) | dict(kwargs)
    dim, start, length = (given.get(name, "missing") for name in ("dim", "start", "length"))
    if not all(isinstance(each, int) for each in (dim, start, length)) or dim % (len(value.shape) + 1) == 0:
        raise CreatorError("these arguments are not supported", hint="give an axis of a sample, and numbers")
    axis = dim % (len(value.shape) + 1)
    start = start % value.shape[axis - 1]
    return part(builder, value, {axis: range(start, start + length)}, paths)


def selected(builder: Builder, value: Value, args: Sequence[Any], kwargs: Mapping[str, Any], paths: tuple[str, ...]) -> Value:
    """Appends what ``select`` takes, without its axis; ``args`` are those after its input."""
    given = dict(zip(("dim", "index"), args, strict=False)) | dict(kwargs)
    dim, index = given.get("dim"), given.get("index")
    axis = _axis(dim, value)
    if not isinstance(index, int):
        raise CreatorError(f"the index {index!r:.60} is not supported", hint="use a number")
    index %= value.shape[axis - 1]
    return _alone(builder, value, axis, index, paths)


def unbound(
    builder: Builder, value: Value, args: Sequence[Any], kwargs: Mapping[str, Any], paths: tuple[str, ...]
) -> list[Value]:
    """Appends what gives each result of ``unbind``; ``args`` are those after its input."""
    axis = _axis(kwargs.get("dim", args[0] if args else 0), value)
    return [_alone(builder, value, axis, index, paths) for index in range(value.shape[axis - 1])]


def _axis(dim: Any, value: Value) -> int:
    """torch's axis ``dim``, counted from the batch."""
    axis = dim % (len(value.shape) + 1) if isinstance(dim, int) else 0
    if axis == 0:
        raise CreatorError("mixes the batch with other axes", hint="give another axis than the first")
    return axis


def _alone(builder: Builder, value: Value, dim: int, index: int, paths: tuple[str, ...]) -> Value:
    """Appends what takes the elements at a place along torch's axis ``dim``, without that axis."""
    (value,) = transposed_alike(builder, [value], paths)
    return without_axis(builder, part(builder, value, {dim: range(index, index + 1)}, paths), dim - 1, paths)


def split(
    builder: Builder,
    value: Value,
    shapes: Sequence[tuple[int, ...]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    paths: tuple[str, ...],
) -> list[Value]:
    """Appends what gives each result of a split, of which samples have ``shapes``; ``args`` are those after its input."""
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    axis = _axis(dim, value)
    ends = [sum(shape[axis - 1] for shape in shapes[: count + 1]) for count in range(len(shapes))]
    starts = [0, *ends[:-1]]
    return [part(builder, value, {axis: range(start, end)}, paths) for start, end in zip(starts, ends, strict=True)]
