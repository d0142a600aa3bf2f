"""The sum of every window, exactly: what a change of scale after it makes an average."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, bits_for
from creator.ops.axis import Axis, pool_axes, timing_of
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, divisors
from creator.ops.maxpool import pool_window
from creator.ops.rescale import centred, zero_point
from creator.ops.window import Window


@dataclass(frozen=True)
class SumPool(Op):
    """``sum(x[window] - x0)`` for every window of a channels-last sample and every channel.

    Shapes: input (*size, channels), output (*places, channels). ``x0`` is the zero point of the input's format: padding adds
    nothing. The format of the result holds every sum of codes of the input's format, on its grid; of an ``Affine`` the sum has
    no fractional bits, and is worth its scale.

    Args:
        kernel, stride: as in torch, one number for each of the one or two spatial axes.
        before, after: pixels of padding at the ends of each axis.
        shift: the result is worth the sum divided by 2**shift; only its binary point moves. 0 with an ``Affine``.
    """

    name: ClassVar[str] = "sumpool"

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    shift: int

    def window(self, x: TensorType) -> Window:
        """Where the windows lie on the input."""
        return pool_window(self, x)

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        window = self.window(x)
        if self.shift and isinstance(x.format, Affine):
            raise CreatorError(f"the binary point of a sum of {x.format} cannot move", hint="rescale it")
        if window.taps > MAX_TAPS:
            raise CreatorError(f"windows of {window.taps} elements have too many")
        return TensorType((*window.places, window.channels), sum_format(x.format, window.taps, self.shift))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        low, high = centred(intervals[0], inputs[0].format)
        counts = [_elements(*axis) for axis in _axes(self.window(inputs[0]))]
        fewest, most = (math.prod(count[end] for count in counts) for end in (0, 1))
        return Interval(min(fewest * low, most * low), max(fewest * high, most * high))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        patches = self.window(inputs[0]).patches(values[0] - zero_point(inputs[0].format), 0)
        found: IntArray = patches.sum(axis=tuple(range(-1 - len(self.kernel), -1)), dtype=np.int64)
        return found

    # Hardware.

    def sweeps(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> tuple[Axis, ...]:
        window = self.window(inputs[0])
        return pool_axes(window, window.channels // lanes.input)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[list[int], None]:
        return divisors(result.shape[-1]), None

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return timing_of(self.sweeps(inputs, lanes))


MAX_TAPS = 1 << 24


def sum_format(fmt: Format, terms: int, shift: int = 0) -> FixedPoint:
    """The format of a sum of so many codes of ``fmt``, each less its zero point; its point moved left by ``shift``."""
    low, high = centred(Interval.of(fmt), fmt)
    bits = bits_for(terms * low, terms * high) if low < 0 else (terms * high).bit_length()
    return FixedPoint(bits, fmt.frac_bits + shift, signed=low < 0)


def _axes(window: Window) -> list[tuple[int, int, int, int, int]]:
    return list(zip(window.size, window.kernel, window.stride, window.before, window.places, strict=True))


def _elements(length: int, kernel: int, stride: int, before: int, count: int) -> tuple[int, int]:
    """The fewest and the most elements of a window along an axis; the fewest are in the first or the last one."""
    starts = np.arange(count) * stride - before
    covered = np.minimum(starts + kernel, length) - np.maximum(starts, 0)
    return int(covered.min()), int(covered.max())
