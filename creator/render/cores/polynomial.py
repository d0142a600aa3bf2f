"""The entities of a piecewise polynomial."""

from __future__ import annotations

from itertools import pairwise

from creator.formats import FixedPoint, Overflow
from creator.ops import Polynomial, TensorType
from creator.ops.base import is_deep
from creator.ops.rescale import PART_BITS
from creator.render.core_files import CoreFiles
from creator.render.cores.slope import Held
from creator.render.limits import requantizer_values
from creator.render.multiplier import parts, products_of, sums_of
from creator.render.values import Identifier


def render_polynomial(files: CoreFiles, op: Polynomial) -> None:
    """Renders the core's entities."""
    x = files.core.input_type
    steps = op.step_bits(x)
    widths = op.widths
    fields = [(column[:, None], bits) for column, bits in zip(op.coefficients.T, widths, strict=True)]
    memory = files.rom("coefficients", f"coefficients of {files.core.node.where}, the constant lowest", fields)
    entities = [
        _step(files, op, x, step, (steps[step], widths[op.degree - 1 - step], steps[step + 1])) for step in range(op.degree)
    ]
    stages = [op.step_stages(x, step) for step in range(op.degree)]
    ready = op.memory_stages  # the stage whose registers have the coefficients
    offsets = _line("offset", op.value_stages(x) - stages[-1])
    constants = _line("constant_term", stages[0]) if op.degree == 2 else []
    value = FixedPoint(steps[-1], op.output.frac_bits + op.fracs[-1])
    part = files.part(
        "polynomial_value",
        "value",
        {
            "input_format": x.format,
            "degree": op.degree,
            "segment_bits": x.format.total_bits - op.offset_bits(x),
            "deep": is_deep(op.segments),
            "offset_bits": op.offset_bits(x),
            "word_bits": sum(widths),
            "constant_bits": widths[0],
            "linear_bits": widths[1],
            "slope_bits": steps[1],
            "offsets": offsets,
            "constants": constants,
            "first_offset": offsets[ready - 1].name,
            "memory_entity": memory,
            "first_entity": entities[0],
            "last_entity": entities[-1],
            "value_bits": value.total_bits,
        },
    )
    rules = (op.output, op.rounding, Overflow.SATURATE, op.low, op.high)
    values = op.exact(x, files.interval)
    requantizer = files.part("requantizer", "requantizer", requantizer_values(value, values, *rules))
    files.main(
        {
            "segments": op.segments,
            "degree": op.degree,
            "channels": 1,
            "value_bits": value.total_bits,
            "scaler": Identifier("polynomial"),
            "multiplier_entity": part,
            "requantizer_entity": requantizer,
        }
    )


def _line(name: str, stages: int) -> list[Held]:
    """A value in so many registers, one after the other; what comes before the first is up to the template."""
    names = [Identifier(f"{name}_{stage}") for stage in range(stages + 1)]
    return [Held(after, before) for before, after in pairwise(names)]


def _step(files: CoreFiles, op: Polynomial, x: TensorType, step: int, bits: tuple[int, int, int]) -> Identifier:
    """The entity of one step of Horner's rule; ``bits`` are those of the value, of the coefficient and of the result."""
    operand_bits, coefficient_bits, result_bits = bits
    factor_bits = op.offset_bits(x)
    operand_parts, factor_parts = op.parts(x, step)
    products = products_of(parts(operand_bits, operand_parts), parts(factor_bits, factor_parts))
    sums = sums_of([product.term for product in products])
    whole = sums[-1].term if sums else products[0].term
    shift = op.fracs[-1] - op.fracs[op.degree - 1 - step]
    values = {
        "shift": shift,
        "operand_bits": operand_bits,
        "factor_bits": factor_bits,
        "coefficient_bits": coefficient_bits,
        "result_bits": result_bits,
        "total_bits": max(whole.bits, coefficient_bits + shift, result_bits),
        "part_bits": PART_BITS,
        "products": products,
        "sums": sums,
        "whole": whole.name,
        "addends": _line("addend", op.step_stages(x, step) - 1),
    }
    return files.part("polynomial_step", f"step_{step + 1}", values)
