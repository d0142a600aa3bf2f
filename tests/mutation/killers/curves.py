"""Slopes, polynomials, tables that shrank, and floating-point outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from creator.affine import Format
from creator.formats import FixedPoint, Rounding
from creator.graph import Graph
from creator.ops import Clamp, Lookup, Minifloat
from tests.graph.chains import chain, polynomial, slope
from tests.mutation.killers.killer import Killer, by

F = FixedPoint
IN = F(5, 2)
ROUNDINGS = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def _slopes() -> Iterator[Killer]:
    for value in (0, 1, -1, 2, -4, 3, -3, 5, 6, 7, -7, 11, -12, -21, 22, 40, 43, -42, 85, -107):
        yield f"slope {value}", chain(slope([value], 5, F(9, 4)), shape=(3,), entry=IN), {}
        for offset in (0, 9):
            op = slope([value], 5, F(9, 4), everywhere=1, offset=offset)
            yield f"line {value} + {offset}", chain(op, shape=(3,), entry=IN), {}
    for lanes in (1, 2, 3):
        yield f"a slope by {lanes}", chain(slope([11], 5, F(5, 2)), shape=(5,), entry=IN), by(lanes)
        each = slope([3, -12, 0, 7, 5], 4, F(6, 2))
        yield f"slopes by {lanes}", chain(each, shape=(5,), entry=IN), by(lanes)
        yield f"slopes of rows by {lanes}", chain(each, shape=(2, 5), entry=IN), by(lanes)
        lines = slope([3, -12, 0, 7, 5], 4, F(6, 2), everywhere=1, offset=9)
        yield f"lines by {lanes}", chain(lines, shape=(5,), entry=IN), by(lanes)
    for value in (6, -12, 40):
        # With the offset a value has fewer bits than without.
        op = slope([value], 3, F(9, 4), everywhere=1, offset=-7 * value)
        yield f"line {value} about zero", chain(op, shape=(3,), entry=F(4, 2, signed=False)), {}
    yield "slopes, all lanes", chain(slope([3, -12, 7], 4, F(6, 2)), shape=(3,), entry=IN), by(3)
    for everywhere in (0, 1):
        op = slope([0], 0, IN, Rounding.FLOOR, everywhere=everywhere)
        yield f"no slope, {everywhere}", chain(op, shape=(3,), entry=IN), {}
    yield "a slope of one bit", chain(slope([3], 1, F(4, 2)), shape=(3,), entry=F(1, 0)), {}
    yield "no slope of one bit", chain(slope([0], 0, F(4, 2)), shape=(3,), entry=F(1, 0)), {}
    unsigned = F(4, 2, signed=False)
    yield "a line of unsigned values", chain(slope([37], 4, F(9, 3), everywhere=1, offset=-50), shape=(3,), entry=unsigned), {}
    yield "lines of unsigned values", chain(slope([37, 3, -9], 4, F(9, 3), everywhere=1), shape=(3,), entry=unsigned), {}
    for slopes, frac, entry in (([2**17 - 1, -(2**17)], 17, F(20, 10)), ([2**22 - 1, -(2**23)], 20, F(18, 10)),
                                ([2**22 - 1, -(2**23)], 20, F(22, 10))):  # fmt: skip
        yield f"slopes of {frac} bits of {entry}", chain(slope(slopes, frac, F(30, 12)), shape=(2,), entry=entry), {}
    long = slope([0b10101010101010101010101], 22, F(24, 12))
    yield "a long slope", chain(long, shape=(2,), entry=F(20, 10)), {}
    for mode in ROUNDINGS:
        yield f"a slope, {mode}", chain(slope([11], 5, F(5, 2), mode), shape=(3,), entry=IN), {}
    many = slope([n % 60 - 30 for n in range(1030)], 4, F(8, 4))
    yield "deep memory of slopes", chain(many, shape=(1030,), entry=IN), {}


def _polynomials() -> Iterator[Killer]:
    for widths in ((7, 5), (7, 5, 4)):
        for segments in (2, 4, 8):
            for lanes in (1, 2):
                name = f"degree {len(widths) - 1}, {segments} segments by {lanes}"
                op = polynomial(5, segments, widths, F(6, 0))
                yield name, chain(op, shape=(3,), entry=F(5, 0)), by(lanes)
        op = polynomial(4, 8, widths, F(6, 0))
        yield f"degree {len(widths) - 1}, one bit of offset", chain(op, shape=(3,), entry=F(4, 0)), {}
        unsigned = F(5, 0, signed=False)
        op = polynomial(5, 4, widths, F(6, 0, signed=False))
        yield f"degree {len(widths) - 1}, unsigned", chain(op, shape=(3,), entry=unsigned), {}
    yield "coefficients of one bit", chain(polynomial(5, 4, (1, 1, 1), F(2, 0)), shape=(3,), entry=F(5, 0)), {}
    yield "three parts", chain(polynomial(8, 4, (20, 36), F(24, 0)), shape=(2,), entry=F(8, 0)), {}
    yield "parts of a value and one bit", chain(polynomial(4, 8, (9, 30), F(24, 0)), shape=(3,), entry=F(4, 0)), {}
    yield "wide values", chain(polynomial(12, 16, (30, 25, 27), F(24, 0)), shape=(2,), entry=F(12, 0)), {}
    yield "wide offsets", chain(polynomial(20, 2, (20, 18), F(16, 0)), shape=(2,), entry=F(20, 0)), {}
    yield "wide values and offsets", chain(polynomial(20, 8, (20, 18), F(24, 0)), shape=(2,), entry=F(20, 0)), {}
    yield "deep coefficients", chain(polynomial(12, 2048, (9, 6), F(8, 0)), shape=(3,), entry=F(12, 0)), {}
    yield "deep coefficients, degree 2", chain(polynomial(13, 2048, (9, 6, 5), F(8, 0)), shape=(3,), entry=F(13, 0)), {}


def shrunk(function: Callable[[float], float], entry: FixedPoint, output: FixedPoint) -> Lookup:
    """The table of a function, before it is shrunk."""
    codes = np.arange(1 << entry.total_bits)
    values = np.where(codes > entry.max_code, codes - (1 << entry.total_bits), codes) * 2.0**-entry.frac_bits
    exact = [function(value) * 2.0**output.frac_bits for value in values.tolist()]
    return Lookup(np.clip(np.rint(exact), output.min_code, output.max_code).astype(np.int64), output)


def _tables() -> Iterator[Killer]:
    sigmoid, silu = (lambda x: 1 / (1 + math.exp(-x))), (lambda x: x / (1 + math.exp(-x)))
    functions: list[tuple[str, Callable[[float], float], FixedPoint, FixedPoint]] = [
        ("tanh", math.tanh, F(6, 2), F(8, 7)),
        ("tanh of few bits", math.tanh, F(6, 1), F(6, 5)),
        ("sigmoid", sigmoid, F(6, 2), F(8, 8, signed=False)),
        ("signed sigmoid", sigmoid, F(6, 2), F(9, 7)),
        ("square", lambda x: x * x, F(6, 2), F(9, 2)),
        ("silu", silu, F(7, 1), F(9, 3)),
        ("softplus", lambda x: math.log1p(math.exp(x)), F(7, 2), F(7, 3, signed=False)),
        ("unsigned tanh", math.tanh, F(7, 2, signed=False), F(6, 5)),
        ("unsigned silu", silu, F(7, 1, signed=False), F(9, 2)),
    ]
    for name, function, entry, output in functions:
        for lanes in (1, 2):
            yield f"{name} by {lanes}", chain(shrunk(function, entry, output), shape=(3,), entry=entry), by(lanes)
    deep = F(12, 8)
    yield "deep sigmoid", chain(shrunk(sigmoid, deep, F(12, 12, signed=False)), shape=(3,), entry=deep), {}
    yield "deep silu", chain(shrunk(silu, deep, F(14, 10)), shape=(3,), entry=deep), {}
    yield "deep table of no form", chain(
        Lookup(np.random.default_rng(1).integers(-8, 8, 2048), F(4, 0)), shape=(3,), entry=F(11, 0)), {}  # fmt: skip


def rounded(entry: Format, output: FixedPoint, mantissa: int, mode: Rounding, low: int, high: int) -> Graph:
    """A change to a floating-point format with so many bits in its mantissa."""
    return chain(Minifloat(output, mantissa, mode, low, high), shape=(3,), entry=entry)


def _minifloats() -> Iterator[Killer]:
    for mode in ROUNDINGS:
        yield f"minifloat, {mode}", rounded(F(9, 4), F(8, 2, symmetric=True), 2, mode, -112, 112), {}
        yield f"minifloat, {mode}, finer", rounded(F(7, 4), F(9, 6, symmetric=True), 1, mode, -192, 192), {}
        yield f"minifloat, {mode}, unsigned", rounded(F(8, 5, signed=False), F(8, 3), 2, mode, -112, 112), {}
        yield f"minifloat, {mode}, all dropped", rounded(F(6, 9), F(6, 0), 1, mode, -24, 24), {}
        yield f"minifloat, {mode}, none dropped", rounded(F(5, 2), F(8, 2), 5, mode, -100, 100), {}
        yield f"minifloat, {mode}, no mantissa", rounded(F(8, 4), F(7, 2, symmetric=True), 0, mode, -32, 32), {}
        yield f"minifloat, {mode}, one grid", rounded(F(8, 2, signed=False), F(11, 2), 2, mode, -448, 448), {}
        symmetric = F(8, 4, symmetric=True)
        yield f"minifloat, {mode}, symmetric", rounded(symmetric, F(8, 2, symmetric=True), 2, mode, -112, 112), {}
        yield f"minifloat, {mode}, symmetric, one grid", rounded(symmetric, F(11, 4), 2, mode, -448, 448), {}
    even = Rounding.HALF_EVEN
    few = Clamp(0, 20), Minifloat(F(8, 2), 2, even, -112, 112)
    yield "minifloat of few codes", chain(*few, shape=(3,), entry=F(8, 4, signed=False)), {}
    yield "minifloat above zero", rounded(F(9, 4), F(8, 2), 2, even, 10, 112), {}
    yield "minifloat below zero", rounded(F(9, 4), F(8, 2), 2, even, -112, -7), {}
    narrow = Minifloat(F(8, 2, symmetric=True), 2, even, -112, 112)
    yield "minifloat by 2", chain(narrow, shape=(3,), entry=F(9, 4)), by(2)


CURVES: list[Killer] = [*_slopes(), *_polynomials(), *_tables(), *_minifloats()]
