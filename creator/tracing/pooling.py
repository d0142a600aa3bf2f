"""Pools, padding and upsampling as operations on channels-last values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, bits_for
from creator.nn.pool import Averaging
from creator.nn.windows import Windows, divisors, windows_of
from creator.ops import Interval, TensorType
from creator.ops.base import MAX_BITS
from creator.tracing.requantized import Context

Made = Sequence[ops.Op]

FLOAT32_BITS = 24
"""Sums of more bits are not exact in float32, in which torch's own averages compute."""


def maxpool_ops(module: Any, context: Context) -> Made:
    """The largest element of each window."""
    if module.return_indices:
        raise CreatorError("return_indices=True is not supported", hint="use return_indices=False")
    windows = windows_of(module, context.input.shape[:-1])
    if all(axis.dilation == 1 for axis in windows):
        return [] if _trivial(windows) else [ops.MaxPool(*_geometry(windows))]
    if not all(axis.meets() for axis in windows):
        what = "a window of its dilated kernel lies wholly in the padding, where torch's result is minus infinity"
        raise CreatorError(what, hint="use less padding, or less dilation")
    made: list[ops.Op] = []
    shape = context.input.shape
    for place, axis in enumerate(windows):
        if axis.dilation == 1:
            alone = tuple(axis if other == place else Windows(size, 1, 1, 0, 0, size) for other, size in enumerate(shape[:-1]))
            made += [] if _trivial(alone) else [ops.MaxPool(*_geometry(alone))]
        else:
            made += _dilated(axis, place, shape, context.input.format.min_code)
        shape = (*shape[:place], axis.count, *shape[place + 1 :])
    return made


def _dilated(windows: Windows, place: int, shape: tuple[int, ...], lowest: int) -> Made:
    """The largest elements of windows along axis ``place`` of values of ``shape``, of which every ``dilation``-th counts.

    With ``d`` of them side by side in a row, what counts in a window stands in one column: so a window goes over whole rows,
    and has as many of them as elements count. The lowest code fills the rows up, which is larger than none.
    """
    d, before = windows.dilation, windows.before
    beyond = (windows.count - 1) * windows.stride + windows.kernel
    rows = -(-max(before + windows.length, beyond) // d)
    after = rows * d - before - windows.length
    outer, inner, count = math.prod(shape[:place]), math.prod(shape[place + 1 :]), (windows.kernel - 1) // d + 1
    made: list[ops.Op] = [ops.Reshape((outer, windows.length, inner))]
    made += [ops.Pad((0, before), (0, after), (1, 1), lowest)] if before or after else []
    made += [ops.Reshape((outer, rows, d * inner)), ops.MaxPool((1, count), (1, 1), (0, 0), (0, 0))]
    found = (rows - count + 1) * d
    made.append(ops.Reshape((outer, found, inner)))
    if windows.stride > 1:
        made.append(ops.MaxPool((1, 1), (1, windows.stride), (0, 0), (0, 0)))
        found = (found - 1) // windows.stride + 1
    if found > windows.count:
        made.append(ops.Slice(1, 0, windows.count))
    return [*made, ops.Reshape((*shape[:place], windows.count, *shape[place + 1 :]))]


def averaging_ops(module: Averaging, context: Context) -> Made:
    """The sum of each window, and the multiplication by which eval mode makes it an average."""
    x = context.input
    windows = module.geometry(x.shape[:-1])
    counts = module.divisors(windows)
    if isinstance(x.format, Affine) or isinstance(module.output_format, Affine):
        if module.input_format is None or module.input_format != x.format:
            what = f"it has an arbitrary scale, and does not know that its input is {x.format}"
            raise CreatorError(what, hint="trace creator.convert(model)")
        factors, shift = module.multiplier(counts, module.ratio(x.format))
    else:
        factors, shift = module.multiplier(counts)
        shift += x.format.frac_bits - module.output_format.frac_bits
    if shift < 0:
        factors, shift = tuple(factor << -shift for factor in factors), 0
    pool = ops.SumPool(*_geometry(windows), 0)
    sums = pool.infer((x,))
    bits = bits_for(*(bound * max(factors) for bound in Interval.of(sums.format)))
    if isinstance(module.output_format, FixedPoint) and isinstance(x.format, FixedPoint) and bits > MAX_BITS:
        what = f"its products need {bits} bits, more than {MAX_BITS}, which float64 holds"
        raise CreatorError(what, hint="use narrower formats or fewer multiplier_bits")
    return [pool, *_rescaled(module, np.array(factors, dtype=np.int64).reshape(counts.shape), shift, sums)]


def _rescaled(module: Averaging, factors: IntArray, shift: int, sums: TensorType) -> Made:
    """Sums times factors, one for each window; as a row of channels where windows differ in them."""
    output = module.output_format
    rules = (shift, output, module.rounding, output.min_code, output.max_code)
    if (factors == factors.flat[0]).all():
        return [ops.Rescale(factors.ravel()[:1], *rules)]
    each = np.repeat(factors.ravel(), sums.shape[-1])
    return [ops.Reshape((sums.size,)), ops.Rescale(each, *rules), ops.Reshape(sums.shape)]


def plain_average_ops(module: Any, context: Context) -> Made:
    """An average of torch's own, which no format rounds: exact only where it divides by a power of two."""
    windows = windows_of(module, context.input.shape[:-1])
    padded, override = getattr(module, "count_include_pad", True), getattr(module, "divisor_override", None)
    found = sorted({int(count) for count in divisors(windows, padded, override).flat})
    hint = f"use creator.nn.{type(module).__name__}, or creator.prepare(model, example_input)"
    if len(found) > 1 or found[0] & (found[0] - 1):
        what = f"an average that divides by {' or '.join(map(str, found))} has no exact result without a format"
        raise CreatorError(what, hint=hint)
    if isinstance(context.input.format, Affine):
        raise CreatorError(f"an average of {context.input.format} needs a format", hint=hint)
    if _trivial(windows) and found == [1]:
        return []
    pool = ops.SumPool(*_geometry(windows), found[0].bit_length() - 1)
    bits = pool.infer((context.input,)).format.total_bits
    if bits > FLOAT32_BITS:
        raise CreatorError(f"sums of {bits} bits are not exact in float32", hint=hint)
    return [pool]


class _Geometry(NamedTuple):
    """Kernel, stride, and padding before and after, of each axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def _geometry(windows: tuple[Windows, ...]) -> _Geometry:
    return _Geometry(*(tuple(getattr(axis, name) for axis in windows) for name in _Geometry._fields))


def _trivial(windows: tuple[Windows, ...]) -> bool:
    return all((axis.kernel, axis.stride) == (1, 1) for axis in windows)


def pad_ops(module: Any, context: Context) -> Made:
    """A constant around the sample."""
    return padded(module.padding, module.value, context)


def padded(edges: Sequence[int], value: Any, context: Context) -> Made:
    """``value`` at both ends of the last axes: (before, after) of the last one, of the one before it, and so on."""
    x, axes = context.input, len(context.input.shape) - 1
    pairs = list(zip(edges[::2], edges[1::2], strict=True))[::-1]
    if any(n < 0 for pair in pairs for n in pair):
        raise CreatorError(f"padding {tuple(edges)} cuts off pixels", hint="use padding of 0 or more, and slices: x[..., 1:-1]")
    pairs = [(0, 0)] * (axes + 1 - len(pairs)) + pairs
    (first, last), pixels = pairs[-axes - 1], pairs[-axes:]
    if any(map(any, pairs[: -axes - 1])):
        raise CreatorError("padding of the batch is not supported", hint="pad axes of a sample only")
    code = _code(value, x) if any(map(any, pairs)) else 0
    made: list[ops.Op] = []
    if first or last:  # of a channel for each pixel, in a row
        rows = ops.Reshape((math.prod(x.shape[:-1]), x.shape[-1], 1))
        made = [rows, ops.Pad((0, first), (0, last), (1, 1), code), ops.Reshape((*x.shape[:-1], first + x.shape[-1] + last))]
    if any(map(any, pixels)):
        before, after = zip(*pixels, strict=True)
        made.append(ops.Pad(before, after, (1,) * axes, code))
    return made


def _code(value: Any, x: TensorType) -> int:
    """The code of a constant."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CreatorError(f"the padding value {value!r} is not a number")
    code = int(x.format.to_integers([value])[0])
    if float(x.format.from_integers([code])[0]) != value:
        raise CreatorError(f"the padding value {value} is not a value of {x.format}", hint="choose one that the format holds")
    return code


def upsample_ops(module: Any, context: Context) -> Made:
    """Every pixel several times. Which pixels torch takes is seen from what it does to their numbers."""
    if module.mode not in ("nearest", "nearest-exact"):
        raise CreatorError(f"mode={module.mode!r} is not supported", hint='use mode="nearest"')
    sizes = context.input.shape[:-1]
    factors = []
    for axis, length in enumerate(sizes):
        shape = [1, 1] + [1] * len(sizes)
        shape[2 + axis] = length
        numbers = torch.arange(length, dtype=torch.float32).reshape(shape).expand(1, 1, *sizes)
        taken = torch.movedim(module(numbers), 2 + axis, 0).flatten(1)[:, 0].numpy()
        factor = len(taken) // length
        if not np.array_equal(taken, np.repeat(np.arange(length), factor)):
            raise CreatorError(f"it takes {length} pixels to {len(taken)}, not each equally often", hint="use a whole factor")
        factors.append(factor)
    return [ops.Upsample(tuple(factors))] if max(factors) > 1 else []


def pixel_shuffle_ops(module: torch.nn.PixelShuffle, context: Context) -> Made:
    """Groups of ``r * r`` channels as squares of pixels."""
    r, (height, width, channels) = module.upscale_factor, context.input.shape
    if channels % (r * r):
        raise CreatorError(f"{channels} channels are no squares of {r} times {r}", hint="give a multiple of its square")
    left = channels // (r * r)
    if r == 1:
        return []
    squares = ops.Reshape((height, width, left, r, r))
    return [squares, ops.Permute((0, 3, 1, 4, 2)), ops.Reshape((height * r, width * r, left))]


def pixel_unshuffle_ops(module: torch.nn.PixelUnshuffle, context: Context) -> Made:
    """Squares of ``r`` times ``r`` pixels as channels."""
    r, (height, width, channels) = module.downscale_factor, context.input.shape
    if r == 1:
        return []
    rows, columns = height // r, width // r
    squares = ops.Reshape((rows, r, columns, r, channels))
    return [squares, ops.Permute((0, 2, 4, 1, 3)), ops.Reshape((rows, columns, channels * r * r))]


def channel_shuffle_ops(module: torch.nn.ChannelShuffle, context: Context) -> Made:
    """The first channel of every group, then the second of each, and so on."""
    shape, groups = context.input.shape, module.groups
    pixels, each = math.prod(shape[:-1]), shape[-1] // groups
    if groups == 1 or each == 1:
        return []
    return [ops.Reshape((pixels, groups, each)), ops.Permute((0, 2, 1)), ops.Reshape(shape)]


SPATIAL: dict[type[torch.nn.Module], Callable[[Any, Context], Made]] = {
    nn.AvgPool1d: averaging_ops,
    nn.AvgPool2d: averaging_ops,
    nn.AdaptiveAvgPool1d: averaging_ops,
    nn.AdaptiveAvgPool2d: averaging_ops,
    torch.nn.MaxPool1d: maxpool_ops,
    torch.nn.MaxPool2d: maxpool_ops,
    torch.nn.AdaptiveMaxPool1d: maxpool_ops,
    torch.nn.AdaptiveMaxPool2d: maxpool_ops,
    torch.nn.AvgPool1d: plain_average_ops,
    torch.nn.AvgPool2d: plain_average_ops,
    torch.nn.AdaptiveAvgPool1d: plain_average_ops,
    torch.nn.AdaptiveAvgPool2d: plain_average_ops,
    torch.nn.ZeroPad1d: pad_ops,
    torch.nn.ZeroPad2d: pad_ops,
    torch.nn.ConstantPad1d: pad_ops,
    torch.nn.ConstantPad2d: pad_ops,
    torch.nn.PixelShuffle: pixel_shuffle_ops,
    torch.nn.PixelUnshuffle: pixel_unshuffle_ops,
    torch.nn.ChannelShuffle: channel_shuffle_ops,
    torch.nn.Upsample: upsample_ops,
    torch.nn.UpsamplingNearest2d: upsample_ops,
}
"""Modules that read a value as pixels of channels, and what they become. ``[]``: nothing."""


def axes_of(module: torch.nn.Module) -> int | None:
    """How many spatial axes a module of :data:`SPATIAL` reads; ``None`` if one or two."""
    if isinstance(module, (torch.nn.modules.padding._ConstantPadNd, torch.nn.Upsample, torch.nn.ChannelShuffle)):
        return None
    return 2 if type(module).__name__.endswith("2d") or isinstance(module, _PIXELS_2D) else 1


_PIXELS_2D = (
    torch.nn.MaxPool2d, torch.nn.AvgPool2d, torch.nn.AdaptiveMaxPool2d, torch.nn.AdaptiveAvgPool2d,
    torch.nn.PixelShuffle, torch.nn.PixelUnshuffle,
)  # fmt: skip
