"""Arbitrary scales: factors, shifts, roundings, zero points on both sides, widths of the multiplier, and sums before it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import creator
from creator import FixedPoint, Overflow, Rounding, nn
from creator.affine import Affine, Format
from creator.ops import Clamp, Linear, Lookup, Op, Rescale, Reshape
from tests.cases import Case, GraphCase, sequential
from tests.graph.chains import chain, rescale

F = FixedPoint
A = Affine(0.1, 3, 5)
CODES = F(8, 0)
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]
LARGEST = 2**31 - 1


def scale(factors: list[int], shift: int, output: Format = A, rounding: Rounding = Rounding.HALF_EVEN) -> Rescale:
    return rescale(factors, shift, output, rounding)


def sums(n: int, m: int, weight: FixedPoint = CODES, entry: Format = CODES, bias: int = 1000) -> Linear:
    """A layer that gives its exact sums, of 52 bits as far as their type goes."""
    rng = np.random.default_rng(n + m)
    weights = rng.integers(weight.min_code, weight.max_code, (m, n), endpoint=True)
    grid = weight.frac_bits + entry.frac_bits
    exact = F(52, grid)
    return Linear(weights, weight, rng.integers(-bias, bias, m), exact, exact, Rounding.HALF_EVEN, Overflow.SATURATE,
                  exact.min_code, exact.max_code)  # fmt: skip


def case(name: str, *ops: Op, shape: tuple[int, ...] = (4,), entry: Format = CODES) -> GraphCase:
    return GraphCase(name, lambda: chain(*ops, shape=shape, entry=entry))


def squares(output: Format, bits: int) -> Lookup:
    return Lookup(np.arange(1 << bits) ** 2 % (output.max_code - output.min_code + 1) + output.min_code, output)


def between(name: str, entry: Format, output: Format, *rest: torch.nn.Module, **choices: Any) -> Case:
    """A change of scale by a layer of its own, in PyTorch too."""
    layers = nn.Quantize(entry), nn.Quantize(output, **choices), *rest
    return Case(name, lambda: creator.convert(sequential(*layers)), (5,))


CASES = [
    *(between(f"layer, {mode}", Affine(0.1, 3, 7), Affine(0.23, -5, 6), rounding=mode) for mode in DETERMINISTIC),
    between("layer, finer", Affine(0.1, 100, 8, False), Affine(0.013, -3, 9), multiplier_bits=24),
    between("layer, another zero point only", Affine(0.1, 100, 8, False), Affine(0.1, 3, 8)),
    between("layer, from fixed point", F(7, 3, signed=False), Affine(0.07, 9, 8, False), multiplier_bits=3),
    between("layer, to fixed point, and a clamp", Affine(0.07, 9, 8, False), F(6, 2), nn.ReLU()),
    between("layers, one more", Affine(0.07, 9, 8, False), Affine(0.31, 9, 5), nn.Quantize(Affine(0.02, 0, 8))),
    *(case(f"{mode}, one factor", scale([3], 3, rounding=mode)) for mode in DETERMINISTIC),
    *(case(f"{mode}, a factor a channel", scale([3, 12, 0, 7], 4, rounding=mode)) for mode in DETERMINISTIC),
    *(case(f"{mode}, no multiplier", scale([4], 5, rounding=mode)) for mode in DETERMINISTIC),
    *(case(f"{mode}, no zero point", scale([5], 3, F(5, 2), mode), shape=(3,)) for mode in DETERMINISTIC),
    case("zero point at the lower end", scale([3], 3, Affine(0.1, -16, 5))),
    case("zero point at the upper end", scale([3], 3, Affine(0.1, 15, 5), Rounding.HALF_UP)),
    case("zero point at the end of unsigned", scale([3], 3, Affine(0.1, 255, 8, signed=False), Rounding.FLOOR)),
    case("zero point far beyond the product", scale([1], 7, Affine(0.1, -100000, 18))),
    case("zero point and a clamp", scale([3], 3), Clamp(1, 9), Clamp(-16, 7)),
    case("zero point of the input", scale([3, 5, 6, 9], 3, Affine(0.2, 1, 6)), entry=Affine(0.1, -128, 8)),
    case("zero point of an unsigned input", scale([3], 2, F(9, 0)), entry=Affine(0.1, 255, 8, signed=False)),
    case("zero point in the middle of unsigned", scale([3], 2, F(9, 0)), entry=Affine(0.1, 128, 8, signed=False)),
    case("zero points, no multiplier", scale([2], 3), entry=Affine(0.1, 7, 6)),
    case("unsigned input", scale([3, 5, 1, 2], 4), entry=F(7, 0, signed=False)),
    case("unsigned input, no multiplier", scale([1], 3, F(4, 0, signed=False)), entry=F(7, 0, signed=False)),
    case("unsigned output", scale([3], 3, F(4, 0, signed=False))),
    case("symmetric output", scale([9], 3, Affine(0.3, 0, 5, symmetric=True))),
    case("1 bit in", scale([3], 1), entry=F(1, 0)),
    case("1 bit out", scale([3], 6, F(1, 0))),
    case("factor 0", scale([0], 9)),
    case("factor 0 without a zero point", scale([0], 62, F(4, 0))),
    case("all factors 0 and 1", scale([0, 1, 1, 0], 2)),
    case("bits appended", scale([24], 1, F(12, 0))),
    case("bits appended, no multiplier", scale([32], 3, F(9, 0))),
    case("shift 0", scale([11], 0, F(12, 0))),
    case("shift 62", scale([LARGEST], 62, F(2, 0)), entry=F(32, 0)),
    case("shift 62, one bit of a product", scale([1, 3, 5, 2], 62, F(2, 0), Rounding.TOWARD_ZERO)),
    case("largest factor and shift 31", scale([LARGEST], 31, F(9, 0), Rounding.HALF_AWAY)),
    case("largest factor without a shift", scale([LARGEST], 0, F(39, 0))),
    case("product of 63 bits", scale([LARGEST, 2**30, 0, 1], 31, F(33, 0), Rounding.HALF_EVEN), entry=F(32, 0)),
    case("operand of one block", scale([2**17 - 1], 20, F(16, 0)), entry=F(18, 0)),
    case("operand of two blocks", scale([2**17 - 1], 20, F(17, 0)), entry=F(19, 0)),
    case("factor of two blocks", scale([2**17 + 1, 2**18 - 1, 1], 20, F(16, 0)), shape=(3,), entry=F(18, 0)),
    case("three by one blocks", scale([1021, 3], 12, F(40, 0)), shape=(2,), entry=F(51, 0, signed=False)),
    case("three by two blocks", scale([2**19 + 7], 21, F(42, 0), Rounding.HALF_UP), entry=F(43, 0)),
    case("four by one blocks", scale([1023, 7, 512], 1, F(52, 0)), shape=(3,), entry=F(52, 0, signed=False)),
    case("one element", scale([5], 2), shape=(1,)),
    case("rows of channels", scale([3, 12, 5], 4), shape=(3, 2, 3)),
    case("one channel in rows", scale([7], 4), shape=(5, 1)),
    case("sums, one factor", sums(6, 4), scale([23456], 23), shape=(6,)),
    case("sums, a factor a channel", sums(7, 5, entry=A), scale([40001, 51234, 65535, 32768, 9], 22, Affine(0.02, -20, 8)),
         shape=(7,), entry=A),
    case("sums of 1 element", sums(1, 1), scale([3], 4), shape=(1,)),
    case("sums of 52 bits", sums(2, 3, F(26, 0), F(25, 0), 2**30), scale([1023], 50, Affine(0.5, 1, 9)), shape=(2,),
         entry=F(25, 0)),
    case("sums, relu before and after", sums(6, 4), Clamp(0, 20000), scale([1357], 15, Affine(0.1, -60, 8)), Clamp(-60, 100),
         shape=(6,)),
    case("sums in another shape", sums(6, 6), Reshape((2, 3)), scale([9, 11, 700], 9), shape=(6,)),
    case("between two layers", sums(4, 3), scale([901], 14, A), sums(3, 2, entry=A), scale([33, 44], 8, F(6, 1))),
    case("three in a row", scale([3], 2), scale([5, 7, 2, 1], 3, Affine(0.2, 7, 6)), scale([2], 3, F(5, 0))),
    case("tables between scales", scale([3], 3), squares(Affine(0.2, 1, 4), 5), scale([5], 2), squares(F(3, 1), 5)),
]  # fmt: skip
