"""When the two sides of a network pause in a simulation."""

from __future__ import annotations

import numpy as np

from creator.errors import CreatorError

PROFILES = {
    "none": "never: full speed",
    "random": "half of the cycles, at random",
    "rare": "a tenth of the cycles, at random",
    "some": "three tenths of the cycles, at random",
    "most": "nine tenths of the cycles, at random",
    "alternating": "every other cycle",
    "bursts": "16 cycles of 32",
    "slow-sink": "the output alone, for 100 cycles of 300, at first",
    "slow-source": "the input alone, for 100 cycles of 300",
}
"""By name; the index is what the benches know."""

NAMES = tuple(PROFILES)


def stall_profile(stalls: bool | int | str) -> tuple[str, int]:
    """The name of a profile and a seed: ``True`` and numbers but 0 are seeds of ``random``."""
    if isinstance(stalls, str) and stalls in PROFILES:
        return stalls, 1
    if isinstance(stalls, (int, np.integer)) and 0 <= stalls < 1 << 31:
        return ("random" if stalls else "none"), int(stalls)
    what = f"stalls={stalls!r:.60} is neither a whole number from 0 to 2**31 - 1 nor a profile"
    raise CreatorError(what, "simulate", f"choose one of {', '.join(NAMES)}")
