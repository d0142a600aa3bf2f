"""A stream seen along one axis of its sample: what pools, padding and upsampling do to it, one axis after the other.

A sample of shape (..., length, ...) is ``outer`` runs of ``length`` positions, and each position is ``inner`` beats.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

from creator.ops.base import Timing
from creator.ops.window import Window

LOOP = 4
"""Beats after which a memory can give what it was given: fewer wait in registers."""


@dataclass(frozen=True)
class Axis(ABC):
    """What one entity does along one axis. ``stages`` of registers lie between its input and its output.

    Args:
        outer, length, inner: the stream that it reads.
    """

    outer: int
    length: int
    inner: int

    @property
    def remembers(self) -> bool:
        """Whether it has a memory."""
        return False

    @property
    @abstractmethod
    def stages(self) -> int:
        """Registers between input and output."""

    @property
    @abstractmethod
    def interval(self) -> int:
        """Cycles a frame."""

    @property
    @abstractmethod
    def delay(self) -> int:
        """Cycles from the first frame's last beat to its last result, if the beat before came right before it."""


@dataclass(frozen=True)
class PoolAxis(Axis):
    """One result for each of ``count`` windows of ``kernel`` positions, ``stride`` apart, the first ``before`` positions ahead.

    Results of windows that are open are kept, in the order in which they will be complete. A position belongs to some of them;
    where it is the first of one, that one starts with it. One that reaches beyond the last position ends there. Only one result
    is given a cycle, so that where several end there, ``flush`` positions more pass in which nothing is taken.
    """

    kernel: int
    stride: int
    before: int
    count: int

    def _first(self, window: int) -> int:
        return max(0, window * self.stride - self.before)

    def _last(self, window: int) -> int:
        return min(self.length - 1, window * self.stride - self.before + self.kernel - 1)

    @cached_property
    def flush(self) -> int:
        """Positions beyond the last one."""
        return sum(self._last(window) == self.length - 1 for window in range(self.count)) - 1 if self.clips else 0

    @property
    def clips(self) -> bool:
        """Whether the last window reaches the last position or beyond, so that something is given there."""
        return self._last(self.count - 1) == self.length - 1

    @property
    def overhangs(self) -> bool:
        """Whether the last window reaches beyond the last position."""
        return (self.count - 1) * self.stride - self.before + self.kernel > self.length

    @cached_property
    def kept(self) -> int:
        """Results that are kept of each element, at most."""
        held = (self._open_after(position) for position in range(self.length))
        return max(held)

    def _open_after(self, position: int) -> int:
        """Windows that have begun by ``position``, less those that are complete after it; one at most is given there."""
        begun = min(self.count, (position + self.before) // self.stride + 1)
        if position == self.length - 1:
            return self.flush
        done = max(0, (position + self.before - self.kernel + 1) // self.stride + 1)
        return begun - done

    @cached_property
    def shifts(self) -> bool:
        """Whether a result may still be kept behind one that is given."""
        return any(self._first(w + 1) <= self._last(w) for w in range(self.count - 1))

    @cached_property
    def gives(self) -> tuple[bool, ...]:
        """Whether a result is given at each position, those of the flush included."""
        ends = {self._last(window) for window in range(self.count)}
        return tuple(position in ends or position >= self.length for position in range(self.length + self.flush))

    @property
    def aligned(self) -> bool:
        """Whether windows follow one another without gaps, overlaps and remainders."""
        return self.kernel == self.stride and self.before == 0 and self.count * self.kernel == self.length

    @property
    def remembers(self) -> bool:
        return self.kept > 0 and self.inner >= LOOP

    @property
    def stages(self) -> int:
        # The value, what is read of the memory and its register, the result.
        return 1 if self.kept == 0 else 3 if self.remembers else 2

    @property
    def interval(self) -> int:
        return self.outer * (self.length + self.flush) * self.inner

    @property
    def delay(self) -> int:
        last = self._last(self.count - 1) - (self.length - 1)
        return max(1, self.stages + (self.flush + last) * self.inner)


@dataclass(frozen=True)
class RepeatAxis(Axis):
    """Every position ``times`` times."""

    times: int

    @property
    def remembers(self) -> bool:
        return self.inner > 1

    @property
    def stages(self) -> int:
        # What is written to the memory, read of it, and its register.
        return 3 if self.remembers else 1

    @property
    def interval(self) -> int:
        return self.outer * self.length * self.times * self.inner

    @property
    def delay(self) -> int:
        return self.stages + (self.times - 1) * self.inner


@dataclass(frozen=True)
class SpreadAxis(Axis):
    """Positions ``step`` apart, ``before`` more ahead of the first and ``after`` behind the last; a constant between them."""

    before: int
    after: int
    step: int

    @property
    def positions(self) -> int:
        """Of the result."""
        return self.before + (self.length - 1) * self.step + 1 + self.after

    def inside(self, position: int) -> bool:
        """Whether a position of the result is one of the input."""
        place = position - self.before
        return place % self.step == 0 and 0 <= place // self.step < self.length

    @property
    def stages(self) -> int:
        # What is held of the input, and the output.
        return 2

    @property
    def interval(self) -> int:
        return self.outer * self.positions * self.inner

    @property
    def delay(self) -> int:
        between = self.step - 1 if self.length > 1 else self.before + (self.after if self.outer > 1 else 0)
        return self.stages + (between if self.inner == 1 else 0) + self.after * self.inner


def timing_of(axes: tuple[Axis, ...]) -> Timing:
    """Of one entity after the other, with a register between them."""
    return Timing(max(axis.interval for axis in axes), sum(axis.delay for axis in axes) + len(axes) - 1)


def pool_axes(window: Window, beats: int) -> tuple[PoolAxis, ...]:
    """Pooling along the last spatial axis, then along the one before; ``beats`` of a pixel.

    Windows as wide as the sample are windows over its pixels in a row.
    """
    sizes, kernels, strides = window.size, window.kernel, window.stride
    before, counts = window.before, window.places
    if len(sizes) == 1:
        return (PoolAxis(1, sizes[0], beats, kernels[0], strides[0], before[0], counts[0]),)
    width = sizes[1]
    if kernels[1] == width and before[1] == 0 and counts[1] == 1:
        return (PoolAxis(1, sizes[0] * width, beats, kernels[0] * width, strides[0] * width, before[0] * width, counts[0]),)
    columns = PoolAxis(sizes[0], width, beats, kernels[1], strides[1], before[1], counts[1])
    rows = PoolAxis(1, sizes[0], counts[1] * beats, kernels[0], strides[0], before[0], counts[0])
    useful = tuple(axis for axis in (columns, rows) if (axis.kernel, axis.stride) != (1, 1))
    return useful or (rows,)


def repeat_axes(shape: tuple[int, ...], times: tuple[int, ...], beats: int) -> tuple[RepeatAxis, ...]:
    """Repeating along the first spatial axis, then along the next, so that what is kept is a row and a pixel as they came."""
    if len(times) == 1:
        return (RepeatAxis(1, shape[0], beats, times[0]),)
    rows = RepeatAxis(1, shape[0], shape[1] * beats, times[0])
    columns = RepeatAxis(shape[0] * times[0], shape[1], beats, times[1])
    return tuple(axis for axis in (rows, columns) if axis.times > 1) or (columns,)


def spread_axes(
    shape: tuple[int, ...], before: tuple[int, ...], after: tuple[int, ...], step: tuple[int, ...], beats: int
) -> tuple[SpreadAxis, ...]:
    """Spreading along the last spatial axis, then along the one before."""
    step = tuple(1 if length == 1 else each for length, each in zip(shape, step, strict=False))  # nothing is between one
    last = SpreadAxis(math.prod(shape[:-2]), shape[-2], beats, before[-1], after[-1], step[-1])
    if len(before) == 1:
        return (last,)
    rows = SpreadAxis(1, shape[0], last.positions * beats, before[0], after[0], step[0])
    return tuple(axis for axis in (last, rows) if axis.positions != axis.length) or (rows,)
