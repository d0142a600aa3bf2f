"""Every pixel several times: nearest upsampling by whole factors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.axis import Axis, repeat_axes, timing_of
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, divisors


@dataclass(frozen=True)
class Upsample(Op):
    """A channels-last sample with every pixel ``factors`` times along each of the one or two spatial axes; the format stays.

    Args:
        factors: each 1 or more, and not all of them 1.
    """

    name: ClassVar[str] = "upsample"

    factors: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if len(x.shape) not in (2, 3) or len(self.factors) != len(x.shape) - 1:
            raise CreatorError(f"upsampling of shape {x.shape} needs one factor for each spatial axis, 1 or 2 of them")
        if min(self.factors) < 1 or max(self.factors) == 1:
            raise CreatorError(f"the factors {self.factors} are not 1 or more, or change nothing")
        return TensorType((*(n * f for n, f in zip(x.shape[:-1], self.factors, strict=True)), x.shape[-1]), x.format)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return intervals[0]

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        result = values[0]
        for axis, factor in enumerate(self.factors, start=1):
            result = np.repeat(result, factor, axis=axis)
        return result

    # Hardware.

    def sweeps(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[Axis, ...]:
        shape = inputs[0].shape
        return repeat_axes(shape, self.factors, shape[-1] // lanes.input)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[list[int], None]:
        return divisors(result.shape[-1]), None

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return timing_of(self.sweeps(inputs, lanes))
