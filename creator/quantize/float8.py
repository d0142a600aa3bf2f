"""E4M3 and E5M2 in torch's own 8-bit dtypes: the kernels of AMD Quark 0.13, under their names, for ``.apply``.

The gradient between a quantizing and a dequantizing function has the dtype of the tensor between them: autograd itself rounds
it to 8 bits, here as upstream. :func:`creator.quantize.minifloat.fake_quantize_float` gives the same values and a gradient in
full precision.
"""

from __future__ import annotations

from typing import Any

import torch

from creator.formats import Rounding
from creator.quantize.affine import checked_scale
from creator.quantize.float_bits import work_dtype
from creator.quantize.float_format import E4M3, E5M2, Float
from creator.quantize.minifloat import limit_precision, numbers
from creator.quantize.straight_through import StraightThrough

FLOAT8 = {E4M3: torch.float8_e4m3fn, E5M2: torch.float8_e5m2}


def _quantized(ctx: Any, inputs: torch.Tensor, scale: float | None, ste: StraightThrough, fmt: Float) -> torch.Tensor:
    v = inputs.to(work_dtype(inputs.dtype))
    if scale is not None:
        v = v / checked_scale(scale, inputs.shape)
    if StraightThrough(ste) is StraightThrough.MASKED and ctx.needs_input_grad[0]:
        ctx.save_for_backward(limit_precision(v, fmt, Rounding.HALF_EVEN).abs() <= fmt.max_value)
    return numbers(v, fmt, Rounding.HALF_EVEN).to(FLOAT8[fmt])


def _dequantized(inputs: torch.Tensor, scale: float | None) -> torch.Tensor:
    values = inputs.to(torch.float16)
    return values if scale is None else values * checked_scale(scale, inputs.shape)


class _Quantizing(torch.autograd.Function):
    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,), inside = grads, ctx.saved_tensors
        return (grad.float().masked_fill_(~inside[0], 0.0) if inside else grad), None, None


class _Dequantizing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, scale: float | None = None) -> torch.Tensor:
        return _dequantized(inputs, scale)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return grads[0], None


class QuantE4M3Function(_Quantizing):
    """``inputs / scale`` as torch.float8_e4m3fn, same shape: half to even, limited to 448; NaN stays. Identity gradient."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, scale: float | None = None,
                ste: StraightThrough = StraightThrough.IDENTITY) -> torch.Tensor:  # fmt: skip
        """``scale`` is one positive number; ``ste`` may mask the gradient of what saturates."""
        return _quantized(ctx, inputs, scale, ste, E4M3)


class QuantE5M2Function(_Quantizing):
    """``inputs / scale`` as torch.float8_e5m2, same shape: half to even, limited to 57344; NaN stays. Identity gradient."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, scale: float | None = None,
                ste: StraightThrough = StraightThrough.IDENTITY) -> torch.Tensor:  # fmt: skip
        """``scale`` is one positive number; ``ste`` may mask the gradient of what saturates."""
        return _quantized(ctx, inputs, scale, ste, E5M2)


class DequantE4M3Function(_Dequantizing):
    """``inputs * scale`` in float16, same shape. Identity gradient."""


class DequantE5M2Function(_Dequantizing):
    """``inputs * scale`` in float16, same shape. Identity gradient."""
