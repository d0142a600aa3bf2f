"""Quantization with a scale and a zero point: what every family with a scale computes with.

``scale`` and ``zero_point`` are numbers, or tensors that broadcast against the values; :mod:`creator.quantize.granularity`
brings those of a channel, a group or a block into that shape.

The results are those of torch 2.13's kernels, to the bit (``torch.fake_quantize_per_*_affine``, ``torch.quantize_per_*``). All
multiply with the reciprocal of the scale, rounded to float32. Fake quantization rounds and then adds the zero point; torch's
quantization to integers adds first, so with an odd zero point their ties differ. Where torch contradicts itself:

- NaN: fake quantization gives the smallest code and no gradient. torch's integers of NaN are the largest code, zero or the
  smallest, by the kernel; here NaN stays NaN in :func:`to_integers`, whose callers refuse it.
- Infinities saturate. torch's fake quantization per channel turns plus infinity, and what exceeds 2**63 units, into the
  smallest code.
- float64: the values are exact multiples of the scale. torch rounds those of one scale to float32 first.
- A masked gradient is zero, also where the incoming one is infinite; torch's is then NaN.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from creator.errors import CreatorError
from creator.formats import Rounding
from creator.quantize.rounding import Generator, rounded
from creator.quantize.straight_through import StraightThrough

Number: TypeAlias = "float | torch.Tensor"

MAX_CODE = 1 << 24
"""float32 tells all integers up to here from their neighbours."""


def _units(x: torch.Tensor, scale: Number) -> torch.Tensor:
    """``x * (1 / scale)``, the reciprocal rounded to the scale's own dtype, float32 at least; a new tensor."""
    scale = scale if isinstance(scale, torch.Tensor) else torch.tensor(scale, dtype=torch.float32)
    inverse = (scale if scale.dtype is torch.float64 else scale.float()).reciprocal()
    return x * inverse.to(x.dtype)


def _fused(x: torch.Tensor, scale: Number, zero_point: Number) -> torch.Tensor:
    """``x * (1 / scale) + zero_point`` in float32, rounded once.

    The product is exact in float64. Its sum is made odd where float64 has to round it ("round to odd"): rounding it again, to
    float32, is then as good as rounding once (Boldo and Melquiond 2008).
    """
    inverse = torch.as_tensor(scale, dtype=torch.float32).reciprocal()
    product, zero = x.double() * inverse.double(), torch.as_tensor(zero_point, dtype=torch.float64)
    total = product + zero
    part = total - product
    error = (product - (total - part)) + (zero - part)
    bits = total.view(torch.int64)
    step = torch.where((error > 0) == (total > 0), 1, -1).to(torch.int64)
    bits = bits + step * ((error.abs() > 0) & (bits & 1 == 0))
    return bits.view(torch.float64).float()


def to_integers(
    x: torch.Tensor,
    scale: Number,
    zero_point: Number,
    quant_min: int,
    quant_max: int,
    rounding: Rounding = Rounding.HALF_EVEN,
    generator: Generator = None,
    fused: bool = False,
) -> torch.Tensor:
    """``clamp(round(x / scale + zero_point))`` as integers in the dtype of ``x``; torch's ``quantize_per_*`` order.

    The zero point is added before rounding, which matters at ties when it is odd. NaN stays NaN.

    Args:
        fused: multiplies and adds with one rounding instead of two, as torch does on x86 for one scale and 8 bits, but not for
            32 bits and not per channel; ``x`` is float32 then.
    """
    y = _fused(x, scale, zero_point) if fused else _units(x, scale).add_(zero_point)
    return rounded(y, rounding, generator).clamp_(quant_min, quant_max)


def to_codes(
    x: torch.Tensor,
    scale: Number,
    zero_point: Number,
    quant_min: int,
    quant_max: int,
    rounding: Rounding = Rounding.HALF_EVEN,
    generator: Generator = None,
) -> torch.Tensor:
    """``clamp(round(x / scale) + zero_point)``: the integers that fake quantization passes through, float64 or float32."""
    return _wide_codes(x, scale, zero_point, rounding, generator).clamp_(quant_min, quant_max)


def from_integers(q: torch.Tensor, scale: Number, zero_point: Number) -> torch.Tensor:
    """``(q - zero_point) * scale``."""
    return (q - zero_point) * scale


def _wide_codes(x: torch.Tensor, scale: Number, zero_point: Number, rounding: Rounding, generator: Generator) -> torch.Tensor:
    """``round(x / scale) + zero_point``, not clamped; minus infinity for NaN."""
    u = _units(x if x.dtype is torch.float64 else x.float(), scale).nan_to_num_(-math.inf, math.inf, -math.inf)
    q = u.round_() if rounding is Rounding.HALF_EVEN else rounded(u, rounding, generator)
    return q if isinstance(zero_point, int) and zero_point == 0 else q.add_(zero_point)


class Fast(NamedTuple):
    """The constants of rounding half to even with one scale in float32, and of its gradient's mask."""

    inverse: torch.Tensor  #: tensors without axes: multiplying with those takes half the time of multiplying with a number
    scale: torch.Tensor
    low: int  #: smallest code minus zero point
    high: int  #: largest code minus zero point
    below: float  #: values up to this get a smaller code
    above: float  #: values from this on get a larger code

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """``x``, float32 without NaN, on the grid; a new tensor."""
        return x.mul(self.inverse).round_().clamp_(self.low, self.high).mul_(self.scale)


@lru_cache(maxsize=1024)
def fast(scale: float, low: int, high: int) -> Fast | None:
    """The constants for codes ``low`` <= 0 to ``high`` >= 0; ``None`` for wide ones, and for scales far from 1."""
    if not (-(1 << 21) <= low <= 0 <= high <= 1 << 21 and 2.0**-96 <= scale <= 2.0**96):
        return None
    inverse = float(np.float32(1) / np.float32(scale))
    ends = -_first_above(-low, inverse), _first_above(high, inverse)
    return Fast(torch.tensor(inverse, dtype=torch.float32), torch.tensor(scale, dtype=torch.float32), low, high, *ends)


@lru_cache(maxsize=1024)
def _bound(limit: int) -> float:
    """The product that is halfway to the first float32 that rounds to more than ``limit`` >= 0, half to even.

    The tie ``limit + 0.5`` rounds up if ``limit`` is odd. As its last bit as a float32 is 0, what is halfway to it becomes it.
    """
    tie = np.float32(limit + 0.5)
    return (float(tie) + float(np.nextafter(tie, np.float32(0 if limit % 2 else math.inf)))) / 2


def _first_above(limit: int, inverse: float) -> float:
    """The smallest float32 whose product with ``inverse``, rounded to float32, rounds to more than ``limit`` >= 0."""
    bound = _bound(limit)
    x = float(np.float32(bound / inverse))
    product = x * inverse  # exact
    if product > bound or (product == bound and limit % 2):
        return x
    return x + math.ldexp(1.0, math.frexp(x)[1] - 24)


class FakeQuantizeAffine(torch.autograd.Function):
    """:func:`fake_quantize_affine` for arguments that are known to be good."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scale: Number, zero_point: Number, quant_min: int, quant_max: int,
                rounding: Rounding, ste: StraightThrough, generator: Generator,
                finite: bool = False) -> torch.Tensor:  # fmt: skip
        """See :func:`fake_quantize_affine`; ``finite`` if ``x`` is known to be."""
        if not x.is_floating_point():
            raise CreatorError(f"expected floating-point values, got dtype {x.dtype}", hint="convert them with .float()")
        masked = ste is StraightThrough.MASKED and ctx.needs_input_grad[0]
        if isinstance(scale, float) and isinstance(zero_point, int) and x.dtype is torch.float32 and x.device.type == "cpu":
            constants = fast(scale, quant_min - zero_point, quant_max - zero_point)
            if constants is not None and rounding is Rounding.HALF_EVEN and (finite or not math.isnan(x.sum().item())):
                if masked:
                    ctx.save_for_backward(x)
                    ctx.ends = constants.below, constants.above
                return constants.values(x)
        q = _wide_codes(x, scale, zero_point, rounding, generator)
        if masked:
            ctx.save_for_backward(q)
            ctx.ends = quant_min - 0.5, quant_max + 0.5
            q = q.clamp(quant_min, quant_max)
        else:
            q = q.clamp_(quant_min, quant_max)
        return from_integers(q, scale, zero_point).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """The gradient of the result, masked or not."""
        (grad,) = grads
        if ctx.saved_tensors:
            (place,) = ctx.saved_tensors
            inside = torch.ops.aten.hardtanh_backward(grad.to(place.dtype), place, *ctx.ends)
            grad = inside.to(grad.dtype)
        return grad, None, None, None, None, None, None, None, None


def checked_scale(scale: Number, shape: torch.Size) -> Number:
    """``scale``, refused if it is not between 2**-126 and 2**126, or does not broadcast to ``shape``."""
    if not isinstance(scale, torch.Tensor):
        good = 2.0**-126 <= scale <= 2.0**126
    else:
        try:
            fits = torch.broadcast_shapes(shape, scale.shape) == shape
        except RuntimeError:
            fits = False
        if not fits:
            raise CreatorError(f"a scale of shape {tuple(scale.shape)} does not fit values of {tuple(shape)}", "scale")
        good = bool(((scale >= 2.0**-126) & (scale <= 2.0**126)).all())
    if not good:
        raise CreatorError("a scale is not between 2**-126 and 2**126", "scale", "where all values are zero, use 1")
    return scale


def _check_codes(zero_point: Number, quant_min: int, quant_max: int, dtype: torch.dtype) -> None:
    if not quant_min < quant_max:
        raise CreatorError(f"quant_min={quant_min} is not below quant_max={quant_max}", "fake_quantize_affine")
    if dtype is not torch.float64 and max(-quant_min, quant_max) > MAX_CODE:
        raise CreatorError(
            f"codes {quant_min} ... {quant_max} are too wide for exact float32 arithmetic",
            "fake_quantize_affine",
            "use at most 24 bits, or float64 values",
        )
    inside = (zero_point >= quant_min) & (zero_point <= quant_max)
    if not bool(inside.all() if isinstance(inside, torch.Tensor) else inside):
        raise CreatorError(
            f"zero_point={zero_point} is outside {quant_min} ... {quant_max}", "fake_quantize_affine", "zero needs a code"
        )


def _plain(number: Number) -> Number:
    """A single number as Python's, unless it would have to be fetched from another device."""
    if isinstance(number, torch.Tensor):
        return number.item() if number.numel() == 1 and number.device.type == "cpu" else number
    return number


def fake_quantize_affine(
    x: torch.Tensor,
    scale: Number,
    zero_point: Number = 0,
    quant_min: int = -128,
    quant_max: int = 127,
    rounding: Rounding = Rounding.HALF_EVEN,
    ste: StraightThrough = StraightThrough.MASKED,
    generator: Generator = None,
) -> torch.Tensor:
    """``(clamp(round(x / scale) + zero_point) - zero_point) * scale``, same shape and dtype; the gradient is ``ste``'s.

    The scale gets no gradient; :mod:`creator.quantize.tqt` and :mod:`creator.quantize.lsq` learn theirs. NaN becomes the
    smallest code, without a gradient, as in torch. float16 and bfloat16 are computed in float32.

    Raises:
        CreatorError: for scales that are not positive or do not broadcast to ``x``, a zero point that is no code, an empty
            range of codes, and codes that float32 does not hold exactly, unless ``x`` is float64.
    """
    rounding, ste = Rounding(rounding), StraightThrough(ste)
    scale, zero_point = _plain(scale), _plain(zero_point)
    checked_scale(scale, x.shape)
    _check_codes(zero_point, quant_min, quant_max, x.dtype)
    return FakeQuantizeAffine.apply(x, scale, zero_point, quant_min, quant_max, rounding, ste, generator)
