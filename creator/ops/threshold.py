"""How many thresholds an element has reached: binary decisions, and quantizers with steps of any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, deep_stages, frozen_array

MAX_THRESHOLDS = 256


@dataclass(frozen=True, eq=False)
class Threshold(Op):
    """``sum(x >= thresholds[c])``, elementwise; c is the index along the last axis.

    The result is an unsigned integer of as many bits as the number of thresholds needs.

    Args:
        thresholds: int64 codes of the input, one more than the highest included, shape (1, levels), or (channels, levels).
    """

    name: ClassVar[str] = "threshold"

    thresholds: IntArray

    def __post_init__(self) -> None:
        object.__setattr__(self, "thresholds", frozen_array(self.thresholds))

    @property
    def levels(self) -> int:
        """Thresholds of an element."""
        return int(self.thresholds.shape[1])

    @property
    def distinct(self) -> IntArray:
        """The thresholds, one row if all channels have the same."""
        return self.thresholds[:1] if (self.thresholds == self.thresholds[:1]).all() else self.thresholds

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        shape, fmt = self.thresholds.shape, x.format
        if len(shape) != 2 or shape[0] not in (1, x.shape[-1]) or not 1 <= shape[1] <= MAX_THRESHOLDS:
            raise CreatorError(
                f"thresholds of shape {shape} do not fit values of shape {x.shape}",
                hint=f"give 1 to {MAX_THRESHOLDS} of them, for all or for each of {x.shape[-1]} channels",
            )
        if not fmt.min_code <= int(self.thresholds.min()) <= int(self.thresholds.max()) <= fmt.max_code + 1:
            raise CreatorError(f"a threshold lies outside {fmt.min_code} ... {fmt.max_code + 1}")
        return TensorType(x.shape, FixedPoint(self.levels.bit_length(), 0, signed=False))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        low, high = ((code >= self.thresholds).sum(axis=1) for code in intervals[0])
        return Interval(int(low.min()), int(high.max()))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        counts: IntArray = np.zeros(values[0].shape, dtype=np.int64)
        for level in range(self.levels):
            counts += values[0] >= self.thresholds[:, level]
        return counts

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        delay = self.memory_stages(inputs[0], lanes) + 1 + self.rounds
        return Timing(beats(inputs[0].size, lanes.input), delay)

    @property
    def rounds(self) -> int:
        """Pipeline stages that count, by pairs, how many comparisons are true."""
        return (self.levels - 1).bit_length()

    def words(self, x: TensorType, lanes: Lanes) -> int:
        """Beats until the thresholds repeat or the frame ends."""
        return beats(min(math.lcm(len(self.distinct), lanes.input), x.size), lanes.input)

    def memory_stages(self, x: TensorType, lanes: Lanes) -> int:
        """Pipeline stages of the memory of several channels' thresholds."""
        return 2 + deep_stages(self.words(x, lanes)) if len(self.distinct) > 1 else 0
