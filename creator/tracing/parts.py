"""What takes a part of a value: indices, ``narrow``, ``split`` and ``chunk``."""

from __future__ import annotations

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
from creator.tracing.layout import Value

SPLITS = {torch.split, torch.chunk, torch.split_with_sizes, torch.tensor_split}
SPLITS |= {"split", "chunk", "split_with_sizes", "tensor_split"}
NARROWS = {torch.narrow, "narrow"}


def is_branch(n: torch.fx.Node, tensors: Collection[torch.fx.Node]) -> bool:
    """Whether a call joins values of the network, or takes a part of one. ``tensors`` are the nodes that give tensors."""
    if n.target is operator.getitem or n.target in NARROWS:
        return True
    values = n.args[0] if n.target in CONCATENATIONS and n.args else n.args
    return is_join(n.target) and all(
        isinstance(value, torch.fx.Node) and value in tensors and value.op != "get_attr"
        for value in (values if isinstance(values, (list, tuple)) else [values])
    )


def part(builder: Builder, value: Value, dim: int, start: int, stop: int, paths: tuple[str, ...]) -> Value:
    """Appends what takes the elements ``start`` to ``stop - 1`` of ``value`` along torch's axis ``dim``."""
    if (start, stop) == (0, value.shape[dim - 1]):
        return value
    (value,) = transposed_alike(builder, [value], paths)
    axis, stored = stored_axis(value, dim)
    shape = (*value.shape[:axis], stop - start, *value.shape[axis + 1 :])
    return Value(builder.add(ops.Slice(stored, start, stop), value.name, paths), shape, value.axes)


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
    for dim, each in enumerate(given[1:], start=1):
        taken = range(value.shape[dim - 1])[each] if isinstance(each, (int, slice)) and not isinstance(each, bool) else None
        if isinstance(taken, int):
            taken = range(taken, taken + 1)
        if taken is None or taken.step != 1 or not taken:
            raise CreatorError(f"the index {each!r:.60} is not supported", hint="use numbers and slices of step 1")
        value = part(builder, value, dim, taken.start, taken.stop, paths)
    return value


def narrowed(builder: Builder, value: Value, args: Sequence[Any], kwargs: Mapping[str, Any], paths: tuple[str, ...]) -> Value:
    """Appends what ``narrow`` takes; ``args`` are those after its input."""
    given = dict(zip(("dim", "start", "length"), args, strict=False)) | dict(kwargs)
    dim, start, length = (given.get(name, "missing") for name in ("dim", "start", "length"))
    if not all(isinstance(each, int) for each in (dim, start, length)) or dim % (len(value.shape) + 1) == 0:
        raise CreatorError("these arguments are not supported", hint="give an axis of a sample, and numbers")
    axis = dim % (len(value.shape) + 1)
    start = start % value.shape[axis - 1]
    return part(builder, value, axis, start, start + length, paths)


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
    axis = dim % (len(value.shape) + 1) if isinstance(dim, int) else 0
    if axis == 0:
        raise CreatorError("mixes the batch with other axes", hint="split along another axis than the first")
    ends = [sum(shape[axis - 1] for shape in shapes[: count + 1]) for count in range(len(shapes))]
    starts = [0, *ends[:-1]]
    return [part(builder, value, axis, start, end, paths) for start, end in zip(starts, ends, strict=True)]
