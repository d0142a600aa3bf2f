"""Pseudo-random numbers that hardware can share: a linear-feedback shift register, defined bit for bit.

Maximal-length taps: P. Alfke, "Efficient Shift Registers, LFSR Counters, and Long Pseudo-Random Sequence Generators", Xilinx
application note XAPP052, table 3.
"""

from __future__ import annotations

import numpy as np
import torch

from creator.errors import CreatorError
from creator.formats import IntArray

TAPS: dict[int, tuple[int, ...]] = {
    3: (3, 2), 4: (4, 3), 5: (5, 3), 6: (6, 5), 7: (7, 6), 8: (8, 6, 5, 4), 9: (9, 5), 10: (10, 7), 11: (11, 9),
    12: (12, 6, 4, 1), 13: (13, 4, 3, 1), 14: (14, 5, 3, 1), 15: (15, 14), 16: (16, 15, 13, 4), 17: (17, 14), 18: (18, 11),
    19: (19, 6, 2, 1), 20: (20, 17), 21: (21, 19), 22: (22, 21), 23: (23, 18), 24: (24, 23, 22, 17),
}  # fmt: skip
"""For each width the exponents of the feedback polynomial, its constant 1 left out."""


States = np.ndarray[tuple[int], np.dtype[np.uint32]]


class Lfsr:
    """A maximal-length linear-feedback shift register of ``bits`` bits in Galois form, as a source of stochastic rounding.

    One clock, with state r (never 0) and mask = the sum of ``2**(t - 1)`` over the taps t of :data:`TAPS`::

        r' = (r >> 1) ^ mask   if the lowest bit of r is 1
        r' =  r >> 1           if it is 0

    Every number drawn is the state before a clock, so the first one is the seed; a tensor takes one number an element, in
    row-major order, and the next tensor goes on where it ended. The period is ``2**bits - 1``. For 16 bits the mask is 0xD008,
    and seed 1 gives 1, 53256, 26628, 13314, 6657, 56584, ...

    Rounding to F fractional bits is ``floor(x * 2**F + r / 2**bits)``. For a code with d bits to drop that is, in integers,
    ``(code * 2**bits + r * 2**d) >> (d + bits)``; where d = ``bits``, the carry out of adding r to the dropped bits. float32
    computes that exactly for codes up to 2**24 and d up to 24. Numbers on the grid stay, as r < ``2**bits``. As r is never 0, a
    fraction c / 2**d, d <= ``bits``, goes up with the probability ``c / 2**d * 2**bits / (2**bits - 1)``. Neighbouring numbers
    are shifts of each other, so they are correlated.

    Args:
        bits: width k, 3 to 24: float32 holds ``r / 2**24`` exactly.
        seed: the first state, 1 to ``2**bits - 1``.

    Raises:
        CreatorError: for a width or a seed out of range.
    """

    def __init__(self, bits: int = 16, seed: int = 1) -> None:
        if bits not in TAPS:
            raise CreatorError(f"bits={bits!r} is not {min(TAPS)} to {max(TAPS)}", "Lfsr")
        self.bits = int(bits)
        self.state = seed

    @property
    def state(self) -> int:
        """The number that the next draw begins with; may be set."""
        return self._state

    @state.setter
    def state(self, state: int) -> None:
        if isinstance(state, bool) or not isinstance(state, (int, np.integer)) or not 1 <= state < 1 << self.bits:
            raise CreatorError(f"state={state!r} is not 1 to {(1 << self.bits) - 1}", "Lfsr", "any such integer will do, not 0")
        self._state = int(state)

    @property
    def mask(self) -> int:
        """What the register is combined with after shifting out a 1."""
        return sum(1 << (tap - 1) for tap in TAPS[self.bits])

    @property
    def period(self) -> int:
        """After how many numbers they repeat."""
        return (1 << self.bits) - 1

    def integers(self, count: int) -> IntArray:
        """The next ``count`` states as int64; the register moves on by as many clocks."""
        return self._take(count).astype(np.int64)

    def _take(self, count: int) -> States:
        states = self._states(min(count + 1, self.period))
        self._state = int(states[count % self.period])
        return states[:count] if count <= states.size else np.resize(states, count)

    def _states(self, count: int) -> States:
        """The next states, without moving on.

        A clock divides by x modulo the feedback polynomial P, so ``s[n]`` is the exclusive or of ``s[n - t]`` over the taps t.
        Over GF(2), P(x)**m = P(x**m) for m = 2, 4, 8, ...: that holds with all lags times m as well, so whole stretches follow
        from earlier ones at once.
        """
        k, mask, state = self.bits, self.mask, self._state
        states = np.empty(max(count, k), dtype=np.uint32)
        for n in range(k):
            states[n] = state
            state = (state >> 1) ^ (mask if state & 1 else 0)
        lags, done = TAPS[k], k
        while done < count:
            m = 1 << ((done // k).bit_length() - 1)
            end = min(done + min(lags) * m, count)
            first, *others = (states[done - lag * m : end - lag * m] for lag in lags)
            states[done:end] = first
            for other in others:
                states[done:end] ^= other
            done = end
        return states[:count]

    def draw(self, like: torch.Tensor) -> torch.Tensor:
        """``r / 2**bits`` in the shape, dtype and device of ``like``, exactly.

        Raises:
            CreatorError: for a dtype with too few digits.
        """
        if not like.dtype.is_floating_point or torch.finfo(like.dtype).eps > 2.0 ** (1 - self.bits):
            raise CreatorError(
                f"{like.dtype} does not hold {self.bits} random bits exactly", "Lfsr", "use fewer bits, or values in float32"
            )
        numbers = torch.from_numpy(self._take(like.numel()).view(np.int32)).to(like.device, like.dtype)
        return numbers.mul_(2.0**-self.bits).reshape(like.shape)

    def __repr__(self) -> str:
        return f"Lfsr(bits={self.bits}, seed={self._state})"
