"""What a fully connected layer's core costs."""

from __future__ import annotations

from creator.formats import Rounding
from creator.ops import Interval, Lanes, Linear, TensorType
from creator.schedule.mac_array import MacArray
from creator.schedule.parts import Parts
from creator.schedule.rom import address_bits


def linear_cost(parts: Parts, op: Linear, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """A fully connected layer."""
    array = MacArray(op, x, interval, lanes)
    words, groups, bias_bits, stages = array.row_words, array.groups, array.bias_bits, op.stages(lanes)
    word, group = address_bits(words), address_bits(groups)
    stores = groups > 1
    counters = word * (1 + stores) + group * (stores + stores * bool(bias_bits)) + (word + group) * stores
    counters -= word * array.index_in_address + group * array.group_in_address
    parts.luts["core"] += 1
    parts.luts["counter"] += counters
    parts.ffs["control"] += counters + 5 * stores + stages * (1 + stores) + op.sum_stages(lanes)
    if stores:
        parts.ram(2 * (1 << address_bits(words) if words > 1 else 1), lanes.input * x.format.total_bits)
    else:
        parts.ffs["operand"] += lanes.input * x.format.total_bits
    multiplying_cost(parts, array)


def multiplying_cost(parts: Parts, array: MacArray) -> None:
    """The memories of weights and biases, the MAC array, the requantizer, and the queue of a wide core."""
    op, x, lanes = array.op, array.x, array.lanes
    words, groups, bias_bits, sum_bits = array.row_words, array.groups, array.bias_bits, op.accumulator.total_bits
    parts.rom(words * groups, array.word_bits)
    if bias_bits:
        parts.rom(groups, lanes.output * bias_bits)
        parts.ffs["operand"] += lanes.output * bias_bits * (1 + array.bias_in_block)
    _products(parts, array)
    parts.ffs["operand"] += lanes.input * (array.activation_bits + x.format.total_bits)
    parts.ffs["read"] += array.word_bits
    if op.far(lanes):
        parts.ffs["near"] += array.word_bits + lanes.input * x.format.total_bits
    before = array.terms
    for terms, bits in array.level_bits(sum_bits - op.align(x)):
        parts.luts["add"] += lanes.output * (before // 2) * bits
        parts.ffs["sum"] += lanes.output * terms * bits
        before = terms
    if not (parts.family.accumulates and array.accumulates_in(parts.family)):
        parts.luts["add"] += lanes.output * sum_bits if words > 1 or op.bias.any() else 0
        parts.ffs["sum"] += lanes.output * sum_bits
    parts.luts["choose"] += lanes.output * sum_bits if words > 1 else 0
    rounding = Rounding.FLOOR if op.offset else op.rounding
    parts.requantizer(lanes.output, sum_bits, op.dropped, op.output, rounding, saturates=True)
    if op.wide(lanes):
        parts.queue(lanes.output * op.output.total_bits + 1)


def _products(parts: Parts, array: MacArray) -> None:
    products = array.products
    if array.selects:
        parts.luts["select"] += products * array.product_bits
        parts.ffs["product"] += products * array.product_bits
        parts.ffs["operand"] += products * array.weight_bits
        return
    wide = array.operand_bits
    shared = array.terms * array.pairs
    lone = products - 2 * shared
    each = parts.family.multiplier_blocks(array.activation_bits, array.weight_bits)
    parts.dsps += shared * parts.family.multiplier_blocks(*wide) + lone * each
    # Registers next to a multiplier block can be part of it.
    operand, product = ("block", "block") if each else ("operand", "product")
    if not each:
        parts.luts["multiply"] += lone * array.activation_bits * array.weight_bits
    parts.ffs["block"] += (1 + array.op.far(array.lanes)) * shared * sum(wide) + shared * (array.upper_bits + array.weight_bits)
    parts.ffs[product] += (1 + array.op.far(array.lanes)) * lone * array.product_bits
    parts.ffs[operand] += lone * array.weight_bits
    if shared:
        parts.luts["add"] += shared * array.product_bits
        parts.ffs["pair"] += shared * (array.product_bits + array.low_bits) + lone * array.product_bits
