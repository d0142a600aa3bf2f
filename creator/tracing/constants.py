"""Sums, products and quotients with numbers, parameters and buffers: exact, or rounded by a layer that has an output format."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.graph import Builder
from creator.nn.slots import FloatOutput, OutputQuantizer
from creator.ops import Interval, TensorType
from creator.ops.base import MAX_BITS
from creator.tracing.joins import PRODUCTS, SUMS, narrowest
from creator.tracing.layout import Value, channels_last, natural
from creator.tracing.weighted import pointwise

QUOTIENTS = {operator.truediv, operator.itruediv, torch.div, torch.divide, torch.true_divide}
QUOTIENTS |= {"div", "div_", "divide", "true_divide"}
NEGATIONS = {operator.neg, torch.neg, torch.negative, "neg", "neg_", "negative"}

_HINT = "use a constant of fewer bits, or round: creator.nn.Multiply or Add with an output format"


@dataclass(frozen=True)
class Line:
    """``factor * x + term``, with one of each, or one for each index along torch's axis ``axis`` of a sample."""

    factor: tuple[Fraction, ...]
    term: tuple[Fraction, ...]
    axis: int | None


def is_line(target: object) -> bool:
    """Whether a function of one value that is not a sum or a product makes a :class:`Line`."""
    try:
        return target in QUOTIENTS or target in NEGATIONS
    except TypeError:
        return False


def line_of(target: object, given: Sequence[Any], rank: int) -> Line:
    """What a function does to a value of so many axes; it is the :class:`Value` of ``given``, the others are constants.

    Raises:
        CreatorError: for constants that are no finite real numbers, or differ along several axes, and for quotients that are
            no products with a power of two.
    """
    if target in NEGATIONS:
        return Line((Fraction(-1),), (Fraction(0),), None)
    first = isinstance(given[0], Value)
    constants, axis = _numbers(given[1 if first else 0], rank)
    one, none = (Fraction(1),), (Fraction(0),)
    if target in PRODUCTS:
        return Line(constants, none, axis)
    if target in QUOTIENTS:
        if not first or not all(c and _is_power(abs(c)) for c in constants):
            raise CreatorError("only a quotient with a power of two is exact", hint="use nn.Lookup, or multiply and round")
        return Line(tuple(1 / c for c in constants), none, axis)
    sign = SUMS[target]
    if first:
        return Line(one, tuple(sign * c for c in constants), axis)
    return Line((Fraction(sign),), constants, axis)


def _numbers(constant: Any, rank: int) -> tuple[tuple[Fraction, ...], int | None]:
    """A constant as one number, or as one for each index along an axis of a sample."""
    tensor = constant.detach().cpu() if isinstance(constant, torch.Tensor) else torch.tensor(constant)
    if tensor.is_complex() or not bool(torch.isfinite(tensor).all()):
        raise CreatorError("a constant is not finite, or no real number", hint="use numbers, parameters and buffers")
    if tensor.ndim > rank + 1 or (tensor.ndim == rank + 1 and tensor.shape[0] != 1):
        raise CreatorError(f"a constant of shape {tuple(tensor.shape)} adds axes", hint="keep the value's axes")
    sizes = (1,) * (rank - tensor.ndim) + tuple(tensor.shape[max(0, tensor.ndim - rank) :])
    axes = [axis for axis, size in enumerate(sizes) if size > 1]
    if len(axes) > 1:
        raise CreatorError(
            f"a constant of shape {tuple(tensor.shape)} differs along several axes", hint="let it differ along one"
        )
    numbers = tuple(Fraction(number) for number in tensor.double().flatten().tolist())
    if len(set(numbers)) == 1:
        return numbers[:1], None
    return numbers, axes[0]


def appended(builder: Builder, line: Line, value: Value, module: nn.Add | nn.Multiply | None, paths: tuple[str, ...]) -> Value:
    """Appends a line: exact, or rounded by ``module``.

    Raises:
        CreatorError: for a result that PyTorch does not compute exactly, and for arbitrary scales.
    """
    fmt = builder.type_of(value.name).format
    if isinstance(fmt, Affine):
        raise CreatorError(f"a constant meets the arbitrary scale of {fmt}", hint="put nn.Quantize with a FixedPoint before it")
    q = None if module is None else module.quantize.quantizer
    if q is not None and (isinstance(q, FloatOutput) or not isinstance(q.format, FixedPoint)):
        raise CreatorError(
            "with a constant its output must be a FixedPoint", hint="put nn.Quantize with the other format after it"
        )
    places = _places(line) if q is None else None
    if places is not None:
        return value if not places else value.renamed(builder.add(ops.Shift(places), value.name, paths))
    if line.axis is not None and (len(line.factor) > 1 or len(line.term) > 1):
        value = _along(builder, value, line.axis, paths)
    exact = _Exact.of(line, fmt)
    rules = exact.rules(fmt, q)
    stored = builder.type_of(value.name).shape
    if len(line.term) == 1:
        op: ops.Op = ops.Slope(exact.factors, exact.bits, *rules, everywhere=1, offset=int(exact.terms[0]))
        return value.renamed(builder.add(op, value.name, paths))
    return value.renamed(_with_terms(builder, exact, fmt, rules, value.name, stored, paths))


def line_format(line: Line, fmt: FixedPoint) -> FixedPoint:
    """The format of the exact result of a line of values of the format ``fmt``.

    Raises:
        CreatorError: for a result that PyTorch does not compute exactly.
    """
    places = _places(line)
    if places is not None:
        return ops.Shift(places).infer((TensorType((1,), fmt),)).format if places else fmt  # type: ignore[return-value]
    return _Exact.of(line, fmt).rules(fmt, None)[0]


def _places(line: Line) -> int | None:
    """How far a line without a term, whose one factor is a power of two, moves the binary point; ``None`` for others."""
    if line.axis is not None or any(line.term) or line.factor[0] <= 0 or not _is_power(line.factor[0]):
        return None
    return line.factor[0].numerator.bit_length() - line.factor[0].denominator.bit_length()


def _is_power(number: Fraction) -> bool:
    return not (number.numerator & (number.numerator - 1) or number.denominator & (number.denominator - 1))


def _along(builder: Builder, value: Value, axis: int, paths: tuple[str, ...]) -> Value:
    """``value`` with a node whose last axis is torch's ``axis``."""
    rank = len(value.shape)
    if rank == 1 or axis == rank - 1:
        return natural(builder, value, paths)
    if axis == 0:
        return channels_last(builder, value, paths)
    raise CreatorError("a constant differs along another axis than the channels and the last one", hint="exchange the axes")


@dataclass(frozen=True)
class _Exact:
    """A line on codes: ``factors * q + terms``, on a grid of ``bits`` fractional bits more; of all results ``zeros`` bits more
    are zero."""

    factors: np.ndarray
    terms: np.ndarray
    bits: int
    zeros: int

    @classmethod
    def of(cls, line: Line, fmt: FixedPoint) -> _Exact:
        step = Fraction(2) ** -fmt.frac_bits
        units = [*line.factor, *(term / step for term in line.term)]
        bits = max(unit.denominator.bit_length() - 1 for unit in units)
        codes = [[int(unit * 2**bits) for unit in group] for group in (units[: len(line.factor)], units[len(line.factor) :])]
        every = [code for group in codes for code in group if code]
        zeros = min(((code & -code).bit_length() - 1 for code in every), default=0)
        if any(abs(code) >> 62 for code in every):
            raise CreatorError("a constant has too many bits", hint=_HINT)
        return cls(np.array(codes[0], dtype=np.int64), np.array(codes[1], dtype=np.int64), bits, zeros)

    def rules(self, fmt: FixedPoint, q: OutputQuantizer | None) -> tuple[FixedPoint, Rounding, Overflow, int, int]:
        """Output, rounding, overflow and limits: the layer's, or those of the narrowest format that holds every result."""
        if q is not None:
            assert isinstance(q.format, FixedPoint)
            return q.format, q.rounding, q.overflow, q.format.min_code, q.format.max_code
        ends = [int(a) * end for a in self.factors for end in Interval.of(fmt)]
        found = [end + int(b) for end in (min(ends), max(ends)) for b in self.terms]
        reached = Interval(min(found) >> self.zeros, max(found) >> self.zeros)
        output = narrowest([fmt], reached, fmt.frac_bits + self.bits - self.zeros, hint=_HINT)
        return output, Rounding.FLOOR, Overflow.SATURATE, output.min_code, output.max_code


def _with_terms(
    builder: Builder, exact: _Exact, fmt: FixedPoint, rules: Any, name: str, stored: tuple[int, ...], paths: tuple[str, ...]
) -> str:
    """Appends a sum with a term for each channel: the bias of a depthwise convolution with a kernel of one."""
    channels, weight_format = stored[-1], FixedPoint(2, 0)
    frac_bits = fmt.frac_bits + exact.bits
    weight = np.full((channels, 1), int(exact.factors[0]) >> exact.bits, dtype=np.int64)
    op = ops.Linear(weight, weight_format, exact.terms, FixedPoint(MAX_BITS, frac_bits), *rules)
    axes = len(stored) - 1
    if axes not in (1, 2):
        name = builder.add(ops.Reshape((max(1, int(np.prod(stored[:-1]))), channels)), name, paths)
        axes = 1
    name = builder.add(pointwise(op, axes, channels), name, paths)
    return name if builder.type_of(name).shape == stored else builder.add(ops.Reshape(stored), name, paths)
