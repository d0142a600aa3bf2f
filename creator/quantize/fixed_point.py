"""Fixed-point fake quantization of values and of gradients.

Fake quantization returns values, not codes: floating-point numbers that lie on the format's grid. It is exact in the sense
of :mod:`creator.formats` wherever ``x * 2**frac_bits`` and the codes fit the dtype's significand (24 bits in float32, 53 in
float64); layers in eval mode therefore compute in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, _Choice


class StraightThrough(_Choice):
    """The gradient of a quantizer (Bengio et al. 2013, "Estimating or propagating gradients through stochastic neurons")."""

    MASKED = "masked"  #: passes where the rounded, unclipped code lies in the range, zero elsewhere
    IDENTITY = "identity"  #: passes unchanged everywhere


@dataclass(frozen=True)
class Gradients:
    """Formats of the gradients in the backward pass of a layer; ``None`` leaves a gradient in floating point.

    Args:
        activation: of the gradient that arrives at the layer's output; the layer's other gradients are computed from it.
        weight: of the weight's gradient.
        bias: of the bias's gradient.
        rounding: of all three, any mode, ``Rounding.STOCHASTIC`` included. They saturate.
    """

    activation: FixedPoint | None = None
    weight: FixedPoint | None = None
    bias: FixedPoint | None = None
    rounding: Rounding = Rounding.HALF_EVEN

    def __post_init__(self) -> None:
        for name in ("activation", "weight", "bias"):
            fmt = getattr(self, name)
            if fmt is not None and not isinstance(fmt, FixedPoint):
                raise CreatorError(f"{name}={fmt!r} is not a number format", "Gradients", "pass a FixedPoint or None")
        object.__setattr__(self, "rounding", Rounding(self.rounding))

    @classmethod
    def of(cls, choice: FixedPoint | Gradients | None) -> Gradients:
        """What a layer's ``gradient`` argument means: one format for all three, a ``Gradients``, or none."""
        if isinstance(choice, FixedPoint):
            return cls(choice, choice, choice)
        if choice is None or isinstance(choice, cls):
            return choice or cls()
        raise CreatorError(f"gradient={choice!r} is not a number format", hint="pass a FixedPoint, a Gradients or None")


def round_tensor(
    x: torch.Tensor, rounding: Rounding = Rounding.HALF_EVEN, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Rounds to integers, any shape, in the dtype of ``x``; without a gradient of its own.

    ``Rounding.STOCHASTIC`` is ``floor(x + u)``, u uniform in [0, 1), drawn from ``generator`` or torch's default.
    """
    match Rounding(rounding):
        case Rounding.HALF_EVEN:
            return torch.round(x)
        case Rounding.FLOOR:
            return torch.floor(x)
        case Rounding.TOWARD_ZERO:
            return torch.trunc(x)
        case Rounding.HALF_UP:
            return _half_up(x)
        case Rounding.HALF_AWAY:
            return torch.copysign(_half_up(x.abs()), x)
    # Not floor(x + u) as it stands: that sum is rounded, and from 2**22 on would leave integers where they should stay.
    low = torch.floor(x)
    return low + (torch.empty_like(x).uniform_(generator=generator) >= 1.0 - (x - low))


def _half_up(x: torch.Tensor) -> torch.Tensor:
    # Not floor(x + 0.5): that sum rounds 0.49999997 up to 1. See creator.formats.round_float.
    low = torch.floor(x)
    return low + (x - low >= 0.5)


def _scaled(x: torch.Tensor, frac_bits: int) -> torch.Tensor:
    """``x * 2**frac_bits``, where float64 underflows replaced by something tiny: floor needs to know the side of zero."""
    scaled = x * 2.0**frac_bits
    if x.dtype is torch.float64 and frac_bits < 0:
        tiny = torch.full_like(x, 2.0**-1000).copysign(x)
        return torch.where((scaled.abs() < 2.0**-1000) & (x != 0), tiny, scaled)
    return scaled


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fmt: FixedPoint, rounding: Rounding, overflow: Overflow,
                ste: StraightThrough, generator: torch.Generator | None) -> torch.Tensor:  # fmt: skip
        rounded = round_tensor(_scaled(x, fmt.frac_bits), rounding, generator)
        if ste is StraightThrough.MASKED and ctx.needs_input_grad[0]:
            ctx.save_for_backward((rounded >= fmt.min_code) & (rounded <= fmt.max_code))
        if overflow is Overflow.SATURATE:
            codes = rounded.clamp_(fmt.min_code, fmt.max_code)
        else:
            modulus = 2.0**fmt.total_bits
            low = torch.fmod(rounded, modulus)  # exact, and small enough for the next line to be
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
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """The values of ``fmt`` nearest to ``x`` in the sense of ``rounding`` and ``overflow``; same shape, same dtype.

    NaN stays NaN. The gradient is ``ste``'s.
    """
    return _FakeQuantize.apply(x, fmt, Rounding(rounding), Overflow(overflow), StraightThrough(ste), generator)


class _QuantizeGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fmt: FixedPoint, rounding: Rounding,
                generator: torch.Generator | None) -> torch.Tensor:  # fmt: skip
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
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """``x`` itself; its gradient is rounded to ``fmt`` and saturates. ``None`` changes nothing."""
    return x if fmt is None else _QuantizeGradient.apply(x, fmt, Rounding(rounding), generator)
