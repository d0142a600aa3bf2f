"""Two values, one after the other along an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, divisors, fewest_lanes


@dataclass(frozen=True)
class Concatenate(Op):
    """The elements of the first value and then those of the second, along an axis; exact.

    On the stream that is runs of the one and the other in turn: the elements of an index of the axes before. A core takes runs
    one after the other, each in whole beats, or whole runs of both at once.

    Args:
        axis: of a sample, 0 being the first after the batch.
    """

    name: ClassVar[str] = "concatenate"
    arity: ClassVar[int] = 2

    axis: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        a, b = inputs
        if a.format != b.format:
            raise CreatorError(
                f"its operands have the formats {a.format} and {b.format}", hint="bring both to one with nn.Quantize in front"
            )
        if not 0 <= self.axis < len(a.shape):
            raise CreatorError(f"shape {a.shape} has no axis {self.axis}")
        others = [x.shape[: self.axis] + x.shape[self.axis + 1 :] for x in inputs]
        if len(a.shape) != len(b.shape) or others[0] != others[1]:
            raise CreatorError(f"shapes {a.shape} and {b.shape} differ elsewhere than along axis {self.axis}")
        shape = list(a.shape)
        shape[self.axis] += b.shape[self.axis]
        return TensorType(tuple(shape), a.format)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return Interval(min(each.low for each in intervals), max(each.high for each in intervals))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return np.concatenate(values, axis=self.axis + 1)

    def rounds(self, inputs: tuple[TensorType, ...]) -> int:
        """Runs of each value in a frame."""
        return math.prod(inputs[0].shape[: self.axis])

    def runs(self, inputs: tuple[TensorType, ...]) -> tuple[int, int]:
        """Elements in a run of the first value, and of the second."""
        a, b = (math.prod(x.shape[self.axis :]) for x in inputs)
        return a, b

    def lane_pairs(self, inputs: tuple[TensorType, ...]) -> tuple[Lanes, ...]:
        rounds, (a, b) = self.rounds(inputs), self.runs(inputs)
        # A run that is the frame's only one may end with a beat that is not full.
        turns = [n for n in divisors(a) if n <= b] if rounds == 1 else divisors(math.gcd(a, b))
        return (*(Lanes(n, n) for n in turns), *(Lanes(n * a, n * (a + b)) for n in fewest_lanes(rounds)))

    def operand_lanes(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[int, ...]:
        return (lanes.input, lanes.input if lanes.input == lanes.output else lanes.output - lanes.input)

    def run_beats(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[int, int]:
        """Beats in a run of the first value, and of the second, where they pass one after the other."""
        a, b = (beats(run, lanes.input) for run in self.runs(inputs))
        return a, b

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        rounds = self.rounds(inputs)
        if lanes.input == lanes.output:
            return Timing(rounds * sum(self.run_beats(inputs, lanes)), 1)
        return Timing(beats(rounds, lanes.input // self.runs(inputs)[0]), 1)
