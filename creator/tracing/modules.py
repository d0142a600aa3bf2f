"""What each known module becomes: the explicit list."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from creator import nn, ops
from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.nn.slots import BlockOutput, FloatOutput
from creator.tracing.activations import lined_op, lookup_op, prelu_op
from creator.tracing.hints import MODULE_HINTS
from creator.tracing.pooling import SPATIAL
from creator.tracing.requantized import Context, rescale_op
from creator.tracing.rows import argmax_op, microscale_op, softmax_op, top1_op
from creator.tracing.thresholds import threshold_op, thresholds_op
from creator.tracing.weighted import check_fixed, minifloat_op, weighted_ops

Handler = Callable[[Any, Context], "ops.Op | Sequence[ops.Op]"]


def quantize_op(module: nn.Quantize, context: Context) -> ops.Op:
    """A change of format inside the network."""
    q = module.quantizer
    if isinstance(q, BlockOutput):
        check_fixed(context.input.format, q)
        return microscale_op(q, context)
    if isinstance(q, FloatOutput):
        check_fixed(context.input.format, q)
        return minifloat_op(q)
    if isinstance(q.format, Affine) or isinstance(context.input.format, Affine):
        return rescale_op(module, context)
    return ops.Quantize(q.format, q.rounding, q.overflow, q.format.min_code, q.format.max_code)


def relu_op(module: torch.nn.Module, context: Context) -> ops.Op:
    """max(x, 0)."""
    return clamp_op(0.0, None, context)


def hard_tanh_op(module: torch.nn.Hardtanh, context: Context) -> ops.Op:
    """min(max(x, min_val), max_val)."""
    return clamp_op(module.min_val, module.max_val, context)


def clamp_op(low: float | None, high: float | None, context: Context) -> ops.Op:
    """A clamp to values; ``None`` leaves a side open. The bounds must lie on the grid, or beyond the range."""
    fmt = context.input.format
    low_code = fmt.min_code if low is None else _bound(low, fmt, fmt.min_code)
    high_code = fmt.max_code if high is None else _bound(high, fmt, fmt.max_code)
    for bound, code in ((low, low_code), (high, high_code)):
        if not fmt.min_code <= code <= fmt.max_code:
            raise CreatorError(
                f"its bound {bound} lies outside {fmt}", hint="every output would be that bound; widen the format"
            )
    if low_code > high_code:
        raise CreatorError(f"its lower bound {low} exceeds its upper bound {high}")
    return ops.Clamp(low_code, high_code)


def _bound(value: float, fmt: Format, end: int) -> int:
    """The code of a bound, or ``end`` of the range where the bound lies beyond that end."""
    if math.isnan(value):
        raise CreatorError("its bound is NaN")
    if (value >= fmt.max_value and end == fmt.max_code) or (value <= fmt.min_value and end == fmt.min_code):
        return end
    if value > fmt.max_value or value < fmt.min_value:
        return fmt.max_code + 1 if value > 0 else fmt.min_code - 1  # outside, which the caller refuses
    code = int(fmt.to_integers([value])[0])
    if float(fmt.from_integers([code])[0]) != value:
        step = fmt.scale if isinstance(fmt, Affine) else fmt.step
        raise CreatorError(
            f"its bound {value} is not a value of {fmt}, whose step is {step}", hint="choose a multiple of the step"
        )
    return code


MODULES: dict[type[torch.nn.Module], Handler | None] = {
    nn.Quantize: quantize_op,
    nn.Linear: weighted_ops,
    nn.Conv1d: weighted_ops,
    nn.Conv2d: weighted_ops,
    nn.ConvTranspose1d: weighted_ops,
    nn.ConvTranspose2d: weighted_ops,
    nn.BatchNorm1d: relu_op,  # never called: lowered together with the layer before it
    nn.BatchNorm2d: relu_op,
    nn.ArgMax: argmax_op,  # these along an axis: see tracing/rows.py
    nn.Softmax: softmax_op,
    nn.Top1: top1_op,
    nn.Greater: thresholds_op,
    nn.MultiThreshold: thresholds_op,
    torch.nn.Threshold: threshold_op,
    nn.Add: relu_op,  # these with several inputs: see tracing/joins.py
    nn.Concatenate: relu_op,
    nn.Multiply: relu_op,
    nn.Subtract: relu_op,
    nn.ReLU: relu_op,
    nn.HardTanh: hard_tanh_op,
    nn.Lookup: lookup_op,
    nn.Sigmoid: lookup_op,
    nn.Tanh: lookup_op,
    nn.SiLU: lookup_op,
    nn.GELU: lookup_op,
    nn.ELU: lookup_op,
    nn.Softplus: lookup_op,
    nn.Mish: lookup_op,
    nn.SELU: lookup_op,
    nn.CELU: lookup_op,
    nn.LogSigmoid: lookup_op,
    nn.Softsign: lookup_op,
    nn.TanhShrink: lookup_op,
    nn.HardShrink: lookup_op,
    nn.SoftShrink: lookup_op,
    nn.Exp: lookup_op,
    nn.HardSigmoid: lined_op,
    nn.HardSwish: lined_op,
    nn.LeakyReLU: lined_op,
    nn.PReLU: prelu_op,
    torch.nn.ReLU: relu_op,
    torch.nn.ReLU6: hard_tanh_op,
    torch.nn.Hardtanh: hard_tanh_op,
    torch.nn.Flatten: None,
    torch.nn.Unflatten: None,
    torch.nn.Identity: None,
    torch.nn.Dropout: None,
    torch.nn.Dropout1d: None,
    torch.nn.Dropout2d: None,
    torch.nn.Dropout3d: None,
    torch.nn.AlphaDropout: None,
    torch.nn.FeatureAlphaDropout: None,
    **SPATIAL,
}
"""Known modules and what they become; ``None``: at most a reshape."""


def module_handler(module: torch.nn.Module, where: str) -> Handler | None:
    """How to lower ``module``.

    Raises:
        CreatorError: if it is not known, or computes something else than its class says.
    """
    known = next((kind for kind in type(module).__mro__ if kind in MODULES), None)
    if known is None:
        supported = ", ".join(kind.__name__ for kind in MODULES if kind.__module__.startswith("creator."))
        hint = next((text for kind, text in MODULE_HINTS.items() if isinstance(module, kind)), f"creator.nn has {supported}")
        raise CreatorError(f"{type(module).__name__} is not supported", where, hint)
    _refuse_overrides(module, known, where)
    return MODULES[known]


def _refuse_overrides(module: torch.nn.Module, known: type[torch.nn.Module], where: str) -> None:
    """A subclass may add to a known class, but not change how it computes: hardware is made from the known class."""
    for name in dir(known):
        if name in _HARMLESS or (name.startswith("__") and name != "__call__"):
            continue
        method = inspect.getattr_static(known, name)
        changed = inspect.getattr_static(type(module), name) is not method
        if changed or (name in vars(module) and callable(method)):
            what = f"{type(module).__name__} overrides {name} of {known.__name__}"
            raise CreatorError(what, where, f"use {known.__name__} itself")


_HARMLESS = {"extra_repr", "reset_parameters", "training", "_version", "_get_name", "__constants__"}
