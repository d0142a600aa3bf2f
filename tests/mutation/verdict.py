"""What becomes of a mutant."""

from __future__ import annotations

from dataclasses import dataclass

KILLED = "killed"
"""A run of a committed network or a test fails."""

REFUSED = "refused"
"""It does not even render, compile or import: killed, but by no vector."""

SURVIVED = "survived"
"""All pass."""

EQUIVALENT = "equivalent"
"""All pass, and the list says why they must."""

SAME_CODE = "same code"
"""It changes comments and blanks of what is rendered, and nothing else: not counted."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant, by which network and run or which test, and what was wrong there."""

    status: str
    by: str = ""
    why: str = ""
