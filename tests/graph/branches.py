"""Small graphs with branches, made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray
from creator.graph import Builder, Graph
from creator.ops import Clamp, Interval, Lanes, Op, TensorType, Timing, beats
from tests.graph.chains import linear, quantize

F = FixedPoint


@dataclass(frozen=True)
class Larger(Op):
    """The larger of two values, elementwise: an operation of two inputs that needs nothing else."""

    name: ClassVar[str] = "larger"
    arity: ClassVar[int] = 2

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        if inputs[0] != inputs[1]:
            raise CreatorError(f"{inputs[0]} and {inputs[1]} differ")
        return inputs[0]

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return Interval(max(a.low for a in intervals), max(a.high for a in intervals))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        a, b = values
        return (a + b + abs(a - b)) // 2

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return Timing(beats(inputs[0].size, lanes.input), 1)


def diamond() -> Graph:
    """A value that a layer and the operation after it both read; the result of two changes of format."""
    builder = Builder(TensorType((4,), F(8, 4)))
    top = builder.add(quantize(F(8, 3)), builder.input, ("top",))
    long = builder.add(linear(4, 4, entry=F(8, 3), output=F(8, 3)), top, ("long.0",))
    long = builder.add(Clamp(0, 127), long, ("long.1",))
    both = builder.add(Larger(), (top, long), ("both",))
    return builder.graph(builder.add(quantize(F(6, 1)), both, ("last",)))
