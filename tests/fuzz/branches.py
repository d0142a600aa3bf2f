"""Random networks whose streams fork and join, as graphs: Python's own integers say what they compute."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st

from creator import FixedPoint, Graph, Overflow
from creator.formats import bits_for
from creator.graph import Builder
from creator.ops import (
    Add,
    Clamp,
    Concatenate,
    Linear,
    Lookup,
    Multiply,
    Op,
    Quantize,
    Reshape,
    Shift,
    Slice,
    TensorType,
    Upsample,
)
from creator.passes import OPTIMISE, run_passes
from tests import oracle
from tests.fuzz.draws import FRAME_BEATS, Draws
from tests.fuzz.trial import Trial

F = FixedPoint
SHAPES = [(1,), (2,), (3,), (4,), (5,), (6,), (8,), (2, 2), (2, 3), (3, 2), (2, 1, 3)]
MOST = 12
"""Elements of a value; more would make simulations long."""


class Branches(Draws):
    """Draws nodes that read values drawn before, more often the last ones."""

    def format(self, most: int = 10, least: int = 1) -> FixedPoint:
        bits, signed = self.whole(least, most), not self.chance(25)
        return F(bits, self.whole(-1, bits + 1), signed, symmetric=signed and bits > 1 and self.chance(10))

    def rules(self, output: FixedPoint) -> tuple:
        overflow = Overflow.SATURATE if output.symmetric else self.pick([Overflow.SATURATE] * 2 + [Overflow.WRAP])
        return output, self.pick(oracle.ROUNDINGS), overflow, output.min_code, output.max_code

    def type(self, name: str) -> TensorType:
        return self.builder.type_of(name)

    def value(self, names: list[str] | None = None) -> str:
        """One of ``names``, or of all."""
        found = names or self.names
        return found[-1 - self.pick([0, 0, 0, self.whole(0, len(found) - 1)])]

    def add(self, op: Op, *sources: str) -> str:
        self.names.append(self.builder.add(op, sources, (f"layer.{len(self.names)}",)))
        return self.names[-1]

    def near(self, name: str) -> FixedPoint:
        """A format in which most values of another one lie, or some way beyond it."""
        before = self.type(name).format
        bits = self.whole(1, 10)
        whole = before.total_bits - before.frac_bits + self.whole(-2, 1)
        return F(bits, bits - whole, not self.chance(25))

    def linear(self, source: str, m: int) -> str:
        if len(self.type(source).shape) > 1:
            source = self.add(Reshape((self.type(source).size,)), source)
        n, weight = self.type(source).size, F(self.whole(1, 6), self.whole(0, 5))
        bulk = self.bulk()
        codes = bulk.integers(weight.min_code, weight.max_code, (m, n), endpoint=True)
        frac_bits = self.type(source).format.frac_bits + weight.frac_bits
        op = Linear(codes, weight, bulk.integers(-40, 40, m), F(52, frac_bits), *self.rules(self.near(source)))
        return self.add(op, source)

    def unary(self) -> None:
        source = self.value()
        bits = self.type(source).format.total_bits
        match self.whole(0, 5):
            case 5:
                self.add(Shift(self.whole(-3, 3)), source)
            case 0:
                self.add(Quantize(*self.rules(self.near(source))), source)
            case 1 if bits <= 8:
                output = self.format(8)
                self.add(
                    Lookup(self.bulk().integers(output.min_code, output.max_code, 1 << bits, endpoint=True), output), source
                )
            case 2:
                fmt = self.type(source).format
                low = self.whole(fmt.min_code, fmt.max_code)
                self.add(Clamp(low, self.whole(low, fmt.max_code)), source)
            case 3:
                axis = self.whole(0, len(self.type(source).shape) - 1)
                size = self.type(source).shape[axis]
                start = self.whole(0, size - 1)
                self.add(Slice(axis, start, self.whole(start + 1, size)), source)
            case _:
                self.linear(source, self.pick([self.type(source).size, self.whole(1, 8)]))

    def binary(self) -> None:
        a = self.value()
        kind = self.type(a)
        if self.chance(30):
            self.concatenate(a, kind)
            return
        alike = [name for name in self.names if self.type(name).shape == kind.shape]
        b = self.value(alike)
        if self.chance(15):
            b = self.repeated(kind)
        elif self.chance(20):
            b = self.linear(self.value(), kind.size)
            b = b if len(kind.shape) == 1 else self.add(Reshape(kind.shape), b)
        x, y = self.type(a).format, self.type(b).format
        if self.chance(60):
            exact = F(max(x.total_bits, y.total_bits) + 1, max(x.frac_bits, y.frac_bits))
            output = exact if self.chance(20) and exact.total_bits < 20 else self.near(a)
            self.add(Add(*self.rules(output), self.pick([1, -1])), a, b)
        else:
            self.add(Multiply(*self.rules(self.near(a))), a, b)

    def repeated(self, kind: TensorType) -> str:
        """A value of the shape of ``kind`` that is the same along an axis."""
        axis = self.whole(0, len(kind.shape) - 1)
        outer, factor, inner = math.prod(kind.shape[:axis]), kind.shape[axis], math.prod(kind.shape[axis + 1 :])
        b = self.linear(self.value(), outer * inner)
        if factor > 1:
            b = self.add(Upsample((factor,)), self.add(Reshape((outer, inner)), b))
        return b if self.type(b).shape == kind.shape else self.add(Reshape(kind.shape), b)

    def concatenate(self, a: str, kind: TensorType) -> None:
        axis = self.whole(0, len(kind.shape) - 1)

        def rest(shape: tuple[int, ...]) -> tuple[int, ...]:
            return shape[:axis] + shape[axis + 1 :]

        fitting = [
            name
            for name in self.names
            if len(self.type(name).shape) == len(kind.shape) and rest(self.type(name).shape) == rest(kind.shape)
        ]
        b = self.value(fitting)
        if self.type(a).size + self.type(b).size > MOST:
            return
        if self.type(b).format != kind.format:
            fmt = kind.format
            b = self.add(Quantize(fmt, self.pick(oracle.ROUNDINGS), Overflow.SATURATE, fmt.min_code, fmt.max_code), b)
        self.add(Concatenate(axis), *self.pick([(a, b), (b, a)]))

    def step(self) -> None:
        self.unary() if self.chance(50) else self.binary()

    def graph(self) -> Graph:
        """A graph that no pass has touched."""
        shape = self.pick(SHAPES)
        assert math.prod(shape) <= MOST
        self.builder = Builder(TensorType(shape, self.format(8)))
        self.names = [self.builder.input]
        self.repeat(9, self.step)
        if self.chance(70):
            self.binary()
        if len(self.names) == 1:
            self.add(Quantize(*self.rules(self.near(self.builder.input))), self.builder.input)
        assert bits_for(*self.builder.graph(self.names[-1]).intervals[self.names[-1]]) <= 52
        return self.builder.graph(self.names[-1])


@st.composite
def small(draw: st.DrawFn) -> Trial:
    """Networks of up to eleven nodes and twelve elements a value."""
    draws = Branches(draw)
    traced = draws.graph()
    graph = run_passes(traced, OPTIMISE)
    if not graph.nodes or all(node.op.name in ("reshape", "shift") for node in graph.nodes):
        # Nothing is left to build: a network of the simplest kind instead.
        other = F(1, int(traced.output_format == F(1, 0)))
        draws.add(Quantize(other, oracle.ROUNDINGS[0], Overflow.WRAP, -1, 0), traced.output)
        traced = draws.builder.graph(draws.names[-1])
        graph = run_passes(traced, OPTIMISE)
    expected = traced
    return Trial(traced, graph, lambda x: oracle.run(expected, x), draws.parallelism(graph, FRAME_BEATS), 64, **draws.bench())


def numbers(trial: Trial) -> dict[str, int]:
    """How many of what a network has."""
    plan = trial.design().plan
    feeds = [feed for core in plan.cores if len(core.feeds) > 1 for feed in core.feeds]
    return {
        "forks": sum(len(places) > 1 for places in plan.readers.values()),
        "joins": len(feeds) // 2,
        "queues": sum(feed.words > 0 for feed in feeds),
        "registers": sum(feed.registered for feed in feeds),
        "adapters": sum(feed.adapter is not None for feed in feeds),
        "deepest": int(np.max([feed.depth for feed in feeds], initial=0)),
    }
