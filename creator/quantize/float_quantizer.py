"""Quantizers for floating-point and block formats: for training; they have no hardware."""

from __future__ import annotations

from typing import NoReturn

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding, bits_for
from creator.quantize.affine import Number, checked_scale
from creator.quantize.blocks import BlockFormat, fake_quantize_blocks
from creator.quantize.float_format import Float
from creator.quantize.minifloat import fake_quantize_float
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import Generator
from creator.quantize.straight_through import StraightThrough

_HINT = "train with a FixedPoint, for example FixedPoint(8, 4), or with a quantizer whose scale is a power of two"


class _WithoutHardware(Quantizer):
    def __init__(self, rounding: Rounding, ste: StraightThrough, generator: Generator) -> None:
        super().__init__()
        self.rounding, self.ste, self.generator = Rounding(rounding), StraightThrough(ste), generator

    def _refuse(self, fmt: Float | BlockFormat, reason: str) -> NoReturn:
        raise CreatorError(f"{fmt} has no hardware yet: {reason}", type(self).__name__, _HINT)


class FloatQuantizer(_WithoutHardware):
    """Rounds to a floating-point format, as :func:`creator.quantize.fake_quantize_float` does; no format for hardware.

    Args:
        fmt: the format.
        scale: what values are divided by before, and multiplied with after; a positive number or a tensor that broadcasts.
        rounding: any mode.
        ste: the gradient.
        generator: of stochastic rounding.

    Raises:
        CreatorError: for what is no Float, and for a scale that is not positive.
    """

    scale: torch.Tensor | None

    def __init__(
        self,
        fmt: Float,
        scale: Number | None = None,
        rounding: Rounding = Rounding.HALF_EVEN,
        ste: StraightThrough = StraightThrough.MASKED,
        generator: Generator = None,
    ) -> None:
        super().__init__(rounding, ste, generator)
        if not isinstance(fmt, Float):
            raise CreatorError(
                f"fmt={fmt!r} is not a floating-point format", "FloatQuantizer", "pass a Float, for example E4M3"
            )
        self.fmt = fmt
        values = None
        if scale is not None:
            values = torch.as_tensor(scale, dtype=torch.get_default_dtype()).detach().clone()
            checked_scale(values, values.shape)
        self.register_buffer("scale", values)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` in the format; same shape, same dtype."""
        return fake_quantize_float(x, self.fmt, self.rounding, self.ste, self.generator, self.scale)

    @property
    def format(self) -> NoReturn:
        """Always refused, with the width that hardware would need.

        Raises:
            CreatorError: always.
        """
        self._refuse(self.fmt, f"a product of two such numbers is exact only in {self.fmt.exact_bits(2)} bits of fixed point")

    def extra_repr(self) -> str:
        """The format."""
        return str(self.fmt)


class BlockQuantizer(_WithoutHardware):
    """Rounds to a block format, as :func:`creator.quantize.fake_quantize_blocks` does; no format for hardware.

    Args:
        fmt: a microscaling or block floating-point format, for example ``MXFP8_E4M3`` or ``BFP16``.
        axis: along which blocks lie: of weights, the inputs' axis.
        rounding: any mode.
        ste: the gradient.
        generator: of stochastic rounding.

    Raises:
        CreatorError: for what is no block format.
    """

    def __init__(
        self,
        fmt: BlockFormat,
        axis: int = -1,
        rounding: Rounding = Rounding.HALF_EVEN,
        ste: StraightThrough = StraightThrough.IDENTITY,
        generator: Generator = None,
    ) -> None:
        super().__init__(rounding, ste, generator)
        if not isinstance(fmt, BlockFormat):
            raise CreatorError(f"fmt={fmt!r} is not a block format", "BlockQuantizer", "pass one, for example MXFP8_E4M3")
        self.fmt, self.axis = fmt, axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` in the format; same shape, same dtype."""
        return fake_quantize_blocks(x, self.fmt, self.axis, self.rounding, self.ste, self.generator)

    @property
    def format(self) -> NoReturn:
        """Always refused, with the width that hardware would need.

        Raises:
            CreatorError: always.
        """
        element = self.fmt.element
        if isinstance(element, FixedPoint):
            # A shift is one more bit of each factor.
            shift = self.fmt.sub_block_size != self.fmt.block_size
            most = max(element.max_code, -element.min_code) << shift
            bits = bits_for(-most * most, most * most)
        else:
            bits = element.exact_bits(2)
        self._refuse(
            self.fmt,
            f"a product of two elements is exact only in {bits} bits of fixed point, and a sum over several blocks must align"
            " shared exponents of -127 to 127 each",
        )

    def extra_repr(self) -> str:
        """The format and the axis."""
        return f"{self.fmt}, axis={self.axis}"
