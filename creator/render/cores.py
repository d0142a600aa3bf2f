"""The files of one core, by operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from creator.affine import Format
from creator.formats import FixedPoint, Overflow, bits_for
from creator.ops import Clamp, Interval, Linear, Lookup, Op, Quantize, Rescale
from creator.render.environment import render
from creator.render.limits import limit_values, requantizer_values
from creator.render.multiplier import multiplier_values
from creator.render.names import Names
from creator.render.values import Bits, Comment, Identifier, table_rows
from creator.schedule import Core

LINE_BITS = 96

BLOCK_ROM_BITS = 2048
"""From this size on a ROM belongs in block RAM: in lookup tables it would take 32 or more of them on any device."""


class CoreFiles:
    """Renders the entities of one core.

    ``files`` has their names and texts in the order in which they compile; ``block_roms`` names those that are memories of
    the size for block RAM.

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

    def part(self, template: str, suffix: str, values: dict[str, Any]) -> Identifier:
        """Renders an entity that belongs to the core; returns its name."""
        entity = self.names.unique(f"{self.entity}_{suffix}")
        self.files.append((entity, render(template, values | {"entity": entity})))
        return entity

    def rom(self, suffix: str, purpose: str, codes: Iterable[int], width: int) -> Identifier:
        """Renders a memory with the given contents."""
        words = [Bits(int(code), width) for code in codes]
        values = {
            "purpose": Comment(purpose),
            "depth": len(words),
            "width": width,
            "address_bits": address_bits(len(words)),
            "rows": table_rows(words, max(1, LINE_BITS // (width + 4))),
            "block": len(words) * width >= BLOCK_ROM_BITS,
        }
        entity = self.part("rom", suffix, values)
        if values["block"]:
            self.block_roms.append(entity)
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
        }
        self.files.append((self.entity, render(node.op.name, common | values)))


def address_bits(depth: int) -> int:
    """Bits of an address of ``depth`` words, at least one."""
    return max(1, (depth - 1).bit_length())


def signed_bits(codes: np.ndarray[Any, Any]) -> int:
    """Width of the narrowest signed number that holds all of ``codes``."""
    return bits_for(int(codes.min()), int(codes.max()))


def _linear(files: CoreFiles, op: Linear) -> None:
    x, accumulator = files.core.input_type, op.accumulator
    weight_bits = signed_bits(op.weight)
    bias_bits = signed_bits(op.bias) if op.bias.any() else 0
    activation_bits = x.format.total_bits + (not x.format.signed)
    align = op.align(x)
    weights = files.rom("weights", f"weights of {files.core.node.where}, row by row", op.weight.reshape(-1), weight_bits)
    biases = files.rom("biases", f"biases of {files.core.node.where}", op.bias, bias_bits) if bias_bits else None
    mac = files.part(
        "mac",
        "mac",
        {
            "activation_format": x.format,
            "accumulator_format": accumulator,
            "activation_bits": activation_bits,
            "weight_bits": weight_bits,
            "product_bits": activation_bits + weight_bits,
            "sum_bits": accumulator.total_bits,
            "bias_bits": bias_bits,
            "align": align,
            "zeros": Bits(0, align) if align else None,
        },
    )
    sums = op.sums(x, files.interval)
    requantizer = files.part(
        "requantizer",
        "requantizer",
        requantizer_values(accumulator, sums, op.output, op.rounding, op.overflow, op.low, op.high),
    )
    files.main(
        {
            "inputs": op.in_features,
            "outputs": op.out_features,
            "interval": files.core.timing.interval,
            "delay": files.core.timing.delay,
            "stages": files.core.timing.delay - files.core.timing.interval,
            "index_bits": address_bits(op.in_features),
            "row_bits": address_bits(op.out_features),
            "weight_address_bits": address_bits(op.weight.size),
            "weight_bits": weight_bits,
            "bias_bits": bias_bits,
            "sum_bits": accumulator.total_bits,
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
    requantizer = files.part("requantizer", "requantizer", values)
    files.main({"stages": files.core.timing.delay, "requantizer_entity": requantizer})


def _clamp(files: CoreFiles, op: Clamp) -> None:
    fmt = files.core.input_type.format
    # The whole format, not the narrower interval: all of its bits are on the stream.
    limits = limit_values("value", "out_data", Interval.of(full_range(fmt)), op.low, op.high, fmt)
    files.main(limits | {"low": op.low, "high": op.high, "stages": files.core.timing.delay})


def full_range(fmt: Format) -> FixedPoint:
    """``fmt`` with every bit pattern allowed."""
    return FixedPoint(fmt.total_bits, fmt.frac_bits, fmt.signed)


def _lookup(files: CoreFiles, op: Lookup) -> None:
    table = files.rom("table", f"table of {files.core.node.where}, by the input's bits", op.table, op.output.total_bits)
    files.main({"stages": files.core.timing.delay, "table_entity": table})


def _rescale(files: CoreFiles, op: Rescale) -> None:
    x, scaling = files.core.input_type, op.scaling
    channels, factor_bits = len(scaling.factors), scaling.factor_bits
    rom = None
    if channels > 1:
        rom = files.rom("factors", f"factors of {files.core.node.where}, by channel", scaling.factors, factor_bits)
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
            "stages": files.core.timing.delay,
            "multiplies": scaling.multiplies,
            "factor": scaling.factors[0],
            "shift": scaling.shift,
            "factor_bits": factor_bits,
            "channels": channels,
            "channel_bits": address_bits(channels),
            "value_bits": value.total_bits,
            "factors_entity": rom,
            "multiplier_entity": multiplier,
            "requantizer_entity": requantizer,
        }
    )


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
