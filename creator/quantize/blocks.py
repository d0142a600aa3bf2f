"""Block formats: numbers that share an exponent. What microscaling and block floating point have in common.

Along one axis, each ``block`` neighbours share an exponent, and each stores only an element, a :class:`Float` or a
:class:`~creator.FixedPoint`: ``value = element * 2**exponent``. The formats differ in how the exponent is found.

An infinity counts as the largest number of its dtype and saturates. The exponent is limited to -127 ... 127, as a byte with
a bias of 127 holds it, and to what keeps every value finite in the dtype of the values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.float_bits import exponent_of, power_of_two, quotient, work_dtype
from creator.quantize.float_format import Float
from creator.quantize.minifloat import clip, encode, from_bits, limit_precision, numbers
from creator.quantize.rounding import Generator, rounded
from creator.quantize.straight_through import StraightThrough

EXPONENT_BIAS = 127
NAN_EXPONENT = 255
"""The stored exponent of a block that is NaN as a whole (E8M0)."""


class Exponents(NamedTuple):
    """Of a tensor split into (blocks, sub-blocks, elements): int64 of shape (blocks, 1, 1), and what departs from it."""

    shared: torch.Tensor
    nan: torch.Tensor | None = None  #: blocks that are NaN as a whole, same shape
    shifts: torch.Tensor | None = None  #: sub-blocks whose exponent is smaller by one, (blocks, sub-blocks, 1)

    def scale(self, element: Float | FixedPoint, dtype: torch.dtype) -> torch.Tensor:
        """What one unit of an element is worth; units of a Float are ones, those of a FixedPoint its steps."""
        units = self.shared - element.frac_bits if isinstance(element, FixedPoint) else self.shared
        scale = power_of_two(units, dtype)
        if self.nan is not None:
            scale = scale.masked_fill_(self.nan, math.nan)
        return scale if self.shifts is None else self.shifts.to(dtype).mul_(-0.5).add_(1.0).mul_(scale)


@dataclass(frozen=True)
class BlockFormat:
    """The base of the block formats."""

    @property
    def element(self) -> Float | FixedPoint:
        """The format of an element."""
        raise NotImplementedError

    @property
    def block_size(self) -> int:
        """How many elements share an exponent."""
        raise NotImplementedError

    @property
    def sub_block_size(self) -> int:
        """How many elements share the refinement of the exponent; ``block_size`` where there is none."""
        return self.block_size

    def exponents(self, blocks: torch.Tensor, axis: int, rounding: Rounding, top: int) -> Exponents:
        """The exponents of blocks split as (..., blocks, sub-blocks, elements, ...), ``axis`` the first; at most ``top``."""
        raise NotImplementedError


class Blocks(NamedTuple):
    """A tensor of a block format, in the integers that hardware stores."""

    elements: torch.Tensor  #: codes, in the shape of the values
    exponents: torch.Tensor  #: uint8, biased by 127; 255 for a block that is NaN; one for each block along the axis
    shifts: torch.Tensor | None  #: bool, where the format has sub-blocks: one for each along the axis, of whole blocks


def check_size(name: str, value: object, where: str) -> None:
    """Refuses a size of blocks that is not a positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise CreatorError(f"{name}={value!r} is not a positive integer", where)


def checked_axis(x: torch.Tensor, axis: int) -> int:
    """``axis`` as a number from 0; refused where ``x`` has none such."""
    if isinstance(axis, bool) or not isinstance(axis, int) or not -x.dim() <= axis < x.dim():
        raise CreatorError(f"axis {axis!r} is not one of {x.dim()}", "axis", "choose an axis of the values")
    return axis % x.dim()


def split(x: torch.Tensor, fmt: BlockFormat, axis: int) -> torch.Tensor:
    """``x`` with ``axis`` from 0 replaced by (blocks, sub-blocks, elements), filled up with zeros to whole blocks."""
    missing = -x.shape[axis] % fmt.block_size
    if missing:
        x = torch.nn.functional.pad(x, [0, 0] * (x.dim() - 1 - axis) + [0, missing])
    sizes = x.shape[axis] // fmt.block_size, fmt.block_size // fmt.sub_block_size, fmt.sub_block_size
    return x.unflatten(axis, sizes)


def merge(blocks: torch.Tensor, axis: int, length: int) -> torch.Tensor:
    """The reverse of :func:`split`."""
    whole = blocks.flatten(axis, axis + 2)
    return whole if whole.shape[axis] == length else whole.narrow(axis, 0, length).contiguous()


def _top(element: Float | FixedPoint, dtype: torch.dtype) -> int:
    """The largest exponent that keeps every value finite in ``dtype``."""
    largest = max(element.max_value, -element.min_value)
    return min(127, math.frexp(torch.finfo(dtype).max)[1] - math.frexp(largest)[1])


def _exponents(blocks: torch.Tensor, fmt: BlockFormat, axis: int, rounding: Rounding, dtype: torch.dtype) -> Exponents:
    return fmt.exponents(blocks, axis, rounding, _top(fmt.element, dtype))


def _elements(
    v: torch.Tensor, element: Float | FixedPoint, rounding: Rounding, generator: Generator, masked: bool = False
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """``v`` as elements, in units of :meth:`Exponents.scale`, and if ``masked`` which were in the range before clamping."""
    if isinstance(element, FixedPoint):
        units = rounded(v, rounding, generator)
        inside = (units >= element.min_code) & (units <= element.max_code) if masked else None
        return units.clamp_(element.min_code, element.max_code), inside
    if not masked:
        return numbers(v, element, rounding, generator), None
    wide = limit_precision(v, element, rounding, generator)
    inside = wide.abs() <= element.max_value
    return clip(wide, element).to(v.dtype), inside


class _FakeQuantizeBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fmt: BlockFormat, axis: int, rounding: Rounding, ste: StraightThrough,
                generator: Generator) -> torch.Tensor:  # fmt: skip
        element = fmt.element
        blocks = split(x.to(work_dtype(x.dtype)), fmt, axis)
        scale = _exponents(blocks, fmt, axis, rounding, x.dtype).scale(element, blocks.dtype)
        masked = ste is StraightThrough.MASKED and ctx.needs_input_grad[0]
        units, inside = _elements(quotient(blocks, scale, rounding), element, rounding, generator, masked)
        if inside is not None:
            ctx.save_for_backward(merge(inside, axis, x.shape[axis]))
        return merge(units.mul_(scale), axis, x.shape[axis]).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,), inside = grads, ctx.saved_tensors
        return (grad.masked_fill(~inside[0], 0.0) if inside else grad), None, None, None, None, None


def fake_quantize_blocks(
    x: torch.Tensor,
    fmt: BlockFormat,
    axis: int = -1,
    rounding: Rounding = Rounding.HALF_EVEN,
    ste: StraightThrough = StraightThrough.IDENTITY,
    generator: Generator = None,
) -> torch.Tensor:
    """The values of a block format that ``x`` becomes; same shape, same dtype.

    Args:
        x: at least one axis. float16 and bfloat16 are computed in float32, and the result rounded to their own grid.
        fmt: a ``Microscaling``, ``MicroExponent`` or ``BlockFloat``. Their modules say what they do with NaN.
        axis: the axis along which neighbours form blocks; the last block is filled up with zeros.
        rounding: of the elements.
        ste: ``IDENTITY`` unless given, for a block follows its data; ``MASKED`` drops the gradient of elements that saturate.
        generator: of stochastic rounding.

    Raises:
        CreatorError: for an axis that ``x`` has not.
    """
    axis = checked_axis(x, axis)
    return _FakeQuantizeBlocks.apply(x, fmt, axis, Rounding(rounding), StraightThrough(ste), generator)


def to_blocks(
    x: torch.Tensor,
    fmt: BlockFormat,
    axis: int = -1,
    rounding: Rounding = Rounding.HALF_EVEN,
    generator: Generator = None,
) -> Blocks:
    """The integers of a block format: ``from_blocks`` of them is ``fake_quantize_blocks`` of ``x``.

    Elements are codes of a Float as :func:`creator.quantize.minifloat.to_bits` gives them, or integers of a FixedPoint, int8
    where those fit. In a block that is NaN as a whole they are 0.

    Raises:
        CreatorError: for an axis that ``x`` has not, and for NaN in a format without one.
    """
    axis, rounding, element = checked_axis(x, axis), Rounding(rounding), fmt.element
    blocks = split(x.detach().to(work_dtype(x.dtype)), fmt, axis)
    exponents = _exponents(blocks, fmt, axis, rounding, x.dtype)
    v = quotient(blocks, exponents.scale(element, blocks.dtype), rounding)
    units, _ = _elements(v, element, rounding, generator)
    stored = exponents.shared + EXPONENT_BIAS
    if exponents.nan is not None:
        units, stored = units.masked_fill_(exponents.nan, 0.0), stored.masked_fill_(exponents.nan, NAN_EXPONENT)
    if isinstance(element, FixedPoint):
        if bool(units.isnan().any()):
            raise CreatorError("NaN has no code", str(fmt), "find where it comes from, or use a microscaling format")
        codes = units.to(torch.int8 if element.total_bits <= 8 else torch.int32)
    else:
        codes = encode(units, element)
    shifts = None if exponents.shifts is None else exponents.shifts.flatten(axis, axis + 2)
    return Blocks(merge(codes, axis, x.shape[axis]), stored.flatten(axis, axis + 2).to(torch.uint8), shifts)


def from_blocks(blocks: Blocks, fmt: BlockFormat, axis: int = -1, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The values of the integers that :func:`to_blocks` gave, with the same ``fmt`` and ``axis``.

    Raises:
        CreatorError: for parts that do not fit each other or the format.
    """
    codes, element = blocks.elements, fmt.element
    axis, work = checked_axis(codes, axis), work_dtype(dtype)
    count = -(-codes.shape[axis] // fmt.block_size)
    for part, each in ((blocks.exponents, 1), (blocks.shifts, fmt.block_size // fmt.sub_block_size)):
        expected = (*codes.shape[:axis], count * each, *codes.shape[axis + 1 :])
        if part is not None and part.shape != expected:
            raise CreatorError(f"expected a part of shape {expected}, got {tuple(part.shape)}", str(fmt))
    if (blocks.shifts is None) != (fmt.sub_block_size == fmt.block_size):
        raise CreatorError("shifts belong to formats with sub-blocks, and only to those", str(fmt))
    units = codes.to(work) if isinstance(element, FixedPoint) else from_bits(codes, element, work)
    stored = blocks.exponents.to(torch.int64).unflatten(axis, (count, 1, 1))
    shifts = None if blocks.shifts is None else blocks.shifts.unflatten(axis, (count, fmt.block_size // fmt.sub_block_size, 1))
    exponents = Exponents(stored - EXPONENT_BIAS, stored == NAN_EXPONENT, shifts)
    return merge(split(units, fmt, axis) * exponents.scale(element, work), axis, codes.shape[axis]).to(dtype)


def largest(magnitudes: torch.Tensor, axis: int) -> torch.Tensor:
    """The largest along ``axis``, which stays with length 1. Short axes are halved by comparing neighbours, which is faster."""
    while magnitudes.shape[axis] in (2, 4, 8, 16):
        pairs = magnitudes.unflatten(axis, (-1, 2))
        magnitudes = torch.maximum(pairs.select(axis + 1, 0), pairs.select(axis + 1, 1))
    return magnitudes.amax(axis, keepdim=True) if magnitudes.shape[axis] > 1 else magnitudes


def floor_exponent(magnitudes: torch.Tensor, top: int) -> torch.Tensor:
    """``floor(log2(magnitudes))``, limited to -127 ... ``top``."""
    return exponent_of(magnitudes).clamp_(-EXPONENT_BIAS, top)
