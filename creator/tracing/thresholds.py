"""What thresholds become: comparisons with codes; torch's Threshold a limit or a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from creator import nn, ops
from creator.affine import Format
from creator.errors import CreatorError
from creator.ops.lookup import MAX_INPUT_BITS, pattern_codes
from creator.tracing.requantized import Context

THRESHOLDS = {torch.threshold, torch.threshold_, torch.nn.functional.threshold, torch.nn.functional.threshold_}


def thresholds_op(module: nn.MultiThreshold, context: Context) -> ops.Op:
    """The first code that reaches each threshold."""
    fmt = context.input.format
    codes = [[first_code(fmt, level, module.strict) for level in row] for row in module.thresholds.double().tolist()]
    return ops.Threshold(np.array(codes, dtype=np.int64))


def first_code(fmt: Format, level: float, strict: bool) -> int:
    """The lowest code whose value is at least ``level``, or more; one more than the highest if there is none."""
    low, high = fmt.min_code, fmt.max_code + 1
    while low < high:
        middle = (low + high) // 2
        value = float(fmt.from_integers([middle])[0])
        if value > level or (value == level and not strict):
            high = middle
        else:
            low = middle + 1
    return low


def threshold_op(module: torch.nn.Threshold, context: Context) -> ops.Op:
    """``x if x > threshold else value``, as torch has it."""
    return threshold_ops(module.threshold, module.value, context)


def threshold_arguments(threshold: Any, value: Any, inplace: bool = False) -> tuple[Any, Any]:
    """Those of ``torch.threshold`` after its input."""
    return threshold, value


def threshold_ops(threshold: Any, value: Any, context: Context) -> ops.Op:
    """A limit where the value is the highest that does not pass, else a table."""
    fmt = context.input.format
    if not all(isinstance(number, (int, float)) and not math.isnan(number) for number in (threshold, value)):
        raise CreatorError("threshold and value must be numbers", hint="pass two floats")
    code = int(fmt.to_integers([float(np.clip(value, fmt.min_value, fmt.max_value))])[0])
    if float(fmt.from_integers([code])[0]) != value:
        raise CreatorError(f"its value {value} is not a value of {fmt}", hint="choose a multiple of the step, in the range")
    passes = first_code(fmt, float(threshold), strict=True)
    if passes == fmt.min_code:
        return ops.Clamp(fmt.min_code, fmt.max_code)
    if passes > fmt.max_code:
        return ops.Clamp(code, code)
    if code in (passes - 1, passes):
        return ops.Clamp(code, fmt.max_code)
    if fmt.total_bits > MAX_INPUT_BITS:
        raise CreatorError(
            f"a table of {fmt.total_bits} input bits is too large", hint="let the value be the threshold, which is a limit"
        )
    codes = pattern_codes(fmt)
    codes = np.where((codes >= fmt.min_code) & (codes <= fmt.max_code), codes, fmt.min_code)
    return ops.Lookup(np.where(codes >= passes, codes, code), fmt)
