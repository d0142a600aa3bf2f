"""Small graphs with branches, made by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding
from creator.graph import Builder, Graph
from creator.ops import Add, Clamp, Interval, Lanes, Multiply, Op, TensorType, Timing, beats
from tests.graph.chains import linear, quantize

F = FixedPoint
IN = F(8, 4)


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


def joined(
    op: Op,
    first: tuple[Op, ...] = (),
    second: tuple[Op, ...] = (),
    *after: Op,
    shape: tuple[int, ...] = (4,),
    entry: Format = IN,
) -> Graph:
    """``op`` of the input after ``first`` and of the input after ``second``, and ``after`` it."""
    builder = Builder(TensorType(shape, entry))
    ends = []
    for branch, ops in (("a", first), ("b", second)):
        current = builder.input
        for index, each in enumerate(ops):
            current = builder.add(each, current, (f"{branch}.{index}",))
        ends.append(current)
    current = builder.add(op, tuple(ends), ("join",))
    for index, each in enumerate(after):
        current = builder.add(each, current, (f"after.{index}",))
    return builder.graph(current)


def add(
    output: FixedPoint = IN,
    sign: int = 1,
    rounding: Rounding = Rounding.HALF_EVEN,
    overflow: Overflow = Overflow.SATURATE,
) -> Add:
    """A sum that limits nothing more."""
    return Add(output, rounding, overflow, output.min_code, output.max_code, sign)


def multiply(
    output: FixedPoint = IN, rounding: Rounding = Rounding.HALF_EVEN, overflow: Overflow = Overflow.SATURATE
) -> Multiply:
    """A product that limits nothing more."""
    return Multiply(output, rounding, overflow, output.min_code, output.max_code)
