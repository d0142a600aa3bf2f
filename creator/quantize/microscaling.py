"""Microscaling: blocks of 32 elements with a shared power of two.

Source: OCP Microscaling Formats (MX) Specification 1.0, 2023: section 5 for the formats, 6.3 for the conversion. The shared
exponent is stored as E8M0, a byte with a bias of 127, whose 255 means that the whole block is NaN; one NaN in a block therefore
makes all of its elements NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding, _Choice
from creator.quantize.blocks import BlockFormat, Exponents, check_size, largest
from creator.quantize.float_bits import ALL_ONES, carry_of, exponent_of
from creator.quantize.float_format import E2M1, E2M3, E3M2, E4M3, E5M2, Float


class SharedExponent(_Choice):
    """How the exponent follows from the largest magnitude of a block, less the largest exponent of an element."""

    FLOOR = "floor"  #: floor(log2(max)); the largest elements may saturate (OCP)
    CEIL = "ceil"  #: ceil(log2(max)); nothing saturates
    EVEN = "even"  #: floor(log2(max rounded half up to the element's mantissa)); what saturates would round to the end


@dataclass(frozen=True)
class Microscaling(BlockFormat):
    """A microscaling format.

    Args:
        element: a Float, or a :class:`~creator.FixedPoint`: MXINT8 has the symmetric one of 8 bits, 6 of them fraction.
        block: how many elements share an exponent.
        shared: how it is found.

    Raises:
        CreatorError: for an element that is no signed number format, or a block size that is not positive.
    """

    element: Float | FixedPoint = E4M3
    block: int = 32
    shared: SharedExponent = SharedExponent.FLOOR

    def __post_init__(self) -> None:
        check_size("block", self.block, "Microscaling")
        object.__setattr__(self, "shared", SharedExponent(self.shared))
        if not isinstance(self.element, (Float, FixedPoint)):
            raise CreatorError(
                f"element={self.element!r} is not a number format", "Microscaling", "pass a Float or a FixedPoint"
            )
        if isinstance(self.element, FixedPoint) and not (self.element.signed and 2 <= self.element.total_bits <= 24):
            raise CreatorError(f"element={self.element} is not signed with 2 to 24 bits", "Microscaling")

    @property
    def block_size(self) -> int:
        """``block``."""
        return self.block

    @property
    def element_exponent(self) -> int:
        """The exponent of the largest element."""
        if isinstance(self.element, Float):
            return self.element.max_exponent
        return self.element.max_code.bit_length() - 1 - self.element.frac_bits

    @property
    def _carry(self) -> int:
        if self.shared is SharedExponent.FLOOR:
            return 0
        if self.shared is SharedExponent.CEIL:
            return ALL_ONES
        # Upstream counts all bits of an integer element as its mantissa, the sign included.
        return carry_of(self.element.mantissa if isinstance(self.element, Float) else self.element.total_bits)

    def exponents(self, blocks: torch.Tensor, axis: int, rounding: Rounding, top: int) -> Exponents:
        """See :class:`~creator.quantize.blocks.BlockFormat`."""
        high = largest(blocks.abs(), axis + 2)
        exponents = exponent_of(high, self._carry) - self.element_exponent
        return Exponents(exponents.clamp_(-127, top), high.isnan())

    def __str__(self) -> str:
        return f"mx<{self.element},{self.block},{self.shared}>"


MXFP8_E4M3 = Microscaling(E4M3)
MXFP8_E5M2 = Microscaling(E5M2)
MXFP6_E3M2 = Microscaling(E3M2)
MXFP6_E2M3 = Microscaling(E2M3)
MXFP4 = Microscaling(E2M1)
MXINT8 = Microscaling(FixedPoint(8, 6, symmetric=True))
