"""Elementary functions, correctly rounded to float64.

Library versions of these functions err in the last bit, and differently in vectorised and scalar code and from machine to
machine. Tables must not, so these are evaluated with ``decimal``, whose ``exp`` and ``ln`` are correctly rounded to the
context's precision, with enough digits to spare that the one rounding to float64 at the end decides the result. Sums that
cancel are written so that they do not.
"""

from __future__ import annotations

import decimal
import math
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

_CONTEXT = decimal.Context(prec=60, Emin=-999999, Emax=999999, rounding=decimal.ROUND_HALF_EVEN)
_FLAT = 800.0
"""Beyond this, exp(-x) is smaller than any float64 (it underflows at 745), so the limits are exact to rounding."""

_ONE, _TWO = Decimal(1), Decimal(2)
_PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798")
_SELU_ALPHA = Decimal("1.6732632423543772848170429916717")
_SELU_SCALE = Decimal("1.0507009873554804934193349852946")
"""As torch's documentation has them; Klambauer et al. 2017."""
_SMALL = Decimal("1e-12")
"""Below this, seven terms of a power series have more digits than the context."""


@lru_cache(maxsize=65536)
def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x))."""
    if not abs(x) <= _FLAT:
        return x if math.isnan(x) else 1.0 if x > 0 else 0.0
    return float(_logistic(Decimal(x)))


@lru_cache(maxsize=65536)
def tanh(x: float) -> float:
    """(exp(2x) - 1) / (exp(2x) + 1)."""
    if abs(x) > _FLAT:
        return 1.0 if x > 0 else -1.0
    if abs(x) < 2.0**-28:
        return x  # the next term, x**3 / 3, is below half a unit in the last place
    grown = _CONTEXT.exp(Decimal(2 * x))
    return float(_CONTEXT.divide(_CONTEXT.subtract(grown, _ONE), _CONTEXT.add(grown, _ONE)))


@lru_cache(maxsize=65536)
def silu(x: float) -> float:
    """x / (1 + exp(-x))."""
    if not abs(x) <= _FLAT:
        return x if not x < 0 else -0.0
    return float(_CONTEXT.multiply(Decimal(x), _logistic(Decimal(x))))


@lru_cache(maxsize=65536)
def exp(x: float) -> float:
    """exp(x); infinite where float64 ends."""
    if abs(x) > _FLAT:
        return math.inf if x > 0 else 0.0
    return float(_CONTEXT.exp(Decimal(x)))


@lru_cache(maxsize=65536)
def elu(x: float, alpha: float = 1.0) -> float:
    """x if x > 0, else alpha * (exp(x) - 1)."""
    if x > 0 or math.isnan(x):
        return x
    if x < -_FLAT:
        return -alpha
    return float(_CONTEXT.multiply(Decimal(alpha), _grown(Decimal(x))))


@lru_cache(maxsize=65536)
def selu(x: float) -> float:
    """scale * x if x > 0, else scale * alpha * (exp(x) - 1), with torch's two constants."""
    if math.isnan(x) or x == math.inf:
        return x
    if x > 0:
        return float(_CONTEXT.multiply(_SELU_SCALE, Decimal(x)))
    grown = _grown(Decimal(x)) if x > -_FLAT else -_ONE
    return float(_CONTEXT.multiply(_CONTEXT.multiply(_SELU_SCALE, _SELU_ALPHA), grown))


@lru_cache(maxsize=65536)
def celu(x: float, alpha: float = 1.0) -> float:
    """x if x > 0, else alpha * (exp(x / alpha) - 1)."""
    if x > 0 or math.isnan(x):
        return x
    if abs(x / alpha) > _FLAT:
        return -alpha if alpha > 0 else -math.inf
    return float(_CONTEXT.multiply(Decimal(alpha), _grown(_CONTEXT.divide(Decimal(x), Decimal(alpha)))))


@lru_cache(maxsize=65536)
def log_sigmoid(x: float) -> float:
    """-ln(1 + exp(-x))."""
    if not abs(x) <= _FLAT:
        return x if not x > 0 else 0.0
    rest = _ln_of_one_and(_CONTEXT.exp(Decimal(-abs(x))))
    return float(_CONTEXT.subtract(min(Decimal(x), Decimal(0)), rest))


def softsign(x: float) -> float:
    """x / (1 + |x|)."""
    if not math.isfinite(x):
        return x if math.isnan(x) else math.copysign(1.0, x)
    exact = Fraction(x) / (1 + abs(Fraction(x)))
    return exact.numerator / exact.denominator


@lru_cache(maxsize=65536)
def tanh_shrink(x: float) -> float:
    """x - tanh(x)."""
    if not abs(x) <= _FLAT:
        return x - math.copysign(1.0, x)
    value = Decimal(x)
    square = _CONTEXT.multiply(value, value)
    if square < Decimal("1e-18"):  # x**3 / 3 - 2 * x**5 / 15, and the next term is below 1e-36 of that
        rest = _CONTEXT.subtract(
            _CONTEXT.divide(_ONE, Decimal(3)), _CONTEXT.divide(_CONTEXT.multiply(_TWO, square), Decimal(15))
        )
        return float(_CONTEXT.multiply(_CONTEXT.multiply(value, square), rest))
    grown = _CONTEXT.exp(_CONTEXT.multiply(_TWO, value))
    return float(_CONTEXT.subtract(value, _CONTEXT.divide(_CONTEXT.subtract(grown, _ONE), _CONTEXT.add(grown, _ONE))))


def hard_shrink(x: float, lambd: float = 0.5) -> float:
    """0 where -lambd <= x <= lambd, else x."""
    return 0.0 if -lambd <= x <= lambd else x


def soft_shrink(x: float, lambd: float = 0.5) -> float:
    """x - lambd if x > lambd, x + lambd if x < -lambd, else 0."""
    if math.isnan(x):
        return x
    return x - lambd if x > lambd else x + lambd if x < -lambd else 0.0


@lru_cache(maxsize=65536)
def softplus(x: float, beta: float = 1.0, threshold: float = 20.0) -> float:
    """ln(1 + exp(beta * x)) / beta, but x where beta * x, in float64, exceeds the threshold."""
    if x * beta > threshold or not math.isfinite(x):
        return x if x * beta > 0 or math.isnan(x) else 0.0
    power = _CONTEXT.multiply(Decimal(beta), Decimal(x))
    rest = _CONTEXT.exp(power.copy_abs().copy_negate()) if abs(x * beta) < 2000.0 else Decimal(0)
    return float(_CONTEXT.divide(_CONTEXT.add(max(power, Decimal(0)), _ln_of_one_and(rest)), Decimal(beta)))


@lru_cache(maxsize=65536)
def mish(x: float) -> float:
    """x * tanh(ln(1 + exp(x))), which is x * n / (n + 2) with n = exp(x) * (exp(x) + 2)."""
    if not abs(x) <= _FLAT:
        return x if not x < 0 else -0.0
    w = _CONTEXT.exp(Decimal(x))
    n = _CONTEXT.multiply(w, _CONTEXT.add(w, _TWO))
    return float(_CONTEXT.multiply(Decimal(x), _CONTEXT.divide(n, _CONTEXT.add(n, _TWO))))


@lru_cache(maxsize=65536)
def gelu(x: float) -> float:
    """x * Phi(x), with the distribution function of the standard normal."""
    if not abs(x) <= _FLAT:
        return x if not x < 0 else -0.0
    z = _CONTEXT.divide(Decimal(x).copy_abs(), _CONTEXT.sqrt(_TWO))
    tail = _CONTEXT.divide(_erfc(z), _TWO)
    return float(_CONTEXT.multiply(Decimal(x), tail if x < 0 else _CONTEXT.subtract(_ONE, tail)))


@lru_cache(maxsize=65536)
def gelu_tanh(x: float) -> float:
    """x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))."""
    if not abs(x) <= _FLAT:
        return x if not x < 0 else -0.0
    v = Decimal(x)
    cube = _CONTEXT.multiply(Decimal("0.044715"), _CONTEXT.multiply(v, _CONTEXT.multiply(v, v)))
    power = _CONTEXT.multiply(_CONTEXT.sqrt(_CONTEXT.divide(Decimal(8), _PI)), _CONTEXT.add(v, cube))
    return float(_CONTEXT.multiply(v, _logistic(power)))


def hard_sigmoid(x: float) -> float:
    """min(max(x + 3, 0), 6) / 6."""
    return _sixth(x, Fraction(1))


def hard_swish(x: float) -> float:
    """x * min(max(x + 3, 0), 6) / 6."""
    return _sixth(x, None)


def leaky_relu(x: float, negative_slope: float = 0.01) -> float:
    """x if x > 0, else negative_slope * x."""
    return x if x > 0 else x * negative_slope


def _sixth(x: float, factor: Fraction | None) -> float:
    """``factor``, or x itself, times min(max(x + 3, 0), 6) / 6."""
    if math.isnan(x) or x >= 3:
        return x if factor is None or math.isnan(x) else 1.0
    if x <= -3:
        return 0.0
    exact = (Fraction(x) if factor is None else factor) * (Fraction(x) + 3) / 6
    return exact.numerator / exact.denominator  # of integers, Python's division is correctly rounded


def _logistic(x: Decimal) -> Decimal:
    """1 / (1 + exp(-x)); relative error of a few units of the context's last digit."""
    if x.copy_abs() > 100000:
        return _ONE if x > 0 else Decimal(0)
    return _CONTEXT.divide(_ONE, _CONTEXT.add(_ONE, _CONTEXT.exp(x.copy_negate())))


def _grown(x: Decimal) -> Decimal:
    """exp(x) - 1."""
    if x.copy_abs() >= _SMALL:
        return _CONTEXT.subtract(_CONTEXT.exp(x), _ONE)
    total = Decimal(0)
    for n in range(7, 0, -1):  # (1 + (1 + ... x / 3) * x / 2) * x
        total = _CONTEXT.multiply(_CONTEXT.add(_ONE, total), _CONTEXT.divide(x, Decimal(n)))
    return total


def _ln_of_one_and(u: Decimal) -> Decimal:
    """ln(1 + u) for 0 <= u <= 1."""
    if u >= _SMALL:
        return _CONTEXT.ln(_CONTEXT.add(_ONE, u))
    total = Decimal(0)
    for n in range(7, 0, -1):  # (1 - (1/2 - (1/3 - ...) * u) * u) * u
        total = _CONTEXT.multiply(_CONTEXT.subtract(_CONTEXT.divide(_ONE, Decimal(n)), total), u)
    return total


def _erfc(z: Decimal) -> Decimal:
    """1 - erf(z) for z >= 0: a series of positive terms near zero, a continued fraction beyond."""
    square = _CONTEXT.multiply(z, z)
    scale = _CONTEXT.divide(_CONTEXT.exp(square.copy_negate()), _CONTEXT.sqrt(_PI)) if square < 700000 else Decimal(0)
    if z < 3:  # erf(z) = 2 / sqrt(pi) * exp(-z**2) * (z + 2 z**3 / 3 + 4 z**5 / 15 + ...)
        total, term, n = Decimal(0), z, 0
        while term > Decimal("1e-70"):
            total, n = _CONTEXT.add(total, term), n + 1
            term = _CONTEXT.divide(_CONTEXT.multiply(term, _CONTEXT.multiply(_TWO, square)), Decimal(2 * n + 1))
        return _CONTEXT.subtract(_ONE, _CONTEXT.multiply(_CONTEXT.multiply(_TWO, scale), total))
    rest = z  # erfc(z) = exp(-z**2) / sqrt(pi) / (z + (1/2) / (z + (2/2) / (z + (3/2) / (z + ...))))
    for n in range(400, 0, -1):
        rest = _CONTEXT.add(z, _CONTEXT.divide(Decimal(n), _CONTEXT.multiply(_TWO, rest)))
    return _CONTEXT.divide(scale, rest)
