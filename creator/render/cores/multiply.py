"""The entities of a product."""

from __future__ import annotations

from creator.formats import FixedPoint, bits_for
from creator.ops import Interval, Multiply
from creator.render.core_files import CoreFiles
from creator.render.limits import requantizer_values
from creator.render.multiplier import product_values
from creator.render.values import Identifier


def render_multiply(files: CoreFiles, op: Multiply) -> None:
    """Renders the core's entities."""
    inputs = files.core.input_types
    every = op.products(tuple(Interval.of(x.format) for x in inputs))
    value = FixedPoint(bits_for(*every), op.frac_bits(inputs))
    values = product_values(inputs[0].format, inputs[1].format, op.parts(inputs), value.total_bits)
    product = files.part("product", "product", values)
    rules = (op.output, op.rounding, op.overflow, op.low, op.high)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(value, op.products(files.intervals), *rules))
    files.main(
        {
            "value_bits": value.total_bits,
            "operator": Identifier("product"),
            "operator_entity": product,
            "requantizer_entity": requantizer,
        }
    )
