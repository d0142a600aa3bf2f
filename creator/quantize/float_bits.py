"""Exact powers of two and exponents of tensors, read from and written to the bits of float64."""

from __future__ import annotations

import torch

from creator.errors import CreatorError
from creator.formats import Rounding
from creator.quantize.affine import Number

_BIAS, _FRACTION_BITS = 1023, 52


def work_dtype(dtype: torch.dtype) -> torch.dtype:
    """What tensors of ``dtype`` are quantized in: float64 in itself, all others in float32; refused if not floating-point."""
    if not dtype.is_floating_point:
        raise CreatorError(f"expected floating-point values, got dtype {dtype}", hint="convert them with .float()")
    return torch.float64 if dtype is torch.float64 else torch.float32


def power_of_two(exponents: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """``2**exponents`` for int64 exponents of -1022 to 1023, exactly; float32's subnormals included."""
    return ((exponents + _BIAS) << _FRACTION_BITS).view(torch.float64).to(dtype)


def exponent_of(magnitudes: torch.Tensor, carry: int = 0) -> torch.Tensor:
    """``floor(log2(magnitudes))`` as int64: -1023 for zero, 1024 for an infinity or NaN.

    Args:
        magnitudes: not negative, any floating-point dtype. float32's subnormals have the exponents of their values.
        carry: added to the 52 bits of the fraction first: all ones make it ``ceil(log2(magnitudes))``.
    """
    return ((magnitudes.to(torch.float64).view(torch.int64) + carry) >> _FRACTION_BITS) - _BIAS


def carry_of(fraction_bits: int) -> int:
    """What carries into the exponent where rounding half up to ``fraction_bits`` bits would."""
    return 1 << (_FRACTION_BITS - fraction_bits - 1)


ALL_ONES = (1 << _FRACTION_BITS) - 1
"""What carries into the exponent wherever a number is not a power of two."""


def quotient(x: torch.Tensor, divisor: Number, rounding: Rounding) -> torch.Tensor:
    """``x / divisor`` as a new tensor; what underflows keeps its side of zero where ``rounding`` needs to know it."""
    result = x / divisor
    if rounding is Rounding.FLOOR:
        tiny = torch.full_like(result, torch.finfo(result.dtype).tiny).copysign_(x)
        return torch.where((result == 0) & (x != 0), tiny, result)
    return result
