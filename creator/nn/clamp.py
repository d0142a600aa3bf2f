"""Activations that only limit the range; they keep the format and, after a linear layer, cost nothing of their own."""

from __future__ import annotations

import math

import torch

from creator.errors import CreatorError


class ReLU(torch.nn.ReLU):
    """``max(x, 0)``, any shape; the output format is that of the input."""


class HardTanh(torch.nn.Hardtanh):
    """``min(max(x, min_val), max_val)``, any shape; the output format is that of the input.

    The bounds must be values of that format (or lie beyond its range); translation refuses others.
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not all(isinstance(bound, (int, float)) for bound in (min_val, max_val)):
            raise CreatorError(f"needs numbers as bounds, got {min_val!r} and {max_val!r}", "HardTanh")
        if not (math.isfinite(min_val) and math.isfinite(max_val) and min_val < max_val):
            raise CreatorError(f"needs min_val < max_val, got {min_val} and {max_val}", "HardTanh")
        super().__init__(float(min_val), float(max_val), inplace)
