"""A limit on the range: ReLU and HardTanh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.formats import IntArray, Overflow
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, check_limits, limited


@dataclass(frozen=True)
class Clamp(Op):
    """``min(max(x, low), high)``, elementwise on any shape; the format stays.

    Args:
        low, high: bounds in codes of the input's format.
    """

    name: ClassVar[str] = "clamp"

    low: int
    high: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        check_limits(self.low, self.high, inputs[0].format)
        return inputs[0]

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return limited(intervals[0], inputs[0].format, Overflow.SATURATE, self.low, self.high)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return np.clip(values[0], self.low, self.high)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return Timing(beats(inputs[0].size, lanes.input), delay=1)


def merged(first: tuple[int, int], second: tuple[int, int]) -> tuple[int, int]:
    """The one clamp that does ``first`` and then ``second``, whether their ranges meet or not."""
    low, high = (min(max(bound, second[0]), second[1]) for bound in first)
    return low, high
