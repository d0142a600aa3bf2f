"""Some elements along an axis; the others are dropped from the stream."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, divisors, fewest_lanes


@dataclass(frozen=True)
class Slice(Op):
    """The elements ``start`` to ``stop - 1`` along an axis; exact.

    On the stream that is a part of each run: the elements of an index of the axes before. A core takes runs in whole beats, or
    whole runs at once.

    Args:
        axis: of a sample, 0 being the first after the batch.
        start, stop: of the elements that are kept.
    """

    name: ClassVar[str] = "slice"

    axis: int
    start: int
    stop: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if not 0 <= self.axis < len(x.shape):
            raise CreatorError(f"shape {x.shape} has no axis {self.axis}")
        size = x.shape[self.axis]
        if not 0 <= self.start < self.stop <= size:
            raise CreatorError(f"{self.start} to {self.stop} is no part of an axis of {size} elements")
        shape = list(x.shape)
        shape[self.axis] = self.stop - self.start
        return TensorType(tuple(shape), x.format)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return intervals[0]

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return values[0][(slice(None),) * (self.axis + 1) + (slice(self.start, self.stop),)].copy()

    def rounds(self, x: TensorType) -> int:
        """Runs in a frame."""
        return math.prod(x.shape[: self.axis])

    def places(self, x: TensorType) -> tuple[int, int, int]:
        """Elements of a run before those that are kept, up to their end, and in all."""
        inner = math.prod(x.shape[self.axis + 1 :])
        return self.start * inner, self.stop * inner, x.shape[self.axis] * inner

    def lane_pairs(self, inputs: tuple[TensorType, ...]) -> tuple[Lanes, ...]:
        (x,) = inputs
        rounds, (start, stop, run) = self.rounds(x), self.places(x)
        kept = stop - start
        # What is kept begins with a beat, and only in a frame of one run may its last beat carry more than that.
        turns = divisors(math.gcd(start, stop, run)) if rounds > 1 else divisors(start) if start else fewest_lanes(run)
        together = [Lanes(n * run, n * kept) for n in fewest_lanes(rounds)] if kept < run else []
        return (*(Lanes(n, n) for n in turns if n <= kept), *together)

    def operand_lanes(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[int, ...]:
        return (lanes.input,)

    def kept_beats(self, x: TensorType, lanes: Lanes) -> tuple[int, int, int]:
        """Beats of a run before those that are kept, up to their end, and in all, where runs pass beat by beat."""
        start, stop, run = self.places(x)
        return start // lanes.input, beats(stop, lanes.input), beats(run, lanes.input)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return Timing(beats(inputs[0].size, lanes.input), 1)
