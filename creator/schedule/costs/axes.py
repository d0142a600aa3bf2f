"""What pools, padding and upsampling cost: counters, one entity an axis, and their memories."""

from __future__ import annotations

from creator.ops import Interval, Lanes, MaxPool, Op, Pad, SumPool, TensorType, Upsample
from creator.ops.axis import PoolAxis, RepeatAxis, SpreadAxis
from creator.ops.sumpool import sum_format
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def maxpool_cost(parts: Parts, op: MaxPool, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Maximum pooling: a comparison and a choice for each result that is kept."""
    bits = x.format.total_bits
    _pools(parts, op, x, lanes, [bits] * 2, bits)


def sumpool_cost(parts: Parts, op: SumPool, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Sums: an addition and a choice for each result that is kept."""
    axes = op.sweeps((x,), lanes)
    first = axes[0].kernel if isinstance(axes[0], PoolAxis) else 1
    ends = sum_format(x.format, op.window(x).taps, op.shift).total_bits
    widths = [ends] if len(axes) == 1 else [sum_format(x.format, first).total_bits, ends]
    _pools(parts, op, x, lanes, widths, x.format.total_bits)


def _pools(parts: Parts, op: Op, x: TensorType, lanes: Lanes, widths: list[int], bits: int) -> None:
    each = op.sweeps((x,), lanes)
    _between(parts, len(each), widths[0] * lanes.input)
    for axis, width in zip(each, widths, strict=False):
        assert isinstance(axis, PoolAxis)
        counted = [axis.inner, axis.kernel] + ([] if axis.aligned else [axis.length + axis.flush])
        flags = 4 + axis.kept + (address_bits(axis.inner) if axis.remembers else 0)
        _counters(parts, counted, flags * axis.stages)
        results = lanes.input * axis.kept * width
        parts.luts["add"] += results * (3 if axis.shifts else 2)
        # The value, in as many stages as wait for what is kept; the result.
        parts.ffs["round"] += lanes.input * (bits * max(1, axis.stages - 1) + (width if axis.kept else 0))
        if axis.remembers:
            parts.ram(1 << address_bits(axis.inner), results)
            parts.ffs["round"] += results
        else:
            parts.ffs["round"] += results * axis.inner
        bits = width


def upsample_cost(parts: Parts, op: Upsample, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Nearest upsampling: a memory of a position."""
    each, beat = op.sweeps((x,), lanes), lanes.input * x.format.total_bits
    _between(parts, len(each), beat)
    for axis in each:
        assert isinstance(axis, RepeatAxis)
        _counters(parts, [axis.inner, axis.times], 3 * axis.stages + 3)
        if axis.remembers:
            parts.ram(1 << address_bits(axis.inner), beat)
        else:
            parts.ffs["round"] += beat


def pad_cost(parts: Parts, op: Pad, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Padding: two registers of a beat, the second of which has a reset for the constant."""
    each, beat = op.sweeps((x,), lanes), lanes.input * x.format.total_bits
    _between(parts, len(each), beat)
    for axis in each:
        assert isinstance(axis, SpreadAxis)
        _counters(parts, [axis.inner, axis.positions, axis.step], 5)
        parts.luts["add"] += 10
        parts.ffs["round"] += 2 * beat


def _counters(parts: Parts, counted: list[int], flags: int) -> None:
    """Counters up to each of ``counted``, the comparisons that end them, and flags in registers."""
    bits = sum(address_bits(count) for count in counted if count > 1)
    parts.luts["stream"] += 1
    parts.luts["counter"] += 2 * bits
    parts.ffs["control"] += bits + flags


def _between(parts: Parts, axes: int, bits: int) -> None:
    if axes > 1:
        parts.luts["add"] += bits
        parts.ffs["round"] += 2 * bits + 4
