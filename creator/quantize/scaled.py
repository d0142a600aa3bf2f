"""Quantization by the name of a data type: the scaled kernels of AMD Quark 0.13, in its argument order.

All are ``torch.autograd.Function``s for ``.apply``. A gradient passes unchanged, or masked where the last argument ``ste``
says so.

``quant_dtype`` is an integer of 2, 3, 4, 8, 16 or 32 bits (``"int8"``, ``"uint8"`` ...), ``"fp8_e4m3"``, ``"fp8_e5m2"``,
``"fp6_e3m2"``, ``"fp6_e2m3"``, ``"fp4"``, ``"bfloat16"`` or ``"float16"``; the last two take no scale. ``qscheme`` says what
``scale`` and ``zero_point`` are: one number (``"per_tensor"``), one for each index along ``axis`` (``"per_channel"``), or one
for each ``group_size`` neighbours along ``axis`` (``"per_group"``: the shape of the values with that axis so much shorter).
``axis`` is 1 unless given. ``quant_min`` and ``quant_max`` limit integers; the other types have their own limits.
``round_mode`` is 2 (half up), 3 (half away from zero), 8 or ``None`` (half to even).

What differs from upstream: ``round_mode`` counts on every device and for every type; fake and real agree (with a zero point
upstream rounds ``x / s`` in one and ``x / s + z`` in the other, so that ties go apart; here both round the latter); a scale
that is not positive is refused, and so are groups that do not divide and NaN as an integer; infinities saturate in every type
of 4 to 8 bits; float16 and bfloat16 values are computed in float32. ``mx_element_dtype`` has no effect, as upstream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import Rounding
from creator.quantize.affine import checked_scale, from_integers, to_integers
from creator.quantize.blocks import checked_axis
from creator.quantize.float8 import FLOAT8
from creator.quantize.float_bits import quotient, work_dtype
from creator.quantize.float_format import BF16, E2M1, E2M3, E3M2, E4M3, E5M2, FP16, Float
from creator.quantize.minifloat import fake_quantize_float, limit_precision
from creator.quantize.straight_through import StraightThrough

FLOATS = {
    "fp8_e4m3": E4M3,
    "fp8_e5m2": E5M2,
    "fp6_e3m2": E3M2,
    "fp6_e2m3": E2M3,
    "fp4": E2M1,
    "bfloat16": BF16,
    "float16": FP16,
}
_STORED = {**FLOAT8, BF16: torch.bfloat16, FP16: torch.float16}
_INTEGERS = {f"{'' if signed else 'u'}int{bits}": (bits, signed) for bits in (2, 3, 4, 8, 16, 32) for signed in (True, False)}
_ROUND_MODES = {None: Rounding.HALF_EVEN, 2: Rounding.HALF_UP, 3: Rounding.HALF_AWAY, 8: Rounding.HALF_EVEN}


@dataclass(frozen=True)
class _Integer:
    """Integers of a range, in a dtype that is exact for them."""

    low: int
    high: int
    work: torch.dtype

    def codes(self, x: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, rounding: Rounding) -> torch.Tensor:
        return to_integers(x, scale, zero, self.low, self.high, rounding)

    def inside(self, x: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, rounding: Rounding) -> torch.Tensor:
        q = to_integers(x, scale, zero, self.low - 1, self.high + 1, rounding)
        return (q >= self.low) & (q <= self.high)

    def values(self, q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        return from_integers(q, scale, zero)

    def stored(self, q: torch.Tensor) -> torch.Tensor:
        if bool(q.isnan().any()):
            raise CreatorError("NaN has no integer", "inputs", "find where it comes from")
        return q.to(torch.int32)


@dataclass(frozen=True)
class _Number:
    """Floating-point numbers of few bits."""

    fmt: Float
    work: torch.dtype

    def codes(self, x: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, rounding: Rounding) -> torch.Tensor:
        return fake_quantize_float(quotient(x, scale, rounding), self.fmt, rounding)

    def inside(self, x: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, rounding: Rounding) -> torch.Tensor:
        return limit_precision(quotient(x, scale, rounding), self.fmt, rounding).abs() <= self.fmt.max_value

    def values(self, q: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor) -> torch.Tensor:
        return q * scale

    def stored(self, q: torch.Tensor) -> torch.Tensor:
        return q.to(_STORED.get(self.fmt, q.dtype))


def _kind(name: str, low: float | None, high: float | None, work: torch.dtype) -> _Integer | _Number:
    if name in FLOATS:
        return _Number(FLOATS[name], work)
    if name not in _INTEGERS:
        raise CreatorError(f"unknown quant_dtype {name!r}", hint=f"choose one of {', '.join([*_INTEGERS, *FLOATS])}")
    bits, signed = _INTEGERS[name]
    ends = (-(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1)
    low, high = (ends[0] if low is None else low), (ends[1] if high is None else high)
    if not (ends[0] <= low < high <= ends[1] and low == int(low) and high == int(high)):
        raise CreatorError(f"quant_min={low}, quant_max={high} is no range of {name}", hint=f"it holds {ends[0]} ... {ends[1]}")
    return _Integer(int(low), int(high), torch.float64 if bits > 16 else work)


def _rounding(round_mode: int | Rounding | None) -> Rounding:
    if isinstance(round_mode, str):
        return Rounding(round_mode)
    if round_mode not in _ROUND_MODES:
        raise CreatorError(f"unknown round_mode {round_mode!r}", hint="choose 2 (half up), 3 (half away) or 8 (half even)")
    return _ROUND_MODES[round_mode]


def _fitting(part: Any, shape: list[int], name: str, like: torch.Tensor) -> torch.Tensor:
    """``part`` in ``shape``, if it has as many numbers, in an order that cannot be mistaken."""
    part = torch.as_tensor(part).detach()
    same_order = part.dim() < 2 or shape[-1] == 1 or [n for n in part.shape if n != 1] == [n for n in shape if n != 1]
    if part.numel() != torch.Size(shape).numel() or not same_order:
        raise CreatorError(f"shape {tuple(part.shape)} does not fit {tuple(shape)}", name)
    return part.reshape(shape).to(like.device, like.dtype)


def _arranged(
    x: torch.Tensor, scale: Any, zero_point: Any, axis: int | None, group_size: int | None, qscheme: str | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Values, scale and zero point so that they broadcast; groups get an axis of their own."""
    shape: list[int] = []
    if qscheme in ("per_channel", "per_group"):
        axis = checked_axis(x, 1 if axis is None else axis)
        shape = [n if k == axis or qscheme == "per_group" else 1 for k, n in enumerate(x.shape)]
    elif qscheme != "per_tensor":
        raise CreatorError(f"unknown qscheme {qscheme!r}", hint="choose per_tensor, per_channel or per_group")
    if qscheme == "per_group" and axis is not None:
        if not isinstance(group_size, int) or group_size < 1 or x.shape[axis] % group_size:
            raise CreatorError(
                f"group_size={group_size} does not divide {x.shape[axis]}", f"axis {axis}", "pad the values first"
            )
        x = x.unflatten(axis, (x.shape[axis] // group_size, group_size))
        shape[axis : axis + 1] = [x.shape[axis], 1]
    zero_point = 0 if zero_point is None or (isinstance(zero_point, torch.Tensor) and not zero_point.numel()) else zero_point
    zero = (
        _fitting(zero_point, shape, "zero_point", x)
        if isinstance(zero_point, torch.Tensor)
        else torch.full((), zero_point).to(x)
    )
    scale = _fitting(scale, shape, "scale", x)
    checked_scale(scale, x.shape)
    return x, scale, zero


def _parts(
    kind: _Integer | _Number, x: torch.Tensor, scale: Any, zero_point: Any,
    axis: int | None, group_size: int | None, qscheme: str | None,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:  # fmt: skip
    if isinstance(kind, _Number) and kind.fmt in (BF16, FP16):
        one = x.new_ones((), dtype=kind.work)
        return x.to(kind.work), one, one
    return _arranged(x.to(kind.work), scale, zero_point, axis, group_size, qscheme)


class _Masking(torch.autograd.Function):
    """The gradient of the second argument: that of the result, where a mask was saved, or everywhere."""

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,), inside = grads, ctx.saved_tensors
        if inside:
            grad = (grad.float() if grad.dtype.itemsize == 1 else grad).masked_fill(~inside[0], 0.0)
        return None, grad, *[None] * (len(ctx.needs_input_grad) - 2)


class ScaledFakeQuantizeFunction(_Masking):
    """``inputs`` as values of ``quant_dtype``; same shape and dtype.

    Integers: ``(clamp(round(x / scale + zero_point), quant_min, quant_max) - zero_point) * scale``, with ``1 / scale``
    rounded to float32. Other types: ``x / scale`` limited and rounded to the type, times ``scale``. NaN stays NaN.

    Raises:
        CreatorError: for what is unknown or does not fit, and for a scale that is not positive.
    """

    @staticmethod
    def forward(
        ctx: Any, quant_dtype: str, inputs: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor | None = None,
        axis: int | None = None, group_size: int | None = None, quant_min: float | None = None, quant_max: float | None = None,
        round_mode: int | Rounding | None = None, qscheme: str | None = "per_tensor", mx_element_dtype: str | None = None,
        ste: StraightThrough = StraightThrough.IDENTITY,
    ) -> torch.Tensor:  # fmt: skip
        """See the class."""
        kind, rounding = _kind(quant_dtype, quant_min, quant_max, work_dtype(inputs.dtype)), _rounding(round_mode)
        x, s, z = _parts(kind, inputs, scale, zero_point, axis, group_size, qscheme)
        if StraightThrough(ste) is StraightThrough.MASKED and ctx.needs_input_grad[1]:
            ctx.save_for_backward(kind.inside(x, s, z, rounding).reshape(inputs.shape))
        return kind.values(kind.codes(x, s, z, rounding), s, z).reshape(inputs.shape).to(inputs.dtype)


class ScaledRealQuantizeFunction(_Masking):
    """``inputs`` as what hardware stores; same shape.

    Integers come in int32, floating-point types of 8 and 16 bits in torch's dtypes, those of 4 and 6 bits as numbers in
    float32. The integers are ``clamp(round(x / scale + zero_point), quant_min, quant_max)``.

    Raises:
        CreatorError: for what is unknown or does not fit, a scale that is not positive, and NaN as an integer.
    """

    @staticmethod
    def forward(
        ctx: Any, quant_dtype: str, inputs: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor | None = None,
        axis: int | None = None, group_size: int | None = None, quant_min: float | None = None, quant_max: float | None = None,
        round_mode: int | Rounding | None = None, qscheme: str | None = "per_tensor",
        ste: StraightThrough = StraightThrough.IDENTITY,
    ) -> torch.Tensor:  # fmt: skip
        """See the class."""
        kind, rounding = _kind(quant_dtype, quant_min, quant_max, work_dtype(inputs.dtype)), _rounding(round_mode)
        x, s, z = _parts(kind, inputs, scale, zero_point, axis, group_size, qscheme)
        if StraightThrough(ste) is StraightThrough.MASKED and ctx.needs_input_grad[1]:
            ctx.save_for_backward(kind.inside(x, s, z, rounding).reshape(inputs.shape))
        return kind.stored(kind.codes(x, s, z, rounding)).reshape(inputs.shape)


class DeQuantizeFunction(_Masking):
    """The values of what :class:`ScaledRealQuantizeFunction` stored, in float32: ``(q - zero_point) * scale``; same shape.

    bfloat16 and float16 come back as they are.

    Raises:
        CreatorError: for what is unknown or does not fit, and for a scale that is not positive.
    """

    @staticmethod
    def forward(
        ctx: Any, quant_dtype: str, inputs: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor | None = None,
        axis: int | None = None, group_size: int | None = None, qscheme: str | None = "per_tensor",
    ) -> torch.Tensor:  # fmt: skip
        """See the class."""
        if FLOATS.get(quant_dtype) in (BF16, FP16):
            return inputs.view_as(inputs)
        work = torch.float64 if inputs.dtype is torch.float64 else torch.float32
        kind = _kind(quant_dtype, None, None, work)
        q, s, z = _parts(kind, inputs, scale, zero_point, axis, group_size, qscheme)
        return kind.values(q, s, z).reshape(inputs.shape).to(work)
