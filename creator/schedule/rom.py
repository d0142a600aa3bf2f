"""Where constant memories go: into block RAM or logic, and in how many banks."""

from __future__ import annotations

from creator.ops.base import beats, is_deep
from creator.targets.family import BLOCK_SHAPES

BLOCK_ROM_BITS, BLOCK_ROM_WORDS = 512, 17
"""From this size on a ROM belongs in block RAM: in lookup tables it would take 8 or more of them on any device, in several
levels. Not where it has few words: up to 16 take one lookup table for each bit at most, and most of a block RAM would stay
empty."""


def address_bits(depth: int) -> int:
    """Bits of an address of ``depth`` words, at least one."""
    return max(1, (depth - 1).bit_length())


def is_block_rom(words: int, width: int) -> bool:
    """Whether a ROM of that size belongs in block RAM."""
    return words * width >= BLOCK_ROM_BITS and words >= BLOCK_ROM_WORDS


def rom_banks(words: int, width: int) -> tuple[int, ...]:
    """The sizes of a ROM's banks, one after the other in the address space; powers of two, none larger than the one before it.

    A ROM that is not deep is one bank. Else the banks take the fewest blocks, and of ways to do that the fewest banks; so
    synthesis has no reason to make a bank of blocks one behind the other, whose choice would come right after their slow
    outputs.
    """
    if not is_deep(words):
        return (1 << address_bits(words),)
    blocks = {depth: beats(width, bits) for depth, bits in BLOCK_SHAPES.items()}
    # A shape is of use unless a smaller one takes fewer blocks for as many words.
    useful = [depth for depth in blocks if all(blocks[depth] * d <= blocks[d] * depth for d in blocks if d < depth)]

    def split(rest: int, depths: list[int]) -> tuple[int, ...]:
        found: list[tuple[int, ...]] = []
        for index, depth in enumerate(depths):
            whole, left = divmod(rest, depth)
            found.append((depth,) * (whole + (left > 0)))
            if left and whole and depths[index + 1 :]:
                found.append((depth,) * whole + split(left, depths[index + 1 :]))
        return min(found, key=lambda banks: (sum(blocks[bank] for bank in banks), len(banks)))

    banks = split(words, useful)
    last = words - sum(banks[:-1])
    return (*banks[:-1], 1 << address_bits(last))
