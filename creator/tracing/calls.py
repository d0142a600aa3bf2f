"""Elementwise functions of torch with numbers as arguments: limits, thresholds, magnitudes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from creator import ops
from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.tracing.modules import clamp_op
from creator.tracing.requantized import Context
from creator.tracing.thresholds import THRESHOLDS, threshold_arguments, threshold_ops

RELUS = {torch.relu, torch.relu_, F.relu, F.relu_, "relu", "relu_"}
CLAMPS: dict[Any, Callable[..., tuple[float | None, float | None]]] = {name: lambda *_, **__: (0.0, None) for name in RELUS}
CLAMPS |= {
    F.relu6: lambda *_, **__: (0.0, 6.0),
    F.hardtanh: lambda min_val=-1.0, max_val=1.0, inplace=False: (min_val, max_val),
}
CLAMPS |= {name: lambda min=None, max=None: (min, max) for name in (torch.clamp, torch.clip, "clamp", "clip")}
CLAMPS |= {name: lambda min: (min, None) for name in (torch.clamp_min, "clamp_min")}
CLAMPS |= {name: lambda max: (None, max) for name in (torch.clamp_max, "clamp_max")}
MAGNITUDES = {operator.abs, torch.abs, torch.absolute, "abs", "absolute"}
CALLS = CLAMPS.keys() | THRESHOLDS | MAGNITUDES


def called_op(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any], context: Context) -> ops.Op:
    """What one of ``CALLS`` becomes; the arguments are those after its input."""
    if target in MAGNITUDES:
        if args or kwargs:
            raise CreatorError("these arguments are not supported", hint="pass the value alone")
        return magnitude_op(context)
    try:
        first, second = (threshold_arguments if target in THRESHOLDS else CLAMPS[target])(*args, **kwargs)
    except TypeError:
        hint = "pass the threshold and the value" if target in THRESHOLDS else "pass only the limits"
        raise CreatorError("these arguments are not supported", hint=hint) from None
    if target in THRESHOLDS:
        return threshold_ops(first, second, context)
    if not all(bound is None or isinstance(bound, (int, float)) for bound in (first, second)):
        raise CreatorError("limits must be numbers")
    return clamp_op(first, second, context)


def magnitude_format(fmt: FixedPoint) -> FixedPoint:
    """The narrowest format that holds every magnitude of values of ``fmt``."""
    bits = max(1, (-fmt.min_code).bit_length(), fmt.max_code.bit_length())
    return FixedPoint(bits, fmt.frac_bits, signed=False) if fmt.signed else fmt


def magnitude_op(context: Context) -> ops.Op:
    """``|x|``, exactly: negative values times -1, in the narrowest unsigned format."""
    fmt = context.input.format
    if isinstance(fmt, Affine):
        raise CreatorError(f"a magnitude of {fmt} is not supported", hint="put nn.Quantize with a FixedPoint before it")
    if not fmt.signed:
        return ops.Clamp(fmt.min_code, fmt.max_code)
    output = magnitude_format(fmt)
    rules = (Rounding.FLOOR, Overflow.SATURATE, output.min_code, output.max_code)
    return ops.Slope(np.array([-1]), 0, output, *rules)
