"""The requantizers that are exhausted or proven: formats, roundings, overflows, limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from creator.affine import Affine, Format
from creator.formats import FixedPoint, Overflow, Rounding
from creator.graph import Graph
from creator.ops import Clamp, Interval, Linear, Quantize
from creator.passes import LOWER, OPTIMISE, Pass, run_passes
from tests.graph.chains import chain, quantize, rescale
from tests.oracle import OVERFLOWS, ROUNDINGS
from tests.proofs.kernels import Requantizer, of_clamp, of_linear, of_quantize, of_rescale

F = FixedPoint
Pair = tuple[FixedPoint, FixedPoint]

NARROW: list[Pair] = [
    (F(16, 10), F(8, 4)),
    (F(12, 3), F(9, 5)),  # finer: bits appended
    (F(1, 0), F(3, -1)),  # one bit in
    (F(14, 9, signed=False), F(6, 3, signed=False)),
    (F(10, 5), F(10, 5, signed=False)),  # no shift
    (F(9, 4, signed=False), F(1, 4)),  # one bit out
    (F(8, 9), F(6, -2)),  # more bits dropped than there are
]
"""At most 16 bits come in: exhausted."""

BASIC: list[Pair] = [
    (F(18, 9, signed=False), F(8, 3, signed=False)),
    (F(18, 2), F(12, 7)),
    (F(30, 30), F(30, 5, signed=False)),
    (F(52, 30), F(16, 9)),
]
"""Proven by ``make test`` in every rounding and overflow mode."""


def more_pairs() -> list[Pair]:
    """Formats drawn from all widths, with shifts of every kind; the same each time."""
    rng = np.random.default_rng(11)
    pairs: list[Pair] = [(F(20, 10), F(8, 4))]
    while len(pairs) < 45:
        entry_bits, output_bits = int(rng.integers(17, 52, endpoint=True)), int(rng.integers(1, 52, endpoint=True))
        shift = int(rng.choice([0, 1, 2, int(rng.integers(3, entry_bits)), entry_bits - 1, entry_bits, entry_bits + 3, -1, -8]))
        signed = bool(rng.integers(2)), bool(rng.integers(2))
        pairs.append((F(entry_bits, 20, signed[0]), F(output_bits, 20 - shift, signed[1])))
    return pairs


def modes(pairs: list[Pair]) -> list[Requantizer]:
    """Each pair in every rounding and overflow mode."""
    return [of_quantize(quantize(output, r, o), entry) for entry, output in pairs for r in ROUNDINGS for o in OVERFLOWS]


def limits() -> list[Requantizer]:
    """Limits inside the range, at powers of two and elsewhere, in symmetric formats, of narrower intervals, of clamps."""
    entry, output, symmetric = F(21, 12), F(10, 4), F(9, 5, symmetric=True)
    bounds = [(0, 511), (-256, 255), (-200, 100), (-512, -3), (7, 7), (0, 0), (-1, 127)]
    found = [of_quantize(Quantize(output, Rounding.HALF_EVEN, Overflow.SATURATE, *bound), entry) for bound in bounds]
    found += [of_quantize(Quantize(output, Rounding.HALF_UP, Overflow.WRAP, *bound), entry) for bound in bounds]
    found += [of_quantize(quantize(symmetric, rounding), entry) for rounding in ROUNDINGS]
    found += [of_quantize(quantize(output, rounding), entry, Interval(-70000, 3)) for rounding in ROUNDINGS]
    found += [of_clamp(Clamp(*bound), F(20, 3)) for bound in [(0, 5000), (-1024, 1023), (-77, 524287), (-524288, -1)]]
    found += [of_clamp(Clamp(3, 1 << 16), F(18, 0, signed=False))]
    return found


def layers(roundings: Iterable[Rounding]) -> Iterator[Graph]:
    """Layers of three sizes, in each rounding and overflow mode."""
    rng = np.random.default_rng(5)
    for index, (entry, weight, output) in enumerate([
        (F(8, 4), F(8, 6), F(8, 4)), (F(12, 6, signed=False), F(10, 9), F(12, 5)), (F(24, 10), F(20, 18), F(20, 9)),
    ]):  # fmt: skip
        for rounding in roundings:
            for overflow in OVERFLOWS:
                weights = rng.integers(weight.min_code, weight.max_code, (2, 3 + index), endpoint=True)
                op = Linear(weights, weight, np.array([99, -5000]), F(52, entry.frac_bits + weight.frac_bits), output, rounding,
                            overflow, output.min_code, output.max_code)  # fmt: skip
                yield chain(op, entry=entry, shape=(3 + index,))


def sums(passes: tuple[Pass, ...] = OPTIMISE, roundings: Iterable[Rounding] = ROUNDINGS) -> list[Requantizer]:
    """Requantizers of layers: the bounds of sums decide their widths."""
    found = []
    for graph in layers(roundings):
        (node,) = run_passes(graph, passes).nodes
        assert isinstance(node.op, Linear)
        assert isinstance(graph.input_format, FixedPoint)
        found.append(of_linear(node.op, graph.input_format))
    return found


def folded_sums() -> list[Requantizer]:
    """The same where the half that rounding adds is in the biases."""
    found = sums(LOWER, [Rounding.HALF_UP, Rounding.HALF_EVEN])
    assert all(kernel.offset or kernel.rounding is Rounding.FLOOR for kernel in found)
    return found


def products() -> list[Requantizer]:
    """Requantizers of changes of scale: a product, a shift, a zero point on either side."""
    outputs: list[Format] = [Affine(0.1, 3, 5), Affine(0.1, -128, 8), Affine(0.2, 200, 8, signed=False), F(12, 0)]
    scales = [(23457, 22, F(20, 0)), (3, 9, F(24, 0, signed=False)), (2**31 - 1, 40, F(18, 0)), (1, 5, Affine(0.1, 9, 20))]
    return [
        of_rescale(rescale([factor], shift, output, rounding), entry)
        for rounding in ROUNDINGS
        for output in outputs
        for factor, shift, entry in scales
    ]
