"""Fixed point under the names of elasticai.creator and of QTorch / XBTorch, and as a module.

Stochastic rounding: :class:`FixedPointQuantizer` uses the library's, which never moves a value that is on the grid. The
functions with a name from elsewhere add ``u - 0.5`` in the dtype of the values and round half to even, as QTorch and
elasticai.creator do: the same bits from the same seed. The two differ only where that sum is rounded or is a tie.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, check_wrap
from creator.quantize.affine import Number
from creator.quantize.fixed_point import fake_quantize
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import Generator, round_tensor, uniform
from creator.quantize.straight_through import StraightThrough


def _limits(resolution: Number, low: Number, high: Number) -> tuple[Number, Number]:
    """The two limits, alike in kind, as ``torch.clamp`` wants them."""
    good = (resolution > 0) & (resolution < math.inf) & (low <= high)
    if not (good.all() if isinstance(good, torch.Tensor) else good):
        what = "expected resolution_per_int > 0 and minimum_as_rational <= maximum_as_rational"
        raise CreatorError(what, "quantize_to_fxp", "resolution_per_int is 2**frac_bits")
    if isinstance(low, torch.Tensor) == isinstance(high, torch.Tensor):
        return low, high
    like = low if isinstance(low, torch.Tensor) else high
    return torch.as_tensor(low).to(like), torch.as_tensor(high).to(like)


def quantize_to_fxp_hte(
    number: torch.Tensor,
    resolution_per_int: Number,
    minimum_as_rational: Number,
    maximum_as_rational: Number,
) -> torch.Tensor:
    """``clamp(Round(x * res) / res, min, max)``: half to even, rounded first and clamped after (elasticai.creator).

    The gradient is that of these operations: of the clamp, so it is zero where the rounded value lies outside. NaN stays NaN.

    Args:
        number: any shape.
        resolution_per_int: res = 2**frac_bits; a number or a tensor that broadcasts, like the limits.
        minimum_as_rational, maximum_as_rational: smallest and largest value.

    Raises:
        CreatorError: for a resolution that is not positive and finite, and limits in the wrong order.
    """
    low, high = _limits(resolution_per_int, minimum_as_rational, maximum_as_rational)
    return torch.clamp(round_tensor(number * resolution_per_int) / resolution_per_int, low, high)  # type: ignore[arg-type]


def quantize_to_fxp_stochastic(
    number: torch.Tensor,
    resolution_per_int: Number,
    minimum_as_rational: Number,
    maximum_as_rational: Number,
    generator: Generator = None,
) -> torch.Tensor:
    """:func:`quantize_to_fxp_hte` of ``x + (u - 0.5) / res``, u uniform in [0, 1): up with the probability of the fraction.

    Args:
        number, resolution_per_int, minimum_as_rational, maximum_as_rational: as there.
        generator: where u comes from; with torch's default one, ``torch.rand_like(number)``.
    """
    noise = (uniform(number, generator) - 0.5) / resolution_per_int
    return quantize_to_fxp_hte(number + noise, resolution_per_int, minimum_as_rational, maximum_as_rational)


class FixedPointQuantizer(Quantizer):
    """A fixed-point format for values and, if asked, another one for their gradient.

    Exact, like layers in training, where the codes fit the dtype's significand: 24 bits in float32.

    Args:
        fmt: of the values.
        gradient: of the gradient on its way back, where it saturates; ``None`` leaves it in floating point.
        rounding, overflow: of the values.
        ste: the gradient's rule, masked or, as in elasticai.creator's modules, identity.
        gradient_rounding: of the gradient.
        generator: of stochastic rounding, forward and backward.

    Raises:
        CreatorError: for what is no FixedPoint, and a symmetric format that would have to wrap.
    """

    power_of_two = True

    def __init__(
        self,
        fmt: FixedPoint,
        gradient: FixedPoint | None = None,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient_rounding: Rounding = Rounding.HALF_EVEN,
        generator: Generator = None,
    ) -> None:
        super().__init__()
        for name, value in (("fmt", fmt), ("gradient", gradient)):
            if not isinstance(value, FixedPoint) and (name == "fmt" or value is not None):
                raise CreatorError(f"{name}={value!r} is not a number format", "FixedPointQuantizer", "pass a FixedPoint")
        self._format, self.gradient, self.bits = fmt, gradient, fmt.total_bits
        self.rounding, self.overflow = Rounding(rounding), check_wrap(fmt, Overflow(overflow))
        self.ste, self.gradient_rounding, self.generator = StraightThrough(ste), Rounding(gradient_rounding), generator

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` on the grid; same shape, same dtype. NaN stays NaN."""
        return fake_quantize(
            x, self._format, self.rounding, self.overflow, self.ste, self.generator, self.gradient, self.gradient_rounding
        )

    @property
    def format(self) -> FixedPoint:
        """The format of the values."""
        return self._format

    def extra_repr(self) -> str:
        """The formats and their rules."""
        gradient = "" if self.gradient is None else f", gradient {self.gradient}, {self.gradient_rounding}"
        return f"{self._format}, {self.rounding}, {self.overflow}, {self.ste}{gradient}"


class WordLength(Protocol):
    """A format as QTorch has it: ``wl`` bits, ``fl`` of them fractional."""

    wl: int
    fl: int
    symmetric: bool


def get_range_fixed_point(fmt: WordLength) -> tuple[float, float]:
    """Smallest and largest value of a format with attributes ``wl``, ``fl`` and ``symmetric`` (XBTorch).

    -2**(wl - fl - 1), one step more if symmetric, and 2**(wl - fl - 1) - 2**-fl; ``fl`` may be negative or exceed ``wl``.
    """
    made = FixedPoint(fmt.wl, fmt.fl, symmetric=bool(fmt.symmetric))
    return made.min_value, made.max_value


def _checked(fmt: FixedPoint, dtype: torch.dtype) -> FixedPoint:
    """``fmt``, refused if ``dtype`` does not hold all its values exactly."""
    if not dtype.is_floating_point:
        raise CreatorError(f"expected floating-point values, got dtype {dtype}", "fixed_point_quantize_wrapper")
    info = torch.finfo(dtype)
    digits = 1 - round(math.log2(info.eps))
    if fmt.total_bits > digits or -fmt.min_value > info.max or fmt.step < info.smallest_normal * info.eps:
        what = f"{dtype} does not hold all values of {fmt} exactly"
        raise CreatorError(what, "fixed_point_quantize_wrapper", f"use at most {digits} bits, or values of a wider dtype")
    return fmt


class FixedPointQuantF(torch.autograd.Function):
    """:func:`fixed_point_quantize_wrapper` as an autograd function."""

    @staticmethod
    def forward(ctx: Any, input: torch.Tensor, wl: int, fl: int, symmetric: bool = True, rounding: str = "nearest",
                generator: Generator = None) -> torch.Tensor:  # fmt: skip
        """See :func:`fixed_point_quantize_wrapper`."""
        fmt = _checked(FixedPoint(wl, fl, symmetric=symmetric), input.dtype)
        if rounding == "stochastic":
            return quantize_to_fxp_stochastic(input, 2.0**fl, fmt.min_value, fmt.max_value, generator)
        return fake_quantize(input, fmt, Rounding.HALF_EVEN if rounding == "nearest" else Rounding(rounding))

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """The gradient unchanged."""
        return grads[0], None, None, None, None, None


def fixed_point_quantize_wrapper(
    input: torch.Tensor,
    wl: int,
    fl: int,
    symmetric: bool = True,
    rounding: str = "nearest",
    generator: Generator = None,
) -> torch.Tensor:
    """``clamp(round(x * 2**fl) / 2**fl)`` to ``wl`` bits, ``fl`` of them fractional; the gradient passes unchanged (XBTorch).

    Args:
        input: any shape. NaN stays NaN.
        wl: width, up to 24 in float32, 53 in float64, 11 in float16, 8 in bfloat16.
        fl: may be negative or exceed ``wl``.
        symmetric: leaves out the most negative code.
        rounding: "nearest" (half to even), "stochastic" (QTorch's bits from the same seed), or a :class:`~creator.Rounding`.
            XBTorch itself ignores it and rounds stochastically. QTorch's own "nearest" errs in one value, which it rounds down:
            the float32 just above half a step.
        generator: of stochastic rounding.

    Raises:
        CreatorError: for a format that the dtype does not hold exactly, and an unknown rounding.
    """
    return FixedPointQuantF.apply(input, wl, fl, symmetric, rounding, generator)  # type: ignore[no-any-return]
