"""Quantizers for floating-point and block formats.

Their numbers are integers on a grid, but not all of the grid's, so no format says how they round: eval mode and hardware round
as the quantizer does. Weights of all of these formats become fixed-point codes. So do activations of a floating-point format,
and of a microscaling format, which ``nn.Quantize`` makes of fixed-point values.
"""

from __future__ import annotations

import math
from typing import NoReturn

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding, bits_for, check_rounding
from creator.quantize.affine import Number, checked_scale
from creator.quantize.blocks import BlockFormat, fake_quantize_blocks
from creator.quantize.float_format import Float
from creator.quantize.microscaling import Microscaling, SharedExponent
from creator.quantize.minifloat import fake_quantize_float
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import Generator
from creator.quantize.straight_through import StraightThrough

MAX_BITS = 52
"""Of a value in a network: float64 holds these, and every rounding of them, exactly."""

_HINT = "use a FixedPoint here, for example FixedPoint(8, 4), or a quantizer whose scale is a power of two"


class OwnRounding(Quantizer):
    """A quantizer whose values are integers on a grid, but not all of the grid's: no format says how it rounds.

    Layers with weights and ``nn.Quantize`` call it in eval mode as in training, and :func:`creator.convert` leaves it in place.
    """

    name: str
    """Of the format."""

    def __init__(self, rounding: Rounding, ste: StraightThrough, generator: Generator) -> None:
        super().__init__()
        self.rounding, self.ste, self.generator = Rounding(rounding), StraightThrough(ste), generator

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        """The values of float64 ``x`` that eval mode and hardware compute with; float64, same shape.

        Raises:
            CreatorError: for stochastic rounding, and for a scale that is no power of two.
        """
        check_rounding(self.rounding)
        return self(x)  # type: ignore[no-any-return]

    def _refuse(self, reason: str) -> NoReturn:
        raise CreatorError(f"{self.name} has no hardware here: {reason}", type(self).__name__, _HINT)


class FloatQuantizer(OwnRounding):
    """Rounds to a floating-point format, as :func:`creator.quantize.fake_quantize_float` does.

    As weights the numbers become codes of the narrowest fixed-point format that holds those that are there, as outputs codes of
    :attr:`grid`.

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
        self.fmt, self.name = fmt, str(fmt)
        values = None
        if scale is not None:
            values = torch.as_tensor(scale, dtype=torch.get_default_dtype()).detach().clone()
            checked_scale(values, values.shape)
        self.register_buffer("scale", values)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` in the format; same shape, same dtype."""
        return fake_quantize_float(x, self.fmt, self.rounding, self.ste, self.generator, self.scale)

    def exact(self, x: torch.Tensor) -> torch.Tensor:
        """See :class:`OwnRounding`."""
        self._check_scale()
        return super().exact(x)

    @property
    def grid(self) -> FixedPoint:
        """The fixed-point format whose step is the smallest number, and which holds all of them.

        Raises:
            CreatorError: for stochastic rounding, a scale that is no single power of two, a format that overflows to what no
                integer stands for, and for one that needs more than 52 bits.
        """
        check_rounding(self.rounding)
        self._check_scale()
        if self.scale is not None and self.scale.numel() != 1:
            raise CreatorError(f"{self.fmt} with several scales is for weights only", type(self).__name__, "use one scale=2**k")
        if not self.fmt.saturating:
            what = f"{self.fmt} overflows to infinities or NaN, which hardware does not have"
            raise CreatorError(what, type(self).__name__, "use saturating=True")
        bits = self.fmt.exact_bits()
        if bits > MAX_BITS:
            what = f"{self.fmt} needs {bits} bits of fixed point, more than {MAX_BITS}"
            raise CreatorError(what, type(self).__name__, "use fewer exponent bits")
        step = self.fmt.step * (1.0 if self.scale is None else float(self.scale))
        return FixedPoint(bits, 1 - math.frexp(step)[1], symmetric=True)

    def _check_scale(self) -> None:
        if self.scale is not None and not bool((torch.frexp(self.scale)[0] == 0.5).all()):
            raise CreatorError(
                f"{self.fmt} with a scale that is no power of two has no hardware", type(self).__name__, "use scale=2**k"
            )

    @property
    def format(self) -> NoReturn:
        """Always refused: there are numbers on the grid that it does not have.

        Raises:
            CreatorError: always, with the width that the product of two such numbers needs.
        """
        self._refuse(
            "only layers with weights, and nn.Quantize, round to it; a product of two such numbers is exact in"
            f" {self.fmt.exact_bits(2)} bits of fixed point"
        )

    def extra_repr(self) -> str:
        """The format."""
        return str(self.fmt)


class BlockQuantizer(OwnRounding):
    """Rounds to a block format, as :func:`creator.quantize.fake_quantize_blocks` does; for weights, and in ``nn.Quantize``.

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
        self.fmt, self.name, self.axis = fmt, str(fmt), axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` in the format; same shape, same dtype."""
        return fake_quantize_blocks(x, self.fmt, self.axis, self.rounding, self.ste, self.generator)

    def microscaling(self) -> Microscaling:
        """The format, if hardware can round to it.

        Raises:
            CreatorError: for a format that is no :class:`~creator.quantize.Microscaling` with its exponent from the largest
                magnitude as it is, and for stochastic rounding.
        """
        check_rounding(self.rounding)
        if not isinstance(self.fmt, Microscaling) or self.fmt.shared is not SharedExponent.FLOOR:
            what = f"{self.fmt} has no hardware as an activation: its exponents depend on more than the largest magnitude's"
            raise CreatorError(what, type(self).__name__, 'use a Microscaling format with shared="floor", such as MXFP8_E4M3')
        if isinstance(self.fmt.element, Float) and not self.fmt.element.saturating:
            what = f"{self.fmt} overflows to infinities or NaN, which hardware does not have"
            raise CreatorError(what, type(self).__name__, "use saturating=True")
        return self.fmt

    @property
    def format(self) -> NoReturn:
        """Always refused: an exponent that follows the data leaves values on the grid on which they were.

        Raises:
            CreatorError: always, with the width that the product of two elements needs.
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
            f"the largest of {self.fmt.block_size} values decides how each is rounded, which nn.Quantize(BlockQuantizer(...))"
            f" does behind a layer with a FixedPoint output; here, products of two elements need {bits} bits, and a sum over"
            " several blocks up to 508 more for their exponents"
        )

    def extra_repr(self) -> str:
        """The format and the axis."""
        return f"{self.fmt}, axis={self.axis}"
