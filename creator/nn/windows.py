"""Where a pooling layer's windows lie, by torch's rules: along each axis, and how many elements each divides by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray


@dataclass(frozen=True)
class Windows:
    """The windows along one axis of ``length`` positions: ``count`` of ``kernel`` positions, ``stride`` apart.

    The first begins ``before`` positions ahead of the axis; ``padding`` are the positions behind it that count as padding,
    and the last window may go beyond those too. Of the positions of a window every ``dilation``-th counts, the first and the
    last among them.
    """

    length: int
    kernel: int
    stride: int
    before: int
    padding: int
    count: int
    dilation: int = 1

    @property
    def after(self) -> int:
        """Positions behind the axis that windows may reach."""
        return max(self.padding, (self.count - 1) * self.stride + self.kernel - self.before - self.length)

    def covered(self, padded: bool) -> IntArray:
        """Positions of each window that lie on the axis, or with ``padded`` on it and its padding; shape (count,)."""
        starts = np.arange(self.count, dtype=np.int64) * self.stride - self.before
        ends = np.minimum(starts + self.kernel, self.length + self.padding)
        if padded:
            return ends - starts
        found: IntArray = np.minimum(ends, self.length) - np.maximum(starts, 0)
        return found

    def meets(self) -> bool:
        """Whether every window has a position on the axis that counts; with a dilation all may lie beside it."""
        starts = np.arange(self.count, dtype=np.int64)[:, None] * self.stride - self.before
        places = starts + np.arange(0, self.kernel, self.dilation)
        return bool(((places >= 0) & (places < self.length)).any(axis=1).all())


def per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    """A layer's argument for each axis: torch takes one number, a tuple of one, or a tuple."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    values = values * axes if len(values) == 1 else values
    if len(values) != axes:
        raise CreatorError(f"{value!r} is not an argument for {axes} axes")
    return values


def windows_of(module: Any, sizes: tuple[int, ...]) -> tuple[Windows, ...]:
    """The windows of a pooling module of torch, or of one derived from it, along axes of ``sizes``.

    Raises:
        CreatorError: for adaptive windows that are not all of one size, and for windows outside of the input.
    """
    if hasattr(module, "output_size"):
        return tuple(map(_adaptive, sizes, per_axis(module.output_size, len(sizes))))
    stride = module.kernel_size if module.stride is None else module.stride
    given = (module.kernel_size, stride, module.padding, getattr(module, "dilation", 1))
    kernels, strides, paddings, dilations = (per_axis(value, len(sizes)) for value in given)
    each = zip(sizes, kernels, strides, paddings, dilations, strict=True)
    return tuple(_strided(*numbers, ceil_mode=bool(module.ceil_mode)) for numbers in each)


def _adaptive(length: int, output: int | None) -> Windows:
    count = length if output is None else output
    if length % count:
        raise CreatorError(
            f"{count} windows over {length} positions differ in size", hint="choose a number of outputs that divides the size"
        )
    return Windows(length, length // count, length // count, 0, 0, count)


def _strided(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool) -> Windows:
    kernel = dilation * (kernel - 1) + 1
    room = length + 2 * padding - kernel
    count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if count < 1:
        raise CreatorError(f"windows of {kernel} positions do not fit an axis of {length} and its padding")
    if ceil_mode and (count - 1) * stride >= length + padding:
        count -= 1  # torch: the last window must begin within the input or the padding before it
    return Windows(length, kernel, stride, padding, padding, count, dilation if kernel > 1 else 1)


def divisors(windows: tuple[Windows, ...], padded: bool, override: int | None) -> IntArray:
    """What each window's sum is divided by; shape (count, ...): one axis for each of ``windows``.

    Args:
        windows: along each axis.
        padded: whether padding counts.
        override: the divisor of all, or ``None``.
    """
    each = np.ones((1,) * len(windows), dtype=np.int64)
    for axis, along in enumerate(windows):
        shape = [1] * len(windows)
        shape[axis] = along.count
        each = each * along.covered(padded).reshape(shape)
    return np.full_like(each, override) if override is not None else each
