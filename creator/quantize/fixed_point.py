"""Fixed-point fake quantization of values and of gradients.

Fake quantization returns values, not codes: floating-point numbers that lie on the format's grid. It is exact in the sense
of :mod:`creator.formats` wherever ``x * 2**frac_bits`` and the codes fit the dtype's significand (24 bits in float32, 53 in
float64); layers in eval mode therefore compute in float64.

Rounding half to even needs no function of its own: adding and subtracting ``1.5 * 2**(p - 1 - frac_bits)``, p the bits of
the significand, leaves no room for what is finer than the grid, and the adder's own rounding is half to even. Clamping comes
after, so it does not matter that this fails for values far outside the range: they stay outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import torch

from creator.formats import FixedPoint, Overflow, Rounding
from creator.quantize.rounding import Generator, rounded
from creator.quantize.straight_through import StraightThrough

_where_between: Callable[..., torch.Tensor] = torch.ops.aten.hardtanh_backward.default
"""The first argument where the second lies strictly between the third and the fourth, zero elsewhere."""

_SIGNIFICAND = {torch.float32: 24, torch.float64: 53}


class Fast(NamedTuple):
    """The constants of rounding half to even by addition, and of its gradient's mask."""

    magic: torch.Tensor  #: a tensor without axes: adding that takes half the time of adding a Python number
    back: torch.Tensor  #: ``-magic``: a second addition costs less than a subtraction, whose code is not in the cache
    low: float  #: smallest value
    high: float  #: largest value
    below: float  #: values up to this round to below the smallest
    above: float  #: values from this on round to above the largest
    frac_bits: int

    def round_into(self, y: torch.Tensor) -> torch.Tensor:
        """Rounds and clamps ``y`` in place."""
        return torch.clamp_(y.add_(self.magic).add_(self.back), self.low, self.high)

    def rounded(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` rounded and clamped, as a new tensor."""
        return torch.clamp_(x.add(self.magic).add_(self.back), self.low, self.high)

    def summed(self, grad: torch.Tensor, grid: Fast | None) -> torch.Tensor:
        """The sum over axis 0 of ``grad``, whose values are of ``grid`` if that is given, rounded and clamped."""
        total = grad.sum(0)
        if grid is not None and self.frac_bits >= grid.frac_bits:
            return torch.clamp_(total, self.low, self.high)  # on the grid already: rounding a large sum makes it only coarser
        return self.round_into(total)

    def masked(self, grad: torch.Tensor, x: torch.Tensor, grid: Fast | None = None) -> torch.Tensor:
        """``grad`` where ``x`` rounds to a code in the range, zero elsewhere; then rounded to ``grid``."""
        inside = _where_between(grad, x, self.below, self.above)
        return inside if grid is None else grid.round_into(inside)


@lru_cache(maxsize=1024)
def fast(fmt: FixedPoint, dtype: torch.dtype) -> Fast | None:
    """The constants for ``fmt`` in ``dtype``; ``None`` where the format is too wide for them, or too far from 1."""
    digits = _SIGNIFICAND.get(dtype, 0)
    if fmt.total_bits > digits - 2 or not -96 <= fmt.frac_bits <= 96:
        return None
    magic = 1.5 * 2.0 ** (digits - 1 - fmt.frac_bits)
    # The tie just outside the range goes to the even neighbour: inside if the end is even, outside if it is odd.
    below, above = (fmt.min_code - 0.5) * fmt.step, (fmt.max_code + 0.5) * fmt.step
    if fmt.min_code % 2 == 0:
        below = _next(below, -math.inf, dtype)
    if fmt.max_code % 2 == 0:
        above = _next(above, math.inf, dtype)
    magic_tensor = torch.tensor(magic, dtype=dtype, device="cpu")
    return Fast(magic_tensor, -magic_tensor, fmt.min_value, fmt.max_value, below, above, fmt.frac_bits)


def _next(x: float, towards: float, dtype: torch.dtype) -> float:
    return float(torch.nextafter(*torch.tensor([x, towards], dtype=dtype, device="cpu")))


def _scaled(x: torch.Tensor, frac_bits: int) -> torch.Tensor:
    """``x * 2**frac_bits``, where float64 underflows replaced by something tiny: floor needs to know the side of zero."""
    scaled = x * 2.0**frac_bits
    if x.dtype is torch.float64 and frac_bits < 0:
        tiny = torch.full_like(x, 2.0**-1000).copysign(x)
        return torch.where((scaled.abs() < 2.0**-1000) & (x != 0), tiny, scaled)
    return scaled


class _FastQuantize(torch.autograd.Function):
    """Half to even, saturating, in a format narrow enough; the gradient, too, on a grid where one is given."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, constants: Fast, masked: bool, grid: Fast | None) -> torch.Tensor:
        ctx.constants, ctx.grid = constants, grid
        if masked:
            ctx.save_for_backward(x)
        return constants.rounded(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        saved, grid = ctx.saved_tensors, ctx.grid
        if saved:
            return ctx.constants.masked(grads[0], saved[0], grid), None, None, None
        return (grads[0] if grid is None else grid.rounded(grads[0])), None, None, None


class _FakeQuantize(torch.autograd.Function):
    """Every rounding, every overflow, every format."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fmt: FixedPoint, rounding: Rounding, overflow: Overflow,
                ste: StraightThrough, generator: Generator) -> torch.Tensor:  # fmt: skip
        codes = rounded(_scaled(x, fmt.frac_bits), rounding, generator)
        if ste is StraightThrough.MASKED and ctx.needs_input_grad[0]:
            ctx.save_for_backward((codes >= fmt.min_code) & (codes <= fmt.max_code))
        if overflow is Overflow.SATURATE:
            codes = codes.clamp_(fmt.min_code, fmt.max_code)
        else:
            modulus = 2.0**fmt.total_bits
            low = torch.fmod(codes, modulus)  # exact, and small enough for the next line to be
            codes = low - modulus * torch.floor((low - fmt.min_code) / modulus)
        return codes.mul_(fmt.step)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,) = grads
        inside = ctx.saved_tensors
        return (grad.masked_fill(~inside[0], 0.0) if inside else grad), None, None, None, None, None


def fake_quantize(
    x: torch.Tensor,
    fmt: FixedPoint,
    rounding: Rounding = Rounding.HALF_EVEN,
    overflow: Overflow = Overflow.SATURATE,
    ste: StraightThrough = StraightThrough.MASKED,
    generator: Generator = None,
    gradient: FixedPoint | None = None,
    gradient_rounding: Rounding = Rounding.HALF_EVEN,
) -> torch.Tensor:
    """The values of ``fmt`` nearest to ``x`` in the sense of ``rounding`` and ``overflow``; same shape, same dtype.

    NaN stays NaN. The gradient is ``ste``'s, then rounded to ``gradient``, where it saturates.
    """
    rounding, overflow, ste = Rounding(rounding), Overflow(overflow), StraightThrough(ste)
    if rounding is Rounding.HALF_EVEN and overflow is Overflow.SATURATE:
        constants = fast(fmt, x.dtype)
        grid = None if gradient is None or gradient_rounding is not Rounding.HALF_EVEN else fast(gradient, x.dtype)
        if constants is not None and (gradient is None or grid is not None):
            return _FastQuantize.apply(x, constants, ste is StraightThrough.MASKED, grid)
    x = quantize_gradient(x, gradient, gradient_rounding, generator)
    return _FakeQuantize.apply(x, fmt, rounding, overflow, ste, generator)


class _QuantizeGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fmt: FixedPoint, rounding: Rounding,
                generator: Generator) -> torch.Tensor:  # fmt: skip
        ctx.choice = (fmt, rounding, generator)
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        fmt, rounding, generator = ctx.choice
        return fake_quantize(grads[0], fmt, rounding, generator=generator), None, None, None


def quantize_gradient(
    x: torch.Tensor,
    fmt: FixedPoint | None,
    rounding: Rounding = Rounding.HALF_EVEN,
    generator: Generator = None,
) -> torch.Tensor:
    """``x`` itself; its gradient is rounded to ``fmt`` and saturates. ``None`` changes nothing."""
    return x if fmt is None else _QuantizeGradient.apply(x, fmt, Rounding(rounding), generator)
