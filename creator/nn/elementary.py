"""Sigmoid, tanh and SiLU, correctly rounded to float64.

Library versions of these functions err in the last bit, and differently in vectorised and scalar code and from machine to
machine. Tables must not, so these are evaluated with ``decimal``, whose ``exp`` is correctly rounded to the context's
precision, with enough digits to spare that the one rounding to float64 at the end decides the result.
"""

from __future__ import annotations

import decimal
from decimal import Decimal
from functools import lru_cache

_CONTEXT = decimal.Context(prec=60, Emin=-999999, Emax=999999, rounding=decimal.ROUND_HALF_EVEN)
_FLAT = 800.0
"""Beyond this, exp(-x) is smaller than any float64 (it underflows at 745), so the limits are exact to rounding."""


@lru_cache(maxsize=65536)
def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x))."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0 else 0.0
    return float(_CONTEXT.divide(Decimal(1), _CONTEXT.add(Decimal(1), _CONTEXT.exp(Decimal(-x)))))


@lru_cache(maxsize=65536)
def tanh(x: float) -> float:
    """(exp(2x) - 1) / (exp(2x) + 1)."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0 else -1.0
    if abs(x) < 2.0**-28:
        return x  # the next term, x**3 / 3, is below half a unit in the last place
    grown = _CONTEXT.exp(Decimal(2 * x))
    return float(_CONTEXT.divide(_CONTEXT.subtract(grown, Decimal(1)), _CONTEXT.add(grown, Decimal(1))))


@lru_cache(maxsize=65536)
def silu(x: float) -> float:
    """x / (1 + exp(-x))."""
    if abs(x) > _FLAT:
        return x if x > 0 else -0.0
    return float(_CONTEXT.divide(Decimal(x), _CONTEXT.add(Decimal(1), _CONTEXT.exp(Decimal(-x)))))
