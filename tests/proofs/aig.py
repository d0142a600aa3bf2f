"""And-inverter graphs: the netlist of a kernel as pure logic, small enough to evaluate for every input.

A literal is ``2 * node``, plus one if it is inverted. Node 0 is the constant false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

FALSE, TRUE = 0, 1
Words = npt.NDArray[np.uint64]


class Aig:
    """Logic of ANDs and inverters, each AND once. A node comes after the nodes that it reads."""

    def __init__(self) -> None:
        self.operands: list[tuple[int, int] | None] = [None]
        self._known: dict[tuple[int, int], int] = {}

    def leaf(self) -> int:
        """A new input, as a literal."""
        self.operands.append(None)
        return 2 * (len(self.operands) - 1)

    def both(self, a: int, b: int) -> int:
        """a and b."""
        if a > b:
            a, b = b, a
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        found = self._known.get((a, b))
        if found is None:
            self.operands.append((a, b))
            found = self._known[a, b] = 2 * (len(self.operands) - 1)
        return found

    def either(self, a: int, b: int) -> int:
        """a or b."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: int, b: int) -> int:
        """a xor b."""
        return self.either(self.both(a, b ^ 1), self.both(a ^ 1, b))

    def add(self, a: Sequence[int], b: Sequence[int], carry: int = FALSE) -> list[int]:
        """The sum of two numbers of the same width, the lowest bit first, and without the carry out."""
        total = []
        for x, y in zip(a, b, strict=True):
            half = self.differ(x, y)
            total.append(self.differ(half, carry))
            carry = self.either(self.both(x, y), self.both(half, carry))
        return total

    def multiply(self, a: Sequence[int], b: Sequence[int], bits: int) -> list[int]:
        """The product of two signed numbers, modulo 2**``bits``."""
        a, b = _trimmed(a), _trimmed(b)
        wide = [*a, *[a[-1]] * bits]
        total = [FALSE] * bits
        for place, bit in enumerate(b):
            row = ([FALSE] * place + wide)[:bits]
            if place < len(b) - 1:
                total = self.add(total, [self.both(x, bit) for x in row])
            else:  # the sign counts negative
                total = self.add(total, [self.differ(self.both(x, bit), bit) for x in row], bit)
        return total

    def cone(self, literals: Iterable[int], stop: Mapping[int, object] | None = None) -> list[int]:
        """The nodes that ``literals`` depend on, in an order in which they can be computed; not beyond those in ``stop``."""
        seen: set[int] = set()
        waiting = [literal >> 1 for literal in literals]
        while waiting:
            node = waiting.pop()
            if node not in seen and not (stop and node in stop):
                seen.add(node)
                waiting += [operand >> 1 for operand in self.operands[node] or ()]
        return sorted(seen)

    def evaluate(self, outputs: Sequence[int], inputs: Mapping[int, Words], length: int) -> list[Words]:
        """The words of each output literal, 64 inputs in a word, for the words of each leaf."""
        found: dict[int, Words] = {0: np.zeros(length, dtype=np.uint64)}
        ones = ~found[0]

        def value(literal: int) -> Words:
            return found[literal >> 1] ^ ones if literal & 1 else found[literal >> 1]

        for node in self.cone(outputs):
            pair = self.operands[node]
            if pair is not None:
                found[node] = value(pair[0]) & value(pair[1])
            elif node:
                found[node] = inputs[2 * node]
        return [value(literal) for literal in outputs]


def _trimmed(bits: Sequence[int]) -> Sequence[int]:
    """A signed number without the upper bits that only repeat its sign."""
    count = len(bits)
    while count > 1 and bits[count - 1] == bits[count - 2]:
        count -= 1
    return bits[:count]


_PATTERNS = [0xAAAAAAAAAAAAAAAA, 0xCCCCCCCCCCCCCCCC, 0xF0F0F0F0F0F0F0F0, 0xFF00FF00FF00FF00, 0xFFFF0000FFFF0000,
             0xFFFFFFFF00000000]  # fmt: skip


def counting(place: int, first: int, length: int) -> Words:
    """Bit ``place`` of the numbers from 64 * ``first`` on, in ``length`` words."""
    if place < 6:
        return np.full(length, _PATTERNS[place], dtype=np.uint64)
    words = np.arange(first, first + length, dtype=np.uint64)
    return np.uint64(0) - (words >> np.uint64(place - 6) & np.uint64(1))


def packed(bits: npt.NDArray[np.int64]) -> Words:
    """Bits as words, 64 in each; as many as are missing are zero."""
    filled = np.zeros(-(-len(bits) // 64) * 64, dtype=np.uint8)
    filled[: len(bits)] = bits
    return np.packbits(filled, bitorder="little").view(np.uint64)


def unpacked(words: Words) -> npt.NDArray[np.int64]:
    """The bits in words, in the order in which they count."""
    return np.unpackbits(words.view(np.uint8), bitorder="little").astype(np.int64)
