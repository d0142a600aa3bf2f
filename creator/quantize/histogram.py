"""The observer that cuts off outliers where that lowers the squared error.

A histogram of all values is kept. The range begins as all of it and is narrowed from both ends, each time by the quantile of
0.001 % that passes more bins, as long as the error falls that values would have, spread evenly within their bins, after
rounding to the middle of one of ``2**bits`` intervals. The order of all floating-point operations is that of torch 2.13's
``HistogramObserver``, so that the resulting scale is the same. Source of the method: Caffe2's ``norm_minimization``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from creator.errors import CreatorError
from creator.quantize.granularity import PerTensor
from creator.quantize.observer import RangeObserver

QUANTILE = 1e-5
"""What each step of the search cuts off one end."""

REFINEMENT = 16
"""Into how many parts a bin is split where a histogram is brought to a wider range."""


class HistogramObserver(RangeObserver):
    """Observes a histogram, and takes as the range the part of it that loses least.

    With each batch that widens the range, the histogram so far is spread over the bins of the wider one. The search takes
    milliseconds: observe with data for calibration, then train with the observer off.

    Args:
        bins: of the histogram.
        choices: those of :class:`Observer`, but for the granularity, which is the tensor.

    Attributes:
        histogram: counts, shape (bins,); they need not be whole numbers.

    Raises:
        CreatorError: for a choice out of range.
    """

    histogram: torch.Tensor

    def __init__(self, bins: int = 2048, **choices: Any) -> None:
        super().__init__(**choices)
        if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
            raise CreatorError(f"bins={bins!r} is not a positive integer", "HistogramObserver")
        if not isinstance(self.granularity, PerTensor):
            raise CreatorError(f"{self.granularity} needs a histogram for each range", "HistogramObserver", "use PerTensor()")
        self.bins = bins
        self.register_buffer("histogram", torch.zeros(bins))

    def _observe(self, x: torch.Tensor) -> None:
        low, high = (torch.as_tensor(part) for part in self._extremes(x))
        seen = self.observed
        if seen:
            low, high = torch.minimum(self.min_val, low), torch.maximum(self.max_val, high)
        counts = torch.histc(x, self.bins, min=low, max=high)
        self.histogram.copy_(self._earlier(low, high) + counts if seen else counts)
        self._store(low, high)

    def _earlier(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """The histogram so far in bins from ``low`` to ``high``, which enclose its range."""
        if low == self.min_val and high == self.max_val:
            return self.histogram
        if self.min_val == self.max_val:
            return torch.histc(self.min_val, self.bins, min=low, max=high) * self.histogram.sum()
        fine = self.bins * REFINEMENT
        parts = self.histogram.repeat_interleave(REFINEMENT) / REFINEMENT
        starts = torch.linspace(self.min_val, self.max_val, fine + 1, device=self.min_val.device)[:-1]
        middles = starts + 0.5 * ((self.max_val - self.min_val) / fine)
        edges = torch.linspace(low, high, self.bins + 1, device=low.device)
        bins = (torch.bucketize(middles, edges, right=True) - 1).clamp_(0, self.bins - 1)
        return torch.bincount(bins, weights=parts, minlength=self.bins)

    def reset(self) -> None:
        """Forgets what was observed."""
        super().reset()
        self.histogram.zero_()

    def limits(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The ends of the part of the histogram that loses least, both without axes."""
        first, last = _search(self.histogram, (self.max_val.item() - self.min_val.item()) / self.bins, 1 << self.bits)
        width = (self.max_val - self.min_val) / self.bins
        return self.min_val + width * first, self.min_val + width * (last + 1)


class _Part(NamedTuple):
    """Bins of a histogram, ends included."""

    first: int
    last: int


@lru_cache(maxsize=1)
def _shares() -> npt.NDArray[np.float64]:
    """What is cut off below, and what is left above, after each number of steps, as sums of single steps."""
    steps = np.full(round(1 / QUANTILE) + 3, QUANTILE)
    steps[0] = 0.0
    return np.stack([np.cumsum(steps), np.cumsum(np.concatenate([[1.0], -steps[1:]]))])


def _search(histogram: torch.Tensor, bin_width: float, codes: int) -> _Part:
    """The part that narrowing from both ends arrives at."""
    total = histogram.sum().item()
    below = histogram.cumsum(0).cpu().numpy()
    lows, highs = _shares()
    # The sums grow with the bins. The first bin that has reached a share of the total, and the last that does not exceed one:
    reached = np.searchsorted(below, (lows * total).astype(below.dtype), side="left").tolist()
    exceeded = (np.searchsorted(below, (highs * total).astype(below.dtype), side="right") - 1).tolist()
    part, least = _Part(0, len(below) - 1), float("inf")
    i, j = 0, 0  # how many steps each end has made
    while lows[i] < highs[j]:
        left, right = min(max(reached[i + 1], part.first), part.last), max(min(exceeded[j + 1], part.last), part.first)
        if left - part.first > part.last - right:
            narrowed, i = part._replace(first=left), i + 1
        else:
            narrowed, j = part._replace(last=right), j + 1
        if narrowed == part:
            continue
        loss = _loss(histogram, bin_width, narrowed, codes)
        if loss > least:
            break
        part, least = narrowed, loss
    return part


def _loss(histogram: torch.Tensor, bin_width: float, part: _Part, codes: int) -> float:
    """The squared error of all values if ``part`` is divided into as many intervals as there are ``codes``."""
    interval = bin_width * (part.last - part.first + 1) / codes
    if interval == 0.0:
        return 0.0

    def interval_of(x: torch.Tensor) -> torch.Tensor:
        return torch.div(x, interval, rounding_mode="floor").clamp_(0, codes - 1)

    begin = (torch.arange(len(histogram), device=histogram.device) - part.first) * bin_width
    end = begin + bin_width
    first, last = interval_of(begin), interval_of(end)
    density = histogram / bin_width
    # A bin reaches from somewhere in its first interval, through whole ones, to somewhere in its last. The integral of the
    # squared distance from an interval's middle is a third of the difference of cubes; "half" is that of half an interval.
    half = torch.tensor(interval / 2, dtype=begin.dtype, device=begin.device)
    half = half * half * half
    after, before = begin - (first + 0.5) * interval, end - (last * interval + interval / 2)
    norm = density * ((half - after * after * after) / 3)
    norm += (last - first - 1) * (density * ((half + half) / 3))
    norm += density * ((before * before * before + half) / 3)
    return float(norm.sum().item())
