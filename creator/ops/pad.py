"""Constants around a sample, and between its pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.axis import Axis, spread_axes, timing_of
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, check_codes, divisors


@dataclass(frozen=True)
class Pad(Op):
    """A channels-last sample with ``code`` in ``before`` and ``after`` more pixels, and in ``step - 1`` between any two.

    Shapes: input (*size, channels), output (*places, channels) with ``before + (size - 1) * step + 1 + after`` places along
    each of the one or two spatial axes. The format stays. With a ``step`` it is the first half of a transposed convolution.

    Args:
        before, after: pixels at the ends of each axis.
        step: from one of the sample's pixels to the next, 1 or more.
        code: in the input's format.
    """

    name: ClassVar[str] = "pad"

    before: tuple[int, ...]
    after: tuple[int, ...]
    step: tuple[int, ...]
    code: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        rank = len(x.shape) - 1
        if rank not in (1, 2) or any(len(values) != rank for values in (self.before, self.after, self.step)):
            raise CreatorError(f"padding of shape {x.shape} needs one number for each spatial axis, 1 or 2 of them")
        if min(*self.before, *self.after) < 0 or min(self.step) < 1:
            raise CreatorError("padding is at least 0, and its step at least 1")
        check_codes(x.format, np.array([self.code]), "padding")
        return TensorType((*self._places(x), x.shape[-1]), x.format)

    def _places(self, x: TensorType) -> tuple[int, ...]:
        ends = zip(x.shape[:-1], self.before, self.after, self.step, strict=True)
        return tuple(b + (n - 1) * s + 1 + a for n, b, a, s in ends)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        low, high = intervals[0]
        if self._places(inputs[0]) == inputs[0].shape[:-1]:
            return intervals[0]
        return Interval(min(low, self.code), max(high, self.code))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        (x,) = inputs
        result = np.full((len(values[0]), *self._places(x), x.shape[-1]), self.code, dtype=np.int64)
        places = (slice(b, b + (n - 1) * s + 1, s) for n, b, s in zip(x.shape[:-1], self.before, self.step, strict=True))
        result[(slice(None), *places)] = values[0]
        return result

    # Hardware.

    def sweeps(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[Axis, ...]:
        shape = inputs[0].shape
        return spread_axes(shape, self.before, self.after, self.step, shape[-1] // lanes.input)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[list[int], None]:
        return divisors(result.shape[-1]), None

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return timing_of(self.sweeps(inputs, lanes))
