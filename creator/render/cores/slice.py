"""The entity of a part of a value."""

from __future__ import annotations

from creator.ops import Slice
from creator.render.core_files import CoreFiles
from creator.schedule.rom import address_bits


def render_slice(files: CoreFiles, op: Slice) -> None:
    """Renders the core's entity."""
    core, x = files.core, files.core.input_type
    rounds, (start, stop, run) = op.rounds(x), op.places(x)
    first_beat, stop_beat, run_beats = op.kept_beats(x, core.lanes)
    bits = x.format.total_bits
    files.main(
        {
            "turns": core.lanes.input == core.lanes.output,
            "rounds": rounds,
            "start": start,
            "stop": stop,
            "run": run,
            "first_beat": first_beat,
            "stop_beat": stop_beat,
            "run_beats": run_beats,
            "counts": run_beats > 1,
            "place_bits": address_bits(run_beats),
            "counts_rounds": rounds > 1,
            "round_bits": address_bits(rounds),
            "together": core.lanes.input // run,
            "run_bits": run * bits,
            "start_bit": start * bits,
            "stop_bit": stop * bits,
            "kept_bits": (stop - start) * bits,
        }
    )
