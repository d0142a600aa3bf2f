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
        _counters(parts, counted, axis.stages)
        results = lanes.input * axis.kept * width
        parts.luts["add"] += results
        parts.luts["choose"] += results * (2 if axis.shifts else 1)
        parts.ffs["operand"] += lanes.input * bits * max(1, axis.stages - 1)
        parts.ffs["round"] += lanes.input * width
        if axis.remembers:
            parts.ram(1 << address_bits(axis.inner), results)
            parts.ffs["operand"] += 2 * results
        else:
            parts.ffs["held"] += results * axis.inner
        bits = width


def upsample_cost(parts: Parts, op: Upsample, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Nearest upsampling: a memory of a position."""
    each, beat = op.sweeps((x,), lanes), lanes.input * x.format.total_bits
    _between(parts, len(each), beat)
    for axis in each:
        assert isinstance(axis, RepeatAxis)
        _counters(parts, [axis.inner, axis.times], axis.stages)
        parts.ffs["operand"] += beat
        if axis.remembers:
            parts.ram(1 << address_bits(axis.inner), beat)


def pad_cost(parts: Parts, op: Pad, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Padding: a choice and two registers of a beat."""
    each, beat = op.sweeps((x,), lanes), lanes.input * x.format.total_bits
    _between(parts, len(each), beat)
    for axis in each:
        assert isinstance(axis, SpreadAxis)
        _counters(parts, [axis.inner, axis.positions, axis.step], 2)
        parts.luts["choose"] += beat
        parts.ffs["held"] += beat
        parts.ffs["round"] += beat


def _counters(parts: Parts, counted: list[int], stages: int) -> None:
    bits = sum(address_bits(count) for count in counted if count > 1)
    parts.luts["stream"] += 1
    parts.luts["counter"] += bits
    parts.ffs["control"] += bits + 3 * stages


def _between(parts: Parts, axes: int, bits: int) -> None:
    if axes > 1:
        parts.stream_register(bits)
