import functools
import math
import random
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from mpmath.libmp import to_rational

from creator import CreatorError, FixedPoint, Overflow, Rounding, nn
from creator.nn import elementary
from tests.nn.helpers import codes_of
from tests.oracle import code_of

# Digits for 1 - tanh and exp at the far end of every table, and for tanh(x) - x near zero.
MP = mpmath.MPContext()
MP.prec = 400
SELU = MP.mpf("1.6732632423543772848170429916717"), MP.mpf("1.0507009873554804934193349852946")


def soft(x, beta=1.0, threshold=20.0):
    return x if x * beta > threshold else MP.log1p(MP.exp(MP.mpf(beta) * x)) / MP.mpf(beta)


def gaussian(x):
    return x * MP.erfc(-x / MP.sqrt(2)) / 2


def gaussian_by_tanh(x):
    return x / (1 + MP.exp(-2 * MP.sqrt(2 / MP.pi) * (x + MP.mpf("0.044715") * x**3)))  # (1 + tanh(u)) / 2, without cancelling


def shrunk(x):
    return MP.mpf(x) - MP.tanh(x)


TRUTH = {
    "sigmoid": lambda x: 1 / (1 + MP.exp(-x)),
    "tanh": MP.tanh,
    "silu": lambda x: x / (1 + MP.exp(-x)),
    "exp": MP.exp,
    "elu": lambda x: x if x > 0 else MP.expm1(x),
    "selu": lambda x: SELU[1] * (x if x > 0 else SELU[0] * MP.expm1(x)),
    "celu": lambda x: x if x > 0 else MP.expm1(x),
    "log_sigmoid": lambda x: -MP.log1p(MP.exp(-x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "tanh_shrink": shrunk,
    "hard_shrink": lambda x: x if abs(x) > 0.5 else MP.mpf(0),
    "soft_shrink": lambda x: max(abs(x) - 0.5, 0) * MP.sign(x),
    "softplus": soft,
    "mish": lambda x: x * MP.tanh(MP.log1p(MP.exp(x))),
    "gelu": gaussian,
    "gelu_tanh": gaussian_by_tanh,
    "hard_sigmoid": lambda x: min(max(x + 3, 0), 6) / MP.mpf(6),
    "hard_swish": lambda x: x * min(max(x + 3, 0), 6) / MP.mpf(6),
    "leaky_relu": lambda x: x if x > 0 else x * MP.mpf(0.01),
}
LAYERS = {
    "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "silu": nn.SiLU, "exp": nn.Exp, "elu": lambda output: nn.ELU(output=output),
    "selu": nn.SELU, "celu": lambda output: nn.CELU(output=output), "log_sigmoid": nn.LogSigmoid, "softsign": nn.Softsign,
    "tanh_shrink": nn.TanhShrink, "hard_shrink": lambda output: nn.HardShrink(output=output),
    "soft_shrink": lambda output: nn.SoftShrink(output=output),
    "softplus": lambda output: nn.Softplus(output=output), "mish": nn.Mish, "gelu": lambda output: nn.GELU(output=output),
    "gelu_tanh": lambda output: nn.GELU("tanh", output), "hard_sigmoid": nn.HardSigmoid, "hard_swish": nn.HardSwish,
    "leaky_relu": lambda output: nn.LeakyReLU(output=output),
}  # fmt: skip
each_function = pytest.mark.parametrize("name", list(TRUTH))


@functools.cache
def truth(name, x):
    """The float64 next to the function's true value: Python divides integers correctly rounded."""
    return nearest(TRUTH[name](MP.mpf(x)))


def nearest(value):
    """The float64 next to an mpmath number."""
    if abs(value) < MP.mpf(2) ** -1200:
        return 0.0
    numerator, denominator = to_rational(MP.mpf(value)._mpf_)
    try:
        return int(numerator) / int(denominator)
    except OverflowError:
        return math.inf


def outputs(name, total_bits):
    if name == "sigmoid":
        return FixedPoint(total_bits, total_bits, signed=False)
    return FixedPoint(total_bits, total_bits - (1 if name == "tanh" else 4), name not in ("exp", "softplus"))


TABLES = [
    (name, bits, frac_bits)
    for bits in (4, 8, 12)
    for frac_bits in range(-2, bits + 3)
    for name in TRUTH
    if name in ("sigmoid", "tanh") or frac_bits in (-2, bits // 2, bits + 2)
]


@pytest.mark.parametrize(("name", "total_bits", "frac_bits"), TABLES)
def test_every_table_entry_is_the_correctly_rounded_value(name, total_bits, frac_bits):
    fmt = FixedPoint(total_bits, frac_bits)
    x = fmt.from_integers(np.arange(fmt.min_code, fmt.max_code + 1))
    exact = [truth(name, v) for v in x.tolist()]
    assert [getattr(elementary, name)(v) for v in x.tolist()] == exact
    if math.inf in exact:
        with pytest.raises(CreatorError, match="not finite"):
            LAYERS[name](outputs(name, total_bits)).eval()(torch.from_numpy(x))
        return
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


@pytest.mark.parametrize("alpha", [0.75, -1.5, 3.0])
def test_a_celu_with_alpha(alpha):
    for x in (-0.1, -1.0, -30.0, 2.0**-126, -(2.0**-126), -(2.0**-40), 3.0):
        expected = x if x > 0 else nearest(MP.mpf(alpha) * MP.expm1(MP.mpf(x) / MP.mpf(alpha)))
        assert elementary.celu(x, alpha) == expected, x


def test_infinities_give_the_limits():
    assert [elementary.sigmoid(x) for x in (math.inf, -math.inf)] == [1.0, 0.0]
    assert [elementary.tanh(x) for x in (math.inf, -math.inf)] == [1.0, -1.0]
    assert elementary.silu(math.inf) == math.inf
    assert elementary.silu(-math.inf) == 0.0
    assert [elementary.exp(x) for x in (math.inf, -math.inf)] == [math.inf, 0.0]
    assert [elementary.elu(x, 0.3) for x in (math.inf, -math.inf)] == [math.inf, -0.3]
    assert [elementary.selu(x) for x in (math.inf, -math.inf)] == [math.inf, truth("selu", -1e9)]
    assert [elementary.celu(x, 0.3) for x in (math.inf, -math.inf)] == [math.inf, -0.3]
    assert [elementary.log_sigmoid(x) for x in (math.inf, -math.inf)] == [0.0, -math.inf]
    assert [elementary.softsign(x) for x in (math.inf, -math.inf)] == [1.0, -1.0]
    for name in ("tanh_shrink", "hard_shrink", "soft_shrink"):
        assert [getattr(elementary, name)(x) for x in (math.inf, -math.inf)] == [math.inf, -math.inf]
    assert [elementary.softplus(x, 2.0) for x in (math.inf, -math.inf)] == [math.inf, 0.0]
    assert [elementary.hard_sigmoid(x) for x in (math.inf, -math.inf)] == [1.0, 0.0]
    for name in ("mish", "gelu", "gelu_tanh", "hard_swish"):
        assert getattr(elementary, name)(math.inf) == math.inf
        assert getattr(elementary, name)(-math.inf) == 0.0


@each_function
def test_nan_stays_nan(name):
    assert math.isnan(getattr(elementary, name)(math.nan))


@pytest.mark.parametrize("x", [0.25, 3.0, 17.5, 40.0])
def test_symmetries_hold(x):
    assert elementary.tanh(-x) == -elementary.tanh(x)
    assert abs(Fraction(elementary.sigmoid(x)) + Fraction(elementary.sigmoid(-x)) - 1) <= Fraction(1, 2**53)


PARAMETERS = [0.01, 0.1, 0.3, 1.0, 1.6732632423543772, 3.0, 1000.0, -0.5]


@pytest.mark.parametrize("value", PARAMETERS)
def test_arguments_are_those_of_torch_and_exact(value):
    """torch in float64 to its last bits, mpmath to the very bit."""
    functions = {
        "elu": (lambda x: x if x > 0 else MP.mpf(value) * MP.expm1(x), torch.nn.ELU(value)),
        "softplus": (lambda x: soft(x, value), torch.nn.Softplus(value)),
        "leaky_relu": (lambda x: x if x > 0 else x * MP.mpf(value), torch.nn.LeakyReLU(value)),
    }
    layers = {"elu": nn.ELU, "softplus": nn.Softplus, "leaky_relu": nn.LeakyReLU}
    generator = random.Random(2)
    for name, (function, reference) in functions.items():
        layer = layers[name](value, output=FixedPoint(40, 20))
        for x in [*HARD[1:], *(generator.uniform(-30, 30) for _ in range(100))]:
            for signed in (x, -x):
                assert layer.value(signed) == nearest(function(MP.mpf(signed))), (name, signed)
                plain = reference(torch.tensor([signed], dtype=torch.float64)).item()
                assert math.isclose(layer.value(signed), plain, rel_tol=1e-12, abs_tol=1e-300), (name, signed)


def test_softplus_becomes_the_identity_beyond_its_threshold():
    at = nn.Softplus(2.0, 3.0, FixedPoint(30, 20))
    assert at.value(1.5) == float(soft(MP.mpf(1.5), 2.0))
    assert at.value(1.5 + 2.0**-20) == 1.5 + 2.0**-20
    assert at.value(1.5) > 1.5 + 2.0**-6
