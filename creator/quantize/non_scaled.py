"""Block formats by name: the kernels without a scale of AMD Quark 0.13, in its argument order, for ``.apply``.

``quant_dtype`` is ``"mx"`` with the element type in ``mx_element_dtype`` (``"fp8_e4m3"``, ``"fp8_e5m2"``, ``"fp6_e3m2"``,
``"fp6_e2m3"``, ``"fp4"``, ``"int8"``), or ``"mx6"``, ``"mx9"``, ``"bfp16"``. ``axis`` and ``block_size`` say what forms a
block, 32, 16, 16 and 8 unless given. ``scale_calculation_mode`` is ``"even"``, ``"floor"`` or ``"ceil"``, for ``"mx"`` only.

What differs from upstream: the exponent is exact where upstream takes a rounded logarithm; it is limited to what a byte
holds, and float32's largest numbers saturate where upstream gives infinities or NaN; an infinity saturates; NaN stays in
BFP16, where upstream makes it zero; float32's subnormals count in MX6 and MX9; the real function knows every format, fills up
the last block, and takes the mode from its argument, so that fake and real agree; ``"bfp16"`` with a block size other than 8
is refused, not ignored.
"""

from __future__ import annotations

from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.block_floating_point import BFP16, MX6, MX9, MicroExponent
from creator.quantize.blocks import (
    EXPONENT_BIAS,
    NAN_EXPONENT,
    BlockFormat,
    _FakeQuantizeBlocks,
    checked_axis,
    split,
    to_blocks,
)
from creator.quantize.float_bits import power_of_two, work_dtype
from creator.quantize.float_format import E2M1, E2M3, E3M2, E4M3, E5M2
from creator.quantize.microscaling import MXINT8, Microscaling, SharedExponent
from creator.quantize.minifloat import from_bits
from creator.quantize.straight_through import StraightThrough

ELEMENTS = {
    "fp8_e4m3": E4M3, "fp8_e5m2": E5M2, "fp6_e3m2": E3M2, "fp6_e2m3": E2M3, "fp4": E2M1, "int8": MXINT8.element,
}  # fmt: skip
_MICRO = {"mx6": MX6, "mx9": MX9}


def block_format(quant_dtype: str, mx_element_dtype: str | None, block_size: int | None, mode: str) -> BlockFormat:
    """The format that these names mean.

    Raises:
        CreatorError: for unknown names, and block sizes that the format does not have.
    """
    if quant_dtype == "mx":
        if mx_element_dtype not in ELEMENTS:
            raise CreatorError(f"unknown mx_element_dtype {mx_element_dtype!r}", hint=f"choose one of {', '.join(ELEMENTS)}")
        return Microscaling(ELEMENTS[mx_element_dtype], 32 if block_size is None else block_size, SharedExponent(mode))
    if quant_dtype in _MICRO:
        return MicroExponent(_MICRO[quant_dtype].bits, 16 if block_size is None else block_size)
    if quant_dtype != "bfp16":
        raise CreatorError(f"unknown quant_dtype {quant_dtype!r}", hint="choose one of mx, mx6, mx9, bfp16")
    if block_size not in (None, BFP16.block):
        raise CreatorError(f"bfp16 has blocks of {BFP16.block}, not {block_size}", hint="use BlockFloat(8, block)")
    return BFP16


class NonScaledFakeQuantizeFunction(torch.autograd.Function):
    """``input_tensor`` as values of a block format; same shape and dtype. Identity gradient unless ``ste`` masks it.

    Raises:
        CreatorError: for unknown names, a wrong axis or block size.
    """

    @staticmethod
    def forward(
        ctx: Any, input_tensor: torch.Tensor, quant_dtype: str, mx_element_dtype: str | None = None, axis: int = -1,
        block_size: int | None = None, scale_calculation_mode: str = "even",
        ste: StraightThrough = StraightThrough.IDENTITY,
    ) -> torch.Tensor:  # fmt: skip
        """See the class."""
        fmt = block_format(quant_dtype, mx_element_dtype, block_size, scale_calculation_mode)
        axis = checked_axis(input_tensor, axis)
        return _FakeQuantizeBlocks.forward(ctx, input_tensor, fmt, axis, Rounding.HALF_EVEN, StraightThrough(ste), None)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """See the class."""
        return _FakeQuantizeBlocks.backward(ctx, *grads)[0], None, None, None, None, None, None


class NonScaledRealQuantizeFunction(torch.autograd.Function):
    """``input_tensor`` as exponents and elements in one floating-point tensor, in upstream's layout; no gradient.

    Along ``axis``, each block is preceded by what its elements share: for ``"mx"`` the scale, the elements being numbers of
    their type; for ``"mx6"`` and ``"mx9"`` the exponent and a number whose bit j is the shift of sub-block j, the elements
    being integers worth ``2**(exponent - shift - bits + 2)``; for ``"bfp16"`` the exponent, the integers worth ``2**(exponent
    - 6)``. The last block is filled up with zeros. :func:`creator.quantize.blocks.to_blocks` gives the same as integers.

    Raises:
        CreatorError: for unknown names, a wrong axis or block size, and NaN where the format has none.
    """

    @staticmethod
    def forward(
        ctx: Any, input_tensor: torch.Tensor, quant_dtype: str, mx_element_dtype: str | None = None, axis: int = -1,
        block_size: int | None = None, scale_calculation_mode: str = "even",
    ) -> torch.Tensor:  # fmt: skip
        """See the class."""
        fmt = block_format(quant_dtype, mx_element_dtype, block_size, scale_calculation_mode)
        axis, dtype = checked_axis(input_tensor, axis), work_dtype(input_tensor.dtype)
        blocks = to_blocks(input_tensor, fmt, axis)
        element = fmt.element
        values = blocks.elements.to(dtype) if isinstance(element, FixedPoint) else from_bits(blocks.elements, element, dtype)
        if isinstance(element, FixedPoint) and isinstance(fmt, Microscaling):
            values = values * element.step
        exponents = (blocks.exponents.to(torch.int64) - EXPONENT_BIAS).unsqueeze(axis + 1)
        parts = [exponents.to(dtype)]
        if isinstance(fmt, Microscaling):
            nan = blocks.exponents.unsqueeze(axis + 1) == NAN_EXPONENT
            parts = [power_of_two(exponents, dtype).masked_fill_(nan, torch.nan)]
        if blocks.shifts is not None:
            parts.append(_packed(blocks.shifts, fmt, axis, dtype))
        joined = torch.cat([*parts, split(values, fmt, axis).flatten(axis + 1, axis + 2)], axis + 1).flatten(axis, axis + 1)
        ctx.mark_non_differentiable(joined)
        return joined

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Never called with a gradient that counts."""
        return None, None, None, None, None, None


def _packed(shifts: torch.Tensor, fmt: BlockFormat, axis: int, dtype: torch.dtype) -> torch.Tensor:
    each = fmt.block_size // fmt.sub_block_size
    if each > 24:
        raise CreatorError(f"{each} shifts do not fit a float32 number", str(fmt), "use to_blocks, which keeps them apart")
    weights = torch.ones(each, dtype=dtype, device=shifts.device).cumsum(0).sub_(1).exp2_()
    bits = shifts.unflatten(axis, (shifts.shape[axis] // each, each))
    return (bits.to(dtype).movedim(axis + 1, -1) * weights).sum(-1).unsqueeze(axis + 1)
