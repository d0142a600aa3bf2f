"""The files of one core, by operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from creator.affine import Format
from creator.bits import bit_words
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, bits_for
from creator.ops import Clamp, Interval, Linear, Lookup, Op, Quantize, Rescale, beats
from creator.ops.base import deep_stages, is_deep
from creator.render.environment import render
from creator.render.limits import requantizer_values
from creator.render.mac import mac_values, stage_lines
from creator.render.multiplier import multiplier_values
from creator.render.names import Names
from creator.render.values import Bits, Comment, Identifier, Words, table_rows
from creator.schedule import Core
from creator.schedule.mac_array import MacArray
from creator.schedule.rom import address_bits, is_block_rom, rom_banks

LINE_BITS = 96


@dataclass(frozen=True)
class Bank:
    """Part of a deep memory: ``depth`` words from the address ``start`` on, a multiple of it; ``rows`` are their
    text, ``choice`` is the bank's number."""

    choice: Bits
    start: int
    depth: int
    rows: list[Words]

    @property
    def address_bits(self) -> int:
        """Bits of an address within the bank."""
        return address_bits(self.depth)


def banks_of(words: list[str], columns: int) -> list[Bank]:
    """The banks of a deep memory. All are read at once, so the last of several has words of zeros for what it lacks."""
    banks: list[Bank] = []
    start = 0
    depths = rom_banks(len(words), len(words[0]))
    choices = address_bits(len(depths))
    for depth in depths:
        part = words[start : start + depth]
        if len(depths) > 1:
            part += ["0" * len(words[0])] * (depth - len(part))
        banks.append(Bank(Bits(len(banks), choices), start, len(part), table_rows(part, columns)))
        start += depth
    return banks


class CoreFiles:
    """Renders the entities of one core.

    ``files`` has their names and texts in the order in which they compile; ``block_roms`` names the constant
    memories that belong in block RAM, ``logic_roms`` the others.

    Args:
        core: what to render.
        interval: bounds of the core's input codes.
        entity: name of its entity.
        names: scope of all entities.
    """

    def __init__(self, core: Core, interval: Interval, entity: Identifier, names: Names) -> None:
        self.core = core
        self.interval = interval
        self.entity = entity
        self.names = names
        self.files: list[tuple[Identifier, str]] = []
        self.block_roms: list[Identifier] = []
        self.logic_roms: list[Identifier] = []

    def part(self, template: str, suffix: str, values: dict[str, Any]) -> Identifier:
        """Renders an entity that belongs to the core; returns its name."""
        entity = self.names.unique(f"{self.entity}_{suffix}")
        self.files.append((entity, render(template, values | {"entity": entity})))
        return entity

    def rom(self, suffix: str, purpose: str, fields: Sequence[tuple[IntArray, int]]) -> Identifier:
        """Renders a memory whose words consist of the given fields, the lowest first: codes of shape (words, n), and widths."""
        words = bit_words(fields)
        width, depth = len(words[0]), len(words)
        columns = max(1, LINE_BITS // (width + 4))
        values = {
            "purpose": Comment(purpose),
            "depth": depth,
            "width": width,
            "address_bits": address_bits(depth),
            "block": is_block_rom(depth, width),
        }
        if is_deep(depth):
            banks = banks_of(words, columns)
            values |= {"banks": banks, "later": banks[:0:-1], "bank_bits": address_bits(len(banks))}
            entity = self.part("deep_rom", suffix, values)
        else:
            values |= {"rows": table_rows(words, columns), "word": Words(tuple(words[:1]), named=False, end=True)}
            entity = self.part("rom", suffix, values)
        (self.block_roms if values["block"] else self.logic_roms).append(entity)
        return entity

    def main(self, values: dict[str, Any]) -> None:
        """Renders the core's own entity from the template that is called as its operation."""
        node = self.core.node
        common = {
            "entity": self.entity,
            "where": Comment(node.where),
            "elements": self.core.input_type.size,
            "input_format": self.core.input_type.format,
            "output_format": node.type.format,
            "input_lanes": self.core.lanes.input,
            "output_lanes": self.core.lanes.output,
            "stages": self.core.timing.delay,
        }
        self.files.append((self.entity, render(node.op.name, common | values)))


def lanes_of(codes: IntArray, lanes: int) -> IntArray:
    """``codes`` in words of so many, row by row; what is missing in the last word is zero."""
    words = np.zeros((beats(len(codes), lanes), lanes), dtype=np.int64)
    words.reshape(-1)[: len(codes)] = codes
    return words


def _linear(files: CoreFiles, op: Linear) -> None:
    core, x, accumulator = files.core, files.core.input_type, op.accumulator
    array = MacArray(op, x, files.interval, core.lanes)
    bias_bits = array.bias_bits
    inputs, outputs = core.lanes.input, core.lanes.output
    words, groups = array.row_words, array.groups
    order = "row by row" if inputs * outputs == 1 else f"{inputs} inputs of {outputs} rows a word"
    weights = files.rom("weights", f"weights of {core.node.where}, {order}", array.contents())
    biases = None
    if bias_bits:
        biases = files.rom("biases", f"biases of {core.node.where}", [(lanes_of(op.bias, outputs), bias_bits)])
    shared = {
        "word_bits": array.word_bits,
        "weight_bits": array.weight_bits,
        "sum_bits": accumulator.total_bits,
        "bias_bits": bias_bits,
        # Where no memory has the biases: what every sum starts from.
        "start": Bits(int(op.bias[0]), accumulator.total_bits) if not bias_bits and op.bias[0] else None,
        "deep": is_deep(words * groups),
        "far": op.far(core.lanes),
        "mac_stage": 2 + deep_stages(words * groups),
        "sum_stage": op.sum_stages(core.lanes),
        "place": Identifier("near" if op.far(core.lanes) else "read"),
        # Where beats can be missing within a frame, what is in the pipeline in their place must not be added.
        "gated": groups == 1 and words > 1,
        "accumulates": words > 1,
        # Whether anything asks where a row begins: the sum, or the row counter of the biases.
        "marks_first": words > 1 or (groups > 1 and bool(bias_bits)),
    }
    plain = inputs * outputs == 1 and not array.selects and not shared["far"]
    values = mac_values(array, op.align(x), accumulator)
    mac = files.part("mac" if plain else "mac_array", "mac", values | shared)
    totals = op.totals(x, files.interval)
    requantizer = files.part(
        "requantizer",
        "requantizer",
        requantizer_values(accumulator, totals, op.output, op.rounding, op.overflow, op.low, op.high, offset=op.offset),
    )
    files.main(
        shared
        | {
            "inputs": op.in_features,
            "outputs": op.out_features,
            "words": words,
            "groups": groups,
            "multipliers": array.multipliers,
            "interval": core.timing.interval,
            "delay": core.timing.delay,
            "stages": op.stages(core.lanes),
            "queued": core.queues,
            # What issues products in a cycle in which the pipeline moves.
            "arrives": Identifier("any_full" if groups > 1 else "in_valid"),
            "result": Identifier("result" if core.queues else "out_data"),
            "pipeline": stage_lines(op, core.lanes),
            "bias_stage": array.bias_stage,
            "bias_far": array.bias_in_block,
            "index_in_weight": array.index_in_address,
            "row_in_weight": array.group_in_address,
            "index_bits": address_bits(words) if words > 1 else 0,
            "row_bits": address_bits(groups),
            "weight_address_bits": address_bits(words * groups),
            "weights_entity": weights,
            "biases_entity": biases,
            "mac_entity": mac,
            "requantizer_entity": requantizer,
        }
    )


def _quantize(files: CoreFiles, op: Quantize) -> None:
    values = requantizer_values(
        files.core.input_type.format, files.interval, op.output, op.rounding, op.overflow, op.low, op.high
    )
    files.main({"requantizer_entity": files.part("requantizer", "requantizer", values)})


def _clamp(files: CoreFiles, op: Clamp) -> None:
    # The whole format, not the narrower interval: all of its bits are on the stream.
    fmt = full_range(files.core.input_type.format)
    rules = (fmt, Rounding.FLOOR, Overflow.SATURATE, op.low, op.high)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(fmt, Interval.of(fmt), *rules))
    files.main({"low": op.low, "high": op.high, "requantizer_entity": requantizer})


def full_range(fmt: Format) -> FixedPoint:
    """The integers of ``fmt``, with every bit pattern allowed."""
    return FixedPoint(fmt.total_bits, 0, fmt.signed)


def _lookup(files: CoreFiles, op: Lookup) -> None:
    purpose = f"table of {files.core.node.where}, by the input's bits"
    files.main(
        {
            "deep": is_deep(len(op.table)),
            "table_entity": files.rom("table", purpose, [(op.table[:, None], op.output.total_bits)]),
        }
    )


def _rescale(files: CoreFiles, op: Rescale) -> None:
    x, scaling = files.core.input_type, op.scaling
    channels, factor_bits = len(scaling.factors), scaling.factor_bits
    rom, factors = None, _factors(np.array(scaling.factors), files.core)
    if channels > 1:
        rom = files.rom("factors", f"factors of {files.core.node.where}, by channel", [(factors, factor_bits)])
    # What is rounded: the product, or the input itself where neither a factor nor a zero point comes before.
    multiplier, value, values = None, FixedPoint(x.format.total_bits, scaling.shift, x.format.signed), files.interval
    if op.multiplier_stages(x):
        values = Interval(*(bound >> (op.shift - scaling.shift) for bound in op.products(x, files.interval)))
        value = FixedPoint(bits_for(*values), scaling.shift)
        multiplier = files.part("multiplier", "multiplier", multiplier_values(x.format, scaling, value.total_bits))
    codes = FixedPoint(op.output.total_bits, 0, op.output.signed, op.output.symmetric)
    rules = (codes, op.rounding, Overflow.SATURATE, op.low, op.high, op.zero_point)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(value, values, *rules))
    files.main(
        {
            "multiplies": scaling.multiplies,
            "factor": scaling.factors[0],
            "shift": scaling.shift,
            "factor_bits": factor_bits,
            "channels": channels,
            "memory_stages": op.memory_stages(x, files.core.lanes),
            "channel_bits": address_bits(len(factors)),
            "factor_words": len(factors),
            "frame_ends": x.size % (len(factors) * files.core.lanes.input) != 0,
            "value_bits": value.total_bits,
            "factors_entity": rom,
            "multiplier_entity": multiplier,
            "requantizer_entity": requantizer,
        }
    )


def _factors(factors: IntArray, core: Core) -> IntArray:
    """The factors of the elements of each beat, up to where they repeat or the frame ends; shape (beats, lanes)."""
    assert isinstance(core.node.op, Rescale)
    lanes = core.lanes.input
    words = core.node.op.factor_words(core.input_type, core.lanes)
    # Beyond the frame's end no element asks for one.
    elements = np.arange(min(words * lanes, core.input_type.size))
    return lanes_of(factors[elements % len(factors)], lanes)


_RENDERERS: dict[type[Op], Callable[[CoreFiles, Any], None]] = {
    Linear: _linear,
    Quantize: _quantize,
    Clamp: _clamp,
    Lookup: _lookup,
    Rescale: _rescale,
}


def core_files(core: Core, interval: Interval, entity: Identifier, names: Names) -> CoreFiles:
    """The rendered entities of ``core``."""
    files = CoreFiles(core, interval, entity, names)
    _RENDERERS[type(core.node.op)](files, core.node.op)
    return files
