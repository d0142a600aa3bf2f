"""Windows that slide over a sample: the geometry that convolutions and pools share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray

SPATIAL = ("length", "height and width")


@dataclass(frozen=True)
class Window:
    """Where a kernel stands over a channels-last sample of shape (*size, channels).

    All tuples have an entry for each spatial axis, one or two of them.

    Args:
        size: of the sample.
        channels: of each pixel.
        kernel, stride, dilation: as in torch.
        before, after: pixels of padding at the two ends of each axis.
    """

    size: tuple[int, ...]
    channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def extent(self) -> tuple[int, ...]:
        """Pixels from a kernel's first tap to its last, both included."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel, self.dilation, strict=True))

    @property
    def padded(self) -> bool:
        """Whether a tap may lie outside of the sample."""
        return any(self.before) or any(self.after)

    @cached_property
    def places(self) -> tuple[int, ...]:
        """Windows along each axis: the result's spatial shape."""
        ends = zip(self.size, self.before, self.after, self.extent, self.stride, strict=True)
        return tuple((n + b + a - e) // s + 1 for n, b, a, e, s in ends)

    @property
    def taps(self) -> int:
        """Pixels in a window."""
        return math.prod(self.kernel)

    def check(self) -> None:
        """Refuses what is no window.

        Raises:
            CreatorError: for a kernel larger than the padded sample, and for windows that lie wholly in the padding.
        """
        rank = len(self.size)
        named = (self.kernel, self.stride, self.dilation, self.before, self.after)
        if rank not in (1, 2) or any(len(values) != rank for values in named):
            raise CreatorError(f"a window over {self.size} needs one number for each spatial axis, 1 or 2 of them")
        if min(*self.kernel, *self.stride, *self.dilation) < 1 or min(*self.before, *self.after) < 0:
            raise CreatorError("kernel, stride and dilation are at least 1, padding at least 0")
        if any(places < 1 for places in self.places):
            raise CreatorError(
                f"the kernel, {self.extent} with its dilation, is larger than the sample, {self.size} with its padding",
                hint="use a smaller kernel, or more padding",
            )
        if any(pad >= e for pads in (self.before, self.after) for pad, e in zip(pads, self.extent, strict=True)):
            raise CreatorError(
                f"padding {self.before}, {self.after} is as large as the kernel, so that windows lie wholly in the padding",
                hint="use less padding than the kernel's extent, or pad in a layer of its own",
            )

    def patches(self, x: IntArray, code: int) -> IntArray:
        """The windows of ``x``, shape (batch, *size, channels), as (batch, *places, *kernel, channels); padding is ``code``."""
        pads = [(0, 0), *zip(self.before, self.after, strict=True), (0, 0)]
        padded = np.pad(x, pads, constant_values=code)
        spatial = tuple(range(1, 1 + len(self.size)))
        views = np.lib.stride_tricks.sliding_window_view(padded, self.extent, spatial)
        # (batch, *positions, channels, *extent): every stride-th position, every dilation-th pixel, channels last.
        steps = (slice(None), *(slice(None, None, s) for s in self.stride), slice(None))
        views = views[(*steps, *(slice(None, None, d) for d in self.dilation))]
        return np.moveaxis(views, 1 + len(self.size), -1)


class Jump(NamedTuple):
    """By how many beats the place of the first tap moves on: to the next window, the next row of them, the next frame."""

    window: int
    row: int
    frame: int


@dataclass(frozen=True)
class Ring:
    """The memory from which windows are read while their sample arrives: a ring of beats, each of some channels of a pixel.

    Beats are counted in the order in which they arrive, through all frames. A window's base is the number of its first tap's
    first beat, as if the padding before a row were the end of the row before; so from window to window it only grows. What
    lies before the base is not needed any more.

    Args:
        window: the geometry.
        beats: of a pixel.
    """

    window: Window
    beats: int

    @property
    def size(self) -> tuple[int, int]:
        """Rows and pixels in each."""
        size = self.window.size
        return (size[0], size[1]) if len(size) == 2 else (1, size[0])

    def _pair(self, values: tuple[int, ...], lone: int) -> tuple[int, int]:
        return (values[0], values[1]) if len(values) == 2 else (lone, values[0])

    @property
    def kernel(self) -> tuple[int, int]:
        """Rows and columns of taps."""
        return self._pair(self.window.kernel, 1)

    @property
    def stride(self) -> tuple[int, int]:
        """Rows and columns from window to window."""
        return self._pair(self.window.stride, 1)

    @property
    def dilation(self) -> tuple[int, int]:
        """Rows and columns from tap to tap."""
        return self._pair(self.window.dilation, 1)

    @property
    def before(self) -> tuple[int, int]:
        """Rows and columns of padding before the sample."""
        return self._pair(self.window.before, 0)

    @property
    def after(self) -> tuple[int, int]:
        """Rows and columns of padding behind the sample."""
        return self._pair(self.window.after, 0)

    @cached_property
    def places(self) -> tuple[int, int]:
        """Rows of windows, and windows in each."""
        return self._pair(self.window.places, 1)

    @cached_property
    def frame(self) -> int:
        """Beats of a sample."""
        return math.prod(self.size) * self.beats

    @cached_property
    def row(self) -> int:
        """Beats of a row."""
        return self.size[1] * self.beats

    @cached_property
    def span(self) -> int:
        """Beats from a window's first to its last: what has to be there before it is read."""
        (rows, columns), (down, right) = self.kernel, self.dilation
        return (rows - 1) * down * self.row + ((columns - 1) * right + 1) * self.beats

    @cached_property
    def depth(self) -> int:
        """Beats that it holds: a window's span, and what arrives while that window is read, which the next one needs."""
        return self.span + min(self.stride[1] * self.beats, self.frame)

    @property
    def start(self) -> int:
        """How far the base of a frame's first window lies before the frame: its padding."""
        return self.before[0] * self.row + self.before[1] * self.beats

    @cached_property
    def jump(self) -> Jump:
        """How the base moves on."""
        (rows, columns), (down, right) = self.places, self.stride
        within = (columns - 1) * right * self.beats
        last = (rows - 1) * down * self.row + within
        return Jump(right * self.beats, down * self.row - within, self.frame - last)
