"""What a number format does to a tensor: how much of its range is used, what saturates, what is lost; and a histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from creator.affine import Affine, Format
from creator.formats import IntArray, Overflow, Rounding
from creator.nn.requantize import scale_of, zero_of
from creator.nn.slots import soft_values
from creator.quantize import Gradients, StraightThrough
from creator.quantize.rounding import Generator

BINS = 64
"""A histogram of one batch has more than half as many bins, and at most one more."""


@dataclass(frozen=True)
class Histogram:
    """Counts of values.

    Args:
        origin: where bin 0 begins.
        step: a width; that of the bins is ``step * 2**level``.
        level: see there.
        first: number of the first bin, from ``origin`` on; negative below it.
        counts: of the values in each bin.
    """

    origin: float
    step: float
    level: int
    first: int
    counts: IntArray

    @classmethod
    def of(cls, x: torch.Tensor, origin: float, step: float) -> Histogram:
        """The histogram of the float64 tensor ``x``, any shape, not empty."""
        low, high = float(x.min()), float(x.max())
        # Not so fine that float64 cannot tell the bins apart.
        span = max(high - low, math.ldexp(max(abs(low), abs(high), abs(origin)), -40))
        level = math.ceil(math.log2(span / step / BINS)) if high > low else 0
        index = torch.floor((x - origin) / math.ldexp(step, level)).to(torch.int64)
        first = int(index.min())
        counts = torch.bincount((index - first).flatten()).cpu().numpy()
        return cls(origin, step, level, first, counts)

    @property
    def edges(self) -> np.ndarray:
        """Where each bin begins, and the last one ends."""
        return self.origin + np.arange(self.first, self.first + len(self.counts) + 1) * math.ldexp(self.step, self.level)

    def coarser(self, level: int) -> Histogram:
        """The same counts in wider bins."""
        shift = min(level - self.level, 62)
        index = np.arange(self.first, self.first + len(self.counts)) >> shift
        counts = np.bincount(index - index[0], self.counts).astype(np.int64)
        return Histogram(self.origin, self.step, level, int(index[0]), counts)

    def __add__(self, other: Histogram) -> Histogram:
        level = max(self.level, other.level)
        while True:
            parts = [part.coarser(level) for part in (self, other)]
            first = min(part.first for part in parts)
            bins = max(part.first + len(part.counts) for part in parts) - first
            if bins <= 4 * BINS:
                break
            level += max(1, (bins // BINS).bit_length() - 2)  # narrow ones far apart
        counts = np.zeros(bins, dtype=np.int64)
        for part in parts:
            counts[part.first - first :][: len(part.counts)] += part.counts
        return Histogram(self.origin, self.step, level, first, counts)


@dataclass(frozen=True)
class Measured:
    """Figures of the values in one slot; those of several batches add up.

    Args:
        count: of the elements.
        low, high: the extreme values.
        code_low, code_high: the extremes in units of the format, before rounding; NaN without a format.
        below, above: how many round to a code under or over the format's; rounding first, clipping after.
        zeros: how many are zero once quantized.
        lost: how many of these were not zero before.
        signal, noise: sums of the squares of the values, and of what quantization changes in them.
        histogram: of the values; in codes if the format has a scale for each channel.
    """

    count: int
    low: float
    high: float
    code_low: float
    code_high: float
    below: int
    above: int
    zeros: int
    lost: int
    signal: float
    noise: float
    histogram: Histogram

    def __add__(self, other: Measured) -> Measured:
        lows = (min(getattr(self, name), getattr(other, name)) for name in ("low", "code_low"))
        highs = (max(getattr(self, name), getattr(other, name)) for name in ("high", "code_high"))
        (low, code_low), (high, code_high) = lows, highs
        sums = [
            getattr(self, name) + getattr(other, name)
            for name in ("below", "above", "zeros", "lost", "signal", "noise", "histogram")
        ]
        return Measured(self.count + other.count, low, high, code_low, code_high, *sums)

    @property
    def sqnr(self) -> float:
        """10 log10(signal / noise) in dB; infinite where quantization changes nothing."""
        if self.noise == 0:
            return math.inf
        return 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf


def measured(
    x: torch.Tensor, q: torch.Tensor, fmt: Format | None = None, inside: torch.Tensor | None = None, rectifies: bool = False
) -> Measured:
    """The figures of one tensor.

    Args:
        x: float64 values, any shape, finite and not empty.
        q: what they become.
        fmt: their format, if they have one.
        inside: with a format: where the rounded code lies in its range.
        rectifies: whether values below the range are not lost but meant to become zero: the output is a ReLU.
    """
    codes = x if fmt is None else in_codes(x, fmt)
    outside = torch.zeros_like(x, dtype=torch.bool) if inside is None else ~inside
    kept = x.clamp_min(0.0) if rectifies else x
    above = outside if fmt is None else outside & (codes > fmt.max_code)
    return Measured(
        x.numel(),
        float(x.min()),
        float(x.max()),
        math.nan if fmt is None else float(codes.min()),
        math.nan if fmt is None else float(codes.max()),
        0 if rectifies else int((outside & ~above).sum()),
        int(above.sum()),
        int((q == 0).sum()),
        int(((q == 0) & (kept != 0)).sum()),
        float(kept.square().sum()),
        float((kept - q).square().sum()),
        Histogram.of(codes if has_channels(fmt) else x, *_grid(fmt)),
    )


def quantized(
    x: torch.Tensor,
    fmt: Format,
    rounding: Rounding = Rounding.HALF_EVEN,
    overflow: Overflow = Overflow.SATURATE,
    generator: Generator = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """``x`` on the grid of ``fmt``, and where its rounded code lies in the range.

    The second is read off the masked straight-through gradient, which is one exactly there.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        q = soft_values(x, fmt, rounding, overflow, StraightThrough.MASKED, Gradients(generator=generator))
        (passed,) = torch.autograd.grad(q, x, torch.ones_like(q))
    return q.detach(), passed != 0


def in_codes(x: torch.Tensor, fmt: Format) -> torch.Tensor:
    """``x`` in units of the code, not rounded."""
    scale = torch.as_tensor(scale_of(fmt), dtype=x.dtype, device=x.device)
    if isinstance(fmt, Affine) and fmt.axis is not None:
        shape = [1] * x.ndim
        shape[fmt.axis] = -1
        scale = scale.reshape(shape)
    return x / scale + zero_of(fmt)


def ends(fmt: Format) -> tuple[float, float]:
    """The smallest and the largest value as a histogram has them."""
    return (fmt.min_code, fmt.max_code) if has_channels(fmt) else (fmt.min_value, fmt.max_value)


def used(m: Measured, fmt: Format) -> float:
    """The part of the format's range, zero included, that the values reach, 0 ... 1."""
    zero = zero_of(fmt)
    low, high = max(min(m.code_low, zero), fmt.min_code), min(max(m.code_high, zero), fmt.max_code)
    return max(0.0, high - low) / (fmt.max_code - fmt.min_code)


def has_channels(fmt: Format | None) -> bool:
    """Whether the format has a scale for each channel, so that only its codes have one range."""
    return isinstance(fmt, Affine) and fmt.axis is not None


def _grid(fmt: Format | None) -> tuple[float, float]:
    """Origin and step of a histogram: bins begin half way between codes."""
    if fmt is None:
        return 0.0, 1.0
    step = 1.0 if has_channels(fmt) else float(scale_of(fmt))
    return ends(fmt)[0] - step / 2, step
