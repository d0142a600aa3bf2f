"""Softmax, whose eval mode is an integer definition."""

from __future__ import annotations

import decimal
from decimal import Decimal
from functools import lru_cache

import numpy as np
import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, shares
from creator.nn.exact import eval_dtype
from creator.nn.largest import checked_axis
from creator.nn.slots import OutputQuantizer, checked_format, with_gradient_of
from creator.quantize import StraightThrough, quantize_gradient

_CONTEXT = decimal.Context(prec=60, Emin=-999999, Emax=999999, rounding=decimal.ROUND_HALF_EVEN)
_FLAT = 800.0
"""exp of minus this is nothing on any grid that is used here."""

MAX_BITS = 62


class Softmax(torch.nn.Module):
    """``softmax(x, dim)``; 8 fractional bits, unsigned, unless told otherwise.

    In eval mode, with the largest element m of a row, its n elements and g fractional bits of the output::

        e = round(exp(x - m) * 2**E)          to nearest even, E = g + 2 + ceil(log2(n))
        y = min(floor(e / sum(e) * 2**g + 1/2), highest code)

    The exponential is rounded correctly; everything after it is integers. Before it is limited, y is less than 5/8 of a step
    away from the real softmax.

    Args:
        dim: the axis.
        output: format of the result.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that arrives at the output, or ``None``.
    """

    def __init__(
        self,
        dim: int = -1,
        output: FixedPoint = FixedPoint(8, 8, signed=False),  # noqa: B008 - immutable
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
    ) -> None:
        super().__init__()
        self.dim = checked_axis(dim, self)
        self._format = checked_format(output, "output", self)
        if output.frac_bits < 0:
            raise CreatorError(f"output={output} has no fractional bits", "Softmax", "results lie in 0 ... 1")
        self.quantizer = OutputQuantizer(output, Rounding.HALF_UP, Overflow.SATURATE, ste)
        self.gradient = None if gradient is None else checked_format(gradient, "gradient", self)

    @property
    def output_format(self) -> FixedPoint:
        return self._format

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            return self._soft(x)
        exact = self._exact(x)
        return with_gradient_of(self._soft(x.double()), exact) if x.requires_grad else exact

    def _soft(self, x: torch.Tensor) -> torch.Tensor:
        return self.quantizer(quantize_gradient(torch.softmax(x, self.dim), self.gradient), True, x.dtype)

    def _exact(self, x: torch.Tensor) -> torch.Tensor:
        dtype = eval_dtype(x.dtype, self._format)
        values = x.detach().double()
        if not bool(torch.isfinite(values).all()):
            raise CreatorError("an input is NaN or infinite", "Softmax", "begin the network with nn.Quantize")
        moved = values.movedim(self.dim, -1).cpu().numpy()
        grid = self.grid(moved.shape[-1])
        distances, index = np.unique(moved.max(axis=-1, keepdims=True) - moved, return_inverse=True)
        table = np.array([exponential(float(d), grid) for d in distances], dtype=np.int64)
        codes = shares(table[index.reshape(moved.shape)], self._format)
        exact = torch.from_numpy(self._format.from_integers(codes)).movedim(-1, self.dim)
        return exact.to(device=x.device, dtype=dtype)

    def grid(self, size: int) -> int:
        """Fractional bits of the exponentials, in rows of ``size`` elements."""
        bits = self._format.frac_bits + 2 + (size - 1).bit_length()
        if bits + 1 + (size - 1).bit_length() + self._format.frac_bits + 2 > MAX_BITS:
            raise CreatorError(
                f"its division needs more than {MAX_BITS} bits", "Softmax", "use fewer fractional bits, or shorter rows"
            )
        return bits

    def extra_repr(self) -> str:
        return f"dim={self.dim}, output {self.quantizer!r}"


@lru_cache(maxsize=65536)
def exponential(distance: float, grid: int) -> int:
    """``exp(-distance)`` in units of ``2**-grid``, to nearest even: correctly rounded, and the same anywhere."""
    if distance > _FLAT:
        return 0
    units = _CONTEXT.multiply(_CONTEXT.exp(Decimal(-distance)), Decimal(1 << grid))
    return int(units.to_integral_value(decimal.ROUND_HALF_EVEN))
