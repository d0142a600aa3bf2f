"""Elementwise functions of torch with numbers as arguments: limits and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from creator import ops
from creator.errors import CreatorError
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
CALLS = CLAMPS.keys() | THRESHOLDS


def called_op(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any], context: Context) -> ops.Op:
    """What one of ``CALLS`` becomes; the arguments are those after its input."""
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
