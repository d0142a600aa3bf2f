"""Transposed convolutions: zeros between the pixels, and then an ordinary convolution."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.slots import Choice
from creator.nn.weighted import OUTPUT, WEIGHT, Weighted
from creator.quantize import Gradients, StraightThrough


class _ConvTranspose(Weighted, torch.nn.modules.conv._ConvTransposeNd):
    """``quantize(transposed convolution(x, quantize(weight)) + quantize(bias))``: the sum exact, rounded once at the output.

    Shapes: input (batch, in_channels, ...), output (batch, out_channels, ...), as in torch. The result is that of an ordinary
    convolution, with the kernel turned around, over the input with ``stride - 1`` zeros between any two pixels.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, dilation: as in torch, but for
            padding beyond ``dilation * (kernel_size - 1)``; ``padding_mode`` is "zeros".
        formats: ``accumulator`` and ``multiplier_bits``; these and the other arguments are explained by
            :class:`~creator.nn.weighted.Weighted`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool | FixedPoint = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        weight: Choice = WEIGHT,
        output: Choice = OUTPUT,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | Gradients | None = None,
        device: Any = None,
        dtype: Any = None,
        **formats: Any,
    ) -> None:
        if padding_mode != "zeros":
            raise CreatorError(f"padding_mode={padding_mode!r} is not supported", type(self).__name__, 'use "zeros"')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, output_padding, groups, bias is not False, dilation,
            padding_mode, device=device, dtype=dtype,
        )  # fmt: skip
        if any(before < 0 for before, _ in self.edges):
            what = f"padding={padding!r} cuts off more than the kernel adds"
            raise CreatorError(what, type(self).__name__, "use at most dilation * (kernel_size - 1)")
        self._init_formats(weight, bias, output, rounding, overflow, ste, gradient, **formats)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and behind the spread pixels along each axis, with which the ordinary convolution gives the result."""
        numbers = zip(self.kernel_size, self.dilation, self.padding, self.output_padding, strict=True)
        return tuple((d * (k - 1) - int(p), d * (k - 1) - int(p) + extra) for k, d, p, extra in numbers)

    def rows(self) -> torch.Tensor:
        """The weights of the ordinary convolution, shape (out_channels, in_channels / groups, *kernel_size)."""
        weight = self.weight
        groups, kernel = self.groups, weight.shape[2:]
        parts = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], *kernel).transpose(1, 2)
        return parts.reshape(-1, weight.shape[0] // groups, *kernel).flip(*range(2, weight.ndim))

    def _columns(self, rows: torch.Tensor) -> torch.Tensor:
        """What :meth:`rows` was made of."""
        groups, kernel = self.groups, rows.shape[2:]
        parts = rows.flip(*range(2, rows.ndim)).reshape(groups, rows.shape[0] // groups, rows.shape[1], *kernel)
        return parts.transpose(1, 2).reshape(-1, rows.shape[0] // groups, *kernel)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self._formats_repr()}"


class ConvTranspose1d(_ConvTranspose, torch.nn.ConvTranspose1d):
    """Over (batch, channels, length); arguments as explained by :class:`_ConvTranspose`."""

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        padding: Any = self.padding
        return F.conv_transpose1d(
            x, self._columns(weight), bias, self.stride, padding, self.output_padding, self.groups, self.dilation
        )


class ConvTranspose2d(_ConvTranspose, torch.nn.ConvTranspose2d):
    """Over (batch, channels, height, width); arguments as explained by :class:`_ConvTranspose`."""

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        padding: Any = self.padding
        return F.conv_transpose2d(
            x, self._columns(weight), bias, self.stride, padding, self.output_padding, self.groups, self.dilation
        )
