"""What tables, limits and changes of format cost."""

from __future__ import annotations

from creator.formats import FixedPoint, Rounding
from creator.ops import Clamp, Interval, Lanes, Lookup, Minifloat, Op, Quantize, TensorType
from creator.schedule.parts import Parts


def streams(parts: Parts, op: Op, x: TensorType, lanes: Lanes) -> None:
    """The control of a short pipeline with one clock enable."""
    timing = op.timing((x,), lanes)
    assert timing is not None
    parts.luts["stream"] += 1
    parts.ffs["control"] += 2 * timing.delay


def lookup_cost(parts: Parts, op: Lookup, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A table."""
    streams(parts, op, x, lanes)
    for _ in range(lanes.input):
        parts.rom(len(op.table), op.output.total_bits)
    parts.ffs["round"] += lanes.input * op.output.total_bits
    if op.chooses:
        bits, width = x.format.total_bits, op.output.total_bits
        stages = op.memory_stages + 1
        parts.luts["choose"] += lanes.input * width * bool(op.below or op.above)
        parts.luts["limit"] += lanes.input * (bits - op.address_bits) / 3
        parts.luts["add"] += lanes.input * (bits + (1.3 * width if op.symmetry < 0 else 0)) * bool(op.symmetry)
        shifted = len(op.below) == 2 or len(op.above) == 2
        held = width + stages * (bool(op.below) + bool(op.above) + bool(op.symmetry) + bits * shifted)
        parts.ffs["operand"] += lanes.input * (held + bits * bool(op.symmetry))


def quantize_cost(parts: Parts, op: Quantize, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A change of format."""
    streams(parts, op, x, lanes)
    dropped = x.format.frac_bits - op.output.frac_bits
    parts.requantizer(lanes.input, x.format.total_bits, dropped, op.output, op.rounding, saturates=True)


def clamp_cost(parts: Parts, op: Clamp, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A limit."""
    streams(parts, op, x, lanes)
    bits = x.format.total_bits
    output = FixedPoint(bits, 0, x.format.signed)
    parts.requantizer(lanes.input, bits, 0, output, Rounding.FLOOR, saturates=True)


def minifloat_cost(parts: Parts, op: Minifloat, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Rounding to a floating-point format: a magnitude, a mask of the bits that are dropped, an adder, the sign again."""
    streams(parts, op, x, lanes)
    wide = max(max(map(abs, interval)).bit_length(), op.mantissa + 2, op.shift(x.format) + 1)
    signs = 2 if interval.low < 0 else 0
    levels = max(0, wide - op.mantissa - 2).bit_length()
    parts.luts["add"] += lanes.input * wide * (1 + signs)
    parts.luts["choose"] += lanes.input * wide * (2 + levels / 2)
    parts.luts["limit"] += lanes.input * op.output.total_bits
    parts.ffs["round"] += lanes.input * (7 * wide + op.output.total_bits)
