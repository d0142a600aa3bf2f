"""Average pooling: exact sums, and then one multiplication by an integer and a shift, which a power of two makes a shift alone.

With M and n the integers of :func:`creator.affine.multiplier` for the reciprocal of the divisor::

    y = clip(round(sum * M / 2**n))

That is the meaning of the layers in eval mode and in hardware, not an approximation of a division. Maximum pooling, padding
and nearest upsampling choose or repeat values, so torch's own layers are exact in any format.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from creator.affine import MULTIPLIER_BITS, Affine, Format, Multiplier, multiplier, rescale
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, check_rounding
from creator.nn.exact import exact_sum
from creator.nn.requantize import PRODUCT_BITS, codes_less_zero, scale_of, zero_of
from creator.nn.slots import Choice, OutputQuantizer, checked_choice, checked_format, observed, with_gradient_of
from creator.nn.weighted import OUTPUT
from creator.nn.windows import Windows, divisors, per_axis, windows_of
from creator.quantize import StraightThrough, quantize_gradient
from creator.quantize.quantizer import Quantizer


class Averaging(torch.nn.Module):
    """``quantize(round(sum * M / 2**n))`` of the elements in each window; a mixin before a layer of torch.

    Args:
        output: format of the result, or a quantizer that observes or learns it. What it cannot hold saturates.
        rounding: how the product becomes a code.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that passes back through the layer, or ``None``.
        multiplier_bits: width of M, 1 to 31.
    """

    axes: int
    """How many axes the windows have."""
    where = ""
    """The layer's module path, for errors, as far as it is known."""

    def _init_formats(
        self,
        output: Choice = OUTPUT,
        rounding: Rounding = Rounding.HALF_EVEN,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
        multiplier_bits: int = MULTIPLIER_BITS,
    ) -> None:
        if isinstance(multiplier_bits, bool) or not isinstance(multiplier_bits, int) or not 1 <= multiplier_bits <= 31:
            raise CreatorError(f"multiplier_bits={multiplier_bits!r} is not 1 to 31 bits", type(self).__name__)
        self.rounding, self.ste, self.multiplier_bits = Rounding(rounding), StraightThrough(ste), multiplier_bits
        self.gradient = None if gradient is None else checked_format(gradient, "gradient", self)
        self.input_format: Format | None = None
        self.set_formats(output=output)

    def set_formats(self, weight: None = None, output: Choice | None = None) -> None:
        """Replaces the output format; there are no weights."""
        if output is not None:
            output = checked_choice(output, "output", self)
            self.output_quantizer = output if isinstance(output, Quantizer) else None
            self._output = None if isinstance(output, Quantizer) else self._output_of(output)

    def _output_of(self, fmt: Format) -> OutputQuantizer:
        return OutputQuantizer(fmt, self.rounding, Overflow.SATURATE, self.ste)

    @property
    def quantizer(self) -> OutputQuantizer:
        """The output's rounding, clamping and format as they are now."""
        if self.output_quantizer is not None:
            return self._output_of(self.output_quantizer.format)
        assert self._output is not None
        return self._output

    @property
    def output_format(self) -> Format:
        return self.quantizer.format

    # The forward pass.

    def geometry(self, sizes: tuple[int, ...]) -> tuple[Windows, ...]:
        """The windows along axes of ``sizes``."""
        return windows_of(self, sizes)

    def divisors(self, windows: tuple[Windows, ...]) -> IntArray:
        """What each window's sum is divided by; one axis for each of ``windows``."""
        return divisors(windows, getattr(self, "count_include_pad", True), getattr(self, "divisor_override", None))

    def multiplier(self, counts: IntArray, ratio: float = 1.0) -> Multiplier:
        """The integers that stand for ``ratio`` divided by each of ``counts``, without what zeros all of them end in."""
        factors, shift = multiplier(ratio / counts.ravel().astype(np.float64), self.multiplier_bits)
        while shift > 0 and not any(factor & 1 for factor in factors):
            factors, shift = tuple(factor >> 1 for factor in factors), shift - 1
        return Multiplier(factors, shift)

    def sums(self, x: torch.Tensor, windows: tuple[Windows, ...]) -> torch.Tensor:
        """The sum of every window, in the arithmetic of ``x``."""
        flat = len(windows) == 1
        along = (Windows(1, 1, 1, 0, 0, 1), *windows) if flat else windows
        kernel, stride = [axis.kernel for axis in along], [axis.stride for axis in along]
        # All padding is written out: torch pads by half of a kernel at most, and only as much behind as before.
        edges = [n for axis in reversed(along) for n in (axis.before, axis.after)]
        padded = F.pad(x.unsqueeze(-2) if flat else x, edges)
        y = F.avg_pool2d(padded, kernel, stride, divisor_override=1)
        return y.squeeze(-2) if flat else y

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        try:
            if input.ndim not in (self.axes + 1, self.axes + 2):
                raise CreatorError(f"an input of {input.ndim} axes has no batch, channels and {self.axes} more")
            x = quantize_gradient(input, self.gradient)
            windows = self.geometry(tuple(x.shape[-self.axes :]))
            return self._pooled(x, windows, self.divisors(windows))
        except CreatorError as error:
            raise error.at(self.where) from None

    def _pooled(self, x: torch.Tensor, windows: tuple[Windows, ...], counts: IntArray) -> torch.Tensor:
        if self.training or self._undecided():
            y = self.sums(x, windows) * self._scales(counts).to(x)
            if self.output_quantizer is not None:
                return observed(self.output_quantizer, y)
            return self.quantizer(y, True, x.dtype)
        if isinstance(self.output_format, Affine) or isinstance(self.input_format, Affine):
            return self._requantized(x, windows, counts)
        check_rounding(self.rounding)
        scales = self._scales(counts)
        each = scales.reshape(-1, 1).unique().reshape(-1, 1).expand(-1, np.prod([axis.kernel for axis in windows]))
        exact = exact_sum(lambda values, _, __: self.sums(values, windows) * scales.to(values), x, each.to(x.device), None)
        return self.quantizer(exact, False, x.dtype)

    def _undecided(self) -> bool:
        """Whether eval mode cannot know its integers: without a format, or with an arbitrary scale before ``convert``."""
        try:
            output = self.output_format
        except CreatorError:
            return True
        return isinstance(output, Affine) and self.input_format is None

    def _scales(self, counts: IntArray) -> torch.Tensor:
        """``M / 2**n`` for each of ``counts``, in float64, which holds it exactly."""
        factors, shift = self.multiplier(counts)
        return torch.from_numpy(np.ldexp(np.array(factors, dtype=np.float64), -shift).reshape(counts.shape))

    def _requantized(self, x: torch.Tensor, windows: tuple[Windows, ...], counts: IntArray) -> torch.Tensor:
        assert self.input_format is not None
        soft = self.quantizer(self.sums(x.double(), windows) * self._scales(counts).to(x.device), True, torch.float64)
        with torch.no_grad():
            sums = self.sums(codes_less_zero(x, self.input_format), windows).cpu().numpy().astype(np.int64)
            factors, shift = self.multiplier(counts, self.ratio(self.input_format))
            if sums.size and int(np.abs(sums).max()) * max(factors) >= 1 << PRODUCT_BITS:
                what = f"its sums times a multiplier of {self.multiplier_bits} bits exceed 63 bits"
                raise CreatorError(what, hint="use fewer multiplier_bits")
            output = self.output_format
            units = rescale(sums, np.array(factors, dtype=np.int64).reshape(counts.shape), shift, self.rounding)
            codes = np.clip(units + zero_of(output), output.min_code, output.max_code)
            exact = torch.from_numpy(output.from_integers(codes)).to(x.device)
        return with_gradient_of(soft, exact)

    def ratio(self, source: Format) -> float:
        """The value of one code of the input ``source``, in codes of the output."""
        return float(scale_of(source) / scale_of(self.output_format))

    def check_formats(self) -> None:
        """Refuses formats that integer arithmetic cannot bring together."""
        if self.input_format is not None:
            self.multiplier(np.ones(1, dtype=np.int64), self.ratio(self.input_format))

    def _formats_repr(self) -> str:
        return f"output {self.output_quantizer or repr(self._output)}"


class _AvgPool(Averaging):
    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self._formats_repr()}"


class AvgPool1d(_AvgPool, torch.nn.AvgPool1d):
    """Over (batch, channels, length); ``formats`` are explained by :class:`Averaging`, the others are torch's, as those of its
    ``AvgPool2d``.

    Windows may differ in what they divide by; each is then multiplied by an integer of its own.
    """

    axes = 1

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        **formats: Any,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)
        self.divisor_override = divisor_override
        _check_sizes(self)
        self._init_formats(**formats)


class AvgPool2d(_AvgPool, torch.nn.AvgPool2d):
    """Over (batch, channels, height, width); see :class:`AvgPool1d`."""

    axes = 2

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
        **formats: Any,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
        _check_sizes(self)
        self._init_formats(**formats)


class AdaptiveAvgPool1d(_AvgPool, torch.nn.AdaptiveAvgPool1d):
    """Averages of equal parts of (batch, channels, length): of all of it where ``output_size`` is 1.

    ``formats`` are explained by :class:`Averaging`. A number of outputs that does not divide the length is refused.
    """

    axes = 1

    def __init__(self, output_size: Any, **formats: Any) -> None:
        super().__init__(output_size)
        _check_sizes(self)
        self._init_formats(**formats)


class AdaptiveAvgPool2d(_AvgPool, torch.nn.AdaptiveAvgPool2d):
    """The same over (batch, channels, height, width); see :class:`AdaptiveAvgPool1d`."""

    axes = 2

    def __init__(self, output_size: Any, **formats: Any) -> None:
        super().__init__(output_size)
        _check_sizes(self)
        self._init_formats(**formats)


_LEAST = {"kernel_size": 1, "stride": 1, "padding": 0, "output_size": 1, "divisor_override": 1}
_OPTIONAL = ("output_size", "divisor_override")


def _check_sizes(layer: Any) -> None:
    """Refuses arguments that are no sizes."""
    kind = type(layer).__name__
    for name, least in _LEAST.items():
        value = getattr(layer, name, least)
        for number in value if isinstance(value, (tuple, list)) else (value,):
            fits = isinstance(number, int) and not isinstance(number, bool) and number >= least
            if not fits and not (number is None and name in _OPTIONAL):
                raise CreatorError(f"{name}={value!r} is not {least} or more", kind)
    if hasattr(layer, "kernel_size"):
        kernels, paddings = per_axis(layer.kernel_size, layer.axes), per_axis(layer.padding, layer.axes)
        if any(2 * padding > kernel for kernel, padding in zip(kernels, paddings, strict=True)):
            raise CreatorError(f"padding={layer.padding!r} is more than half of kernel_size={layer.kernel_size!r}", kind)
