"""The places of a layer that take a number format: a fixed one, or a quantizer that observes or learns it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, check_rounding, check_wrap
from creator.nn.exact import eval_dtype
from creator.quantize import Gradients, StraightThrough, fake_quantize, quantize_gradient
from creator.quantize.affine import fake_quantize_affine
from creator.quantize.blocks import BlockFormat
from creator.quantize.float_format import Float
from creator.quantize.float_quantizer import BlockQuantizer, FloatQuantizer
from creator.quantize.quantizer import Quantizer

Choice = Format | Quantizer

FLOATING = Gradients()

ANY_GRID = FixedPoint(1, 0, signed=False)
"""Where values keep the grid that they have, so that they keep their type, too."""


def checked_format(value: object, name: str, layer: torch.nn.Module) -> FixedPoint:
    """``value`` if it is a FixedPoint; else a refusal that names the layer's class and the argument."""
    if isinstance(value, FixedPoint):
        return value
    raise CreatorError(f"{name}={value!r} is not a number format", type(layer).__name__, f"for example {name}=FixedPoint(8, 4)")


def checked_choice(value: object, name: str, layer: torch.nn.Module) -> Choice:
    """``value`` if it is a format or a quantizer; else a refusal."""
    if isinstance(value, (Float, BlockFormat)):
        kind = FloatQuantizer.__name__ if isinstance(value, Float) else BlockQuantizer.__name__
        raise CreatorError(f"{name}={value} is no fixed-point format", type(layer).__name__, f"pass a {kind} of it")
    return value if isinstance(value, (Affine, Quantizer)) else checked_format(value, name, layer)


def observed(quantizer: Quantizer, x: torch.Tensor) -> torch.Tensor:
    """What a layer in training does with ``x``: its values on the grid; while calibrating, ``x`` itself, which is observed."""
    try:
        if not quantizer.calibrating:
            return quantizer.values(x)
        quantizer.calibrate(x.detach())
    except CreatorError as error:
        raise error.at(quantizer.where) from None
    return x


class _Exactly(torch.autograd.Function):
    """The second tensor, with the gradient of the first."""

    @staticmethod
    def forward(ctx: Any, soft: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
        return exact.clone()  # an input itself, as a result, is a view that no activation may change in place

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0], None


def with_gradient_of(soft: torch.Tensor, exact: torch.Tensor) -> torch.Tensor:
    """``exact`` in value, ``soft`` in gradient."""
    return _Exactly.apply(soft.to(exact.dtype), exact)


def _check_numbers(y: torch.Tensor) -> None:
    if bool(torch.isnan(y).any()):
        raise CreatorError("a value is NaN, which has no code", hint="look for the layer or the data that makes it")


def _check_rounding_of(quantizer: FloatQuantizer | BlockQuantizer, rounding: Rounding, overflow: Overflow) -> None:
    """Refuses a layer whose own rounding says something else than its quantizer's."""
    if overflow is not Overflow.SATURATE or rounding not in (Rounding.HALF_EVEN, quantizer.rounding):
        raise CreatorError(
            f"{quantizer.fmt} rounds {quantizer.rounding} and saturates, and the layer says {rounding}, {overflow}",
            hint=f"give the rounding to the {type(quantizer).__name__} only",
        )


class OutputQuantizer:
    """Rounds and clamps a layer's result to its output format, in training and, exactly, in eval mode."""

    format: Format

    def __init__(self, fmt: Format, rounding: Rounding, overflow: Overflow, ste: StraightThrough) -> None:
        self.format = fmt
        self.rounding = Rounding(rounding)
        self.overflow = Overflow(overflow) if isinstance(fmt, Affine) else check_wrap(fmt, Overflow(overflow))
        self.ste = StraightThrough(ste)
        if isinstance(fmt, Affine) and (self.overflow is Overflow.WRAP or fmt.axis is not None):
            raise CreatorError(f"{fmt} cannot be an output", hint="use one scale, and saturate")

    def __call__(self, y: torch.Tensor, training: bool, dtype: torch.dtype, grads: Gradients = FLOATING) -> torch.Tensor:
        """``y`` on the output's grid, as ``dtype``; as float64 where ``dtype`` has too few digits for the format."""
        if training:
            return soft_values(y, self.format, self.rounding, self.overflow, self.ste, grads)
        check_rounding(self.rounding)
        result = eval_dtype(dtype, self.format)
        y = y.double()
        _check_numbers(y)
        if isinstance(self.format, Affine):
            codes = self.format.to_integers(y.detach().cpu().numpy(), self.rounding)
            exact = torch.from_numpy(self.format.from_integers(codes)).to(y.device)
            return with_gradient_of(soft_values(y, self.format, self.rounding, self.overflow, self.ste, grads), exact)
        if self.overflow is Overflow.WRAP and bool(torch.isinf(y.detach() * 2.0**self.format.frac_bits).any()):
            raise CreatorError("a value is infinite, which cannot wrap", hint="use saturate")
        return soft_values(y, self.format, self.rounding, self.overflow, self.ste, grads).to(result)

    def codes(self, values: npt.ArrayLike) -> IntArray:
        """The codes of floating-point ``values``, by the layer's rounding and overflow."""
        if isinstance(self.format, Affine):
            return self.format.to_integers(values, self.rounding)
        return self.format.to_integers(values, self.rounding, self.overflow)

    def __repr__(self) -> str:
        return f"{self.format}, {self.rounding}, {self.overflow}, {self.ste}"


class FloatOutput(OutputQuantizer):
    """Rounds a layer's result to a floating-point format, by a quantizer; ``format`` is the grid of its numbers.

    Raises:
        CreatorError: for a scale that is no single power of two, numbers too wide for their grid, a format that overflows to
            infinities or NaN, and for a layer whose own rounding says something else.
    """

    format: FixedPoint

    def __init__(self, quantizer: FloatQuantizer, rounding: Rounding, overflow: Overflow) -> None:
        _check_rounding_of(quantizer, rounding, overflow)
        super().__init__(quantizer.grid, quantizer.rounding, overflow, quantizer.ste)
        self.quantizer = quantizer

    def __call__(self, y: torch.Tensor, training: bool, dtype: torch.dtype, grads: Gradients = FLOATING) -> torch.Tensor:
        y = quantize_gradient(y, grads.activation, grads.rounding, grads.generator)
        if training:
            return self.quantizer.values(y)
        y = y.double()
        _check_numbers(y)
        return self.quantizer.exact(y).to(eval_dtype(dtype, self.format))

    def codes(self, values: npt.ArrayLike) -> IntArray:
        return self.format.to_integers(self.quantizer.exact(torch.from_numpy(np.asarray(values, dtype=np.float64))).numpy())

    def __repr__(self) -> str:
        return f"{self.quantizer.fmt}, {self.rounding}, {self.ste}"


class Elements(NamedTuple):
    """What a block of a microscaling format consists of, in the terms of :class:`creator.ops.Microscale`."""

    size: int  #: elements in a block
    exponent: int  #: of the largest element
    digits: int
    depth: int
    largest: int
    least: int


class BlockOutput(OutputQuantizer):
    """Rounds values to a microscaling format, by a quantizer; they stay on the grid that they have, which no layer knows.

    Raises:
        CreatorError: for a format whose elements no core rounds, and for a layer whose own rounding says something else.
    """

    def __init__(self, quantizer: BlockQuantizer, rounding: Rounding, overflow: Overflow) -> None:
        _check_rounding_of(quantizer, rounding, overflow)
        self.quantizer, self.rounding, self.overflow, self.ste = quantizer, quantizer.rounding, overflow, quantizer.ste

    def elements(self) -> Elements:
        """Those of its blocks; refused for a format that no hardware rounds to."""
        fmt = self.quantizer.microscaling()
        element, size, exponent = fmt.element, fmt.block, fmt.element_exponent
        if isinstance(element, Float):
            depth = element.max_exponent - element.min_exponent
            return Elements(size, exponent, element.mantissa + 1, depth, element.max_code, -element.max_code)
        return Elements(size, exponent, element.max_code.bit_length(), 0, element.max_code, element.min_code)

    def __call__(self, y: torch.Tensor, training: bool, dtype: torch.dtype, grads: Gradients = FLOATING) -> torch.Tensor:
        y = quantize_gradient(y, grads.activation, grads.rounding, grads.generator)
        if training:
            return self.quantizer.values(y)
        self.elements()
        _check_numbers(y)
        # No result has more digits than what it was.
        return self.quantizer.exact(y.double()).to(eval_dtype(dtype, ANY_GRID))

    def __repr__(self) -> str:
        return f"{self.quantizer.fmt}, axis={self.quantizer.axis}, {self.rounding}, {self.ste}"


def check_scales(quantizer: Quantizer | None) -> None:
    """Refuses a floating-point output where the input or the weights have an arbitrary scale."""
    if isinstance(quantizer, (FloatQuantizer, BlockQuantizer)):
        raise CreatorError(
            f"an output in {quantizer.fmt} needs an input and weights whose scales are powers of two",
            hint="use fixed-point or floating-point formats before it",
        )


def soft_values(
    x: torch.Tensor,
    fmt: Format,
    rounding: Rounding = Rounding.HALF_EVEN,
    overflow: Overflow = Overflow.SATURATE,
    ste: StraightThrough = StraightThrough.MASKED,
    grads: Gradients = FLOATING,
) -> torch.Tensor:
    """``x`` on the grid of ``fmt`` in its own dtype: what training computes with. The gradient is that of an activation."""
    if isinstance(fmt, FixedPoint):
        return fake_quantize(x, fmt, rounding, overflow, ste, grads.generator, grads.activation, grads.rounding)
    x = quantize_gradient(x, grads.activation, grads.rounding, grads.generator)
    scale: Any = fmt.scale
    if fmt.axis is not None:
        shape = [1] * x.ndim
        shape[fmt.axis] = -1
        scale = torch.tensor(scale, dtype=x.dtype, device=x.device).reshape(shape)
    return fake_quantize_affine(x, scale, fmt.zero_point, fmt.min_code, fmt.max_code, rounding, ste)
