"""Parameters that share a grid, side by side in one flat tensor, so that quantizing all of them is one call a step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.fixed_point import fake_quantize, fast
from creator.quantize.rounding import Generator

_EXACT = (torch.float32, torch.float64)
_DTYPES = (*_EXACT, torch.float16, torch.bfloat16)


@lru_cache(maxsize=1024)
def limits(fmt: FixedPoint, dtype: torch.dtype) -> tuple[float, float]:
    """The smallest and the largest value of ``fmt`` that ``dtype`` holds exactly: its own ends, unless it is very wide.

    Every value of ``dtype`` between them rounds to a value of ``fmt`` that ``dtype`` holds, however few digits it has.

    Raises:
        CreatorError: for a dtype that is not floating point of at least 16 bits, or whose range is too small.
    """
    if dtype not in _DTYPES:
        raise CreatorError(f"{dtype} cannot be kept on the grid of {fmt}", hint="use a floating-point dtype of 16 bits or more")
    info = torch.finfo(dtype)
    digits = 1 - round(math.log2(info.eps))
    low, high = (math.ldexp(_shortened(code, digits), -fmt.frac_bits) for code in (fmt.min_code, fmt.max_code))
    if max(-low, high) > info.max or fmt.step < info.smallest_normal * info.eps:
        raise CreatorError(f"{dtype} cannot hold the values of {fmt}", hint="use float32, or a format with values nearer to 1")
    return low, high


def _shortened(code: int, digits: int) -> int:
    """``code`` rounded towards zero to ``digits`` binary digits."""
    spare = max(0, abs(code).bit_length() - digits)
    return (abs(code) >> spare << spare) * (-1 if code < 0 else 1)


def round_(x: torch.Tensor, fmt: FixedPoint, rounding: Rounding, generator: Generator = None) -> None:
    """Puts ``x`` on the grid of ``fmt``, in place, saturating. NaN stays NaN."""
    constants = fast(fmt, x.dtype) if rounding is Rounding.HALF_EVEN else None
    if constants is not None:
        constants.round_into(x)
        return
    x.clamp_(*limits(fmt, x.dtype))
    wide = x if x.dtype in _EXACT else x.float()  # and back without loss: what has no fraction bits left is not rounded
    x.copy_(fake_quantize(wide, fmt, rounding, generator=generator))


class Grid:
    """Parameters of one format, dtype and device: their masters and their values, each in one flat tensor.

    Without masters the two are the same memory, which is then no more than scratch.

    Args:
        fmt: the format of all of them.
        parameters: at least one, dense, of one dtype and device.
        masters: a floating-point original for each.
        keep: whether the masters are kept from step to step.
        rounding, generator: from the masters to the values.
    """

    def __init__(self, fmt: FixedPoint, parameters: Sequence[torch.Tensor], masters: Sequence[torch.Tensor], keep: bool,
                 rounding: Rounding, generator: Generator) -> None:  # fmt: skip
        self.format, self.rounding, self.generator = fmt, rounding, generator
        self.parameters = list(parameters)
        dtype, device = parameters[0].dtype, parameters[0].device
        self.low, self.high = limits(fmt, dtype)
        constants = fast(fmt, dtype) if rounding is Rounding.HALF_EVEN else None
        self.magic = None if constants is None else constants.magic
        offsets = [0]
        for parameter in parameters:
            offsets.append(offsets[-1] + parameter.numel())
        self.all_masters = torch.zeros(offsets[-1], dtype=dtype, device=device)
        self.all_values = torch.zeros_like(self.all_masters) if keep else self.all_masters
        self.masters, self.values = self._parts(self.all_masters, offsets), self._parts(self.all_values, offsets)
        for master, original in zip(self.masters, masters, strict=True):
            master.copy_(original)
        self.follow()

    def _parts(self, flat: torch.Tensor, offsets: list[int]) -> list[torch.Tensor]:
        # In the memory layout of each parameter, channels_last for example, so that copying is one sweep.
        strides = [torch.empty_like(parameter, device="meta").stride() for parameter in self.parameters]
        return [flat.as_strided(p.shape, s, at) for p, s, at in zip(self.parameters, strides, offsets[:-1], strict=True)]

    def fits(self) -> bool:
        """Whether the parameters are of the shape, dtype and device that they had."""
        return all(
            p.dtype is m.dtype and p.device == m.device and p.shape == m.shape
            for p, m in zip(self.parameters, self.masters, strict=True)
        )

    def settle(self) -> None:
        """The values anew from the masters, to nearest where rounding is stochastic; a rounding that is there already stays."""
        rounding = Rounding.HALF_EVEN if self.rounding is Rounding.STOCHASTIC else self.rounding
        for parameter, master, value in zip(self.parameters, self.masters, self.values, strict=True):
            master.clamp_(self.low, self.high)
            stays = self.agree(parameter, master)
            value.copy_(master)
            round_(value, self.format, rounding)
            value.copy_(torch.where(stays, parameter, value))

    def round(self, final: bool, before: torch.Tensor | None = None) -> None:
        """The values anew from the masters; ``final`` clamps the masters to the range.

        Where a master is what it was in ``before``, its value stays, which matters to stochastic rounding only.
        """
        clamped = self.all_masters.clamp_(self.low, self.high) if final else self.all_masters.clamp(self.low, self.high)
        if self.magic is not None:
            torch.add(clamped, self.magic, out=self.all_values).sub_(self.magic)
        elif before is None:
            self.all_values.copy_(clamped)
            round_(self.all_values, self.format, self.rounding, self.generator)
        else:
            drawn = clamped.clone()
            round_(drawn, self.format, self.rounding, self.generator)
            torch.where(before == self.all_masters, self.all_values, drawn, out=self.all_values)

    def follow(self) -> None:
        """Takes into the masters what was written into the parameters: every element that is no rounding of its master."""
        for parameter, master in zip(self.parameters, self.masters, strict=True):
            master.copy_(torch.where(self.agree(parameter, master), master, parameter))
        self.settle()

    def agree(self, value: torch.Tensor, master: torch.Tensor) -> torch.Tensor:
        """Where ``value`` is what ``master`` rounds to, or can round to."""
        rounded = master.clamp(self.low, self.high)
        if self.rounding is not Rounding.STOCHASTIC:
            round_(rounded, self.format, self.rounding)
            return rounded == value
        floor = rounded.clone()
        round_(floor, self.format, Rounding.FLOOR)
        return (floor == value) | ((floor < rounded) & (floor + self.format.step == value))
