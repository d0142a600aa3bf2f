"""The elements of a sample in another order: its axes exchanged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing


@dataclass(frozen=True)
class Permute(Op):
    """``x.transpose(axes)``: axis i of the result is axis ``axes[i]`` of the input.

    At the network's input or output it is the order in which the stream carries a sample's elements, and needs no hardware.
    Elsewhere its core stores a frame, two of them in turn, and reads it in the other order, an element a cycle. The first axes
    that stay where they are, are turns of that: what is stored is a block, the elements of an index of those axes.

    Args:
        axes: each axis of a sample, without the batch, once.
    """

    name: ClassVar[str] = "permute"

    axes: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if sorted(self.axes) != list(range(len(x.shape))):
            raise CreatorError(f"axes {self.axes} are not those of shape {x.shape}", hint="name each axis once")
        return TensorType(tuple(x.shape[axis] for axis in self.axes), x.format)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return intervals[0]

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return values[0].transpose(0, *(axis + 1 for axis in self.axes))

    def block(self, x: TensorType) -> int:
        """Elements of a block, a whole frame or a part of it that repeats."""
        if moves_nothing(self.axes, x.shape):
            return x.size
        return math.prod(x.shape[min(place for place, axis in enumerate(self.axes) if place != axis) :])

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        # A block is stored; then a read, and its register.
        return Timing(inputs[0].size, delay=self.block(inputs[0]) + 2)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[range | list[int], None]:
        return [1], None


def moves_nothing(axes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether exchanging the axes leaves the row-major order of the elements as it is: only axes of size 1 move."""
    kept = [axis for axis in axes if shape[axis] > 1]
    return kept == sorted(kept)


def inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that undo ``axes``."""
    return tuple(axes.index(axis) for axis in range(len(axes)))
