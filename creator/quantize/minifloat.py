"""Floating-point numbers of few bits: fake quantization, exact for every value, and their encodings as integers.

A number in ``2**e ... 2**(e + 1)`` is rounded to a multiple of ``2**(e - mantissa)``, and below the smallest normal number to a
multiple of the smallest subnormal. Rounding half to even does this as in :mod:`creator.quantize.fixed_point`: it adds and
subtracts ``1.5 * 2**(e + p - 1 - mantissa)``, p the bits of the dtype's significand; ``2**e`` is read from the number's bits.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import Rounding
from creator.quantize.affine import Number, checked_scale
from creator.quantize.float_bits import quotient, work_dtype
from creator.quantize.float_format import BF16, E5M2, FP16, Float, Specials
from creator.quantize.rounding import Generator, rounded
from creator.quantize.straight_through import StraightThrough

_FRACTION = {torch.float32: (23, torch.int32, 0x7F800000), torch.float64: (52, torch.int64, 0x7FF << 52)}
"""Bits of the fraction, the integer of the same size, and the mask of the exponent."""

_NATIVE = {
    E5M2: torch.float8_e5m2,
    replace(FP16, saturating=True): torch.float16,
    replace(BF16, saturating=True): torch.bfloat16,
}
"""Formats to which torch casts float32 in fewer kernels than this module. It rounds float64 twice, and casts slowly to E4M3."""


def _threshold(fmt: Float, dtype: torch.dtype) -> float:
    """The smallest number of ``dtype`` that rounds half to even to more than the largest of ``fmt``."""
    tie = fmt.max_value + math.ldexp(0.5, fmt.max_exponent - fmt.mantissa)
    if fmt.max_code % 2:
        return tie
    return float(torch.nextafter(torch.tensor(tie, dtype=dtype), torch.tensor(math.inf, dtype=dtype)))


def limit_precision(
    v: torch.Tensor, fmt: Float, rounding: Rounding, generator: Generator = None, limit: float | None = None
) -> torch.Tensor:
    """``v`` with the precision of ``fmt``, subnormals included, but beyond its largest number; a new float32 or float64 tensor.

    Args:
        v: float32 or float64.
        limit: ``v`` is clamped to this magnitude first; the power of two above the largest number unless given, which a caller
            that saturates can lower to the largest number where the rounding is not stochastic.
    """
    limit = math.ldexp(1.0, fmt.max_exponent + 1) if limit is None else limit
    fraction, integer, mask = _FRACTION[v.dtype]
    even = rounding is Rounding.HALF_EVEN and fmt.mantissa <= fraction - 2
    if v.dtype is torch.float32 and fmt.max_exponent + 2 + (fraction - fmt.mantissa if even else 0) > 128:
        return limit_precision(v.double(), fmt, rounding, generator, limit)
    v = v.clamp(-limit, limit)
    power = (v.view(integer) & mask).view(v.dtype).clamp_(min=math.ldexp(1.0, fmt.min_exponent))
    if even:
        magic = 1.5 * 2.0 ** (fraction - fmt.mantissa)
        return torch.add(v, power, alpha=magic).sub_(power, alpha=magic).copysign_(v)
    step = power.mul_(math.ldexp(1.0, -fmt.mantissa))
    return rounded(quotient(v, step, rounding), rounding, generator).mul_(step).copysign_(v)


def clip(y: torch.Tensor, fmt: Float) -> torch.Tensor:
    """What :func:`limit_precision` gave, with what is too large replaced, in place. NaN stays NaN."""
    if fmt.saturating:
        return y.clamp_(-fmt.max_value, fmt.max_value)
    return y.masked_fill_(y > fmt.max_value, fmt.overflow).masked_fill_(y < -fmt.max_value, -fmt.overflow)


def numbers(v: torch.Tensor, fmt: Float, rounding: Rounding, generator: Generator = None) -> torch.Tensor:
    """The numbers of ``fmt`` that ``v``, float32 or float64, becomes; a new tensor, differentiable nowhere."""
    native = _NATIVE.get(replace(fmt, saturating=True))
    if rounding is Rounding.HALF_EVEN:
        if native is not None and v.dtype is torch.float32:
            return (v.clamp(-fmt.max_value, fmt.max_value) if fmt.saturating else v).to(native).to(v.dtype)
        if fmt.saturating:
            return limit_precision(v, fmt, rounding, None, fmt.max_value).to(v.dtype)
    return clip(limit_precision(v, fmt, rounding, generator), fmt).to(v.dtype)


class _FakeQuantizeFloat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, fmt: Float, rounding: Rounding, ste: StraightThrough,
                generator: Generator, scale: Number | None) -> torch.Tensor:  # fmt: skip
        base = work_dtype(x.dtype)
        ctx.threshold = None
        v = x.to(base)
        if scale is not None:
            scale = scale.to(base) if isinstance(scale, torch.Tensor) else scale
            v = quotient(v, scale, rounding)
        if ste is StraightThrough.IDENTITY or not ctx.needs_input_grad[0]:
            y = numbers(v, fmt, rounding, generator)
        elif rounding is Rounding.HALF_EVEN and x.dtype is base:
            ctx.threshold = _threshold(fmt, base)
            ctx.save_for_backward(v)
            y = numbers(v, fmt, rounding)
        else:
            y = limit_precision(v, fmt, rounding, generator)
            ctx.save_for_backward(y.abs() <= fmt.max_value)
            y = clip(y, fmt).to(base)
        return (y if scale is None else y.mul_(scale)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,), saved = grads, ctx.saved_tensors
        if ctx.threshold is not None:
            grad = torch.ops.aten.hardtanh_backward(grad, saved[0], -ctx.threshold, ctx.threshold)
        elif saved:
            grad = grad.masked_fill(~saved[0], 0.0)
        return grad, None, None, None, None, None


def fake_quantize_float(
    x: torch.Tensor,
    fmt: Float,
    rounding: Rounding = Rounding.HALF_EVEN,
    ste: StraightThrough = StraightThrough.MASKED,
    generator: Generator = None,
    scale: Number | None = None,
) -> torch.Tensor:
    """The numbers of ``fmt`` that ``x`` becomes; same shape, same dtype. NaN stays NaN, and a zero keeps its sign.

    Args:
        x: any shape. float16 and bfloat16 are computed in float32, and the result rounded to their own grid.
        fmt: the format.
        rounding: of what lies between two numbers; ``HALF_EVEN`` is IEEE 754 roundTiesToEven, also of the subnormals.
        ste: ``MASKED`` passes the gradient where ``x``, rounded as if the exponent had no end, is in the range.
        generator: of stochastic rounding.
        scale: ``x`` is divided by it first, and the result multiplied: a number, or a tensor that broadcasts. No gradient.

    Raises:
        CreatorError: for a scale that is not positive or does not fit.
    """
    if scale is not None:
        checked_scale(scale, x.shape)
    return _FakeQuantizeFloat.apply(x, fmt, Rounding(rounding), StraightThrough(ste), generator, scale)


def encode(y: torch.Tensor, fmt: Float) -> torch.Tensor:
    """The codes of numbers of ``fmt``: uint8 up to 8 bits, else int32; refused where NaN has none."""
    # Every number of a format is one of float32. Adding the smallest normal number to a subnormal makes its bits those of a
    # normal number with the same mantissa, and leaves the exponent one too large.
    y = y.to(torch.float32)
    magnitude, smallest = y.abs(), math.ldexp(1.0, fmt.min_exponent)
    special = magnitude.numel() > 0 and not math.isfinite(float(magnitude.amax()))
    subnormal = (magnitude < smallest).to(torch.int32)
    codes = magnitude.add_(subnormal, alpha=smallest).view(torch.int32) >> (23 - fmt.mantissa)
    codes -= (subnormal + (fmt.min_exponent + 126)) << fmt.mantissa
    codes += (y.view(torch.int32) < 0).to(torch.int32) << (fmt.total_bits - 1)
    if special:
        _encode_specials(codes, y, fmt)
    return codes.to(torch.uint8 if fmt.total_bits <= 8 else torch.int32)


def _encode_specials(codes: torch.Tensor, y: torch.Tensor, fmt: Float) -> None:
    """Replaces the codes of infinities and NaN, which :func:`encode` cannot know."""
    if fmt.specials is Specials.NONE:
        raise CreatorError("NaN has no code", str(fmt), "find where it comes from, or use a format with NaN")
    top = (1 << (fmt.total_bits - 1)) - 1
    codes.masked_fill_(y.isnan(), top)
    if fmt.specials is Specials.IEEE:
        infinity = top & -(1 << fmt.mantissa)
        codes.masked_fill_(y == math.inf, infinity).masked_fill_(y == -math.inf, infinity + top + 1)


def to_bits(x: torch.Tensor, fmt: Float, rounding: Rounding = Rounding.HALF_EVEN, generator: Generator = None) -> torch.Tensor:
    """The codes that hardware stores for ``x``: sign, exponent and mantissa as one integer; same shape.

    uint8 for formats of up to 8 bits, int32 for wider ones. ``from_bits`` of them is ``fake_quantize_float(x, fmt)``. NaN
    becomes the code with all bits set but the sign.

    Raises:
        CreatorError: for NaN in a format without one.
    """
    return encode(numbers(x.detach().to(work_dtype(x.dtype)), fmt, Rounding(rounding), generator), fmt)


def from_bits(bits: torch.Tensor, fmt: Float, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """The numbers that integer codes mean; same shape, any integer dtype.

    Raises:
        CreatorError: for codes that are not integers, or not of the format.
    """
    if bits.dtype.is_floating_point or bits.dtype is torch.bool:
        raise CreatorError(f"expected integer codes of {fmt}, got dtype {bits.dtype}", "bits", "use to_bits")
    if bits.numel() and not 0 <= int(bits.min()) <= int(bits.max()) < 1 << fmt.total_bits:
        raise CreatorError(f"a code is not in 0 ... {(1 << fmt.total_bits) - 1}", str(fmt))
    codes, top = bits.to(torch.int32), (1 << (fmt.total_bits - 1)) - 1
    magnitude = codes & top
    subnormal = (magnitude < 1 << fmt.mantissa).to(torch.int32)
    exponent = (subnormal + (fmt.min_exponent + 126)) << fmt.mantissa  # as in encode
    values = ((magnitude + exponent) << (23 - fmt.mantissa)).view(torch.float32)
    values = values.sub_(subnormal, alpha=math.ldexp(1.0, fmt.min_exponent))
    if fmt.specials is Specials.NAN:
        values.masked_fill_(magnitude == top, math.nan)
    if fmt.specials is Specials.IEEE:
        infinity = top & -(1 << fmt.mantissa)
        values.masked_fill_(magnitude == infinity, math.inf).masked_fill_(magnitude > infinity, math.nan)
    return values.copysign_(top - codes).to(dtype)
