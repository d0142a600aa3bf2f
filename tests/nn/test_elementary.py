import functools
import math
import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from mpmath.libmp import to_rational

from creator import FixedPoint, Overflow, Rounding, nn
from creator.nn import elementary
from tests.nn.helpers import codes_of
from tests.oracle import code_of

# Digits for 1 - tanh and exp at the far end of every table, and for tanh(x) - x near zero.
MP = mpmath.MPContext()
MP.prec = 400
TRUTH = {
    "sigmoid": lambda x: 1 / (1 + MP.exp(-x)),
    "tanh": MP.tanh,
    "silu": lambda x: x / (1 + MP.exp(-x)),
}
LAYERS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "silu": nn.SiLU}
each_function = pytest.mark.parametrize("name", list(TRUTH))


@functools.cache
def truth(name, x):
    """The float64 next to the function's true value: Python divides integers correctly rounded."""
    numerator, denominator = to_rational(TRUTH[name](MP.mpf(x))._mpf_)
    return int(numerator) / int(denominator)


def outputs(name, total_bits):
    if name == "sigmoid":
        return FixedPoint(total_bits, total_bits, signed=False)
    return FixedPoint(total_bits, total_bits - (1 if name == "tanh" else 4))


@each_function
@pytest.mark.parametrize(("total_bits", "frac_bits"), [(b, f) for b in (4, 8, 12) for f in range(-2, b + 3)])
def test_every_table_entry_is_the_correctly_rounded_value(name, total_bits, frac_bits):
    fmt = FixedPoint(total_bits, frac_bits)
    x = fmt.from_integers(np.arange(fmt.min_code, fmt.max_code + 1))
    exact = [truth(name, v) for v in x.tolist()]
    assert [getattr(elementary, name)(v) for v in x.tolist()] == exact
    output = outputs(name, total_bits)
    entries = codes_of(LAYERS[name](output).eval()(torch.from_numpy(x)), output)
    cached = functools.cache(lambda y: code_of(y, output, Rounding.HALF_EVEN, Overflow.SATURATE))
    assert entries.tolist() == [cached(y) for y in exact]


HARD = [
    0.0, 2.0**-126, 2.0**-60, 2.0**-54, 2.0**-53, 2.0**-30, 2.0**-29, 2.0**-28, math.nextafter(2.0**-28, 0), 3 * 2.0**-29,
    2.0**-27, 2.0**-26, 2.0**-20, 0.1, 1.0, math.pi, 18.5, 19.0, 19.0625, 20.0, 36.0, 36.7, 37.0, 38.0, 708.5, 709.75, 710.0,
    744.0, 744.5, 745.0, 745.25, 746.0, 799.9, 800.0, 800.25, 1e4, 2.0**30,
]  # fmt: skip


@each_function
@pytest.mark.parametrize("sign", [1, -1])
def test_hard_values_are_correctly_rounded(name, sign):
    for x in HARD:
        assert getattr(elementary, name)(sign * x) == truth(name, sign * x), x


@each_function
def test_random_values_are_correctly_rounded(name):
    generator = random.Random(1)
    for _ in range(1000):
        x = math.ldexp(generator.uniform(-1, 1), generator.randrange(-40, 11))
        assert getattr(elementary, name)(x) == truth(name, x), x


def test_infinities_give_the_limits():
    assert [elementary.sigmoid(x) for x in (math.inf, -math.inf)] == [1.0, 0.0]
    assert [elementary.tanh(x) for x in (math.inf, -math.inf)] == [1.0, -1.0]
    assert elementary.silu(math.inf) == math.inf
    assert elementary.silu(-math.inf) == 0.0


@each_function
def test_nan_stays_nan(name):
    assert math.isnan(getattr(elementary, name)(math.nan))


@pytest.mark.parametrize("x", [0.25, 3.0, 17.5, 40.0])
def test_symmetries_hold(x):
    assert elementary.tanh(-x) == -elementary.tanh(x)
    assert abs(Fraction(elementary.sigmoid(x)) + Fraction(elementary.sigmoid(-x)) - 1) <= Fraction(1, 2**53)
