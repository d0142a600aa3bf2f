"""Random networks between arbitrary scales, as graphs: Python's own integers say what they compute."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from creator import FixedPoint, Graph, Overflow
from creator.affine import Affine, Format
from creator.formats import bits_for
from creator.graph import Builder
from creator.ops import Clamp, Interval, Linear, Lookup, Op, Rescale, Reshape, TensorType
from creator.ops.rescale import PRODUCT_BITS, centred
from creator.passes import OPTIMISE, run_passes
from tests import oracle
from tests.fuzz.draws import FRAME_BEATS, Draws
from tests.fuzz.trial import Trial

F = FixedPoint
SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12]


class Scales(Draws):
    """Draws nodes."""

    def format(self, most: int, least: int = 1) -> Format:
        bits, signed = self.whole(least, most), not self.chance(30)
        codes = F(bits, self.whole(-3, bits + 2), signed, symmetric=signed and bits > 1 and self.chance(10))
        if self.chance(30):
            return codes
        ends = (0 if codes.min_code <= 0 <= codes.max_code else codes.max_code, codes.min_code, codes.max_code)
        zero = self.pick([*ends, self.whole(codes.min_code, codes.max_code)])
        return Affine(float(np.exp(self.bulk().uniform(-9, 3))), zero, bits, signed, None, codes.symmetric)

    @property
    def type(self) -> TensorType:
        return self.builder.type_of(self.last)

    def add(self, op: Op) -> None:
        before = self.type
        self.last = self.builder.add(op, self.last, (f"layer.{self.last}",))
        self.bounds = op.interval((before,), (self.bounds,))

    def clamp(self) -> None:
        low = self.whole(self.bounds.low, self.bounds.high)
        self.add(Clamp(low, self.whole(low, self.bounds.high)))

    def sums(self) -> None:
        if len(self.type.shape) > 1:
            self.add(Reshape((self.type.size,)))
        n, m, weight = self.type.size, self.pick(SIZES), F(self.whole(1, 10), 0, not self.chance(10))
        exact = F(52, self.type.format.frac_bits)
        most = 1 << self.whole(0, 23)
        bulk = self.bulk()
        bias = bulk.integers(-most, most, m)
        codes = bulk.integers(weight.min_code, weight.max_code, (m, n), endpoint=True)
        rules = (self.pick(oracle.ROUNDINGS), Overflow.SATURATE, exact.min_code, exact.max_code)
        self.add(Linear(codes, weight, bias, exact, exact, *rules))
        if self.chance(20):
            self.clamp()
        if m % 2 == 0 and self.chance(30):
            self.add(Reshape((2, m // 2)))

    def rescale(self) -> None:
        """Factors and a shift by which most results lie in the format, or some way beyond it."""
        output = self.format(16)
        largest = max(abs(bound) for bound in centred(self.bounds, self.type.format))
        bits = self.whole(1, min(31, PRODUCT_BITS - 1 - largest.bit_length()))
        surplus = bits_for(0, largest << bits) - output.total_bits + self.whole(-3, 2)
        shift = min(max(surplus, 0), 62)
        channels = self.pick([1, self.type.shape[-1]])
        factors = self.bulk().integers(0, 1 << bits, channels)
        if self.chance(20):
            factors = np.array([1 << (bits - 1)])
        self.add(Rescale(factors, shift, output, self.pick(oracle.ROUNDINGS), output.min_code, output.max_code))

    def table(self) -> None:
        bits = self.type.format.total_bits
        if bits <= 9:
            output = self.format(10)
            self.add(Lookup(self.bulk().integers(output.min_code, output.max_code, 1 << bits, endpoint=True), output))

    def layer(self) -> None:
        """Sums, mostly, on a new scale, and what can follow."""
        if not self.chance(20):
            self.sums()
        self.rescale()
        for extra, percent in ((self.clamp, 30), (self.rescale, 20), (self.table, 20)):
            if self.chance(percent):
                extra()

    def graph(self) -> Graph:
        """A graph that no pass has touched."""
        self.builder = Builder(TensorType((self.pick(SIZES),), self.format(12)))
        self.last = self.builder.input
        self.bounds = Interval.of(self.type.format)
        self.repeat(4, self.layer)
        return self.builder.graph(self.last)


@st.composite
def small(draw: st.DrawFn) -> Trial:
    """Networks of up to 12 elements a layer."""
    draws = Scales(draw)
    traced = draws.graph()
    graph = run_passes(traced, OPTIMISE)
    return Trial(traced, graph, lambda x: oracle.run(traced, x), draws.parallelism(graph, FRAME_BEATS), 256, **draws.bench())
