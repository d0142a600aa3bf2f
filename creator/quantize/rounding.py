"""Rounding to integers in floating point, exactly, and with the straight-through gradient."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import torch

from creator.formats import Rounding


class Source(Protocol):
    """Where stochastic rounding draws from, besides a ``torch.Generator``: :class:`creator.quantize.Lfsr`."""

    def draw(self, like: torch.Tensor) -> torch.Tensor:
        """Numbers in [0, 1) in the shape, dtype and device of ``like``."""
        ...


Generator: TypeAlias = "torch.Generator | Source | None"
"""``None`` is torch's default generator."""


def uniform(like: torch.Tensor, generator: Generator = None) -> torch.Tensor:
    """Numbers in [0, 1) in the shape, dtype and device of ``like``."""
    if generator is None or isinstance(generator, torch.Generator):
        return torch.empty_like(like).uniform_(generator=generator)
    return generator.draw(like)


def rounded(x: torch.Tensor, rounding: Rounding = Rounding.HALF_EVEN, generator: Generator = None) -> torch.Tensor:
    """``x`` rounded to integers, any shape, as a new tensor of its dtype; differentiable nowhere.

    ``Rounding.STOCHASTIC`` is ``floor(x + u)`` with u from ``generator``.
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
    # Not floor(x + u) as it stands: that sum is rounded. The fraction, with the sign of x, and 1 - u are exact.
    whole, u = torch.trunc(x), uniform(x, generator)
    fraction = x - whole
    return whole + (fraction >= 1.0 - u) - (fraction < -u).to(x.dtype)


def _half_up(x: torch.Tensor) -> torch.Tensor:
    # Not floor(x + 0.5): that sum rounds 0.49999997 up to 1. See creator.formats.round_float.
    low = torch.floor(x)
    return low + (x - low >= 0.5)


class Round(torch.autograd.Function):
    """Rounds in the forward pass; the gradient passes unchanged (Bengio et al. 2013)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, rounding: Rounding = Rounding.HALF_EVEN,
                generator: Generator = None) -> torch.Tensor:  # fmt: skip
        """``x`` rounded."""
        return rounded(x, rounding, generator)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """The gradient as it is."""
        return grads[0], None, None


def round_tensor(x: torch.Tensor, rounding: Rounding = Rounding.HALF_EVEN, generator: Generator = None) -> torch.Tensor:
    """``x`` rounded to integers, any shape; the gradient passes unchanged."""
    return Round.apply(x, Rounding(rounding), generator)
