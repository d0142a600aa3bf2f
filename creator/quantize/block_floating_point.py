"""Block floating point: integers that share an exponent, with or without a refinement for each few of them.

In both, NaN stays and does not count for the exponent: the other elements of its block are as if it were zero. As integers, NaN
is refused: the formats have no code for it.

Sources: Rouhani et al. 2023, "With Shared Microexponents, A Little Shifting Goes a Long Way" (ISCA), for MX6 and MX9, with
elements rounded half to even and the exponent that of the largest magnitude; AMD Quark 0.13 for BFP16.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.blocks import BlockFormat, Exponents, check_size, floor_exponent, largest
from creator.quantize.float_bits import power_of_two
from creator.quantize.rounding import rounded


def _check_bits(bits: object, where: str) -> None:
    if isinstance(bits, bool) or not isinstance(bits, int) or not 2 <= bits <= 20:
        raise CreatorError(f"bits={bits!r} is not an integer from 2 to 20", where)


@dataclass(frozen=True)
class MicroExponent(BlockFormat):
    """Integers with an exponent for each block, smaller by one for each sub-block whose magnitudes all allow that.

    A value is ``code * 2**(exponent - shift - bits + 2)``, the exponent that of the largest magnitude in the block. A block
    with the smallest exponent, -127, does not shift.

    Args:
        bits: of a code, sign included; the range is symmetric.
        block: how many elements share an exponent.
        sub_block: how many share a shift; divides ``block``.

    Raises:
        CreatorError: for sizes that are not positive or do not divide.
    """

    bits: int
    block: int = 16
    sub_block: int = 2

    def __post_init__(self) -> None:
        _check_bits(self.bits, "MicroExponent")
        check_size("block", self.block, "MicroExponent")
        check_size("sub_block", self.sub_block, "MicroExponent")
        if self.block % self.sub_block or self.block == self.sub_block:
            raise CreatorError(f"sub_block={self.sub_block} does not divide block={self.block} into several", "MicroExponent")

    @property
    def element(self) -> FixedPoint:
        """The code with its binary point after sign and first bit."""
        return FixedPoint(self.bits, self.bits - 2, symmetric=True)

    @property
    def block_size(self) -> int:
        """``block``."""
        return self.block

    @property
    def sub_block_size(self) -> int:
        """``sub_block``."""
        return self.sub_block

    def exponents(self, blocks: torch.Tensor, axis: int, rounding: Rounding, top: int) -> Exponents:
        """See :class:`~creator.quantize.blocks.BlockFormat`."""
        within = largest(blocks.abs().nan_to_num_(0.0), axis + 2)
        shared = floor_exponent(largest(within, axis + 1), top)
        # Comparing with zero where no smaller exponent is left lets nothing shift.
        limit = power_of_two(shared, within.dtype).masked_fill_(shared == -127, 0.0)
        return Exponents(shared, None, within < limit)

    def __str__(self) -> str:
        return (
            f"mx{self.bits + 1}"
            if (self.block, self.sub_block) == (16, 2)
            else f"mx<{self.bits},{self.block},{self.sub_block}>"
        )


MX6 = MicroExponent(5)
MX9 = MicroExponent(8)


@dataclass(frozen=True)
class BlockFloat(BlockFormat):
    """Integers with an exponent for each block: a value is ``code * 2**(exponent - bits + 2)``.

    The exponent is that of the largest magnitude, and one more where the largest number would round to the code beyond the
    range (with stochastic rounding: where it could).

    Args:
        bits: of a code, two's complement.
        block: how many elements share an exponent.

    Raises:
        CreatorError: for sizes that are not positive.
    """

    bits: int = 8
    block: int = 8

    def __post_init__(self) -> None:
        _check_bits(self.bits, "BlockFloat")
        check_size("block", self.block, "BlockFloat")

    @property
    def element(self) -> FixedPoint:
        """The code with its binary point after sign and first bit."""
        return FixedPoint(self.bits, self.bits - 2)

    @property
    def block_size(self) -> int:
        """``block``."""
        return self.block

    def exponents(self, blocks: torch.Tensor, axis: int, rounding: Rounding, top: int) -> Exponents:
        """See :class:`~creator.quantize.blocks.BlockFormat`."""
        element, numbers = self.element, blocks.nan_to_num(0.0)
        high = largest(numbers, axis + 2)
        shared = floor_exponent(torch.maximum(high, largest(-numbers, axis + 2)), top)
        code = high / power_of_two(shared - element.frac_bits, high.dtype)
        code = code.ceil() if rounding is Rounding.STOCHASTIC else rounded(code, rounding)
        return Exponents((shared + (code > element.max_code)).clamp_(max=top))

    def __str__(self) -> str:
        return f"bfp<{self.bits},{self.block}>"


BFP16 = BlockFloat()
