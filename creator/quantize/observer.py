"""What an observer is: a module that watches values and says which scale and zero point hold them.

The rules are those of ``torch.ao.quantization`` (torch 2.13), to the bit. With the observed range widened to contain zero:

- symmetric: ``scale = max(-min, max) / ((quant_max - quant_min) / 2)``. The zero point is 0; of unsigned codes it is
  ``2**(bits - 1)``, or ``(quant_min + quant_max) // 2`` where the codes were limited.
- affine: ``scale = (max - min) / (quant_max - quant_min)``, ``zero_point = clamp(quant_min - round(min / scale))``.

A scale is at least ``eps``: a range of zero is no error. What differs from torch: NaN and infinities are refused (on a CPU at
once, elsewhere when a format is asked for, so that training need not wait), an observer that has seen nothing has no scale,
and what was observed stays float32 when the model is converted to another dtype.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import torch

from creator.affine import MAX_AFFINE_BITS
from creator.errors import CreatorError
from creator.formats import FixedPoint, _Choice
from creator.quantize.float_bits import ALL_ONES, exponent_of, power_of_two
from creator.quantize.granularity import Granularity, PerAxis, PerTensor, extremes, get_block_size

EPSILON = 2.0**-23
"""The smallest scale, unless told otherwise: torch's."""

LARGEST = 2.0**126
"""The largest magnitude that is observed: all computations with ranges then stay finite in float32."""

PER_TENSOR = PerTensor()

Range: TypeAlias = "Any"
"""A number, ``np.float32``, where there is one and it lies on a CPU: numbers take a tenth of a tensor's time. Else a tensor."""


def number(part: torch.Tensor) -> Range:
    """``part``, float32, as a number if it is one and lies on a CPU."""
    return np.float32(part.item()) if part.dim() == 0 and part.device.type == "cpu" else part


class _Arithmetic(NamedTuple):
    """What the rules need besides operators, for numbers or for tensors; all in float32."""

    smaller: Callable[[Any, Any], Any]
    larger: Callable[[Any, Any], Any]
    constant: Callable[[float], Any]
    nearest: Callable[[Any], Any]
    power_of_two: Callable[[Any], Any]  #: the next, not below


def _next_power(scale: np.float32) -> np.float32:
    mantissa, exponent = math.frexp(scale)
    return np.float32(math.ldexp(1.0, exponent - (mantissa == 0.5)))


_NUMBERS = _Arithmetic(min, max, np.float32, round, _next_power)
_TENSORS = _Arithmetic(
    lambda a, b: torch.clamp(a, max=b),
    lambda a, b: torch.clamp(a, min=b),
    float,
    torch.round,
    lambda scale: power_of_two(exponent_of(scale, ALL_ONES), torch.float32),
)


def arithmetic(like: Range) -> _Arithmetic:
    """That of numbers or that of tensors."""
    return _TENSORS if isinstance(like, torch.Tensor) else _NUMBERS


class Scheme(_Choice):
    """Where the codes lie around zero."""

    SYMMETRIC = "symmetric"  #: alike on both sides; hardware needs no zero point where the codes are signed
    AFFINE = "affine"  #: as the values do: a zero point moves them


class Observer(torch.nn.Module):
    """The base of the observers, which watches nothing. An observer returns what it is called with.

    Args:
        bits: width of the codes, 1 to 24.
        signed: two's complement codes if true, else unsigned ones.
        symmetric: leaves out the most negative code.
        quant_min: smallest code, if not that of the width; at most 0.
        quant_max: largest code, if not that of the width; at least 0.
        scheme: how scale and zero point follow from a range.
        granularity: what shares a scale.
        eps: the smallest scale, positive.
        power_of_two: takes the next larger power of two as the scale. In hardware that is a shift.

    Raises:
        CreatorError: for a choice out of range.
    """

    def __init__(
        self,
        *,
        bits: int = 8,
        signed: bool = True,
        symmetric: bool = False,
        quant_min: int | None = None,
        quant_max: int | None = None,
        scheme: Scheme = Scheme.SYMMETRIC,
        granularity: Granularity = PER_TENSOR,
        eps: float = EPSILON,
        power_of_two: bool = False,
    ) -> None:
        super().__init__()
        codes, name = FixedPoint(bits, 0, signed, symmetric), type(self).__name__
        if codes.total_bits > MAX_AFFINE_BITS:
            raise CreatorError(f"bits={bits} is more than {MAX_AFFINE_BITS}", name, "float32 is exact for no more")
        low = codes.min_code if quant_min is None else quant_min
        high = codes.max_code if quant_max is None else quant_max
        if not codes.min_code <= low <= 0 <= high <= codes.max_code or low == high or low != int(low) or high != int(high):
            raise CreatorError(
                f"quant_min={low}, quant_max={high} do not enclose 0 within {codes.min_code} ... {codes.max_code}", name
            )
        if not isinstance(granularity, Granularity):
            raise CreatorError(f"granularity={granularity!r} is none", name, "pass PerTensor(), PerAxis(0) ...")
        if not 2.0**-126 <= eps <= 2.0**126:
            raise CreatorError(f"eps={eps} is not between 2**-126 and 2**126", name)
        self.bits, self.signed, self.quant_min, self.quant_max = codes.total_bits, codes.signed, int(low), int(high)
        self.limited = quant_min is not None or quant_max is not None
        self.scheme, self.granularity = Scheme(scheme), granularity
        self.eps, self.power_of_two = float(eps), bool(power_of_two)

    @classmethod
    def with_args(cls, **choices: Any) -> functools.partial[Self]:
        """What makes such an observer with these arguments."""
        return functools.partial(cls, **choices)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Observes ``x``, any shape, and returns it."""
        return x

    @property
    def has_range(self) -> bool:
        """Whether this kind of observer ever has a scale."""
        return False

    @property
    def observed(self) -> bool:
        """Whether there is a scale now."""
        return False

    def reset(self) -> None:
        """Forgets what was observed."""

    def qparams(self) -> tuple[Range, Range | int]:
        """Scale and zero point: numbers if there is one of each, and on a CPU; else tensors as of :meth:`calculate_qparams`.

        Raises:
            CreatorError: if nothing was observed yet, or never is.
        """
        raise CreatorError(f"{type(self).__name__} observes no range", hint="use a MinMaxObserver, or a fixed format")

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale (float32) and zero point (int32): without axes, along the one of a ``PerAxis``, or in the blocks' shape.

        Raises:
            CreatorError: if nothing was observed yet, or never is.
        """
        scale, zero_point = self.qparams()
        scale = torch.as_tensor(scale, dtype=torch.float32)
        if not isinstance(zero_point, torch.Tensor):
            return scale, torch.full_like(scale, zero_point, dtype=torch.int32)
        return scale, zero_point.to(torch.int32)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        before = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, kept in before.items():
            now = self._buffers[name]
            if kept is not None and now is not None and now.dtype != kept.dtype:
                self._buffers[name] = kept.to(now.device)
        return self

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # As for quantizers, the state of a floating-point model changes nothing. Ranges take the shape of those loaded.
        known = [name for name in self._buffers if prefix + name in state_dict]
        for name in known:
            buffer, shape = self._buffers[name], state_dict[prefix + name].shape
            if buffer is not None and buffer.shape != shape:
                self._buffers[name] = buffer.new_empty(shape)
        if known:
            super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        """The codes, the scheme and the granularity."""
        power = ", power_of_two" if self.power_of_two else ""
        return f"{self.quant_min} ... {self.quant_max}, {self.scheme}, {self.granularity}{power}"


class RangeObserver(Observer):
    """The base of the observers of a smallest and a largest value; ``choices`` are those of :class:`Observer`.

    Attributes:
        min_val: the smallest value, float32, infinite before the first; without axes, along that of a ``PerAxis``, or in the
            blocks' shape.
        max_val: the largest value, likewise.
    """

    min_val: torch.Tensor
    max_val: torch.Tensor

    def __init__(self, **choices: Any) -> None:
        super().__init__(**choices)
        self.register_buffer("min_val", torch.tensor(math.inf, dtype=torch.float32))
        self.register_buffer("max_val", torch.tensor(-math.inf, dtype=torch.float32))
        self._seen = False

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Observes ``x``, any shape, and returns it. Without entries there is nothing to observe.

        Raises:
            CreatorError: for NaN and infinities, and for a shape that does not fit the granularity or what was observed before.
        """
        if x.numel():
            self._observe(x.detach().float())
            self._seen = True
        return x

    def _observe(self, x: torch.Tensor) -> None:
        low, high = self._extremes(x)
        if self.observed:
            if isinstance(low, torch.Tensor) and low.shape != self.min_val.shape:
                raise CreatorError(
                    f"it has observed ranges of shape {tuple(self.min_val.shape)}, and now {tuple(low.shape)}",
                    hint="use one observer for each tensor, or PerTensor() where shapes change",
                )
            low, high = self._merge(number(self.min_val), number(self.max_val), low, high)
        self._store(low, high)

    def _store(self, low: Range, high: Range) -> None:
        if isinstance(low, torch.Tensor):
            if low.shape != self.min_val.shape:
                self._clear(low.shape)
            self.min_val.copy_(low)
            self.max_val.copy_(high)
        else:
            self.min_val.fill_(float(low))
            self.max_val.fill_(float(high))

    def _extremes(self, x: torch.Tensor) -> tuple[Range, Range]:
        if isinstance(self.granularity, PerTensor):
            low, high = (number(part) for part in torch.aminmax(x))
        else:
            low, high = extremes(x, get_block_size(x.shape, self.granularity))
            if isinstance(self.granularity, PerAxis):
                low, high = low.flatten(), high.flatten()
        # Elsewhere, asking would mean to wait for the device.
        if isinstance(low, np.float32) or low.device.type == "cpu":
            good = (low >= -LARGEST) & (high <= LARGEST)
            if not (good if isinstance(low, np.float32) else bool(good.all())):
                raise CreatorError(
                    "values that are NaN, infinite or huge have no range", hint="look for the layer or the data that makes them"
                )
        return low, high

    def _merge(self, min_val: Range, max_val: Range, low: Range, high: Range) -> tuple[Range, Range]:
        """The range so far, brought together with the extremes of a batch; all alike, numbers or tensors."""
        raise NotImplementedError

    def _clear(self, shape: torch.Size) -> None:
        with torch.inference_mode(False):
            self.min_val, self.max_val = self.min_val.new_full(shape, math.inf), self.max_val.new_full(shape, -math.inf)
        self._seen = False

    @property
    def has_range(self) -> bool:
        """True."""
        return True

    @property
    def observed(self) -> bool:
        """Whether there is a range now."""
        self._seen = self._seen or bool((self.min_val <= self.max_val).all())
        return self._seen

    def reset(self) -> None:
        """Forgets what was observed."""
        self._clear(torch.Size())

    def limits(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The smallest and the largest value that should have codes."""
        return self.min_val, self.max_val

    def qparams(self) -> tuple[Range, Range | int]:
        """Scale and zero point: numbers if there is one of each, and on a CPU; else tensors as of :meth:`calculate_qparams`.

        Raises:
            CreatorError: if nothing was observed yet.
        """
        if not self.observed:
            raise CreatorError("nothing observed yet", hint="call creator.calibrate with data, or train for a batch")
        low, high = (number(part) for part in self.limits())
        by, width = arithmetic(low), self.quant_max - self.quant_min
        low, high = by.smaller(low, by.constant(0)), by.larger(high, by.constant(0))
        if self.scheme is Scheme.SYMMETRIC:
            scale = by.larger(by.larger(-low, high) / by.constant(width / 2), by.constant(self.eps))
        else:
            scale = by.larger((high - low) / by.constant(width), by.constant(self.eps))
        if self.power_of_two:
            scale = by.power_of_two(scale)
        if self.scheme is Scheme.AFFINE:
            return scale, by.smaller(self.quant_min - by.nearest(low / scale), self.quant_max)
        return scale, 0 if self.signed else (self.quant_min + self.quant_max) // 2 if self.limited else 1 << (self.bits - 1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._seen = False

    def extra_repr(self) -> str:
        """The codes, the scheme, the granularity and the range."""
        if self.min_val.numel() > 8:
            return super().extra_repr()
        return f"{super().extra_repr()}, min_val={self.min_val.tolist()}, max_val={self.max_val.tolist()}"
