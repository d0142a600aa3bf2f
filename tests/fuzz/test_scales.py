"""Random networks between arbitrary scales: Python's own integers, the graph, the optimised graph and the VHDL agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import creator
from creator import FixedPoint, Graph, Overflow
from creator.affine import Affine, Format
from creator.formats import bits_for
from creator.graph import Builder
from creator.graph.vectors import check_vectors
from creator.ops import Clamp, Interval, Linear, Lookup, Op, Rescale, Reshape, TensorType
from creator.ops.rescale import PRODUCT_BITS, centred
from creator.passes import OPTIMISE, run_passes
from tests import oracle

F = FixedPoint
SIZES = [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12]
QUICK, EXTENDED = 60, 600
VECTORS = 20


class Fuzz:
    """A random network for one seed, built node by node."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.builder = Builder(TensorType((self.pick(SIZES),), self.format(12)))
        self.last = self.builder.input
        self.bounds = Interval.of(self.type.format)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def format(self, most: int, least: int = 1) -> Format:
        bits, signed = int(self.rng.integers(least, most + 1)), self.chance(0.7)
        codes = F(bits, int(self.rng.integers(-3, bits + 3)), signed, symmetric=signed and bits > 1 and self.chance(0.1))
        if self.chance(0.3):
            return codes
        ends = (codes.min_code, codes.max_code, 0 if codes.min_code <= 0 <= codes.max_code else codes.max_code)
        zero = self.pick([*ends, int(self.rng.integers(codes.min_code, codes.max_code, endpoint=True))])
        return Affine(float(np.exp(self.rng.uniform(-9, 3))), zero, bits, signed, None, codes.symmetric)

    @property
    def type(self) -> TensorType:
        return self.builder.type_of(self.last)

    def add(self, op: Op) -> None:
        before = self.type
        self.last = self.builder.add(op, self.last, (f"layer.{self.last}",))
        self.bounds = op.interval((before,), (self.bounds,))

    def clamp(self) -> None:
        ends = self.rng.integers(self.bounds.low, self.bounds.high, 2, endpoint=True).tolist()
        self.add(Clamp(min(ends), max(ends)))

    def sums(self) -> None:
        if len(self.type.shape) > 1:
            self.add(Reshape((self.type.size,)))
        n, m, weight = self.type.size, self.pick(SIZES), F(int(self.rng.integers(1, 11)), 0, self.chance(0.9))
        exact = F(52, self.type.format.frac_bits)
        bias = self.rng.integers(-(2 ** int(self.rng.integers(0, 24))), 2 ** int(self.rng.integers(0, 24)), m)
        codes = self.rng.integers(weight.min_code, weight.max_code, (m, n), endpoint=True)
        rules = (self.pick(oracle.ROUNDINGS), Overflow.SATURATE, exact.min_code, exact.max_code)
        self.add(Linear(codes, weight, bias, exact, exact, *rules))
        if self.chance(0.2):
            self.clamp()
        if m % 2 == 0 and self.chance(0.3):
            self.add(Reshape((2, m // 2)))

    def rescale(self) -> None:
        """Factors and a shift by which most results lie in the format, or some way beyond it."""
        output = self.format(16)
        largest = max(abs(bound) for bound in centred(self.bounds, self.type.format))
        most = min(31, PRODUCT_BITS - 1 - largest.bit_length())
        bits = int(self.rng.integers(1, most + 1))
        surplus = bits_for(0, largest << bits) - output.total_bits + int(self.rng.integers(-3, 3))
        shift = min(max(surplus, 0), 62)
        channels = self.pick([1, self.type.shape[-1]])
        factors = self.rng.integers(0, 1 << bits, channels)
        if self.chance(0.2):
            factors = np.array([1 << (bits - 1)])
        limits = output.min_code, output.max_code
        self.add(Rescale(factors, shift, output, self.pick(oracle.ROUNDINGS), *limits))

    def table(self) -> None:
        bits = self.type.format.total_bits
        if bits <= 9:
            output = self.format(10)
            self.add(Lookup(self.rng.integers(output.min_code, output.max_code, 1 << bits, endpoint=True), output))

    def graph(self) -> Graph:
        for _ in range(int(self.rng.integers(1, 5))):
            if self.chance(0.8):
                self.sums()
            self.rescale()
            for extra, share in ((self.clamp, 0.3), (self.rescale, 0.2), (self.table, 0.2)):
                if self.chance(share):
                    extra()
        return self.builder.graph(self.last)


def agree(seed: int, folder: Path) -> int:
    """Builds and checks the network of ``seed``; the number of vectors compared."""
    traced = Fuzz(seed).graph()
    graph = run_passes(traced, OPTIMISE)
    x = check_vectors(graph, VECTORS, seed)
    expected = oracle.run(traced, x)
    assert np.array_equal(traced.run(x), expected), "the graph differs from exact arithmetic"
    assert np.array_equal(graph.run(x), expected), "a pass changed an output"
    assert creator.graph.text.parse_graph(graph.text(), creator.graph.text.arrays_of(graph)).text() == graph.text()
    design = creator.translate(graph)
    run = creator.simulate(design.write(folder / "build"), x, bench="vhdl", stalls=seed % 3, interrupt=seed % 5)
    assert run.mismatches == 0, run.first
    assert np.array_equal(run.outputs, expected), "the VHDL differs from exact arithmetic"
    if seed % 3 == 0:
        assert run.latency == design.latency
        assert design.interval <= run.interval <= design.interval + 4
    return len(x)


SEEDS = [*range(QUICK), *(pytest.param(seed, marks=pytest.mark.extended) for seed in range(QUICK, EXTENDED))]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_network(seed: int, tmp_path: Path, record_property) -> None:
    record_property("fuzz vectors", agree(seed, tmp_path))


def features(graph: Graph) -> set[str]:
    seen = {type(graph.input_format).__name__ + " in", type(graph.output_format).__name__ + " out"}
    for node in graph.nodes:
        seen.add(node.op.name)
        if isinstance(node.op, Rescale):
            (x,), scaling = graph.input_types(node), node.op.scaling
            channels = "one factor" if len(scaling.factors) == 1 else "factors"
            parts = node.op.multiplier_stages(x) - (len(scaling.factors) > 1)
            seen |= {str(node.op.rounding), channels, f"{parts} stages", f"{len(x.shape)} axes"}
            seen |= {"zero in"} if centred(Interval(0, 0), x.format).low else set()
            seen |= {"zero out"} if node.op.zero_point else set()
            seen |= {"appends"} if scaling.shift < 0 else set()
    return seen


def test_the_generator_covers_what_it_should() -> None:
    seen = set().union(*(features(run_passes(Fuzz(seed).graph(), OPTIMISE)) for seed in range(QUICK)))
    expected = {"Affine in", "Affine out", "FixedPoint in", "FixedPoint out", "one factor", "factors", "zero in", "zero out"}
    expected |= {"linear", "rescale", "lookup", "reshape", "1 axes", "2 axes", *map(str, oracle.ROUNDINGS)}
    expected |= {f"{stages} stages" for stages in (0, 1, 2, 3, 4)}
    assert expected <= seen
