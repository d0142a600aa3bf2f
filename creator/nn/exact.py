"""Eval-mode arithmetic that is exact or refuses."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint

EXACT_BITS = 52
"""Sums below 2**52 units are exact in float64 in any order, and so is every rounding of them."""

Product = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
"""A layer's sum of products from its input, weight and bias, such as ``torch.nn.functional.linear``."""


def eval_dtype(dtype: torch.dtype, fmt: Format) -> torch.dtype:
    """The floating-point type of an eval-mode result: that of the input, if it holds every value of ``fmt`` exactly."""
    exact = (torch.float32, torch.float64)
    if dtype not in exact and (dtype.is_floating_point or dtype.is_complex):
        raise CreatorError(f"{dtype} cannot hold every code exactly", hint="evaluate in float32 or float64")
    # An arbitrary scale has no exact multiples in float32; and that has 24 digits, and goes up to 2**128.
    if isinstance(fmt, Affine) or fmt.total_bits > 24 or fmt.total_bits - fmt.frac_bits > 127:
        return torch.float64
    default = torch.get_default_dtype()
    return dtype if dtype in exact else default if default in exact else torch.float32


def unit_exponent(x: torch.Tensor) -> int:
    """The largest e such that every element of the float64 tensor ``x`` is a multiple of 2**e; 0 if all are zero."""
    nonzero = x[x != 0]
    if not nonzero.numel():
        return 0
    mantissa, exponent = torch.frexp(nonzero)
    integer = (mantissa * 2.0**53).to(torch.int64)
    _, trailing = torch.frexp((integer & -integer).double())
    return int((exponent - 53 + trailing - 1).min())


def width_of(values: torch.Tensor) -> tuple[int, int]:
    """The bits of the signed fixed-point numbers that hold float64 ``values``, and the exponent of their unit."""
    unit = unit_exponent(values)
    largest = float(values.abs().max()) if values.numel() else 0.0
    return max(2, math.frexp(largest)[1] - unit + 1), unit


def narrowest(values: torch.Tensor) -> FixedPoint:
    """The format of the fewest bits that holds float64 ``values``: they are multiples of its step, and not all of twice that.

    Raises:
        CreatorError: with the width that they need, if that is more than 52 bits.
    """
    bits, unit = width_of(values.detach())
    if bits > EXACT_BITS:
        raise CreatorError(
            f"its weights need {bits} bits of fixed point, more than {EXACT_BITS}", hint="use a format with a smaller range"
        )
    return FixedPoint(bits, -unit)


def exact_sum(product: Product, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """``product`` in float64, refused where its result might not be exact.

    The bound holds for the values at hand, whatever grid they lie on: every partial sum, in whatever order the library adds,
    is a multiple of a common unit and smaller than 2**52 of them.
    """
    x, weight = x.double(), weight.double()
    bias = None if bias is None else bias.double()
    if not torch.isfinite(x).all():
        raise CreatorError("an input is NaN or infinite", hint="begin the network with nn.Quantize")
    unit = unit_exponent(x.detach()) + unit_exponent(weight.detach())
    rows = weight.detach().abs().flatten(max(0, min(1, weight.ndim - 1))).sum(-1)
    rows = rows * (x.detach().abs().max() if x.numel() else 0.0)
    if bias is not None:
        unit = min(unit, unit_exponent(bias.detach()))
        rows = rows + bias.detach().abs()
    largest = float(rows.max())
    if math.frexp(largest)[1] > EXACT_BITS + unit:  # largest >= 2**(EXACT_BITS + unit), without overflow
        raise CreatorError(
            f"a sum may need more than {EXACT_BITS} bits, so float64 cannot hold it exactly",
            hint="use narrower formats, or quantize the input",
        )
    return product(x, weight, bias)
