"""Convolutions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.slots import Choice
from creator.nn.weighted import OUTPUT, WEIGHT, Weighted
from creator.quantize import Gradients, StraightThrough


class _Conv(Weighted, torch.nn.modules.conv._ConvNd):
    """``quantize(convolution(x, quantize(weight)) + quantize(bias))``: the sum exact, rounded once at the output.

    Shapes: input (batch, in_channels, ...), output (batch, out_channels, ...), as in torch. Padding inserts zeros.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups: as in torch; ``padding_mode`` is "zeros".
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
        dilation: Any = 1,
        groups: int = 1,
        bias: bool | FixedPoint = True,
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
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias is not False,
            padding_mode, device=device, dtype=dtype,
        )  # fmt: skip
        self._init_formats(weight, bias, output, rounding, overflow, ste, gradient, **formats)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Padding before and behind the sample along each axis; of "same" the odd one goes to the end, as in torch."""
        if self.padding == "valid":
            return ((0, 0),) * len(self.kernel_size)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            return tuple((total // 2, total - total // 2) for total in totals)
        return tuple((int(n), int(n)) for n in self.padding)

    def _padded(self, x: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """``x``, and the padding left to the convolution: torch warns of "same" where the two ends of an axis differ."""
        if all(before == after for before, after in self.edges):
            return x, tuple(before for before, _ in self.edges)
        return F.pad(x, [n for edge in reversed(self.edges) for n in edge]), 0

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self._formats_repr()}"


class Conv1d(_Conv, torch.nn.Conv1d):
    """Over (batch, channels, length); arguments as explained by :class:`_Conv`."""

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        x, padding = self._padded(x)
        return F.conv1d(x, weight, bias, self.stride, padding, self.dilation, self.groups)  # type: ignore[arg-type]


class Conv2d(_Conv, torch.nn.Conv2d):
    """Over (batch, channels, height, width); arguments as explained by :class:`_Conv`."""

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        x, padding = self._padded(x)
        return F.conv2d(x, weight, bias, self.stride, padding, self.dilation, self.groups)  # type: ignore[arg-type]
