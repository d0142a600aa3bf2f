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
        multiplier: widths of a signed multiplier's operands.
        block_ram: shapes of one block RAM: widths in bits, by words.
        least_ram: bits from which on a memory that is written becomes block RAM, and the fewest words.
        luts, ffs: what one bit of each kind of logic costs; a kind that is not there costs nothing of its own.
    """

    name: str
    multiplier: tuple[int, int]
    block_ram: Mapping[int, int]
    least_ram: tuple[int, int]
    luts: Mapping[str, float]
    ffs: Mapping[str, float]

    def multiplier_blocks(self, first: int, second: int) -> int:
        """Multipliers for operands of these signed widths: wider ones are multiplied in parts."""
        small, large = sorted((first, second))
        low, high = sorted(self.multiplier)
        return math.ceil(small / low) * math.ceil(large / high)

    def block_rams(self, words: int, width: int) -> int:
        """Block RAMs for a memory of that size, in the shape that takes the fewest."""
        return min(math.ceil(words / depth) * math.ceil(width / bits) for depth, bits in self.block_ram.items())

    def is_block_ram(self, words: int, width: int) -> bool:
        """Whether a memory that is written becomes block RAM."""
        bits, least = self.least_ram
        return words * width >= bits and words >= least


# The weights are what `python scripts/calibrate.py ecp5-25k` printed with Yosys 0.70.
ECP5 = Family(
    "ecp5",
    multiplier=(18, 18),
    block_ram={16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18, 512: 36},
    least_ram=(2048, 64),
    luts={
        "add": 0.47,
        "choose": 2.04,
        "counter": 2.429,
        "place": 5.499,
        "queue": 24.418,
        "ram": 7.324,
        "rom": 1.548,
        "select": 0.808,
        "stream": 1.399,
    },
    ffs={"control": 1.031, "held": 1.62, "product": 0.971, "ram": 0.942, "rom": 1.208, "round": 0.456, "sum": 0.523},
)

FAMILIES = {"ecp5": ECP5}
