"""What a simulation found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from creator.formats import IntArray


@dataclass(frozen=True)
class Mismatch:
    """The first output that differs.

    Args:
        sample: index into the vectors.
        element: index into the flattened output of that sample.
        expected: code that the graph gives.
        got: code that the VHDL gave.
        layer: module path of the first layer whose output differs in that sample; empty if it was not looked for.
    """

    sample: int
    element: int
    expected: int
    got: int
    layer: str = ""

    def __str__(self) -> str:
        text = f"sample {self.sample}, output element {self.element}: expected {self.expected}, got {self.got}"
        return f"{text}; first layer that differs: {self.layer}" if self.layer else text


@dataclass(frozen=True)
class Run:
    """The outcome of one simulation.

    Args:
        outputs: int64 codes that the VHDL gave, shape (batch, *output_shape).
        expected: what the graph gives for the same vectors, same shape.
        compared: output elements that were compared, those of repeated vectors included.
        mismatches: how many of them differ.
        first: the first that differs.
        interval: clock cycles from one sample's last output to the next one's in steady state; where samples differ in turn,
            their mean, rounded up; ``None`` with stalls.
        latency: clock cycles from the first sample's first input to its last output; ``None`` with stalls.
        cycles: clock cycles simulated, reset excluded.
        ends: clock cycles from the first sample's first input to the last output of each sample, repeated ones included.
        bench: ``"cocotb"`` or ``"vhdl"``.
        edited: files of the build that are not as they were translated.
    """

    outputs: IntArray
    expected: IntArray
    compared: int
    mismatches: int
    first: Mismatch | None
    interval: int | None
    latency: int | None
    cycles: int
    ends: tuple[int, ...]
    bench: str
    edited: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether everything was compared and nothing differs."""
        return self.mismatches == 0 and self.compared >= self.outputs.size > 0

    def summary(self) -> dict[str, Any]:
        """The figures as plain values, for ``--json``."""
        return {
            "samples": len(self.outputs),
            "compared": self.compared,
            "mismatches": self.mismatches,
            "first_mismatch": None if self.first is None else str(self.first),
            "interval": self.interval,
            "latency": self.latency,
            "cycles": self.cycles,
            "bench": self.bench,
            "edited_files": list(self.edited),
        }
