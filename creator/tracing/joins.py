"""What reads several values: sums, differences, products, concatenations."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, bits_for
from creator.graph import Builder
from creator.nn.slots import FloatOutput
from creator.ops import Interval, Op, TensorType
from creator.ops.base import MAX_BITS
from creator.tracing.broadcast import alike, transposed_alike
from creator.tracing.layout import Value, with_axis
from creator.tracing.modules import quantize_op
from creator.tracing.requantized import Context, change_from

JOINS = (nn.Add, nn.Subtract, nn.Multiply, nn.Concatenate)
"""Modules of several inputs."""

SUMS: dict[Any, int] = dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), 1)
SUMS |= dict.fromkeys((operator.sub, operator.isub, torch.sub, torch.subtract, "sub", "sub_", "subtract"), -1)
PRODUCTS = {operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_", "multiply"}
CONCATENATIONS = {torch.cat, torch.concat, torch.concatenate}
STACKS = {torch.stack}
LARGER = {torch.maximum, "maximum", torch.max, "max"}
SMALLER = {torch.minimum, "minimum", torch.min, "min"}
""""max" and "min" of two values; of one they reduce an axis."""

FLOAT32_BITS, FLOAT64_BITS = 24, 52
"""Of a sum or a product that torch computes exactly, in the type in which it holds the operands."""


def is_join(target: object) -> bool:
    """Whether a function joins values."""
    try:
        return target in SUMS or target in PRODUCTS or target in CONCATENATIONS
    except TypeError:
        return False


def operands(target: object, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], int]:
    """The operands of a function that joins values, and the axis of a concatenation."""
    if target in CONCATENATIONS or target in STACKS:
        given = dict(zip(("tensors", "dim"), args, strict=False)) | kwargs
        given.setdefault("dim", given.pop("axis", 0))
        values = list(given.pop("tensors", ()))
        dim = given.pop("dim")
        if given or not values or not isinstance(dim, int):
            raise CreatorError("these arguments are not supported", hint="pass the values and the axis")
        return values, dim
    given = dict(zip(("input", "other"), args, strict=False)) | kwargs
    if given.pop("alpha", 1) != 1 or len(args) > 2 or set(given) != {"input", "other"}:
        raise CreatorError("these arguments are not supported", hint="pass the two values alone")
    return [given["input"], given["other"]], 0


def module_join(builder: Builder, module: torch.nn.Module, values: Sequence[Value], paths: tuple[str, ...]) -> Value:
    """Appends a layer of several inputs."""
    if isinstance(module, nn.Concatenate):
        if module.quantize is not None:
            values = _brought(builder, module, module.quantize, values, paths)
        return concatenated(builder, values, module.dim, paths)
    assert isinstance(module, (nn.Add, nn.Multiply))
    q = module.quantize.quantizer
    if isinstance(q, FloatOutput):
        what = f"it does not round to {q.quantizer.fmt} itself"
        raise CreatorError(what, hint="give it a FixedPoint, and put nn.Quantize with the FloatQuantizer after it")
    if any(isinstance(fmt, Affine) for fmt in (q.format, *(builder.type_of(value.name).format for value in values))):
        return _requantized(builder, module, values, paths)
    assert isinstance(q.format, FixedPoint)
    rules = (q.format, q.rounding, q.overflow, q.format.min_code, q.format.max_code)
    op: Op = ops.Multiply(*rules) if isinstance(module, nn.Multiply) else ops.Add(*rules, _sign(module))
    return _elementwise(builder, op, values, paths)


def _brought(
    builder: Builder, module: nn.Concatenate, change: nn.Quantize, values: Sequence[Value], paths: tuple[str, ...]
) -> list[Value]:
    """The values in the format of a concatenation's output."""
    kinds = tuple(builder.type_of(value.name) for value in values)
    if any(isinstance(fmt, Affine) for fmt in (change.output_format, *(kind.format for kind in kinds))):
        _check_known(module, tuple(kind.format for kind in kinds))
        # Where neither has an arbitrary scale, eval mode rounds as everywhere else.
        scaled = [isinstance(change.output_format, Affine) or isinstance(kind.format, Affine) for kind in kinds]
        made = [
            change_from(change, kind.format) if rescales else quantize_op(change, Context(kind))
            for kind, rescales in zip(kinds, scaled, strict=True)
        ]
    else:
        made = [quantize_op(change, Context(kind)) for kind in kinds]
    return [value.renamed(builder.add(op, value.name, paths)) for value, op in zip(values, made, strict=True)]


def _check_known(module: nn.Add | nn.Multiply | nn.Concatenate, formats: tuple[Format, ...]) -> None:
    """Refuses a layer whose eval mode computes with other formats of its inputs than they have."""
    if module.input_formats != formats:
        what = f"it has an arbitrary scale, and does not know that its inputs are {' and '.join(map(str, formats))}"
        raise CreatorError(what, hint="trace creator.convert(model)")


def _requantized(builder: Builder, module: nn.Add | nn.Multiply, values: Sequence[Value], paths: tuple[str, ...]) -> Value:
    """The integers that eval mode computes between arbitrary scales: exact factors, an exact sum or product, one rounding."""
    _check_known(module, tuple(builder.type_of(value.name).format for value in values))
    requantizer = module.requantizer()
    assert requantizer is not None
    factors, shift = requantizer.multiplier
    output, rounding = requantizer.output, requantizer.rounding
    scaled = [
        _rescaled(builder, value, factor, paths)
        for value, factor in zip(values, factors if module.sign else (1, 1), strict=True)
    ]
    kinds = tuple(builder.type_of(value.name) for value in scaled)
    op: Op = _exact_sum(kinds, module.sign, MAX_BITS) if module.sign else _exact_product(kinds, MAX_BITS)
    result = _elementwise(builder, op, scaled, paths)
    last = np.array([1 if module.sign else factors[0]], dtype=np.int64)
    change = ops.Rescale(last, shift, output, rounding, output.min_code, output.max_code)
    return result.renamed(builder.add(change, (result.name,), paths))


def _rescaled(builder: Builder, value: Value, factor: int, paths: tuple[str, ...]) -> Value:
    """``value`` less its zero point, times ``factor``, exactly."""
    kind = builder.type_of(value.name)
    widest = FixedPoint(MAX_BITS, 0)
    factors = np.array([factor], dtype=np.int64)
    op = ops.Rescale(factors, 0, widest, Rounding.FLOOR, widest.min_code, widest.max_code)
    products = op.products(kind, Interval.of(kind.format))
    bits = bits_for(*products)
    if bits > MAX_BITS:
        raise CreatorError(f"its products need {bits} bits, more than {MAX_BITS}", hint="use fewer multiplier_bits")
    fmt = FixedPoint(bits, 0)
    change = ops.Rescale(factors, 0, fmt, Rounding.FLOOR, fmt.min_code, fmt.max_code)
    return value.renamed(builder.add(change, (value.name,), paths))


def _sign(module: nn.Add) -> int:
    return module.sign


def function_join(builder: Builder, target: object, values: Sequence[Value], dim: int, paths: tuple[str, ...]) -> Value:
    """Appends a function of several values, whose result is exact."""
    if target in CONCATENATIONS:
        return concatenated(builder, values, dim, paths)
    op = _exact_of(target, tuple(builder.type_of(value.name) for value in values))
    return _elementwise(builder, op, values, paths)


def exact_format(target: object, formats: Sequence[Format]) -> Format:
    """The format of a function of several values of ``formats``, whose result is exact.

    Raises:
        CreatorError: where the function is refused, whatever the shapes.
    """
    if target in CONCATENATIONS:
        return common_format(formats)
    kinds = tuple(TensorType((1,), fmt) for fmt in formats)
    return _exact_of(target, kinds).infer(kinds).format


def _exact_of(target: object, kinds: tuple[TensorType, ...]) -> Op:
    for kind in kinds:
        if isinstance(kind.format, Affine):
            what = f"an operand has the arbitrary scale of {kind.format}"
            raise CreatorError(what, hint="put nn.Quantize with a FixedPoint before it")
    return _exact_product(kinds) if target in PRODUCTS else _exact_sum(kinds, SUMS[target])


def _exact_sum(kinds: tuple[TensorType, ...], sign: int, most: int = 0) -> ops.Add:
    """A sum whose output holds every one of them."""
    rules = (Rounding.HALF_EVEN, Overflow.SATURATE)
    least = FixedPoint(1, max(kind.format.frac_bits for kind in kinds))
    sums = ops.Add(least, *rules, least.min_code, least.max_code, sign).sums(kinds, _ranges(kinds))
    output = narrowest([kind.format for kind in kinds], sums, least.frac_bits, most)
    return ops.Add(output, *rules, output.min_code, output.max_code, sign)


def _exact_product(kinds: tuple[TensorType, ...], most: int = 0) -> ops.Multiply:
    """A product whose output holds every one of them."""
    rules = (Rounding.HALF_EVEN, Overflow.SATURATE)
    frac_bits = sum(kind.format.frac_bits for kind in kinds)
    ends = [a * b for a in _ranges(kinds)[0] for b in _ranges(kinds)[1]]
    output = narrowest([kind.format for kind in kinds], Interval(min(ends), max(ends)), frac_bits, most)
    return ops.Multiply(output, *rules, output.min_code, output.max_code)


def _ranges(kinds: tuple[TensorType, ...]) -> tuple[Interval, ...]:
    return tuple(Interval.of(kind.format) for kind in kinds)


_ROUNDS = "use creator.nn.Add, Subtract or Multiply, which round to an output format"


def narrowest(operands: Sequence[Format], reached: Interval, frac_bits: int, most: int = 0, hint: str = _ROUNDS) -> FixedPoint:
    """The narrowest format of so many fractional bits that holds all codes; refused beyond ``most`` bits, or where torch
    would round them."""
    signed = reached.low < 0
    bits = bits_for(*reached) if signed else max(1, reached.high.bit_length())
    wide = any(fmt.total_bits > FLOAT32_BITS for fmt in operands)
    most = most or (FLOAT64_BITS if wide else FLOAT32_BITS)
    if bits > most:
        what = f"its exact result needs {bits} bits, more than the {most} that PyTorch holds here"
        raise CreatorError(what, hint=hint)
    return FixedPoint(bits, frac_bits, signed)


def _elementwise(builder: Builder, op: Op, values: Sequence[Value], paths: tuple[str, ...]) -> Value:
    if len(values) != 2:
        raise CreatorError(f"takes two values, but gets {len(values)}")
    a, b = alike(builder, values, paths)
    return a.renamed(builder.add(op, (a.name, b.name), paths))


def extreme(builder: Builder, values: Sequence[Value], largest: bool, paths: tuple[str, ...]) -> Value:
    """Appends the larger, or the smaller, of two values, elementwise: ``b + relu(a - b)``, or ``a - relu(a - b)``, exactly."""
    if any(isinstance(builder.type_of(value.name).format, Affine) for value in values):
        raise CreatorError("a maximum of arbitrary scales is not supported", hint="put nn.Quantize with a FixedPoint before it")
    a, b = alike(builder, _one_format(builder, values, paths), paths)
    fmt = builder.type_of(a.name).format
    assert isinstance(fmt, FixedPoint)
    span = bits_for(fmt.min_code - fmt.max_code, fmt.max_code - fmt.min_code)
    if span > MAX_BITS:
        raise CreatorError(f"the difference of two values of {fmt} needs more than {MAX_BITS} bits", hint="use fewer bits")
    beyond = FixedPoint(span - 1, fmt.frac_bits, signed=False)
    rules = (Rounding.FLOOR, Overflow.SATURATE)
    more = builder.add(ops.Add(beyond, *rules, 0, beyond.max_code, -1), (a.name, b.name), paths)
    last = ops.Add(fmt, *rules, fmt.min_code, fmt.max_code, 1 if largest else -1)
    return a.renamed(builder.add(last, ((b if largest else a).name, more), paths))


def stacked(builder: Builder, values: Sequence[Value], dim: int, paths: tuple[str, ...]) -> Value:
    """Appends values one after the other along a new axis, torch's ``dim`` of the result.

    Raises:
        CreatorError: for a stack of batches, and for shapes that differ.
    """
    if len({value.shape for value in values}) > 1:
        raise CreatorError(f"its operands have the shapes {' and '.join(str(value.shape) for value in values)}")
    axis = dim % (len(values[0].shape) + 2)
    if axis == 0:
        raise CreatorError("mixes the batch with other axes", hint="stack along another axis than the first")
    values = [with_axis(builder, value, axis - 1, paths) for value in transposed_alike(builder, values, paths)]
    return concatenated(builder, values, axis, paths)


def stored_axis(value: Value, dim: int) -> tuple[int, int]:
    """torch's axis ``dim`` as one of a sample of ``value``, which is transposed only, and of its node."""
    rank = len(value.shape) + 1
    if not (1 <= dim < rank or -rank < dim < 0):
        raise CreatorError(f"dim={dim!r} is not an axis of a sample", hint="keep the batch as the first axis")
    axis = dim % rank - 1
    return axis, value.axes[axis] if value.axes else axis


def concatenated(builder: Builder, values: Sequence[Value], dim: int, paths: tuple[str, ...]) -> Value:
    """Appends the concatenation of values along torch's axis ``dim``, the batch being axis 0."""
    ranks = {len(value.shape) for value in values}
    if len(ranks) > 1:
        raise CreatorError(f"its operands have the shapes {' and '.join(str(value.shape) for value in values)}")
    result, *others = transposed_alike(builder, _one_format(builder, values, paths), paths)
    axis, stored = stored_axis(result, dim)
    for other in others:
        name = builder.add(ops.Concatenate(stored), (result.name, other.name), paths)
        shape = list(result.shape)
        shape[axis] += other.shape[axis]
        result = Value(name, tuple(shape), result.axes)
    return result


def _one_format(builder: Builder, values: Sequence[Value], paths: tuple[str, ...]) -> list[Value]:
    """The values in :func:`common_format`."""
    formats = [builder.type_of(value.name).format for value in values]
    common = common_format(formats)
    if not isinstance(common, FixedPoint):
        return list(values)
    change = ops.Quantize(common, Rounding.FLOOR, Overflow.SATURATE, common.min_code, common.max_code)
    return [
        value if fmt == common else value.renamed(builder.add(change, value.name, paths))
        for value, fmt in zip(values, formats, strict=True)
    ]


def common_format(formats: Sequence[Format]) -> Format:
    """The narrowest fixed-point format that holds values of each of ``formats`` exactly; the one that all have already.

    Raises:
        CreatorError: for different formats with arbitrary scales, and for what needs more than 52 bits.
    """
    if len(set(formats)) == 1:
        return formats[0]
    fixed = [fmt for fmt in formats if isinstance(fmt, FixedPoint)]
    if len(fixed) < len(formats):
        what = f"its operands have the formats {' and '.join(map(str, formats))}"
        raise CreatorError(what, hint="use creator.nn.Concatenate with an output format, and creator.convert")
    grid = max(fmt.frac_bits for fmt in fixed)
    ends = [(fmt.min_code << (grid - fmt.frac_bits), fmt.max_code << (grid - fmt.frac_bits)) for fmt in fixed]
    bits = bits_for(min(low for low, _ in ends), max(high for _, high in ends))
    signed = any(fmt.signed for fmt in fixed)
    if bits > MAX_BITS:
        what = f"its operands have the formats {' and '.join(map(str, formats))}, and one for all needs {bits} bits"
        raise CreatorError(what, hint="use creator.nn.Concatenate with an output format")
    return FixedPoint(bits if signed else bits - 1, grid, signed)
