"""What activations become: tables, and lines with quantized slopes."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.slots import OutputQuantizer
from creator.ops.lookup import MAX_INPUT_BITS, pattern_codes
from creator.tracing.requantized import Context


def lookup_op(module: nn.Lookup, context: Context) -> ops.Op:
    """A table of the function at every input code, or a polynomial near it."""
    fmt, q = context.input.format, module.quantizer
    if module.input_format is not None and module.input_format != fmt:
        raise CreatorError(f"it was given input={module.input_format}, and its input is {fmt}", hint="give it the latter")
    if fmt.total_bits > MAX_INPUT_BITS:
        hint = f"put nn.Quantize with at most {MAX_INPUT_BITS} bits before it"
        if isinstance(fmt, FixedPoint):
            signed = "" if fmt.signed else ", signed=False"
            hint = f"pass input=FixedPoint({fmt.total_bits}, {fmt.frac_bits}{signed}) for a polynomial, or {hint}"
        polynomial = module.polynomial()
        if polynomial is None:
            raise CreatorError(f"a table of {fmt.total_bits} input bits is too large", hint=hint)
        assert isinstance(q.format, FixedPoint)
        rules = (q.rounding, q.format.min_code, q.format.max_code)
        return ops.Polynomial(polynomial.coefficients, polynomial.fracs, q.format, *rules)
    codes = pattern_codes(fmt)
    held = (codes >= fmt.min_code) & (codes <= fmt.max_code)
    codes = np.where(held, codes, fmt.min_code)  # the code that a symmetric format lacks never occurs
    return ops.Lookup(q.format.to_integers(module.tabulate(fmt.from_integers(codes))), q.format)


def prelu_op(module: nn.PReLU, context: Context) -> ops.Op:
    """Negative values times a slope; one for each channel is for the last axis of the node that it reads."""
    return _slope_op(module.slopes(), module.slope_format, module.quantizer, False, context)


def lined_op(module: nn.LeakyReLU | nn.HardSigmoid | nn.HardSwish, context: Context) -> ops.Op:
    """A table, or lines with a quantized slope; of a hard swish its gate, exactly."""
    if module.slope_format is None:
        return lookup_op(module, context)
    op = _slope_op(torch.tensor([module.slope]), module.slope_format, module.quantizer, module.everywhere, context)
    if isinstance(module, nn.LeakyReLU):
        return op
    assert isinstance(op, ops.Slope)
    if op.grid(context.input) < 1:  # so that a half is on the grid
        more = 1 - op.grid(context.input)
        op = dataclasses.replace(op, slopes=op.slopes << more, frac_bits=op.frac_bits + more)
    grid = op.grid(context.input)
    op = dataclasses.replace(op, offset=1 << (grid - 1))
    if isinstance(module, nn.HardSigmoid):
        zero, one = module.quantizer.codes([0.0, 1.0]).tolist()
        return dataclasses.replace(op, low=zero, high=one)
    exact = FixedPoint(grid + 1, grid, signed=False)
    return dataclasses.replace(
        op, output=exact, rounding=Rounding.FLOOR, overflow=Overflow.SATURATE, low=0, high=1 << grid
    )  # fmt: skip


def gated_op(module: nn.HardSwish) -> ops.Op:
    """The product of a hard swish's input and its gate."""
    q = module.quantizer
    assert isinstance(q.format, FixedPoint)
    return ops.Multiply(q.format, q.rounding, q.overflow, q.format.min_code, q.format.max_code)


def _slope_op(
    slopes: torch.Tensor, fmt: FixedPoint, q: OutputQuantizer, everywhere: bool, context: Context
) -> ops.Slope | ops.Quantize:
    if isinstance(q.format, Affine) or isinstance(context.input.format, Affine):
        raise CreatorError(
            "a slope between arbitrary scales is not supported", hint="use power-of-two scales, or a table: nn.LeakyReLU()"
        )
    if not everywhere and not context.input.format.signed:  # never negative
        return ops.Quantize(q.format, q.rounding, q.overflow, q.format.min_code, q.format.max_code)
    codes, frac_bits = fmt.to_integers(slopes.detach().cpu().numpy()) << max(0, -fmt.frac_bits), max(0, fmt.frac_bits)
    while frac_bits > 0 and not (codes & 1).any():
        codes, frac_bits = codes >> 1, frac_bits - 1
    rules = (q.rounding, q.overflow, q.format.min_code, q.format.max_code)
    return ops.Slope(codes, frac_bits, q.format, *rules, everywhere=int(everywhere))
