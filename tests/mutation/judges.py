"""The judge for each kind of file, each made when it is first asked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from tests.mutation.hardware import CHUNK, Hardware
from tests.mutation.networks import networks
from tests.mutation.software import Software
from tests.mutation.verdict import Verdict


class Judges:
    """Both judges; ``scratch`` is an empty folder, ``cache`` a file."""

    def __init__(self, scratch: Path, cache: Path) -> None:
        self.scratch, self.cache = scratch, cache

    @cached_property
    def hardware(self) -> Hardware:
        return Hardware(networks(), self.scratch, self.cache)

    @cached_property
    def software(self) -> Software:
        return Software(self.scratch)

    def judge(self, file: str, text: str, thorough: bool, listed: bool) -> Verdict:
        """What becomes of ``file`` with the content ``text``; a mutant that is listed as equivalent meets few networks."""
        if file.endswith(".py"):
            return self.software.judge(file, text, thorough, listed)
        return self.hardware.judge(file, text, thorough, CHUNK if listed else None)
