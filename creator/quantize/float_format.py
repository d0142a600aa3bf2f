"""Floating-point formats of few bits.

Sources: IEEE 754-2019 section 3; OCP 8-bit Floating Point Specification (OFP8) 1.0, 2023, for E4M3 and E5M2; OCP Microscaling
Formats (MX) Specification 1.0, 2023, section 5.3, for the formats of 6 and 4 bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from creator.errors import CreatorError
from creator.formats import _Choice, bits_for


class Specials(_Choice):
    """What the codes with the largest exponent mean."""

    IEEE = "ieee"  #: infinities and NaN, no numbers
    NAN = "nan"  #: numbers, and NaN where the mantissa is all ones (OCP "fn")
    NONE = "none"  #: numbers only


@dataclass(frozen=True)
class Float:
    """A floating-point format: a sign, ``exponent`` bits, ``mantissa`` bits, subnormals included.

    Args:
        exponent: bits of the exponent, 1 to 8.
        mantissa: bits of the mantissa without the leading one, 0 to 22; at least 1 where there is a NaN.
        bias: of the exponent; ``2**(exponent - 1) - 1`` unless given.
        specials: which codes are infinities or NaN.
        saturating: what is too large becomes the largest number if true, else an infinity, or NaN in a format without. Too
            large is what rounds, as if the exponent had no end, to more than the largest number.

    Raises:
        CreatorError: for a format that float32 does not contain, or that overflows to what it does not have.
    """

    exponent: int
    mantissa: int
    bias: int | None = None
    specials: Specials = Specials.NONE
    saturating: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "specials", Specials(self.specials))
        for name, low, high in (("exponent", 1, 8), ("mantissa", int(self.specials is not Specials.NONE), 22)):
            bits = getattr(self, name)
            if isinstance(bits, bool) or not isinstance(bits, int) or not low <= bits <= high:
                raise CreatorError(f"{name}={bits!r} is not an integer from {low} to {high}", "Float")
        if self.bias is None:
            object.__setattr__(self, "bias", (1 << (self.exponent - 1)) - 1)
        if isinstance(self.bias, bool) or not isinstance(self.bias, int):
            raise CreatorError(f"bias={self.bias!r} is not an integer", "Float")
        if not isinstance(self.saturating, bool):
            raise CreatorError(f"saturating must be True or False, got {self.saturating!r}", "Float")
        if self.max_exponent < self.min_exponent:
            raise CreatorError("one exponent bit leaves no numbers beside the infinities", "Float", "use 2 or more")
        if self.min_exponent < -126 or self.max_exponent > 127:
            raise CreatorError(f"{self} has exponents that float32 has not", "Float", "choose a bias nearer to the default")
        if not self.saturating and self.specials is Specials.NONE:
            raise CreatorError(f"{self} has nothing to overflow to", "Float", "use saturating=True")

    @property
    def total_bits(self) -> int:
        """Width in bits, sign included."""
        return 1 + self.exponent + self.mantissa

    @property
    def min_exponent(self) -> int:
        """Of the smallest normal number, ``2**min_exponent``, and of the subnormals."""
        return 1 - int(self.bias or 0)

    @property
    def max_exponent(self) -> int:
        """Of the largest number."""
        return (1 << self.exponent) - 1 - (self.specials is Specials.IEEE) - int(self.bias or 0)

    @property
    def max_code(self) -> int:
        """The largest number, in units of the last place of numbers with ``max_exponent``."""
        return (2 << self.mantissa) - 1 - (self.specials is Specials.NAN)

    @property
    def max_value(self) -> float:
        """The largest number."""
        return math.ldexp(self.max_code, self.max_exponent - self.mantissa)

    @property
    def min_value(self) -> float:
        """The most negative number."""
        return -self.max_value

    @property
    def step(self) -> float:
        """The smallest positive number, of which all are multiples."""
        return math.ldexp(1.0, self.min_exponent - self.mantissa)

    @property
    def overflow(self) -> float:
        """What a positive number that is too large becomes."""
        if self.saturating:
            return self.max_value
        return math.inf if self.specials is Specials.IEEE else math.nan

    def exact_bits(self, factors: int = 1) -> int:
        """The width of the fixed-point number that holds every product of ``factors`` numbers of this format."""
        units = int(self.max_value / self.step)
        return bits_for(-(units**factors), units**factors)

    def __str__(self) -> str:
        default = self.bias in (None, (1 << (self.exponent - 1)) - 1)
        options = [] if default else [f"bias={self.bias}"]
        options += [] if self.specials is Specials.NONE else [str(self.specials)]
        options += [] if self.saturating else ["overflowing"]
        return f"float<{','.join([str(self.exponent), str(self.mantissa), *options])}>"


E4M3 = Float(4, 3, specials=Specials.NAN)
E5M2 = Float(5, 2, specials=Specials.IEEE)
E3M2 = Float(3, 2)
E2M3 = Float(2, 3)
E2M1 = Float(2, 1)
BF16 = Float(8, 7, specials=Specials.IEEE, saturating=False)
FP16 = Float(5, 10, specials=Specials.IEEE, saturating=False)
