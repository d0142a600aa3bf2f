"""What the parts of a plan cost in hardware: counted where counting is exact, weighted by calibration where tools decide.

A part's structure gives numbers of bits that are added, multiplexed, stored and so on; a family of devices has a weight, in
LUTs or flip-flops, for each kind. ``scripts/calibrate.py`` finds the weights by least squares from synthesized designs.
Multipliers and block RAMs are counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from creator.affine import Format
from creator.formats import Rounding
from creator.ops import beats
from creator.ops.base import is_deep
from creator.schedule.plan import Adapter
from creator.schedule.rom import address_bits, is_block_rom, rom_banks
from creator.targets.family import Family

RING_BITS = 0.65
"""Share of a family's least bits from which on a memory whose words are no power of two becomes block RAM."""

REGISTER = 0.9
"""Bits of "control" that are one flip-flop: its weight also covers what a linear core has beside those that are counted."""


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

    def registers(self, bits: float) -> None:
        """Flip-flops that no multiplier and no memory takes in."""
        self.ffs["control"] += REGISTER * bits

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
        # A ring has any number of words: on ECP5 one of 168 x 8 bits becomes block RAM, and one of 160 x 8 does not.
        odd = words & (words - 1)
        if self.family.is_block_ram(words, width / RING_BITS if odd else width):
            self.brams += self.family.block_rams(words, width)
            return
        self.ffs[register] += width
        cell = self.family.ram_cell
        if cell is None:
            self.ffs["held"] += words * width
            self.luts["choose"] += words * width
        else:
            self.luts["ram"] += beats(width, cell[1]) * beats(words, cell[0])

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

    def fifo(self, words: int, bits: int, deep: bool) -> None:
        """A queue with a memory of so many words; a deep one has the queue of a wide core behind it."""
        counters = 3 * address_bits(words) + 1
        self.luts["stream"] += 1
        self.luts["counter"] += counters
        self.ffs["control"] += counters + 4
        self.ram(1 << address_bits(words), bits)
        if deep:
            self.queue(bits)
        else:
            self.ffs["round"] += bits

    def queue(self, bits: int) -> None:
        """The queue of eight beats, of ``bits`` bits with the mark of the last one."""
        self.luts["queue"] += 1
        self.ram(8, bits, register="round")
        self.ffs["control"] += 14

    def fork(self, branches: int) -> None:
        """What hands a stream to several readers."""
        if branches > 1:
            self.luts["counter"] += 2 * branches
            self.ffs["control"] += branches
