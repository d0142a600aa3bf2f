"""What convolutions, and exchanges of axes, cost."""

from __future__ import annotations

from creator.formats import bits_for
from creator.ops import Conv, Interval, Lanes, Permute, TensorType, beats
from creator.ops.window import Ring
from creator.schedule.costs.linear import multiplying_cost
from creator.schedule.mac_array import MacArray
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def window_cost(parts: Parts, ring: Ring, blocks: int, again: int, bits: int) -> None:
    """A reader of windows, whose beats have ``bits`` bits."""
    loops = [ring.beats // blocks, *ring.kernel, again, blocks, *ring.places]
    counters = sum(address_bits(count) for count in loops if count > 1)
    place, count = address_bits(ring.depth), bits_for(-2 * ring.depth, 2 * ring.depth)
    frame = address_bits(ring.frame)
    parts.luts["core"] += 1
    parts.luts["counter"] += counters + place + frame
    parts.luts["add"] += 2 * place + 2 * count
    parts.luts["choose"] += 4 * place + 2 * count
    parts.ffs["control"] += counters + len(loops) + place * 4 + frame + 2 * count + 6
    parts.ram(ring.depth, bits)
    if ring.window.padded:
        edges = sum(address_bits(size + 2) for size in ring.size)
        parts.luts["add"] += 2 * edges
        parts.luts["choose"] += edges + bits
        parts.ffs["control"] += 2 * edges + 1
        parts.ffs["operand"] += bits


def conv_cost(parts: Parts, op: Conv, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A convolution."""
    array = MacArray(op, x, interval, lanes)
    window_cost(parts, op.ring(x, lanes), *op.passes(lanes), x.format.total_bits * lanes.input)
    counters = address_bits(array.words) + (address_bits(array.groups) if array.bias_bits and array.groups > 1 else 0)
    parts.luts["counter"] += counters
    parts.ffs["control"] += counters + 2 * op.stages(lanes) + op.sum_stages(lanes)
    parts.ffs["operand"] += op.padding_stages * address_bits(array.words)
    multiplying_cost(parts, array)


def permute_cost(parts: Parts, op: Permute, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """An exchange of axes inside the network: two blocks, a counter for each axis, and one of blocks."""
    place, blocks = address_bits(op.block(x)), x.size // op.block(x)
    inner = x.shape if blocks == 1 else x.shape[next(at for at, axis in enumerate(op.axes) if at != axis) :]
    loops = sum(address_bits(n) for n in (*inner, blocks) if n > 1)
    parts.luts["core"] += 1
    parts.luts["counter"] += place + loops
    parts.luts["add"] += place
    parts.luts["choose"] += 2 * place
    parts.ffs["control"] += 2 * place + loops + len(x.shape) + 10
    parts.ram(beats(2 << place, 1), x.format.total_bits)
    parts.ffs["round"] += x.format.total_bits
