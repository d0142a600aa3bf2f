"""The largest element of every window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from creator.formats import IntArray
from creator.ops.axis import Axis, pool_axes, timing_of
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, divisors
from creator.ops.window import Window


@dataclass(frozen=True)
class MaxPool(Op):
    """``max(x[window])`` for every window of a channels-last sample and every channel; the format stays.

    Shapes: input (*size, channels), output (*places, channels). Padding is less than every code, so it never counts; every
    window has at least one element.

    Args:
        kernel, stride: as in torch, one number for each of the one or two spatial axes.
        before, after: pixels of padding at the ends of each axis.
    """

    name: ClassVar[str] = "maxpool"

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def window(self, x: TensorType) -> Window:
        """Where the windows lie on the input."""
        return pool_window(self, x)

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        window = self.window(inputs[0])
        return TensorType((*window.places, window.channels), inputs[0].format)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return intervals[0]

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        patches = self.window(inputs[0]).patches(values[0], inputs[0].format.min_code)
        found: IntArray = patches.max(axis=tuple(range(-1 - len(self.kernel), -1)))
        return found

    # Hardware.

    def sweeps(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[Axis, ...]:
        window = self.window(inputs[0])
        return pool_axes(window, window.channels // lanes.input)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[list[int], None]:
        return divisors(result.shape[-1]), None

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return timing_of(self.sweeps(inputs, lanes))


def pool_window(op: Op, x: TensorType) -> Window:
    """The window of a pooling operation, checked."""
    kernel, stride, before, after = (getattr(op, name) for name in ("kernel", "stride", "before", "after"))
    window = Window(x.shape[:-1], x.shape[-1], kernel, stride, (1,) * len(kernel), before, after)
    window.check()
    return window
