"""Fixed-point arithmetic on Python's unbounded integers and fractions: slow, obvious, and independent of ``creator``."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from creator import FixedPoint, Graph, Overflow, Rounding
from creator.affine import Format
from creator.ops import (
    Add,
    ArgMax,
    Concatenate,
    Linear,
    Microscale,
    Minifloat,
    Multiply,
    Op,
    Polynomial,
    Rescale,
    Slice,
    Slope,
    Softmax,
    TensorType,
    Threshold,
    Top1,
)

ROUNDINGS = [rounding for rounding in Rounding if rounding is not Rounding.STOCHASTIC]
OVERFLOWS = list(Overflow)

HALF = Fraction(1, 2)


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


def rounded(value: Fraction, rounding: Rounding) -> int:
    """The integer that ``value`` becomes."""
    low = math.floor(value)
    fraction = value - low
    match rounding:
        case Rounding.HALF_EVEN:
            return low + (fraction > HALF or (fraction == HALF and low % 2 == 1))
        case Rounding.HALF_UP:
            return math.floor(value + HALF)
        case Rounding.HALF_AWAY:
            return math.floor(value + HALF) if value >= 0 else math.ceil(value - HALF)
        case Rounding.FLOOR:
            return low
        case Rounding.TOWARD_ZERO:
            return low if value >= 0 else math.ceil(value)
    raise AssertionError(rounding)


def code_range(fmt: FixedPoint) -> tuple[int, int]:
    """The smallest and the largest code."""
    if not fmt.signed:
        return 0, 2**fmt.total_bits - 1
    return -(2 ** (fmt.total_bits - 1)) + (1 if fmt.symmetric else 0), 2 ** (fmt.total_bits - 1) - 1


def limited(code: int, fmt: FixedPoint, overflow: Overflow) -> int:
    """The code of the format that an unbounded code becomes."""
    low, high = code_range(fmt)
    if overflow is Overflow.SATURATE:
        return min(max(code, low), high)
    return (code - low) % 2**fmt.total_bits + low


def code_of(value: Fraction | float, fmt: FixedPoint, rounding: Rounding, overflow: Overflow) -> int:
    """The code that a value becomes: rounded first, limited after."""
    return limited(rounded(Fraction(value) * power(fmt.frac_bits), rounding), fmt, overflow)


def zero_point(fmt: Format) -> int:
    """The code of the value zero."""
    return 0 if isinstance(fmt, FixedPoint) else fmt.zero_point


def rescaled(op: Rescale, source: Format, code: int, channel: int) -> int:
    """What a rescale node makes of one code on one channel."""
    factors = op.factors.tolist()
    factor = factors[channel if len(factors) > 1 else 0]
    value = Fraction((code - zero_point(source)) * factor, 2**op.shift)
    return min(max(rounded(value, op.rounding) + zero_point(op.output), op.low), op.high)


def sloped(op: Slope, source: FixedPoint, code: int, channel: int) -> int:
    """What a slope node makes of one code on one channel."""
    slopes = op.slopes.tolist()
    slope = Fraction(slopes[channel if len(slopes) > 1 else 0], 2**op.frac_bits)
    value = code * power(-source.frac_bits) * (slope if code < 0 or op.everywhere else 1)
    value += op.offset * power(-source.frac_bits - op.frac_bits)
    return min(max(code_of(value, op.output, op.rounding, op.overflow), op.low), op.high)


def polynomial(op: Polynomial, source: FixedPoint, code: int) -> int:
    """What a polynomial node makes of one code."""
    width = 2**source.total_bits // len(op.coefficients)
    segment, place = divmod(code % 2**source.total_bits, width)
    offset = place - width // 2
    terms = zip(op.coefficients.tolist()[segment], op.fracs, strict=True)
    value = sum((Fraction(c, 2**frac) * offset**power for power, (c, frac) in enumerate(terms)), Fraction(0))
    return min(max(limited(rounded(value, op.rounding), op.output, Overflow.SATURATE), op.low), op.high)


def floated(op: Minifloat, source: FixedPoint, code: int) -> int:
    """What a minifloat node makes of one code: the step of the binade that the value lies in, and of the smallest one below."""
    value = code * power(op.output.frac_bits - source.frac_bits)
    step = Fraction(1)
    while abs(value) >= step * 2 ** (op.mantissa + 1):
        step *= 2
    return min(max(int(rounded(value / step, op.rounding) * step), op.low), op.high)


def _linear(op: Linear, source: TensorType, sample: list[int]) -> list[int]:
    sums = []
    for row, bias in zip(op.weight.tolist(), op.bias.tolist(), strict=True):
        products = sum(w * x for w, x in zip(row, sample, strict=True))
        steps = (bias - op.offset) * power(-op.accumulator.frac_bits)
        value = products * power(-op.weight_format.frac_bits - source.format.frac_bits) + steps
        sums.append(min(max(code_of(value, op.output, op.rounding, op.overflow), op.low), op.high))
    return sums


def _largest(op: ArgMax | Top1, source: Format, row: list[int]) -> list[int]:
    """The index of the largest code of a row, or score and index on the grid of the score."""
    index = next(place for place, code in enumerate(row) if all(code >= other for other in row))
    if isinstance(op, ArgMax):
        return [index]
    fraction = max(source.frac_bits, 0)
    values = (row[index] * power(-source.frac_bits), Fraction(index))
    return [int(value * power(fraction)) for value in values]


def microscaled(op: Microscale, block: list[int]) -> list[int]:
    """The elements of a block, each the multiple of its own last place that it rounds to, within the ends of the format."""
    most = max(abs(code) for code in block)
    if most == 0:
        return block
    top = most.bit_length() - 1
    found = []
    for code in block:
        own = max(abs(code), 1).bit_length() - 1
        place = power(max(own, top - op.depth) - op.digits + 1)
        value = code if place < 1 else rounded(code / place, op.rounding) * place
        unit = power(top - op.digits + 1)
        found.append(int(min(max(value, op.least * unit), op.largest * unit)))
    return found


def softmax_codes(op: Softmax, row: list[int]) -> list[int]:
    """The shares of a row's exponentials, rounded as the operation says."""
    table = op.table.tolist()
    entries = [table[max(row) - code] if max(row) - code < len(table) else 0 for code in row]
    values = [rounded(Fraction(e, sum(entries)) * power(op.output.frac_bits), Rounding.HALF_UP) for e in entries]
    return [min(value, code_range(op.output)[1]) for value in values]


def _elementwise(op: Add | Multiply, sources: list[TensorType], values: list[np.ndarray]) -> np.ndarray:
    steps = [power(-x.format.frac_bits) for x in sources]
    found = []
    for a, b in zip(*(each.ravel().tolist() for each in values), strict=True):
        first, second = a * steps[0], b * steps[1]
        value = first * second if isinstance(op, Multiply) else first + op.sign * second
        found.append(min(max(code_of(value, op.output, op.rounding, op.overflow), op.low), op.high))
    return np.array(found, dtype=np.int64).reshape(values[0].shape)


def _along(values: np.ndarray, axis: int) -> list[np.ndarray]:
    """The values at each index along an axis of the samples."""
    return [np.take(values, i, axis + 1) for i in range(values.shape[axis + 1])]


def _applied(op: Op, sources: list[TensorType], values: list[np.ndarray]) -> np.ndarray:
    if isinstance(op, (Add, Multiply)):
        return _elementwise(op, sources, values)
    if isinstance(op, Concatenate):
        return np.stack([each for value in values for each in _along(value, op.axis)], op.axis + 1)
    if isinstance(op, Slice):
        return np.stack(_along(values[0], op.axis)[op.start : op.stop], op.axis + 1)
    return _applied_to_one(op, sources[0], values[0])


def _applied_to_one(op: Op, source: TensorType, values: np.ndarray) -> np.ndarray:
    if isinstance(op, (Rescale, Slope)):
        channels, of = source.shape[-1], rescaled if isinstance(op, Rescale) else sloped
        flat = [of(op, source.format, code, i % channels) for i, code in enumerate(values.ravel().tolist())]
        return np.array(flat, dtype=np.int64).reshape(values.shape)
    if isinstance(op, Polynomial):
        flat = [polynomial(op, source.format, code) for code in values.ravel().tolist()]
        return np.array(flat, dtype=np.int64).reshape(values.shape)
    if isinstance(op, Minifloat):
        flat = [floated(op, source.format, code) for code in values.ravel().tolist()]
        return np.array(flat, dtype=np.int64).reshape(values.shape)
    if isinstance(op, Linear):
        return np.array([_linear(op, source, sample) for sample in values.tolist()], dtype=np.int64)
    if isinstance(op, Threshold):
        rows = op.thresholds.tolist()
        reached = [sum(t <= code for t in rows[i % len(rows)]) for i, code in enumerate(values.ravel().tolist())]
        return np.array(reached, dtype=np.int64).reshape(values.shape)
    if isinstance(op, Microscale):
        blocks = values.reshape(-1, min(op.block, source.shape[-1])).tolist()
        return np.array([microscaled(op, block) for block in blocks], dtype=np.int64).reshape(values.shape)
    if isinstance(op, Softmax):
        rows = [softmax_codes(op, row) for row in values.reshape(-1, source.shape[-1]).tolist()]
        return np.array(rows, dtype=np.int64).reshape(values.shape)
    if isinstance(op, (ArgMax, Top1)):
        rows = values.reshape(-1, source.shape[-1]).tolist()
        found = [_largest(op, source.format, row) for row in rows]
        shape = (*source.shape[:-1], 2) if isinstance(op, Top1) else source.shape[:-1] or (1,)
        return np.array(found, dtype=np.int64).reshape(len(values), *shape)
    return op.run((source,), (values,))


def run(graph: Graph, x: np.ndarray) -> np.ndarray:
    """The graph's output codes for input codes ``x``; arithmetic on Python's integers."""
    values = {graph.input: x}
    for node in graph.nodes:
        sources = [graph.type_of(name) for name in node.inputs]
        values[node.name] = _applied(node.op, sources, [values[name] for name in node.inputs])
    return values[graph.output]
