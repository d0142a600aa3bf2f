"""Layers between arbitrary scales: a linear node with the exact sum, and a rescale node with its multiplier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Overflow, Rounding, bits_for
from creator.nn.requantize import Requantizer, zero_of
from creator.nn.weighted import Weighted
from creator.ops import Interval, TensorType
from creator.ops.base import MAX_BITS


@dataclass(frozen=True)
class Context:
    """What a handler knows about where its module stands.

    Args:
        input: type of the node that the module reads.
        columns: where that node has each of the input's elements, if they are in another order.
    """

    input: TensorType
    columns: IntArray | None = None


def requantized_ops(
    module: Weighted, weight: torch.Tensor, bias: torch.Tensor | None, context: Context
) -> tuple[ops.Linear, ops.Rescale]:
    """``clip(round(sum * M / 2**n) + z)`` by the very integers that eval mode computes with; see creator.nn.requantize."""
    x = _known_input(module, context)
    requantizer = module._requantizer((x, module.weight_format_of(weight), module.output_format))
    codes = rows_of(requantizer.weights(weight))
    sums = np.zeros(len(codes), dtype=np.int64) if bias is None else requantizer.biases(bias)
    zero = zero_of(x)
    if zero:  # the sum of w * (q - zero), as hardware computes with q
        sums = sums - zero * codes.sum(axis=1)
    linear = _exact(codes, requantizer, sums, x.frac_bits)
    bits = bits_for(*linear.sums(context.input, Interval.of(x)))
    if bits > MAX_BITS:
        raise CreatorError(f"its sums need {bits} bits, more than {MAX_BITS}", hint="use narrower formats or fewer inputs")
    fmt = FixedPoint(bits, linear.accumulator.frac_bits)
    linear = _exact(codes, requantizer, sums, x.frac_bits, fmt)
    check_accumulator(module, linear, context)
    return linear, _rescale(requantizer)


def rescale_op(module: nn.Quantize, context: Context) -> ops.Op:
    """A change between arbitrary scales, by the very integers that eval mode computes with."""
    return change_from(module, _known_input(module, context))


def change_from(module: nn.Quantize, source: Format) -> ops.Op:
    """The change from the format ``source``, where it or that of the module has an arbitrary scale."""
    requantizer = module.requantizer_from(source)
    assert requantizer is not None
    return _rescale(requantizer)


def _known_input(module: Weighted | nn.Quantize, context: Context) -> Format:
    """The format of the input; refused if the module, whose eval mode computes with it, does not know it."""
    if module.input_format != context.input.format:
        raise CreatorError(
            f"it has an arbitrary scale, and does not know that its input is {context.input.format}",
            hint="trace creator.convert(model), or put nn.Quantize with that format before it",
        )
    return context.input.format


def _rescale(requantizer: Requantizer) -> ops.Rescale:
    factors, shift = requantizer.multiplier
    output = requantizer.output
    return ops.Rescale(np.array(factors, dtype=np.int64), shift, output, requantizer.rounding, output.min_code, output.max_code)


def rows_of(weight: IntArray) -> IntArray:
    """Weights of shape (outputs, inputs, *kernel) as rows, the inputs of a tap side by side."""
    return np.moveaxis(weight, 1, -1).reshape(len(weight), -1)


def _exact(
    codes: np.ndarray, requantizer: Requantizer, sums: np.ndarray, frac_bits: int, output: FixedPoint | None = None
) -> ops.Linear:
    """A linear node whose output is its sum."""
    bits = requantizer.weight.total_bits
    grid = requantizer.weight.frac_bits
    accumulator = FixedPoint(MAX_BITS, frac_bits + grid)
    output = output or accumulator
    fmt = requantizer.weight if isinstance(requantizer.weight, FixedPoint) else FixedPoint(bits, 0, requantizer.weight.signed)
    return ops.Linear(
        codes, fmt, sums, accumulator, output, Rounding.FLOOR, Overflow.SATURATE, output.min_code, output.max_code
    )


def check_accumulator(module: Weighted, op: ops.Linear, context: Context) -> None:
    """Refuses a layer whose sum may need more bits than its ``accumulator`` allows."""
    if module.accumulator is None:
        return
    needed = bits_for(*op.sums(context.input, Interval.of(context.input.format)))
    if needed > module.accumulator:
        raise CreatorError(
            f"its sums need {needed} bits, and accumulator={module.accumulator}",
            hint="use narrower formats or fewer inputs, or allow more",
        )
