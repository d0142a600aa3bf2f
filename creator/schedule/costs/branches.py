"""What operations cost that join streams, or leave out a part of one."""

from __future__ import annotations

import math

from creator.formats import bits_for
from creator.ops import Add, Concatenate, Interval, Lanes, Multiply, Op, Slice, TensorType
from creator.ops.rescale import PART_BITS, operand_bits
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def _joins(parts: Parts, op: Op, inputs: tuple[TensorType, ...], lanes: Lanes) -> None:
    """The control of a short pipeline with one clock enable, which takes a beat of each stream at once."""
    timing = op.timing(inputs, lanes)
    assert timing is not None
    parts.luts["stream"] += 1
    parts.luts["counter"] += 2
    parts.ffs["control"] += 2 * timing.delay


def add_cost(parts: Parts, op: Add, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...], lanes: Lanes) -> None:
    """A sum: one adder and one requantizer for each lane."""
    _joins(parts, op, inputs, lanes)
    bits = bits_for(*op.sums(inputs, intervals))
    parts.luts["add"] += lanes.input * bits
    parts.ffs["sum"] += lanes.input * bits
    dropped = op.frac_bits(inputs) - op.output.frac_bits
    parts.requantizer(lanes.input, bits, dropped, op.output, op.rounding, saturates=True)


def multiply_cost(
    parts: Parts, op: Multiply, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...], lanes: Lanes
) -> None:
    """A product: the multiplier blocks of its parts, and one requantizer, for each lane."""
    _joins(parts, op, inputs, lanes)
    first, second = (operand_bits(x.format) for x in inputs)
    products = bits_for(*op.products(intervals))
    blocks = math.prod(op.parts(inputs))
    each = parts.family.multiplier_blocks(min(first, PART_BITS + 1), min(second, PART_BITS + 1))
    parts.dsps += lanes.input * blocks * each
    if not each:
        parts.luts["multiply"] += lanes.input * blocks * first * second
    parts.ffs["block" if each else "operand"] += lanes.input * (first + second)
    parts.ffs["block" if each else "product"] += lanes.input * products
    parts.ffs["sum"] += 2 * lanes.input * products * (blocks > 1)
    parts.luts["add"] += lanes.input * products * (blocks > 1)
    dropped = op.frac_bits(inputs) - op.output.frac_bits
    parts.requantizer(lanes.input, products, dropped, op.output, op.rounding, saturates=True)


def concatenate_cost(
    parts: Parts, op: Concatenate, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...], lanes: Lanes
) -> None:
    """A register, and before it a choice where the one value comes after the other."""
    _joins(parts, op, inputs, lanes)
    bits = inputs[0].format.total_bits * lanes.output
    parts.ffs["round"] += bits
    if lanes.input == lanes.output:
        parts.luts["choose"] += bits
        counter = address_bits(max(op.run_beats(inputs, lanes)))
        parts.luts["counter"] += counter
        parts.ffs["control"] += counter + 1


def slice_cost(parts: Parts, op: Slice, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A register, and a counter where beats are dropped."""
    _joins(parts, op, (x,), lanes)
    parts.ffs["round"] += x.format.total_bits * lanes.output
    if lanes.input == lanes.output:
        counter = address_bits(op.kept_beats(x, lanes)[2]) + address_bits(op.rounds(x)) * (op.rounds(x) > 1)
        parts.luts["counter"] += counter
        parts.ffs["control"] += counter
