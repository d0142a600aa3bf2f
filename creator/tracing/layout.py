"""In which order a traced value's elements are stored.

torch puts channels first, graphs have them last. So a traced value knows how it follows from the node that has its elements:
transposed, then reshaped. Nothing moves until something needs the elements in another order; a linear layer never does, since
its columns can be exchanged instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.graph import Builder
from creator.ops import Permute, Reshape
from creator.ops.permute import inverse, moves_nothing


def probe(rank: int) -> torch.Tensor:
    """A batch without data of samples of so many axes, whose sizes all differ: where each goes tells what a function does.

    Raises:
        CreatorError: for more axes than there are sizes.
    """
    if rank >= len(_SIZES):
        raise CreatorError(f"values of {rank} axes have too many", hint=f"use at most {len(_SIZES) - 1}")
    return torch.empty(_SIZES[: rank + 1], device="meta")


_SIZES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29)


@dataclass(frozen=True)
class Value:
    """A value of the model.

    Args:
        name: the graph's node that has its elements.
        shape: of one sample, as torch has it.
        axes: the node's result transposed by these, and reshaped to ``shape``, is the value; ``None``: it is only reshaped.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...] | None = None

    def renamed(self, name: str) -> Value:
        """The value after something elementwise, whose result is the node ``name``."""
        return Value(name, self.shape, self.axes)


def channels_first(rank: int) -> tuple[int, ...]:
    """The axes that bring a channels-last sample of that rank into torch's order."""
    return (rank - 1, *range(rank - 1))


def natural(builder: Builder, value: Value, paths: tuple[str, ...]) -> Value:
    """``value`` with its elements in torch's order, and their node in its shape."""
    name = value.name
    if value.axes is not None:
        name = _permuted(builder, name, value.axes, paths)
    return Value(_reshaped(builder, name, value.shape, paths), value.shape)


def channels_last(builder: Builder, value: Value, paths: tuple[str, ...]) -> Value:
    """``value`` with a node in the order (..., channels)."""
    order = channels_first(len(value.shape))
    stored = builder.type_of(value.name).shape
    if value.axes == order and tuple(stored[axis] for axis in order) == value.shape:
        return value
    name = _merged_last(builder, value, paths) or _permuted(builder, natural(builder, value, paths).name, inverse(order), paths)
    return Value(name, value.shape, order)


def _merged_last(builder: Builder, value: Value, paths: tuple[str, ...]) -> str | None:
    """The node of ``value`` in the order (..., channels) by one exchange of axes, where it is its node transposed, and of that
    axes have become one: as in a shuffle of channels. ``None`` for others."""
    stored = builder.type_of(value.name).shape
    if value.axes is None:
        return None
    transposed = tuple(stored[axis] for axis in value.axes)
    pairs = {after[0]: before for before, after in groups(transposed, value.shape) if len(after) == 1}
    if transposed == value.shape or len(pairs) < sum(size > 1 for size in value.shape):
        return None
    wanted = [*range(1, len(value.shape)), 0]
    moved = [value.axes[axis] for place in wanted for axis in pairs.get(place, [])]
    rest = [place for place in range(len(stored)) if place not in moved]  # of size 1
    name = _permuted(builder, value.name, (*rest, *moved), paths)
    return _reshaped(builder, name, tuple(value.shape[axis] for axis in wanted), paths)


def reshaped(builder: Builder, value: Value, shape: tuple[int, ...], paths: tuple[str, ...]) -> Value:
    """``value`` in another shape, its elements in the same order."""
    if value.axes is None:
        return Value(_reshaped(builder, value.name, shape, paths), shape)
    return _regrouped(builder, value, shape, paths) or Value(value.name, shape, value.axes)


def _regrouped(builder: Builder, value: Value, shape: tuple[int, ...], paths: tuple[str, ...]) -> Value | None:
    """``value`` in another shape by a reshape of its node, which then is the value transposed: where axes are divided, or those
    that become one are neighbours in the node as well. ``None`` where they are not, and where nothing would have to move."""
    stored = builder.type_of(value.name).shape
    assert value.axes is not None
    if tuple(stored[axis] for axis in value.axes) != value.shape or moves_nothing(value.axes, stored):
        return None
    places = [place for place in sorted(value.axes) if stored[place] > 1]
    order: list[tuple[int, list[int]]] = []
    for before, after in groups(value.shape, shape):
        found = [places.index(value.axes[axis]) for axis in before]
        if found != list(range(found[0], found[0] + len(found))):
            return None
        order.append((found[0], after))
    made = [axis for _, after in sorted(order) for axis in after]
    for axis in reversed([axis for axis, size in enumerate(shape) if size == 1]):
        behind = made.index(axis + 1) if axis + 1 < len(shape) else made.index(max(made)) + 1
        made.insert(behind, axis)
    name = _reshaped(builder, value.name, tuple(shape[axis] for axis in made), paths)
    axes = tuple(made.index(axis) for axis in range(len(shape)))
    return Value(name, shape, None if axes == tuple(sorted(axes)) else axes)


def groups(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Which axes become which in a reshape: the fewest that stand for each other. Axes of size 1 are in none."""
    pairs: list[tuple[list[int], list[int]]] = []
    left, right = ([axis for axis, size in enumerate(shape) if size > 1] for shape in (before, after))
    while left:
        old, new = [left.pop(0)], [right.pop(0)]
        while (a := math.prod(before[axis] for axis in old)) != (b := math.prod(after[axis] for axis in new)):
            old, new = ([*old, left.pop(0)], new) if a < b else (old, [*new, right.pop(0)])
        pairs.append((old, new))
    return pairs


def permuted(builder: Builder, value: Value, axes: tuple[int, ...], paths: tuple[str, ...]) -> Value:
    """``value`` transposed."""
    stored = builder.type_of(value.name).shape
    before = value.axes if value.axes is not None else tuple(range(len(stored)))
    if tuple(stored[axis] for axis in before) != value.shape:  # it was reshaped in between
        value = natural(builder, value, paths)
        before = tuple(range(len(value.shape)))
    after = tuple(before[axis] for axis in axes)
    shape = tuple(value.shape[axis] for axis in axes)
    return Value(value.name, shape, None if after == tuple(sorted(after)) else after)


def without_axis(builder: Builder, value: Value, axis: int, paths: tuple[str, ...]) -> Value:
    """``value``, which is its node transposed and has one element along ``axis`` of a sample, without that axis."""
    stored = builder.type_of(value.name).shape
    axes = value.axes or tuple(range(len(stored)))
    place = axes[axis]
    left = tuple(other - (other > place) for other in axes if other != place) or (0,)
    name = _reshaped(builder, value.name, stored[:place] + stored[place + 1 :] or (1,), paths)
    return Value(name, value.shape[:axis] + value.shape[axis + 1 :] or (1,), None if left == tuple(sorted(left)) else left)


def with_axis(builder: Builder, value: Value, axis: int, paths: tuple[str, ...]) -> Value:
    """``value``, which is its node transposed, with a new axis of one element: ``axis`` of a sample, and in the node right
    before the axis that it stands before, or behind the last."""
    stored = builder.type_of(value.name).shape
    axes = value.axes or tuple(range(len(stored)))
    place = axes[axis] if axis < len(axes) else axes[-1] + 1
    moved = tuple(other + (other >= place) for other in axes)
    made = (*moved[:axis], place, *moved[axis:])
    name = _reshaped(builder, value.name, (*stored[:place], 1, *stored[place:]), paths)
    shape = (*value.shape[:axis], 1, *value.shape[axis:])
    return Value(name, shape, None if made == tuple(sorted(made)) else made)


def flat(builder: Builder, value: Value, paths: tuple[str, ...]) -> tuple[str, IntArray | None]:
    """A node with the elements of ``value`` in one axis, in whatever order they are; and where each is, if elsewhere."""
    stored = builder.type_of(value.name).shape
    name = _reshaped(builder, value.name, (math.prod(stored),), paths)
    if value.axes is None:
        return name, None
    return name, np.arange(math.prod(stored)).reshape(stored).transpose(value.axes).ravel()


def rows(builder: Builder, value: Value, paths: tuple[str, ...]) -> str:
    """A node with the elements of ``value`` in two axes: all but the last in one, and the last."""
    name = natural(builder, value, paths).name
    return _reshaped(builder, name, (math.prod(value.shape[:-1]), value.shape[-1]), paths)


def _permuted(builder: Builder, name: str, axes: tuple[int, ...], paths: tuple[str, ...]) -> str:
    stored = builder.type_of(name).shape
    if moves_nothing(axes, stored):
        return _reshaped(builder, name, tuple(stored[axis] for axis in axes), paths)
    return builder.add(Permute(axes), name, paths)


def _reshaped(builder: Builder, name: str, shape: tuple[int, ...], paths: tuple[str, ...]) -> str:
    return name if builder.type_of(name).shape == shape else builder.add(Reshape(shape), name, paths)
