"""What the layers share: checked arguments, and eval-mode arithmetic that is exact or refuses."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, check_rounding, check_wrap
from creator.quantize import StraightThrough, fake_quantize

EXACT_BITS = 52
"""Sums below 2**52 units are exact in float64 in any order, and so is every rounding of them."""


def checked_format(value: object, name: str, layer: torch.nn.Module) -> FixedPoint:
    """``value`` if it is a FixedPoint; else a refusal that names the layer's class and the argument."""
    if isinstance(value, FixedPoint):
        return value
    raise CreatorError(f"{name}={value!r} is not a number format", type(layer).__name__, f"for example {name}=FixedPoint(8, 4)")


class OutputQuantizer:
    """Rounds and clamps a layer's result to its output format, in training and, exactly, in eval mode."""

    def __init__(self, fmt: FixedPoint, rounding: Rounding, overflow: Overflow, ste: StraightThrough) -> None:
        self.format = fmt
        self.rounding = Rounding(rounding)
        self.overflow = check_wrap(fmt, Overflow(overflow))
        self.ste = StraightThrough(ste)

    def __call__(self, y: torch.Tensor, training: bool, dtype: torch.dtype) -> torch.Tensor:
        """``y`` on the output's grid, as ``dtype``; as float64 where float32 has too few digits for the format."""
        if training:
            return fake_quantize(y, self.format, self.rounding, self.overflow, self.ste)
        check_rounding(self.rounding)
        result = eval_dtype(dtype, self.format)
        y = y.double()
        if bool(torch.isnan(y).any()):
            raise CreatorError("a value is NaN, which has no code", hint="look for the layer or the data that makes it")
        if self.overflow is Overflow.WRAP and bool(torch.isinf(y.detach() * 2.0**self.format.frac_bits).any()):
            raise CreatorError("a value is infinite, which cannot wrap", hint="use saturate")
        exact = fake_quantize(y, self.format, self.rounding, self.overflow, self.ste)
        return exact.to(result)

    def __repr__(self) -> str:
        return f"{self.format}, {self.rounding}, {self.overflow}, {self.ste}"


def eval_dtype(dtype: torch.dtype, fmt: FixedPoint) -> torch.dtype:
    """The floating-point type of an eval-mode result: that of the input, if it holds every value of ``fmt`` exactly."""
    exact = (torch.float32, torch.float64)
    if dtype not in exact and (dtype.is_floating_point or dtype.is_complex):
        raise CreatorError(f"{dtype} cannot hold every code exactly", hint="evaluate in float32 or float64")
    if fmt.total_bits > 24 or fmt.total_bits - fmt.frac_bits > 127:  # float32: 24 digits, up to 2**128
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


def exact_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """``F.linear`` in float64, refused where its result might not be exact.

    The bound holds for the values at hand, whatever grid they lie on: every partial sum, in whatever order the library adds,
    is a multiple of a common unit and smaller than 2**52 of them.
    """
    x, weight = x.double(), weight.double()
    bias = None if bias is None else bias.double()
    if not torch.isfinite(x).all():
        raise CreatorError("an input is NaN or infinite", hint="begin the network with nn.Quantize")
    unit = unit_exponent(x.detach()) + unit_exponent(weight.detach())
    rows = weight.detach().abs().sum(-1) * (x.detach().abs().max() if x.numel() else 0.0)
    if bias is not None:
        unit = min(unit, unit_exponent(bias.detach()))
        rows = rows + bias.detach().abs()
    largest = float(rows.max())
    if math.frexp(largest)[1] > EXACT_BITS + unit:  # largest >= 2**(EXACT_BITS + unit), without overflow
        raise CreatorError(
            f"a sum may need more than {EXACT_BITS} bits, so float64 cannot hold it exactly",
            hint="use narrower formats, or quantize the input",
        )
    return F.linear(x, weight, bias)
