"""Small graphs made by hand, without torch."""

from __future__ import annotations

import numpy as np

from creator.affine import Affine, Format
from creator.formats import FixedPoint, Overflow, Rounding
from creator.graph import Builder, Graph
from creator.ops import (
    Add,
    Clamp,
    Concatenate,
    Linear,
    Lookup,
    Multiply,
    Op,
    Polynomial,
    Quantize,
    Rescale,
    Reshape,
    Slice,
    Slope,
    TensorType,
)

F = FixedPoint
IN = F(8, 4)
WEIGHT = F(6, 4)
ENTRY = F(7, 6)


def chain(*ops: Op, shape: tuple[int, ...] = (4,), entry: Format = IN, paths: tuple[str, ...] = ()) -> Graph:
    """The ops one after the other; the i-th has the module path ``layer.i`` unless ``paths`` says otherwise."""
    builder = Builder(TensorType(shape, entry))
    current = builder.input
    for index, op in enumerate(ops):
        path = paths[index] if index < len(paths) else f"layer.{index}"
        current = builder.add(op, current, (path,))
    return builder.graph(current)


def linear(
    n: int = 4,
    m: int = 3,
    *,
    weight_format: FixedPoint = WEIGHT,
    entry: FixedPoint = IN,
    output: FixedPoint = IN,
    rounding: Rounding = Rounding.HALF_EVEN,
    overflow: Overflow = Overflow.SATURATE,
    bits: int = 52,
    align: int = 0,
    low: int | None = None,
    high: int | None = None,
    seed: int = 0,
) -> Linear:
    """A linear op with random weights over the whole of their format."""
    rng = np.random.default_rng(seed)
    return Linear(
        weight=rng.integers(weight_format.min_code, weight_format.max_code, (m, n), endpoint=True),
        weight_format=weight_format,
        bias=rng.integers(-100, 100, m, endpoint=True),
        accumulator=F(bits, entry.frac_bits + weight_format.frac_bits + align),
        output=output,
        rounding=rounding,
        overflow=overflow,
        low=output.min_code if low is None else low,
        high=output.max_code if high is None else high,
    )


def quantize(output: FixedPoint, rounding: Rounding = Rounding.HALF_EVEN, overflow: Overflow = Overflow.SATURATE) -> Quantize:
    """A change of format that limits nothing more."""
    return Quantize(output, rounding, overflow, output.min_code, output.max_code)


def table(output: FixedPoint = ENTRY, bits: int = 8) -> Lookup:
    """A table of random entries."""
    entries = np.random.default_rng(3).integers(output.min_code, output.max_code, 1 << bits, endpoint=True)
    return Lookup(entries, output)


def rescale(factors: list[int], shift: int, output: Format, rounding: Rounding = Rounding.HALF_EVEN) -> Rescale:
    """A change of scale that limits nothing more."""
    return Rescale(np.array(factors), shift, output, rounding, output.min_code, output.max_code)


def slope(slopes: list[int], frac_bits: int, output: FixedPoint, rounding: Rounding = Rounding.HALF_EVEN, **rest: int) -> Slope:
    """A slope that limits nothing more."""
    return Slope(np.array(slopes), frac_bits, output, rounding, Overflow.SATURATE, output.min_code, output.max_code, **rest)


def polynomial(
    bits: int,
    segments: int,
    widths: tuple[int, ...],
    output: FixedPoint,
    rounding: Rounding = Rounding.HALF_EVEN,
    seed: int = 0,
) -> Polynomial:
    """A polynomial of random coefficients of so many bits, the constant first, for an input of ``bits`` bits."""
    rng = np.random.default_rng(seed)
    offset_bits = bits - (segments - 1).bit_length()
    columns = [rng.integers(-(1 << (width - 1)), 1 << (width - 1), segments) for width in widths]
    fracs = tuple(3 + power * (offset_bits - 1) for power in range(len(widths)))
    return Polynomial(np.stack(columns, 1), fracs, output, rounding, output.min_code, output.max_code)


def of_everything() -> Graph:
    """One node of every operation, with odd formats and module paths."""
    builder = Builder(TensorType((2, 2), IN))
    codes = F(6, 9, signed=False)
    rules = (codes, Rounding.TOWARD_ZERO, Overflow.WRAP, 0, 63)
    flat = builder.add(Reshape((4,)), builder.input, ("flat",))
    layer = linear(output=F(8, -3, symmetric=True), rounding=Rounding.HALF_AWAY)
    sums = builder.add(layer, flat, ('a "quoted" \\ path',))
    limited = builder.add(Clamp(-5, 100), sums, ("größe.λ",))
    changed = builder.add(quantize(*rules[:3]), limited, ("two\nlines\u2028\x85",))
    part = builder.add(Slice(0, 1, 3), changed, ("part",))
    both = builder.add(Concatenate(0), (part, changed), ("both",))
    product = builder.add(Multiply(*rules), (both, both), ("product",))
    total = builder.add(Add(*rules), (product, both), ("sum",))
    entries = builder.add(table(F(5, -2), bits=6), total, ("\t' ; end",))
    bent = builder.add(slope([3, -1, 9, 1, 2], 3, F(6, -1), Rounding.HALF_UP), entries, ("bent",))
    curved = builder.add(polynomial(6, 4, (9, 5, 4), F(6, 0)), bent, ("curved",))
    return builder.graph(builder.add(rescale([3, 40, 77, 5, 6], 6, Affine(0.1, 3, 6), Rounding.HALF_AWAY), curved, ("scale",)))
