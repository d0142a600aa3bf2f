"""The entities of a limit."""

from __future__ import annotations

from creator.formats import Overflow, Rounding
from creator.ops import Clamp, Interval
from creator.render.core_files import CoreFiles, full_range
from creator.render.limits import requantizer_values


def render_clamp(files: CoreFiles, op: Clamp) -> None:
    """Renders the core's entities."""
    # The whole format, not the narrower interval: all of its bits are on the stream.
    fmt = full_range(files.core.input_type.format)
    rules = (fmt, Rounding.FLOOR, Overflow.SATURATE, op.low, op.high)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(fmt, Interval.of(fmt), *rules))
    files.main({"low": op.low, "high": op.high, "requantizer_entity": requantizer})
