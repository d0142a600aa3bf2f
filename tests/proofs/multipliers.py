"""The kernels that multiply, which are exhausted or proven."""

from __future__ import annotations

import numpy as np

from creator.affine import Affine, Format
from creator.formats import FixedPoint, Overflow, Rounding
from creator.ops import Lanes, Linear, Rescale
from creator.passes import OPTIMISE, run_passes
from tests.graph.chains import chain, rescale
from tests.proofs.kernels import Kernel, whole_rescale
from tests.proofs.multiplying import Mac, of_factors, of_layer

F = FixedPoint
BYTE = F(8, 0)
BLOCK_BITS = 18
INPUT_BITS = 16


def layer(
    rows: list[list[int]], weight: FixedPoint, entry: FixedPoint, bias: list[int] | None = None, align: int = 0
) -> Linear:
    """A layer that gives its exact sums."""
    exact = F(52, entry.frac_bits + weight.frac_bits + align)
    op = Linear(
        np.array(rows),
        weight,
        np.array(bias or [0] * len(rows)),
        exact,
        exact,
        Rounding.FLOOR,
        Overflow.SATURATE,
        exact.min_code,
        exact.max_code,
    )
    (node,) = run_passes(chain(op, entry=entry, shape=(len(rows[0]),)), OPTIMISE).nodes
    assert isinstance(node.op, Linear)
    return node.op


def extremes(bits: int, columns: int, rows: int, bias: int = 0, align: int = 0, entry: FixedPoint = BYTE) -> Linear:
    """A layer with the most negative and the largest weight of a width in every row."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    weights = [[(low, high)[(row + column) % 2] for column in range(columns)] for row in range(rows)]
    return layer(weights, F(bits, 0), entry, [bias - row for row in range(rows)] if bias else None, align)


def packed_pairs() -> list[tuple[int, int, bool]]:
    """Bits of activations, of weights, and their sign, where two products fit a block of 18 x 18 bits."""
    found = []
    for weight in range(3, 9):
        for activation in range(1, BLOCK_BITS):
            for signed in (True, False):
                if activation + (not signed) + 2 * weight + 1 <= BLOCK_BITS:
                    found.append((activation, weight, signed))
    return found


def packed(activation: int, weight: int, signed: bool) -> Mac:
    """Two products in one multiplier and nothing more: one activation, weights of two rows."""
    entry = F(activation, 0, signed)
    return of_layer(extremes(weight, 1, 2, entry=entry), entry, Lanes(1, 2, True), cuts=False)


def selected() -> list[tuple[Mac, FixedPoint]]:
    """Weights of one and two bits: no multiplier. One product, and trees of up to three."""
    found = []
    for signed in (True, False):
        for bits, activation, lanes, rows in [
            (1, 12, 1, 1),
            (2, 12, 1, 1),
            (1, 1, 1, 1),
            (2, 1, 1, 1),
            (2, 5, 1, 3),
            (1, 6, 2, 1),
            (2, 5, 2, 1),
            (2, 3, 3, 1),
            (1, 4, 3, 1),
            (2, 3, 2, 2),
        ]:
            entry = F(activation, 0, signed)
            found.append((of_layer(extremes(bits, lanes, rows, entry=entry), entry, Lanes(lanes, rows), cuts=False), entry))
    return found


def small_macs() -> list[tuple[Mac, FixedPoint]]:
    """A step of multiplying and accumulating with so few bits that all are tried, the state included."""
    found = []
    for bits, activation, signed, bias in [
        (3, 2, True, 0),
        (2, 3, True, 0),
        (2, 3, False, 0),
        (3, 1, True, 0),
        (2, 2, True, 2),
        (1, 4, True, 0),
    ]:
        entry = F(activation, 0, signed)
        found.append((of_layer(extremes(bits, 2, 2, bias, entry=entry), entry, cuts=False), entry))
    return found


WIDE: list[tuple[int, int, bool, int, int, int]] = [
    (8, 6, True, 4, 100, 0),
    (8, 8, True, 64, 0, 0),
    (16, 12, False, 9, 77777, 3),
    (12, 18, True, 300, -5, 1),
    (17, 3, False, 5, 1 << 20, 0),
    (18, 18, True, 2, 3, 2),
    (9, 16, True, 7, 11, 4),
    (9, 16, False, 3, 9, 0),
]
"""Bits of activations and weights, sign, inputs, bias, align: one multiplier, proven."""


def wide_mac(activation: int, weight: int, signed: bool, columns: int, bias: int, align: int) -> Mac:
    entry = F(activation, 0, signed)
    return of_layer(extremes(weight, columns, 2, bias, align, entry), entry)


ARRAYS: list[tuple[int, int, bool, Lanes, int, int]] = [
    (8, 4, True, Lanes(2, 3, True), 8, 0),
    (8, 4, False, Lanes(1, 4, True), 4, 55),
    (5, 6, True, Lanes(2, 2, True), 6, 9),
    (8, 6, True, Lanes(2, 2), 8, 7),
    (16, 8, True, Lanes(1, 3), 9, 1),
    (7, 5, True, Lanes(2, 4, True), 4, -3),
    (8, 5, False, Lanes(3, 1), 9, 2),
]
"""Bits of activations and weights, sign, lanes, inputs, bias: several multipliers, shared and not, proven."""


def mac_array(activation: int, weight: int, signed: bool, lanes: Lanes, columns: int, bias: int) -> Mac:
    entry = F(activation, 0, signed)
    return of_layer(extremes(weight, columns, 2 * lanes.output, bias, 0, entry), entry, lanes)


FACTORS: list[tuple[Format, list[int]]] = [
    (F(32, 0), [2**30 + 1, 2**31 - 1]),
    (F(18, 0), [2**20 + 1, 3]),
    (Affine(0.2, -100, 8), [65535, 3]),
    (Affine(0.2, 255, 8, signed=False), [40001, 5]),
    (F(51, 0), [1023, 5]),
    (F(34, 0, signed=False), [2**26 + 1, 3]),
    (F(20, 0), [65535, 32769]),
    (Affine(0.2, 77, 24), [2**17 - 1, 1]),
    (F(30, 0), [2**28 + 7, 1]),
]
"""What is multiplied by a factor from a memory, in one block or in parts; proven."""


def factor_kernel(entry: Format, factors: list[int]) -> Kernel:
    return of_factors(rescale(factors, 30, Affine(0.1, 3, 5)), entry)


def whole_rescales(rounding: Rounding) -> list[tuple[Kernel, Rescale, Format]]:
    """Whole cores of changes of scale with few input bits and one factor: multiplier, rounding, zero points, limits."""
    outputs: list[Format] = [Affine(0.1, 3, 5), Affine(0.3, -128, 8), Affine(0.2, 200, 8, signed=False), F(7, 0)]
    scales: list[tuple[int, int, Format]] = [
        (23457, 17, F(12, 0)),
        (3, 3, Affine(0.1, 255, 8, signed=False)),
        (12, 5, Affine(0.1, -128, 8)),
        (65535, 21, F(13, 0)),
        (4, 5, Affine(0.1, 7, 6)),
        (2**31 - 1, 35, F(11, 0, signed=False)),
    ]
    found = []
    for output in outputs:
        for factor, shift, entry in scales:
            op = rescale([factor], shift, output, rounding)
            found.append((whole_rescale(op, entry), op, entry))
    return found
