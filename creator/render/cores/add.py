"""The entities of a sum or a difference."""

from __future__ import annotations

from creator.formats import FixedPoint, bits_for
from creator.ops import Add, Interval
from creator.render.core_files import CoreFiles
from creator.render.limits import requantizer_values
from creator.render.values import Identifier

_ADDER = Identifier("adder")


def render_add(files: CoreFiles, op: Add) -> None:
    """Renders the core's entities."""
    inputs = files.core.input_types
    sums = op.sums(inputs, files.intervals)
    # Wide enough for each operand too, on the grid of the sum: its upper bits are on the stream, whatever their bounds.
    widths = [x.format.total_bits + (not x.format.signed) + shift for x, shift in zip(inputs, op.shifts(inputs), strict=True)]
    value = FixedPoint(max(bits_for(*sums), *widths), op.frac_bits(inputs))
    shared = {"difference": op.sign == -1, "value_bits": value.total_bits}
    formats = {"a_format": inputs[0].format, "b_format": inputs[1].format}
    shifts = dict(zip(("a_shift", "b_shift"), op.shifts(inputs), strict=True))
    adder = files.part("adder", "adder", formats | shared | shifts)
    rules = (op.output, op.rounding, op.overflow, op.low, op.high)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(value, Interval(*sums), *rules))
    files.main(shared | {"operator": _ADDER, "operator_entity": adder, "requantizer_entity": requantizer})
