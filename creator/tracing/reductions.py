"""Sums, averages, maxima and minima over axes of a sample, whichever they are: pools with windows as wide as these axes.

Axes that stand side by side in the graph are one window. What stands before them are rows of their own, so that nothing moves:
where channels are stored last, a sum over them reads the stream as it comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from creator import ops
from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, bits_for
from creator.graph import Builder
from creator.tracing.broadcast import transposed_alike
from creator.tracing.fx import Call
from creator.tracing.joins import FLOAT32_BITS, FLOAT64_BITS
from creator.tracing.layout import Value, probe

Shape = tuple[int, ...]

TOTALS = {torch.sum, "sum"}
MEANS = {torch.mean, "mean"}
LARGEST = {torch.amax, "amax", torch.max, "max"}
LEAST = {torch.amin, "amin", torch.min, "min"}
REDUCTIONS: frozenset[Any] = frozenset(TOTALS | MEANS | LARGEST | LEAST)
EXTREMES: frozenset[Any] = frozenset({torch.max, "max", torch.min, "min"})
"""Those of :data:`REDUCTIONS` that reduce one axis and give indices, too, or compare two values."""


@dataclass(frozen=True)
class Reduction:
    """Which axes of a sample a call reduces, and whether they stay, with one element."""

    axes: Shape
    keepdim: bool


def reduction_of(call: Call, rank: int) -> Reduction:
    """What a call of one of :data:`REDUCTIONS` does to samples of so many axes: seen from sizes that all differ.

    Raises:
        CreatorError: for one that reduces the batch.
    """
    batch = probe(rank)
    sizes = tuple(batch.shape)
    target = call.target if callable(call.target) else getattr(torch.Tensor, str(call.target))
    found = target(batch, *call.args[1:], **call.kwargs)
    left = (found if isinstance(found, torch.Tensor) else found[0]).shape
    if left[:1] != sizes[:1]:
        every = ", ".join(map(str, range(1, rank + 1)))
        hint = f"name axes of a sample: dim={every}" if rank == 1 else f"name axes of a sample: dim=({every}) is all of them"
        raise CreatorError("mixes the batch with other axes", hint=hint)
    axes = tuple(axis for axis, size in enumerate(sizes[1:]) if size not in left)
    return Reduction(axes, len(left) == rank + 1)


def pools_spatially(call: Call, rank: int) -> bool:
    """Whether a call is a mean or a maximum over spatial axes of pixels of channels, with no type of its own: a pool."""
    if call.target in TOTALS | LEAST | EXTREMES or call.kwargs.get("dtype") is not None or rank not in (2, 3):
        return False
    axes = reduction_of(call, rank).axes
    return bool(axes) and 0 not in axes


def reduced(builder: Builder, value: Value, call: Call, dtype: torch.dtype, paths: tuple[str, ...]) -> Value:
    """Appends a call of one of :data:`REDUCTIONS`; ``dtype`` is that of PyTorch's result.

    Raises:
        CreatorError: for one that reduces the batch, and for sums and averages that PyTorch does not compute exactly.
    """
    reduction = reduction_of(call, len(value.shape))
    (value,) = transposed_alike(builder, [value], paths)
    stored = builder.type_of(value.name).shape
    axes = value.axes or tuple(range(len(stored)))
    gone = {axes[axis] for axis in reduction.axes}
    if call.target in LARGEST | LEAST:
        name = _extremes(builder, value.name, gone, call.target in LEAST, paths)
    else:
        name = _sums(builder, value.name, gone, call.target in MEANS, dtype, paths)
    if reduction.keepdim:
        shape = tuple(1 if axis in reduction.axes else size for axis, size in enumerate(value.shape))
        return Value(name, shape, value.axes)
    left = [place for place in axes if place not in gone] or [axes[0]]
    order = tuple(sorted(left).index(place) for place in left)
    kept = tuple(builder.type_of(name).shape[place] for place in sorted(left))
    name = _reshaped(builder, name, kept, paths)
    return Value(name, tuple(kept[place] for place in order), order if order != tuple(sorted(order)) else None)


def _extremes(builder: Builder, name: str, gone: set[int], least: bool, paths: tuple[str, ...]) -> str:
    """The largest elements along axes of a node, or the least: minus the largest of all, each with its sign turned."""
    fmt = builder.type_of(name).format
    if not least:
        return _pooled(builder, name, gone, lambda kernel: _maxima(kernel), paths)
    if isinstance(fmt, Affine):
        raise CreatorError(f"a minimum of {fmt} is not supported", hint="put nn.Quantize with a FixedPoint before it")
    turned = FixedPoint(bits_for(-fmt.max_code, -fmt.min_code), fmt.frac_bits)
    name = builder.add(_negation(turned), name, paths)
    name = _pooled(builder, name, gone, lambda kernel: _maxima(kernel), paths)
    return builder.add(_negation(fmt), name, paths)


def _sums(builder: Builder, name: str, gone: set[int], mean: bool, dtype: torch.dtype, paths: tuple[str, ...]) -> str:
    """Exact sums along axes of a node, or averages."""
    kind = builder.type_of(name)
    layer = "creator.nn.AvgPool1d or AvgPool2d" + ("" if mean else " with divisor_override=1")
    hint = f"use {layer}, which round to an output format, or creator.prepare(model, example_input)"
    if dtype not in (torch.float32, torch.float64):
        raise CreatorError(f"a result of the type {dtype} is not supported", hint="leave dtype out, or use torch.float64")
    if isinstance(kind.format, Affine):
        raise CreatorError(f"the sum of values of {kind.format} needs an output format", hint=hint)
    count = math.prod(kind.shape[axis] for axis in gone)
    if mean and count & (count - 1):
        raise CreatorError(f"an average that divides by {count} has no exact result without a format", hint=hint)

    def pool(kernel: Shape) -> ops.Op:
        nothing = (0,) * len(kernel)
        return ops.SumPool(kernel, kernel, nothing, nothing, math.prod(kernel).bit_length() - 1 if mean else 0)

    name = _pooled(builder, name, gone, pool, paths)
    bits, most = builder.type_of(name).format.total_bits, FLOAT32_BITS if dtype == torch.float32 else FLOAT64_BITS
    if bits > most:
        raise CreatorError(f"sums of {bits} bits are not exact in {str(dtype).removeprefix('torch.')}", hint=hint)
    return name


def _maxima(kernel: Shape) -> ops.Op:
    nothing = (0,) * len(kernel)
    return ops.MaxPool(kernel, kernel, nothing, nothing)


def _negation(output: FixedPoint) -> ops.Slope:
    """Minus a value, which ``output`` holds."""
    rules = (Rounding.FLOOR, Overflow.SATURATE, output.min_code, output.max_code)
    return ops.Slope(np.array([-1]), 0, output, *rules, everywhere=1)


def _pooled(builder: Builder, name: str, gone: set[int], pool: Any, paths: tuple[str, ...]) -> str:
    """A node with one element left along each axis of ``gone``; ``pool`` makes the operation for a window."""
    stored = list(builder.type_of(name).shape)
    stop = len(stored)
    while stop:
        start = stop
        while start and start - 1 in gone:
            start -= 1
        size = math.prod(stored[start:stop])
        if size > 1:
            outer, inner = math.prod(stored[:start]), math.prod(stored[stop:])
            rows, kernel = ((), (size,)) if outer == 1 else ((outer,), (1, size))
            name = _reshaped(builder, name, (*rows, size, inner), paths)
            name = builder.add(pool(kernel), name, paths)
        stored[start:stop] = [1] * (stop - start)
        stop = max(0, start - 1)
    return _reshaped(builder, name, tuple(stored), paths)


def _reshaped(builder: Builder, name: str, shape: Shape, paths: tuple[str, ...]) -> str:
    return name if builder.type_of(name).shape == shape else builder.add(ops.Reshape(shape), name, paths)
