"""What the parts of a plan cost in hardware: counted where counting is exact, weighted by calibration where tools decide.

A part's structure gives numbers of bits that are added, multiplexed, stored and so on; a family of devices has a weight, in
LUTs or flip-flops, for each kind. ``scripts/calibrate.py`` finds the weights by least squares from synthesized designs.
Multipliers and block RAMs are counted.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from creator.affine import Affine, Format
from creator.formats import FixedPoint, Rounding, bits_for
from creator.graph import Node
from creator.ops import Clamp, Interval, Lanes, Linear, Lookup, Quantize, Rescale, TensorType, beats
from creator.ops.base import is_deep
from creator.ops.linear import is_wide
from creator.ops.rescale import operand_bits
from creator.schedule.mac_array import MacArray
from creator.schedule.plan import Adapter, Core, Plan
from creator.schedule.rom import address_bits, is_block_rom, rom_banks
from creator.targets.family import Family


@dataclass(frozen=True)
class Area:
    """LUTs, flip-flops, multiplier blocks and block RAMs."""

    luts: float = 0
    ffs: float = 0
    dsps: float = 0
    brams: float = 0

    def __add__(self, other: Area) -> Area:
        return Area(self.luts + other.luts, self.ffs + other.ffs, self.dsps + other.dsps, self.brams + other.brams)


class Parts:
    """Counts what a core or an adapter consists of.

    ``luts`` and ``ffs`` have the numbers of bits by kind.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        self.luts: dict[str, float] = defaultdict(float)
        self.ffs: dict[str, float] = defaultdict(float)
        self.dsps: float = 0
        self.brams: float = 0

    def area(self) -> Area:
        """The weighted sums."""
        luts, ffs = (
            sum(weights.get(kind, 0.0) * count for kind, count in counts.items())
            for counts, weights in ((self.luts, self.family.luts), (self.ffs, self.family.ffs))
        )
        return Area(luts, ffs, self.dsps, self.brams)

    def rom(self, words: int, width: int) -> None:
        """A memory with constant contents and a register."""
        if is_block_rom(words, width):
            self.brams += sum(self.family.block_rams(bank, width) for bank in rom_banks(words, width))
            if is_deep(words):
                self.luts["banks"] += width * (len(rom_banks(words, width)) - 1)
        else:
            self.luts["rom"] += width * max(1, words / self.family.lut_words)
            self.ffs["rom"] += width

    def ram(self, words: int, width: int, register: str = "ram") -> None:
        """A memory with a write port, a read port and a register: its flip-flops count as ``register`` outside of block RAM."""
        if self.family.is_block_ram(words, width):
            self.brams += self.family.block_rams(words, width)
            return
        self.ffs[register] += width
        cell = self.family.ram_cell
        if cell is None:
            self.ffs["held"] += words * width
            self.luts["choose"] += words * width
        else:
            self.luts["ram"] += beats(width, cell[1]) * beats(words, cell[0])

    def linear(self, op: Linear, x: TensorType, interval: Interval, lanes: Lanes) -> None:
        """A fully connected layer."""
        array = MacArray(op, x, interval, lanes)
        words, groups = array.row_words, array.groups
        bias_bits, stages, sum_bits = array.bias_bits, op.stages(lanes), op.accumulator.total_bits
        word, group = address_bits(words), address_bits(groups)
        stores = groups > 1
        counters = word * (1 + stores) + group * (stores + stores * bool(bias_bits)) + (word + group) * stores
        counters -= word * array.index_in_address + group * array.group_in_address
        self.luts["core"] += 1
        self.luts["counter"] += counters
        self.ffs["control"] += counters + 5 * stores + stages * (1 + stores) + op.sum_stages(lanes)
        if stores:
            self.ram(2 * (1 << address_bits(words) if words > 1 else 1), lanes.input * x.format.total_bits)
        else:
            self.ffs["operand"] += lanes.input * x.format.total_bits
        self.rom(words * groups, array.word_bits)
        if bias_bits:
            self.rom(groups, lanes.output * bias_bits)
            self.ffs["operand"] += lanes.output * bias_bits * (1 + array.bias_in_block)
        self._products(array)
        self.ffs["operand"] += lanes.input * (array.activation_bits + x.format.total_bits)
        self.ffs["read"] += array.word_bits
        if op.far(lanes):
            self.ffs["near"] += array.word_bits + lanes.input * x.format.total_bits
        before = lanes.input
        for terms, bits in array.level_bits(sum_bits - op.align(x)):
            self.luts["add"] += lanes.output * (before // 2) * bits
            self.ffs["sum"] += lanes.output * terms * bits
            before = terms
        if not (self.family.accumulates and array.accumulates_in(self.family)):
            self.luts["add"] += lanes.output * sum_bits if words > 1 or op.bias.any() else 0
            self.ffs["sum"] += lanes.output * sum_bits
        self.luts["choose"] += lanes.output * sum_bits if words > 1 else 0
        rounding = Rounding.FLOOR if op.offset else op.rounding
        self.requantizer(lanes.output, sum_bits, op.dropped, op.output, rounding, saturates=True)
        if is_wide(lanes):
            self.luts["queue"] += 1
            self.ram(8, lanes.output * op.output.total_bits + 1, register="round")
            self.ffs["control"] += 14

    def _products(self, array: MacArray) -> None:
        lanes = array.lanes
        products = lanes.input * lanes.output
        if array.selects:
            self.luts["select"] += products * array.product_bits
            self.ffs["product"] += products * array.product_bits
            self.ffs["operand"] += products * array.weight_bits
            return
        wide = array.operand_bits
        shared = lanes.input * array.pairs
        lone = products - 2 * shared
        each = self.family.multiplier_blocks(array.activation_bits, array.weight_bits)
        self.dsps += shared * self.family.multiplier_blocks(*wide) + lone * each
        # Registers next to a multiplier block can be part of it.
        operand, product = ("block", "block") if each else ("operand", "product")
        if not each:
            self.luts["multiply"] += lone * array.activation_bits * array.weight_bits
        self.ffs["block"] += (1 + array.op.far(lanes)) * shared * sum(wide) + shared * (array.upper_bits + array.weight_bits)
        self.ffs[product] += (1 + array.op.far(lanes)) * lone * array.product_bits
        self.ffs[operand] += lone * array.weight_bits
        if shared:
            self.luts["add"] += shared * array.product_bits
            self.ffs["pair"] += shared * (array.product_bits + array.low_bits) + lone * array.product_bits

    def requantizer(
        self, lanes: int, bits: int, dropped: int, output: Format, rounding: Rounding, saturates: bool, zero_point: int = 0
    ) -> None:
        """Rounding and limiting from ``bits`` bits, of which ``dropped`` are dropped."""
        kept = max(bits - max(dropped, 0), 1) + 1
        rounds = dropped > 0 and rounding is not Rounding.FLOOR
        if rounds or zero_point:
            self.luts["add"] += lanes * kept
            self.luts["round"] += lanes * max(0, min(dropped, bits)) / 3
            self.ffs["round"] += lanes * kept
        self.luts["limit"] += lanes * (output.total_bits + max(0, kept - output.total_bits) / 3) if saturates else 0
        self.ffs["round"] += lanes * output.total_bits

    def rescale(self, op: Rescale, x: TensorType, interval: Interval, lanes: int) -> None:
        """A change of scale."""
        scaling, bits = op.scaling, operand_bits(x.format)
        products = bits_for(*op.products(x, interval))
        if op.multiplier_stages(x):
            self.ffs["operand"] += lanes * bits
            self.luts["add"] += lanes * bits if isinstance(x.format, Affine) and x.format.zero_point else 0
        if scaling.multiplies:
            parts = math.prod(scaling.parts(bits))
            self.dsps += lanes * parts * self.family.multiplier_blocks(min(bits, 18), min(scaling.factor_bits + 1, 18))
            self.ffs["block"] += lanes * products
            self.ffs["sum"] += 2 * lanes * products * (parts > 1)
            self.luts["add"] += lanes * products * (parts > 1)
        if len(scaling.factors) > 1:
            words = op.factor_words(x, Lanes(lanes, lanes))
            self.rom(words, lanes * scaling.factor_bits)
            self.luts["counter"] += address_bits(words)
            self.ffs["control"] += address_bits(words)
            stages = op.memory_stages(x, Lanes(lanes, lanes))
            self.ffs["operand"] += lanes * (2 * scaling.factor_bits + stages * x.format.total_bits)
        self.requantizer(lanes, products, scaling.shift, op.output, op.rounding, True, op.zero_point)

    def core(self, node: Node, x: TensorType, interval: Interval, lanes: Lanes) -> None:
        """The core of a node, without what stands before it."""
        op = node.op
        if isinstance(op, Linear):
            self.linear(op, x, interval, lanes)
            return
        timing = op.timing((x,), lanes)
        assert timing is not None
        self.luts["stream"] += 1
        self.ffs["control"] += 2 * timing.delay
        bits = x.format.total_bits
        if isinstance(op, Lookup):
            for _ in range(lanes.input):
                self.rom(len(op.table), op.output.total_bits)
            self.ffs["round"] += lanes.input * op.output.total_bits
        elif isinstance(op, Rescale):
            self.rescale(op, x, interval, lanes.input)
        elif isinstance(op, (Clamp, Quantize)):
            output = op.output if isinstance(op, Quantize) else FixedPoint(bits, 0, x.format.signed)
            dropped = x.format.frac_bits - output.frac_bits if isinstance(op, Quantize) else 0
            rounding = op.rounding if isinstance(op, Quantize) else Rounding.FLOOR
            self.requantizer(lanes.input, bits, dropped, output, rounding, saturates=True)

    def adapter(self, adapter: Adapter, bits: int) -> None:
        """An adapter for elements of ``bits`` bits."""
        held, shifts = adapter.capacity * bits, max(0, adapter.capacity - adapter.output) * bits
        counters = address_bits(beats(adapter.size, adapter.input)) + 3
        self.luts["stream"] += 1
        self.luts["counter"] += counters
        self.luts["choose"] += shifts * len(adapter.places) if shifts else 0
        self.luts["place"] += 0 if shifts else len(adapter.places)
        self.ffs["control"] += counters + 1 + len(adapter.places)
        self.ffs["held"] += held

    def stream_register(self, bits: int) -> None:
        """A stream register for beats of ``bits`` bits."""
        self.luts["stream"] += 1
        self.luts["choose"] += bits + 1
        self.ffs["held"] += 2 * (bits + 2)


def core_parts(core: Core, interval: Interval, family: Family) -> Parts:
    """What a core, its adapter and its stream register consist of; ``interval`` bounds the codes that it reads."""
    parts = Parts(family)
    bits = core.input_type.format.total_bits
    if core.registered:
        parts.stream_register(bits * core.stream_lanes)
    if core.adapter:
        parts.adapter(core.adapter, bits)
    parts.core(core.node, core.input_type, interval, core.lanes)
    return parts


def core_areas(plan: Plan, family: Family) -> list[Area]:
    """The area of every core of a plan."""
    intervals = plan.graph.intervals
    return [core_parts(core, intervals[core.node.inputs[0]], family).area() for core in plan.cores]
