"""The entity of a concatenation."""

from __future__ import annotations

from creator.ops import Concatenate
from creator.render.core_files import CoreFiles
from creator.schedule.rom import address_bits


def render_concatenate(files: CoreFiles, op: Concatenate) -> None:
    """Renders the core's entity."""
    core, inputs = files.core, files.core.input_types
    a_run, b_run = op.runs(inputs)
    a_beats, b_beats = op.run_beats(inputs, core.lanes)
    files.main(
        {
            "turns": core.lanes.input == core.lanes.output,
            "rounds": op.rounds(inputs),
            "a_run": a_run,
            "b_run": b_run,
            "a_beats": a_beats,
            "b_beats": b_beats,
            "counts": max(a_beats, b_beats) > 1,
            "place_bits": address_bits(max(a_beats, b_beats)),
            "together": core.lanes.input // a_run,
            "sum_bits": (a_run + b_run) * core.node.type.format.total_bits,
        }
    )
