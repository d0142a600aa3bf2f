"""Layers with weights as operations: fully connected ones and convolutions, alone or with a normalisation folded in."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, Rounding, bits_for
from creator.nn.exact import width_of
from creator.nn.requantize import zero_of
from creator.nn.slots import BlockOutput, FloatOutput, OutputQuantizer, check_scales
from creator.nn.weighted import Weighted
from creator.ops import Interval
from creator.ops.base import MAX_BITS
from creator.ops.rescale import centred
from creator.tracing.requantized import Context, check_accumulator, requantized_ops, rows_of

Made = Sequence[ops.Op]
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)


def weighted_ops(module: Weighted, context: Context) -> Made:
    """A layer with its own parameters."""
    return _made(module, module.rows(), module.bias, context)


def folded_ops(layer: Weighted, norm: nn.BatchNorm1d | nn.BatchNorm2d, context: Context) -> Made:
    """A layer with the batch normalisation after it folded in, by the code that eval mode runs."""
    return _made(layer, *norm.folded(layer), context)


def scaled_ops(norm: nn.BatchNorm1d | nn.BatchNorm2d, context: Context) -> Made:
    """A normalisation on its own: a weight and a bias for each channel, over a value whose channels are last."""
    first, *rest = _made(norm, norm.rows(), norm.biases(), dataclasses.replace(context, columns=None))
    assert isinstance(first, ops.Linear)
    if context.columns is not None:  # the channels arrive in another order
        order = np.argsort(context.columns)
        first = dataclasses.replace(first, weight=first.weight[order], bias=first.bias[order])
        rest = [_with_factors(op, order) for op in rest]
    return [pointwise(first, len(context.input.shape) - 1, first.out_features), *rest]


def _made(module: Weighted, weight: torch.Tensor, bias: torch.Tensor | None, context: Context) -> Made:
    """A matrix product of the layer's rows, each row being an output's weights; over windows where it is a convolution."""
    weight = module.exact_weight(weight)
    _check_width(module, weight, context)
    rest: list[ops.Op] = []
    formats = (context.input.format, module.weight_format_of(weight), module.output_format)
    if isinstance(module.quantizer, FloatOutput):
        for fmt in formats:
            check_fixed(fmt, module.quantizer)
        first, rest = _linear(module, weight, bias, context), [minifloat_op(module.quantizer)]
    elif any(isinstance(fmt, Affine) for fmt in formats):
        first, *rest = requantized_ops(module, weight, bias, context)
    else:
        first = _linear(module, weight, bias, context)
    if context.columns is not None:
        first = _with_columns(first, context.columns)
    if isinstance(module, TRANSPOSED):
        return [*_over_spread_windows(module, first, context), *rest]
    if isinstance(module, CONVOLUTIONS):
        before, after = zip(*module.edges, strict=True)
        first = _over_windows(module, first, context, tuple(module.stride), before, after)
    return [first, *rest]


def minifloat_op(q: FloatOutput) -> ops.Minifloat:
    """Rounding to a floating-point format, whose numbers are integers on the grid of its smallest."""
    fmt = q.quantizer.fmt
    most = int(fmt.max_value / fmt.step)
    return ops.Minifloat(q.format, fmt.mantissa, q.rounding, -most, most)


def check_fixed(fmt: Format, q: FloatOutput | BlockOutput) -> None:
    """Refuses a floating-point output of what has an arbitrary scale."""
    if isinstance(fmt, Affine):
        check_scales(q.quantizer)


def _check_width(module: Weighted, weight: torch.Tensor, context: Context) -> None:
    """Refuses weights of a floating-point or block format whose exact sums are out of reach, with the width of these sums."""
    quantizer = module.own_weights
    if quantizer is None:
        return
    bits, unit = width_of(weight.detach())
    if bits <= MAX_BITS:
        return  # then the graph knows its sums
    low, high = centred(Interval.of(context.input.format), context.input.format)
    rows = [[int(math.ldexp(w, -unit)) for w in row] for row in weight.detach().flatten(1).tolist()]
    sums = [sum(limit(w * low, w * high) for w in row) for row in rows for limit in (min, max)]
    raise CreatorError(
        f"its weights in {quantizer.name} need {bits} bits of fixed point and its sums {bits_for(min(sums), max(sums))},"
        f" more than {MAX_BITS}",
        hint="use a format whose numbers, or whose blocks' exponents, lie closer together",
    )


def _linear(module: Weighted, weight: torch.Tensor, bias: torch.Tensor | None, context: Context) -> ops.Linear:
    fmt = module.weight_format_of(weight)
    assert isinstance(fmt, FixedPoint)
    assert isinstance(context.input.format, FixedPoint)
    bias_format = None if bias is None else module.bias_format_of(bias)
    weight, bias = module.quantized(weight, bias, training=False)
    frac_bits = context.input.format.frac_bits + fmt.frac_bits
    if bias is not None:
        assert bias_format is not None
        frac_bits = max(frac_bits, bias_format.frac_bits)
    if abs(frac_bits) > 126:
        raise CreatorError(f"its products have {frac_bits} fractional bits", hint="use formats nearer to 1")
    q: OutputQuantizer = module.quantizer
    output, rounding = q.format, q.rounding
    if isinstance(q, FloatOutput):  # the exact sum, which is rounded after it
        output, rounding = FixedPoint(MAX_BITS, frac_bits), Rounding.FLOOR
    assert isinstance(output, FixedPoint)
    op = ops.Linear(
        weight=rows_of(_codes(weight, fmt)),
        weight_format=fmt,
        bias=_biases(len(weight), bias, bias_format, frac_bits),
        accumulator=FixedPoint(MAX_BITS, frac_bits),
        output=output,
        rounding=rounding,
        overflow=q.overflow,
        low=output.min_code,
        high=output.max_code,
    )
    check_accumulator(module, op, context)
    return op


def _with_columns(op: ops.Linear, columns: IntArray) -> ops.Linear:
    """``op`` for inputs of which the i-th arrives at place ``columns[i]``."""
    weight = np.empty_like(op.weight)
    weight[:, columns] = op.weight
    return dataclasses.replace(op, weight=weight)


Sizes = tuple[int, ...]


def along_rows(made: Made) -> Made:
    """A fully connected layer over the last axis of values of shape (rows, features): a convolution with a kernel of one."""
    first, *rest = made
    assert isinstance(first, ops.Linear)
    return [pointwise(first, 1, 1), *rest]


def _with_factors(op: ops.Op, order: IntArray) -> ops.Op:
    if isinstance(op, ops.Rescale) and len(op.factors) > 1:
        return dataclasses.replace(op, factors=op.factors[order])
    return op


def pointwise(op: ops.Linear, axes: int, groups: int) -> ops.Conv:
    """A convolution with a kernel of one, along so many spatial axes."""
    once, none = (1,) * axes, (0,) * axes
    return _as_conv(op, kernel=once, stride=once, dilation=once, before=none, after=none, channel_groups=groups, pad_code=0)


def _as_conv(op: ops.Linear, **geometry: Any) -> ops.Conv:
    """``op`` for every window of such a ``geometry``."""
    return ops.Conv(**{field.name: getattr(op, field.name) for field in dataclasses.fields(op)}, **geometry)


def _over_windows(
    module: nn.Conv1d | nn.Conv2d | nn.ConvTranspose1d | nn.ConvTranspose2d,
    op: ops.Linear,
    context: Context,
    stride: Sizes,
    before: Sizes,
    after: Sizes,
) -> ops.Conv:
    """``op`` over the windows of a convolution."""
    return _as_conv(
        op,
        kernel=tuple(module.kernel_size),
        stride=stride,
        dilation=tuple(module.dilation),
        before=before,
        after=after,
        channel_groups=module.groups,
        pad_code=zero_of(context.input.format),
    )


def _over_spread_windows(module: nn.ConvTranspose1d | nn.ConvTranspose2d, op: ops.Linear, context: Context) -> Made:
    """``op`` over every window of the input with zeros between its pixels."""
    steps = tuple(module.stride)
    most = [d * (k - 1) for k, d in zip(module.kernel_size, module.dilation, strict=True)]
    before = tuple(first for first, _ in module.edges)
    # What is behind the last window that has a pixel belongs to no convolution.
    after = tuple(min(last, limit) for (_, last), limit in zip(module.edges, most, strict=True))
    beyond = tuple(last - kept for (_, last), kept in zip(module.edges, after, strict=True))
    spread = ops.Pad((0,) * len(steps), beyond, steps, zero_of(context.input.format))
    conv = _over_windows(module, op, context, (1,) * len(steps), before, after)
    return [conv] if spread.infer((context.input,)) == context.input else [spread, conv]


def _codes(values: torch.Tensor, fmt: FixedPoint) -> IntArray:
    return fmt.to_integers(values.detach().cpu().numpy())


def _biases(outputs: int, bias: torch.Tensor | None, fmt: FixedPoint | None, frac_bits: int) -> IntArray:
    if bias is None or fmt is None:
        return np.zeros(outputs, dtype=np.int64)
    codes = _codes(bias, fmt)
    shift = frac_bits - fmt.frac_bits
    if fmt.total_bits + shift > MAX_BITS and codes.any():
        raise CreatorError(
            f"its bias, {fmt}, needs over {MAX_BITS} bits on the products' grid of 2**-{frac_bits}",
            hint="use formats whose fractional bits lie closer together",
        )
    return codes << shift if codes.any() else codes
