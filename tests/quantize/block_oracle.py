"""Block formats on Python's fractions, one block at a time: slow, obvious, and independent of ``creator``'s tensors."""

from __future__ import annotations

import math
from fractions import Fraction

import torch

from creator import FixedPoint, Rounding
from creator.quantize.block_floating_point import BlockFloat, MicroExponent
from creator.quantize.blocks import BlockFormat
from creator.quantize.microscaling import Microscaling, SharedExponent
from tests.oracle import power, rounded
from tests.quantize.test_minifloat import quantized, seeded


def log2_floor(value: Fraction) -> int:
    """``floor(log2(value))``; -1000 for zero."""
    if value == 0:
        return -1000
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if power(exponent) <= value else exponent - 1


def top_exponent(fmt: BlockFormat, dtype: torch.dtype) -> int:
    """The largest exponent with which no value is infinite."""
    largest = max(Fraction(fmt.element.max_value), -Fraction(fmt.element.min_value))
    return next(e for e in range(127, -300, -1) if largest * power(e) <= Fraction(torch.finfo(dtype).max))


def shared_exponent(values: list[Fraction], fmt: BlockFormat, rounding: Rounding) -> int:
    """The exponent of a block of finite numbers, before it is limited."""
    largest = max(abs(value) for value in values)
    exponent = log2_floor(largest)
    if isinstance(fmt, BlockFloat):
        # Limited below before the largest number is rounded: its code counts, and that has a smallest step.
        exponent = max(exponent, -127)
        code = rounded(max(*values, Fraction(0)) / power(exponent - fmt.bits + 2), rounding)
        return exponent + (code >= 2 ** (fmt.bits - 1))
    if isinstance(fmt, Microscaling) and largest:
        significand = largest / power(exponent)
        if fmt.shared is SharedExponent.CEIL:
            exponent += significand > 1
        elif fmt.shared is SharedExponent.EVEN:
            bits = fmt.element.total_bits if isinstance(fmt.element, FixedPoint) else fmt.element.mantissa
            exponent += math.floor(significand * 2**bits + Fraction(1, 2)) >= 2 ** (bits + 1)
        exponent -= log2_floor(Fraction(fmt.element.max_value))
    return exponent


def element(value: Fraction, exponent: int, fmt: BlockFormat, rounding: Rounding) -> float:
    """What one finite number becomes."""
    scaled = value / power(exponent)
    if isinstance(fmt.element, FixedPoint):
        code = rounded(scaled * power(fmt.element.frac_bits), rounding)
        return float(min(max(code, fmt.element.min_code), fmt.element.max_code) * power(exponent - fmt.element.frac_bits))
    return quantized(float(scaled), fmt.element, rounding) * 2.0**exponent


def expected_block(values: list[float], fmt: BlockFormat, rounding: Rounding, dtype: torch.dtype) -> list[float]:
    """What a block becomes; shorter ones are as if filled up with zeros."""
    most = torch.finfo(dtype).max
    finite = [0.0 if math.isnan(value) else min(max(value, -most), most) for value in values]
    if isinstance(fmt, Microscaling) and any(math.isnan(value) for value in values):
        return [math.nan] * len(values)
    numbers = [Fraction(value) for value in finite]
    exponent = min(max(shared_exponent(numbers, fmt, rounding), -127), top_exponent(fmt, dtype))
    result = []
    for index, value in enumerate(numbers):
        shift = 0
        if isinstance(fmt, MicroExponent) and exponent > -127:
            start = index - index % fmt.sub_block
            shift = all(abs(other) < power(exponent) for other in numbers[start : start + fmt.sub_block])
        result.append(math.nan if math.isnan(values[index]) else element(value, exponent - shift, fmt, rounding))
    return result


def expected(x: torch.Tensor, fmt: BlockFormat, rounding: Rounding) -> torch.Tensor:
    """What the rows of a matrix become, with blocks along them."""
    size = fmt.block_size
    rows = [
        [v for k in range(0, len(row), size) for v in expected_block(row[k : k + size], fmt, rounding, x.dtype)]
        for row in x.tolist()
    ]
    return torch.tensor(rows, dtype=torch.float64).to(x.dtype)


def trial_matrix(columns: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Rows of many sizes, ties, powers of two and their neighbours, subnormals, zeros, largest numbers, NaN, infinities."""
    generator = seeded(columns)
    x = torch.randn(30, columns, generator=generator) * torch.exp2(torch.randint(-40, 40, (30, 1), generator=generator).float())
    powers = torch.exp2(torch.randint(-4, 5, (6, columns), generator=generator).float())
    x[:6] = powers * torch.randint(-1, 2, (6, columns), generator=generator)
    x[1:3], x[3:4] = torch.nextafter(x[1:3], torch.zeros(())), torch.nextafter(x[3:4], torch.full((), math.inf))
    x[6:10] = torch.randint(-256, 257, (4, columns), generator=generator) / 16.0
    x[10] *= torch.exp2(-torch.arange(columns).float())
    x[11:14] = torch.randint(-(1 << 24), 1 << 24, (3, columns), generator=generator) * 2.0**-149
    x[14:17] *= 2.0 ** torch.tensor([[-130.0], [-124.0], [-120.0]]) / x[14:17].abs().amax(1, keepdim=True)
    x[17], x[18, 1:], x[19] = 0.0, 0.0, -0.0
    most = torch.finfo(torch.float32).max
    x[20, ::3], x[21, 1::4], x[22] = most, -most, most * (1 - torch.rand(columns, generator=generator))
    x[23, 2::5], x[24, 0], x[24, -1], x[25, ::2], x[26, 3] = math.nan, math.inf, -math.inf, math.nan, math.inf
    x[27] = 2 - torch.rand(columns, generator=generator) * 2.0**-6
    return x.to(dtype)
