"""Sums and products between arbitrary scales, in integers.

With codes less zero points a and b of scales s_a and s_b, and an output of scale s_y and zero point z_y::

    sum      y = clip(round((a * M_a + b * M_b) / 2**n) + z_y)      M / 2**n is near s_a / s_y and s_b / s_y
    product  y = clip(round(a * b * M / 2**n) + z_y)                M / 2**n is near s_a * s_b / s_y
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from creator.affine import Affine, Format, Multiplier, multiplier, rescale
from creator.errors import CreatorError
from creator.formats import IntArray, Overflow, Rounding, check_rounding
from creator.nn.requantize import PRODUCT_BITS, codes_less_zero, scale_of, zero_of


@dataclass(frozen=True)
class JoinRequantizer:
    """From codes of two values to those of their sum, of their difference (``sign`` -1) or of their product (``sign`` 0).

    Raises:
        CreatorError: for values with several scales, and an overflow other than saturation.
    """

    inputs: tuple[Format, Format]
    output: Format
    rounding: Rounding
    overflow: Overflow
    bits: int
    sign: int

    def __post_init__(self) -> None:
        check_rounding(self.rounding)
        for fmt in (*self.inputs, self.output):
            if isinstance(fmt, Affine) and fmt.axis is not None:
                raise CreatorError(f"a value has scales along axis {fmt.axis}", hint="use one scale for activations")
        if self.overflow is not Overflow.SATURATE:
            raise CreatorError("an arbitrary scale cannot wrap", hint="use overflow='saturate'")

    @cached_property
    def multiplier(self) -> Multiplier:
        """A factor for each operand of a sum, or one for a product."""
        a, b = (float(scale_of(fmt)) for fmt in self.inputs)
        ratios = [a, b] if self.sign else [a * b]
        return multiplier(np.array(ratios) / float(scale_of(self.output)), self.bits)

    def values(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The result, in float64, of values on the grids of ``inputs``; without a gradient."""
        with torch.no_grad():
            units = [codes_less_zero(value, fmt).cpu().numpy() for value, fmt in zip((x, y), self.inputs, strict=True)]
            a, b = (unit.astype(np.int64) for unit in units)
            codes = self.codes(a, b)
            return torch.from_numpy(self.output.from_integers(codes)).to(x.device)

    def codes(self, a: IntArray, b: IntArray) -> IntArray:
        """The result's codes, of codes less zero points."""
        factors, shift = self.multiplier
        left, right = (a * factors[0], b * factors[1]) if self.sign else (a * b, np.zeros_like(a))
        largest = max(int(np.abs(part).max()) if part.size else 0 for part in (left, right))
        if max(largest, 1) * max(factors if not self.sign else (2,)) >= 1 << PRODUCT_BITS:
            raise CreatorError(
                f"its results times a multiplier of {self.bits} bits exceed 63 bits", hint="use fewer multiplier_bits"
            )
        factor = np.array(1 if self.sign else factors[0], dtype=np.int64)
        units = rescale(left + self.sign * right, factor, shift, self.rounding)
        return np.clip(units + zero_of(self.output), self.output.min_code, self.output.max_code)
