"""The entities of a change of format."""

from __future__ import annotations

from creator.ops import Quantize
from creator.render.core_files import CoreFiles
from creator.render.limits import requantizer_values


def render_quantize(files: CoreFiles, op: Quantize) -> None:
    """Renders the core's entities."""
    values = requantizer_values(
        files.core.input_type.format, files.interval, op.output, op.rounding, op.overflow, op.low, op.high
    )
    files.main({"requantizer_entity": files.part("requantizer", "requantizer", values)})
