"""What a bench is asked to do, and what it brings back: the same for both benches."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from creator.affine import Format
from creator.bits import bit_words
from creator.build_folder import BuildFolder
from creator.errors import CheckFailedError, CreatorError
from creator.formats import IntArray
from creator.ops import beats
from creator.tools import find_ghdl, run_tool

STANDARD = ("--std=08",)
QUIET = ("--ieee-asserts=disable", "--assert-level=error")
"""Memories hold undefined values until they are written; numeric_std would warn about each. Results are checked for them."""


@dataclass(frozen=True)
class Job:
    """One run of a bench.

    Args:
        build: what to simulate.
        codes: input codes, shape (frames, elements of a frame).
        profile: when both sides pause: a name in ``creator.simulation.stalls.PROFILES``.
        seed: of what is random about that.
        resets: tries of 1, 2, ... cycles before the run proper, each cut off by a reset.
        interrupt: input beats of an abandoned frame, after which the network is reset before the real vectors.
        waves: file to write a waveform to, if any.
        mark: what the bench must end its results with, so that those of another run are not taken for them.
    """

    build: BuildFolder
    codes: IntArray
    profile: str = "none"
    seed: int = 0
    resets: int = 0
    interrupt: int = 0
    waves: Path | None = None
    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def wave_options(self) -> list[str]:
        """GHDL's options for the waveform: VCD by the suffix ``.vcd``, else its own format."""
        if self.waves is None:
            return []
        return [f"--vcd={self.waves}" if self.waves.suffix == ".vcd" else f"--wave={self.waves}"]

    @property
    def frames(self) -> int:
        """Samples to feed."""
        return len(self.codes)

    @property
    def input_beats(self) -> list[str]:
        """All input beats as words of bits; what fills a frame's last beat is random."""
        lanes, width = self._stream("input")
        short = -self.codes.shape[1] % lanes
        filling = np.random.default_rng(0).integers(-(1 << (width - 1)), 1 << (width - 1), (self.frames, short))
        return bit_words([(np.concatenate([self.codes, filling], axis=1).reshape(-1, lanes), width)])

    @property
    def input_beats_per_frame(self) -> int:
        """Input beats of one frame."""
        return beats(self.codes.shape[1], self._stream("input")[0])

    @property
    def output_beats_per_frame(self) -> int:
        """Output beats of one frame."""
        return beats(self.build.graph.output_type.size, self._stream("output")[0])

    @property
    def expected_beats(self) -> int:
        """Output beats of the whole run."""
        return self.frames * self.output_beats_per_frame

    def _stream(self, name: str) -> tuple[int, int]:
        """Lanes of the network's stream, and bits for each."""
        stream = self.build.manifest[name]
        return int(stream["lanes"]), int(stream["beat_bits"]) // int(stream["lanes"])

    def trace(self, found: list[tuple[str, bool, int]], starts: list[int]) -> Trace:
        """The trace of output beats: their bits, whether tlast was set, and their cycles."""
        kind, each = self.build.graph.output_type, self.output_beats_per_frame
        for index, (_, last, _) in enumerate(found):
            if last != ((index + 1) % each == 0):
                raise CheckFailedError(f"output beat {index} has tlast={int(last)}", "simulation")
        lanes, width = self._stream("output")
        codes = decode([bits for bits, _, _ in found], kind.size, lanes, width, kind.format)
        return Trace(np.array(codes, dtype=np.int64), len(found), starts, [cycle for _, _, cycle in found])

    @property
    def patience(self) -> int:
        """Cycles without a transfer, or before the run proper, that cannot happen in a network that works."""
        tries = self.resets * (self.resets + 3) + 40 * self.interrupt
        return 20 * (int(self.build.manifest["latency"]) + int(self.build.manifest["interval"])) + 1000 + tries


@dataclass(frozen=True)
class Trace:
    """What a bench saw.

    Args:
        codes: output codes in order, shape (elements,); may be fewer than expected, or more.
        beats: output beats that they came in.
        starts: cycle of each frame's first input beat.
        cycles: cycle of each output beat.
    """

    codes: IntArray
    beats: int
    starts: list[int]
    cycles: list[int]


def compile_design(build: BuildFolder, folder: Path, extra: Sequence[str] = ()) -> str:
    """Analyses the VHDL of ``build``, then ``extra`` files of it or elsewhere, into ``folder``; returns the path of GHDL."""
    ghdl, _ = find_ghdl()
    sources = [str(build.path / name) for name in [*build.sources, *extra]]
    status, text = run_tool([ghdl, "-a", *STANDARD, *sources], folder)
    if status:
        raise CreatorError(f"the VHDL does not compile: {reason(status, text)}", str(build.path), "translate again")
    return ghdl


def reason(status: int, text: str) -> str:
    """Why a tool failed, given its exit status and what it printed."""
    if status < 0:
        return f"GHDL was killed by signal {-status}"
    return first_error(text) if text.strip() else f"GHDL printed nothing and ended with exit status {status}"


def first_error(text: str) -> str:
    """The line of a tool's output that says what went wrong; of a checker that stopped the run, what it says and when."""
    checker = re.search(r"creator_stream_checker\.vhd:\d+:\d+:@(\d+)ns:\(assertion failure\): (.*)", text)
    if checker:
        return f"{checker[2].strip()}, in cycle {int(checker[1]) // 10}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    placed = [line for line in lines if re.match(r"\S+:\d+:\d+:", line) and not re.search(r":\s*(note|warning):", line)]
    named = [line for line in lines if "error" in line.lower()]
    return next(iter([*placed, *named, *lines[-1:]]), "no message")


def decode(words: list[str], size: int, lanes: int, width: int, fmt: Format) -> list[int]:
    """The codes in beats of frames of ``size`` elements: ``lanes`` in a beat, the first lowest, ``width`` bits for each.

    Raises:
        CheckFailedError: for a beat of another width, for undefined bits, and for upper bits that do not extend a code.
    """
    each, codes = beats(size, lanes), []
    for index, word in enumerate(words):
        if len(word) != lanes * width:
            raise CheckFailedError(f"the results have a beat of {len(word)} bits, not {lanes * width}: {word}", "simulation")
        if set(word) - {"0", "1"}:
            raise CheckFailedError(f"an output has undefined bits: {word}", "simulation")
        held = min(lanes, size - index % each * lanes)
        codes += [_code(word[len(word) - (i + 1) * width : len(word) - i * width], fmt) for i in range(held)]
    return codes


def _code(bits: str, fmt: Format) -> int:
    code = int(bits[-fmt.total_bits :], 2)
    if fmt.signed and code >> (fmt.total_bits - 1):
        code -= 1 << fmt.total_bits
    if int(bits, 2) != code & ((1 << len(bits)) - 1):
        raise CheckFailedError(f"the upper bits of {bits} do not extend a {fmt}", "simulation")
    return code
