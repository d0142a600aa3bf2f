"""Layers between arbitrary scales: the integer arithmetic that PyTorch's eval mode and the hardware both follow.

With input codes q on the scale s_x and zero point z_x, weight codes w on s_w (one, or one a channel) and output scale s_y::

    sum = sum of w * (q - z_x) + round(bias / (s_x * s_w))
    y   = clip(round(sum * M / 2**n) + z_y)          M / 2**n is near s_x * s_w / s_y

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from creator.affine import Affine, Format, Multiplier, multiplier, rescale
from creator.errors import CreatorError
from creator.formats import IntArray, Overflow, Rounding, check_rounding
from creator.nn.exact import Product, exact_sum

PRODUCT_BITS = 62
"""Of a sum times its multiplier, without the sign: int64 holds it."""


def scale_of(fmt: Format) -> npt.NDArray[np.float64]:
    """The scale or scales of a format; shape () or (channels,)."""
    return np.asarray(fmt.scale if isinstance(fmt, Affine) else fmt.step, dtype=np.float64)


def zero_of(fmt: Format) -> int:
    """The zero point of a format."""
    return fmt.zero_point if isinstance(fmt, Affine) else 0


def codes_less_zero(x: torch.Tensor, fmt: Format) -> torch.Tensor:
    """Codes of ``fmt`` minus its zero point, in float64, of values; refused where they are not on its grid."""
    units = x.detach().double() / float(scale_of(fmt))
    codes = torch.round(units)
    low, high = fmt.min_code - zero_of(fmt), fmt.max_code - zero_of(fmt)
    if not bool(((units - codes).abs() <= 2.0**-12).all() & (codes >= low).all() & (codes <= high).all()):
        raise CreatorError(f"its input is not on the grid of {fmt}", hint="call creator.convert after every change")
    return codes


@dataclass(frozen=True)
class Requantizer:
    """From products of ``input`` and ``weight`` codes to ``output`` codes.

    Raises:
        CreatorError: for weights with a zero point, scales along another axis than the output channels, an input or an output
            with several scales, and an overflow other than saturation.
    """

    input: Format
    weight: Format
    output: Format
    rounding: Rounding
    overflow: Overflow
    bits: int

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        if zero_of(self.weight):
            raise CreatorError("its weights have a zero point", hint="use symmetric weights; hardware computes with w * q")
        if isinstance(self.weight, Affine) and self.weight.axis not in (None, 0):
            raise CreatorError(f"its weights have scales along axis {self.weight.axis}", hint="use axis 0, the output channels")
        for name, fmt in (("input", self.input), ("output", self.output)):
            if isinstance(fmt, Affine) and fmt.axis is not None:
                raise CreatorError(f"its {name} has scales along axis {fmt.axis}", hint="use one scale for activations")
        if self.overflow is not Overflow.SATURATE:
            raise CreatorError("an arbitrary scale cannot wrap", hint="use overflow='saturate'")

    @cached_property
    def sum_scale(self) -> npt.NDArray[np.float64]:
        """The value of one unit of the sum; shape () or (channels,)."""
        return scale_of(self.input) * scale_of(self.weight)

    @cached_property
    def multiplier(self) -> Multiplier:
        """The integers that stand for the ratio of the scales."""
        return multiplier(self.sum_scale / scale_of(self.output), self.bits)

    def weights(self, weight: torch.Tensor) -> IntArray:
        """The codes of floating-point weights."""
        if not bool(torch.isfinite(weight).all()):
            raise CreatorError("its weight is NaN or infinite", hint="training diverged; restore an earlier state")
        return self.weight.to_integers(weight.detach().double().cpu().numpy())

    def biases(self, bias: torch.Tensor) -> IntArray:
        """The codes of floating-point biases, shape (channels,), on the grid of the sum."""
        units = np.rint(bias.detach().double().cpu().numpy() / self.sum_scale)
        if not np.isfinite(units).all() or np.abs(units).max() >= 2.0**50:
            raise CreatorError(
                "its bias is NaN, infinite or far larger than its sums", hint="training diverged, or a scale is off"
            )
        return units.astype(np.int64)

    def inputs(self, x: torch.Tensor) -> torch.Tensor:
        """Codes minus zero point, in float64, of input values; refused where they are not on the input's grid."""
        return codes_less_zero(x, self.input)

    def outputs(self, sums: IntArray, axis: int = 1) -> IntArray:
        """Output codes of sums whose channels lie along ``axis``."""
        factors, shift = self.multiplier
        largest = int(np.abs(sums).max()) if sums.size else 0
        if largest * max(factors) >= 1 << PRODUCT_BITS:
            raise CreatorError(
                f"its sums times a multiplier of {self.bits} bits exceed 63 bits", hint="use fewer multiplier_bits"
            )
        shape = [1] * sums.ndim
        shape[axis] = len(factors)
        units = rescale(sums, np.array(factors, dtype=np.int64).reshape(shape), shift, self.rounding)
        return np.clip(units + zero_of(self.output), self.output.min_code, self.output.max_code)

    def rescaled(self, x: torch.Tensor) -> torch.Tensor:
        """The output values, in float64, of input values that are only brought to another scale; without a gradient."""
        with torch.no_grad():
            units = self.inputs(x).cpu().numpy().astype(np.int64)
            y = self.outputs(units.reshape(len(units), 1, -1)).reshape(units.shape)
            return torch.from_numpy(self.output.from_integers(y)).to(x.device)


def requantized(
    product: Product,
    requantizer: Requantizer,
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    axis: int = 1,
) -> torch.Tensor:
    """The output values, in float64, of a layer between arbitrary scales whose channels lie along ``axis``; no gradient."""
    with torch.no_grad():
        codes = torch.from_numpy(requantizer.weights(weight)).to(x.device)
        biases = None if bias is None else torch.from_numpy(requantizer.biases(bias)).to(x.device)
        sums = exact_sum(product, requantizer.inputs(x), codes, biases)
        y = requantizer.outputs(sums.cpu().numpy().astype(np.int64), axis)
        return torch.from_numpy(requantizer.output.from_integers(y)).to(x.device)
