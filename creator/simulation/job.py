"""What a bench is asked to do, and what it brings back: the same for both benches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from creator.affine import Format
from creator.build_folder import BuildFolder
from creator.errors import CheckFailedError, CreatorError
from creator.formats import IntArray
from creator.tools import find_ghdl, run_tool

STANDARD = ("--std=08",)
QUIET = ("--ieee-asserts=disable", "--assert-level=error")
"""Memories hold undefined values until they are written; numeric_std would warn about each. Results are checked for them."""


@dataclass(frozen=True)
class Job:
    """One run of a bench.

    Args:
        build: what to simulate.
        beats: input codes, shape (frames, elements of a frame).
        stalls: 0 for full speed, else a seed for random pauses on both sides.
        interrupt: input beats of an abandoned frame, after which the network is reset before the real vectors.
        waves: file to write a waveform to, if any.
    """

    build: BuildFolder
    beats: IntArray
    stalls: int = 0
    interrupt: int = 0
    waves: Path | None = None

    @property
    def wave_options(self) -> list[str]:
        """GHDL's options for the waveform: VCD by the suffix ``.vcd``, else its own format."""
        if self.waves is None:
            return []
        return [f"--vcd={self.waves}" if self.waves.suffix == ".vcd" else f"--wave={self.waves}"]

    @property
    def frames(self) -> int:
        """Samples to feed."""
        return len(self.beats)

    @property
    def output_size(self) -> int:
        """Output elements of one frame."""
        return self.build.graph.output_type.size

    @property
    def expected_beats(self) -> int:
        """Output beats of the whole run."""
        return self.frames * self.output_size

    @property
    def patience(self) -> int:
        """Cycles without a transfer that cannot happen in a network that works."""
        return 20 * (int(self.build.manifest["latency"]) + int(self.build.manifest["interval"])) + 1000


@dataclass(frozen=True)
class Trace:
    """What a bench saw.

    Args:
        codes: output codes in order, shape (beats,); may be fewer than expected, or more.
        starts: cycle of each frame's first input beat.
        cycles: cycle of each output beat.
    """

    codes: IntArray
    starts: list[int]
    cycles: list[int]


def compile_design(build: BuildFolder, folder: Path, extra: tuple[str, ...] = ()) -> str:
    """Analyses the VHDL of ``build`` and ``extra`` files into ``folder``; returns the path of GHDL."""
    ghdl, _ = find_ghdl()
    sources = [str(build.path / name) for name in [*build.sources, *extra]]
    status, text = run_tool([ghdl, "-a", *STANDARD, *sources], folder)
    if status:
        raise CreatorError(f"the VHDL does not compile: {first_error(text)}", str(build.path), "translate again")
    return ghdl


def first_error(text: str) -> str:
    """The line of a tool's output that says what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    placed = [line for line in lines if re.match(r"\S+:\d+:\d+:", line) and not re.search(r":\s*(note|warning):", line)]
    named = [line for line in lines if "error" in line.lower()]
    return next(iter([*placed, *named, *lines[-1:]]), "no message")


def decode(bits: str, fmt: Format) -> int:
    """The code in the low bits of a beat, refusing undefined bits, and upper bits that do not extend it."""
    if set(bits) - {"0", "1"}:
        raise CheckFailedError(f"an output has undefined bits: {bits}", "simulation")
    code = int(bits[-fmt.total_bits :], 2)
    if fmt.signed and code >> (fmt.total_bits - 1):
        code -= 1 << fmt.total_bits
    if int(bits, 2) != code & ((1 << len(bits)) - 1):
        raise CheckFailedError(f"the upper bits of {bits} do not extend a {fmt}", "simulation")
    return code
