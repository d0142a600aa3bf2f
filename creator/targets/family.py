"""Families of devices: the size of their multipliers and memories, and the weights that calibration found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """What devices of one kind have in common.

    Args:
        name: of the family.
        multipliers: widths of a signed multiplier's operands and how many blocks it takes, the smallest first.
        block_ram: shapes of one block RAM: widths in bits, by words.
        least_ram: bits from which on a memory that is written becomes block RAM, and the fewest words.
        luts, ffs: what one bit of each kind of logic costs; a kind that is not there costs nothing of its own.
        least_factor, least_product: widths of a multiplier's narrower operand and of its product from which on synthesis takes
            a block; below, lookup tables.
        block_units: how many block RAMs one of these shapes counts.
        ram_cell: words and bits of one distributed RAM; ``None`` where there is none.
        lut_words: words of one bit that a lookup table holds.
        accumulates: whether a multiplier block has an adder and a register behind it, which take a sum of one product a cycle.
        one_cell: whether a flip-flop shares its cell with the lookup table before it, and no other: one that stands behind
            something else takes a cell of its own.
        clock_mhz, clock_dsps: what every network of ``benchmarks/parallelism`` with at most so many multipliers reached after
            place and route; 0 if that was not measured.
    """

    name: str
    multipliers: tuple[tuple[int, int, float], ...]
    block_ram: Mapping[int, int]
    least_ram: tuple[int, int]
    luts: Mapping[str, float]
    ffs: Mapping[str, float]
    least_factor: int = 2
    least_product: int = 0
    block_units: float = 1
    ram_cell: tuple[int, int] | None = (16, 4)
    lut_words: int = 16
    accumulates: bool = False
    one_cell: bool = False
    clock_mhz: int = 0
    clock_dsps: int = 0

    def multiplier_blocks(self, first: int, second: int) -> float:
        """Multiplier blocks for operands of these signed widths: wider ones are multiplied in parts."""
        small, large = sorted((first, second))
        if small < self.least_factor or small + large < self.least_product:
            return 0
        for low, high, units in self.multipliers:
            if small <= low and large <= high:
                return units
        low, high, units = self.multipliers[-1]
        return math.ceil(small / low) * math.ceil(large / high) * units

    @property
    def multiplier(self) -> tuple[int, int]:
        """Widths of the largest multiplier's operands."""
        return self.multipliers[-1][:2]

    def saves_by_packing(self, single: tuple[int, int], pair: tuple[int, int]) -> bool:
        """Whether a multiplier with operands as wide as ``pair`` takes fewer blocks than two as wide as ``single``."""
        return self.multiplier_blocks(*pair) < 2 * self.multiplier_blocks(*single)

    def block_rams(self, words: int, width: int) -> float:
        """Block RAMs for a memory of that size, in the shape that takes the fewest."""
        blocks = min(math.ceil(words / depth) * math.ceil(width / bits) for depth, bits in self.block_ram.items())
        return blocks * self.block_units

    def is_block_ram(self, words: int, width: float) -> bool:
        """Whether a memory that is written becomes block RAM."""
        bits, least = self.least_ram
        return words * width >= bits and words >= least


BLOCK_SHAPES = {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18, 512: 36}
"""Words of a block of 16 or 18 kbit, and the bits in each, the deepest shape first; nearly all families have it."""

# The weights are what `python scripts/calibrate.py <target>` printed with Yosys 0.70.
ECP5 = Family(
    "ecp5",
    multipliers=((18, 18, 1),),
    block_ram=BLOCK_SHAPES,
    least_ram=(2048, 64),
    luts={
        "add": 0.982,
        "banks": 0.0,
        "choose": 1.507,
        "core": 27.96,
        "counter": 1.404,
        "place": 0.896,
        "queue": 2.707,
        "ram": 7.475,
        "rom": 0.456,
        "select": 0.951,
    },
    ffs={
        "block": 0.479,
        "control": 1.113,
        "held": 0.134,
        "near": 1.517,
        "pair": 0.937,
        "product": 2.206,
        "ram": 1.892,
        "rom": 0.538,
        "round": 0.997,
        "sum": 0.67,
    },
    clock_mhz=150,
    clock_dsps=103,
)
NEXUS = Family(
    "nexus",
    multipliers=((9, 9, 0.5), (18, 18, 1)),
    block_ram=BLOCK_SHAPES,
    least_ram=(2048, 64),
    luts={
        "add": 1.047,
        "banks": 0.0,
        "choose": 1.607,
        "core": 20.189,
        "counter": 2.285,
        "multiply": 2.553,
        "place": 1.046,
        "queue": 22.671,
        "ram": 6.864,
        "rom": 0.487,
        "select": 1.191,
    },
    ffs={
        "block": 0.946,
        "control": 1.15,
        "held": 0.946,
        "near": 0.878,
        "product": 1.273,
        "ram": 3.082,
        "read": 2.339,
        "round": 1.998,
        "sum": 0.497,
    },
    least_factor=4,
)
GOWIN = Family(
    "gowin",
    multipliers=((9, 9, 0.5), (18, 18, 1)),
    block_ram=BLOCK_SHAPES,
    least_ram=(2048, 64),
    luts={
        "add": 0.934,
        "choose": 1.535,
        "core": 12.139,
        "counter": 2.074,
        "multiply": 3.114,
        "place": 0.105,
        "queue": 19.14,
        "ram": 5.745,
        "rom": 0.468,
        "select": 0.905,
    },
    ffs={
        "block": 0.763,
        "control": 1.169,
        "held": 0.764,
        "near": 1.243,
        "product": 1.047,
        "ram": 2.885,
        "read": 2.885,
        "round": 2.124,
        "sum": 0.477,
    },
    least_factor=4,
)
ICE40 = Family(
    "ice40",
    multipliers=((16, 16, 1),),
    block_ram={2048: 2, 1024: 4, 512: 8, 256: 16},
    least_ram=(128, 8),
    luts={
        "add": 1.03,
        "choose": 0.412,
        "counter": 2.748,
        "limit": 3.459,
        "multiply": 2.169,
        "place": 1.373,
        "queue": 50.216,
        "rom": 0.291,
        "select": 0.521,
    },
    ffs={
        "control": 1.405,
        "held": 0.448,
        "near": 2.535,
        "product": 1.018,
        "ram": 0.586,
        "read": 3.711,
        "round": 1.678,
        "sum": 0.158,
    },
    least_product=11,
    ram_cell=None,
    accumulates=True,
    one_cell=True,
)
XC7 = Family(
    "xc7",
    multipliers=((18, 25, 1),),
    block_ram=BLOCK_SHAPES,
    least_ram=(4096, 128),
    luts={
        "add": 0.853,
        "banks": 0.0,
        "choose": 0.295,
        "counter": 1.306,
        "multiply": 1.991,
        "ram": 4.858,
        "rom": 0.651,
        "select": 1.349,
    },
    ffs={
        "control": 0.793,
        "held": 1.881,
        "near": 0.119,
        "pair": 1.454,
        "product": 0.766,
        "ram": 2.24,
        "round": 1.878,
        "sum": 1.113,
    },
    accumulates=True,
    least_product=9,
    block_units=0.5,
    ram_cell=(32, 6),
    lut_words=64,
)

FAMILIES = {family.name: family for family in (ECP5, NEXUS, GOWIN, ICE40, XC7)}
