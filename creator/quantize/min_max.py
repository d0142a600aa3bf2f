"""Quantization by the largest magnitude of each call, as torchapprox has it, and its frozen form, which has hardware."""

from __future__ import annotations

import math
from typing import Any

import torch

from creator.affine import Format, simplest
from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS
from creator.quantize.float_bits import work_dtype
from creator.quantize.quantizer import Quantizer

MAX_BITS = 22
"""float32 then rounds the largest magnitude to the largest integer, and not beyond."""


class _ToIntegers(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: torch.Tensor, limit: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(factor)
        wide = x.to(factor.dtype)
        inside = wide if limit is None else wide.clamp(-limit, limit)
        return (inside * factor).round_().to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0] * ctx.saved_tensors[0], None, None


class MinMaxQuant(Quantizer):
    """``round(clamp(x, -m, m) * scale_factor)``: integers, with ``scale_factor = (2**(bitwidth - 1) - 1) / m``, m = max|x|.

    m is that of each call, in training and in evaluation, until :meth:`freeze`. The gradient is ``g * scale_factor``
    everywhere. A layer divides its result by the scale factors of its operands, or takes :meth:`values`. A tensor that is zero
    everywhere has the scale factor 1, and of tiny ones it is at most 2**126.

    Args:
        bitwidth: of the integers, 2 to 22; they are symmetric around zero.

    Buffers: ``scale_factor``, one number, of the last call or of the frozen range; ``largest``, the m that :meth:`freeze`
    takes: that of the last call and of all calibration since; ``frozen``.

    Raises:
        CreatorError: on a call with no values, NaN or infinities. Once frozen, infinities saturate and NaN stays NaN.
    """

    power_of_two = False

    scale_factor: torch.Tensor
    largest: torch.Tensor
    frozen: torch.Tensor

    def __init__(self, bitwidth: int = 8) -> None:
        super().__init__()
        if isinstance(bitwidth, bool) or not isinstance(bitwidth, int) or not 2 <= bitwidth <= MAX_BITS:
            raise CreatorError(f"bitwidth={bitwidth!r} is not 2 to {MAX_BITS}", "MinMaxQuant")
        self.bits = bitwidth
        self.int_max = (1 << (bitwidth - 1)) - 1
        self.register_buffer("scale_factor", torch.ones(()))
        self.register_buffer("largest", torch.zeros(()))
        self.register_buffer("frozen", torch.zeros((), dtype=torch.bool))

    def quantize(self, x: torch.Tensor) -> torch.Tensor:
        """The integers of ``x``, same shape and dtype; the same as calling the module."""
        if bool(self.frozen):
            factor = self.scale_factor.to(work_dtype(x.dtype))
            return _ToIntegers.apply(x, factor, self.int_max / factor)  # type: ignore[no-any-return]
        self.largest = self._measured(x)
        self.scale_factor = self._factor(self.largest)
        return _ToIntegers.apply(x, self.scale_factor, None)  # type: ignore[no-any-return]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The integers of ``x``, same shape and dtype."""
        return self.quantize(x)

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """The values that the integers stand for: integers / scale_factor."""
        integers = self.quantize(x)
        return integers / self.scale_factor.to(x.dtype)

    def _measured(self, x: torch.Tensor) -> torch.Tensor:
        low, high = torch.aminmax(x.detach().to(work_dtype(x.dtype))) if x.numel() else (torch.tensor(math.nan),) * 2
        largest = torch.maximum(-low, high)
        if not math.isfinite(float(largest)):
            what = "MinMaxQuant cannot take a range from no values, or from NaN or infinite ones"
            raise CreatorError(what, self.where, "clean the data")
        return largest

    def _factor(self, largest: torch.Tensor) -> torch.Tensor:
        if float(largest) == 0.0:
            return torch.ones_like(largest)
        return (self.int_max / largest).clamp_(max=2.0**MAX_FRAC_BITS)

    def calibrate(self, x: torch.Tensor) -> None:
        """Widens the range that :meth:`freeze` takes to hold ``x``; no effect once frozen."""
        if not bool(self.frozen):
            measured = self._measured(x)
            self.largest = torch.maximum(self.largest.to(measured), measured)

    def freeze(self, power_of_two: bool = False) -> None:
        """Fixes the range: m is the largest magnitude of the last call and of all calibration since.

        Args:
            power_of_two: widens it until the step 1 / scale_factor is a power of two: hardware then needs no multiplier.

        Raises:
            CreatorError: if there was no value other than zero.
        """
        largest = float(self.largest)
        if not largest > 0.0:
            raise CreatorError("MinMaxQuant has no range to freeze: it has seen no values other than zero", self.where,
                               "call it or calibrate it with data")  # fmt: skip
        self.scale_factor = self._factor(self.largest)
        if power_of_two:
            (fraction, above), (limit, bits) = math.frexp(largest), math.frexp(self.int_max)
            exponent = bits - above - (fraction > limit)
            self.scale_factor = torch.full_like(self.largest, 2.0 ** min(exponent, MAX_FRAC_BITS))
        self.frozen.fill_(True)

    @property
    def format(self) -> Format:
        """The format of the frozen range: symmetric; a FixedPoint where the step is a power of two, else an Affine.

        Raises:
            CreatorError: before :meth:`freeze`: a range that follows the data has no hardware.
        """
        if not bool(self.frozen):
            what = "the range of MinMaxQuant depends on each batch, which hardware cannot follow"
            raise CreatorError(what, self.where, "call freeze() on it first")
        return simplest(1.0 / float(self.scale_factor), 0, -self.int_max, self.int_max)

    def extra_repr(self) -> str:
        """The width."""
        return f"{self.bits} bits{', frozen' if bool(self.frozen) else ''}"
