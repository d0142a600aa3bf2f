"""Fits: within one step of a function that mpmath computes, at every code; or a refusal that says what would do."""

from __future__ import annotations

import dataclasses
import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Rounding
from creator.piecewise import Fit, fit
from tests.oracle import code_range, limited, rounded

F = FixedPoint
MP = mpmath.MPContext()
MP.prec = 100
FUNCTIONS = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + MP.exp(-x))),
    "tanh": (np.tanh, MP.tanh),
    "exp": (np.exp, MP.exp),
    "silu": (lambda x: x / (1 + np.exp(-x)), lambda x: x / (1 + MP.exp(-x))),
    "square": (lambda x: x * x, lambda x: x * x),
    "constant": (lambda x: 0 * x + 0.4, lambda x: MP.mpf(0.4)),
    "relu": (lambda x: np.maximum(x, 0), lambda x: max(x, 0)),
}


def made(name: str, source: FixedPoint, output: FixedPoint, rounding: Rounding = Rounding.HALF_EVEN) -> Fit:
    function = FUNCTIONS[name][0]
    return fit(function, function, source, output, rounding)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("source", "output"),
    [
        (F(13, 9), F(12, 8)),
        (F(13, 10, signed=False), F(10, 9, signed=False)),
        (F(13, 8, symmetric=True), F(9, 4, symmetric=True)),
        (F(14, 11), F(14, 11)),
    ],
)
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_AWAY])
def test_no_code_is_off_by_more_than_one_step(name: str, source: FixedPoint, output: FixedPoint, rounding: Rounding) -> None:
    found = made(name, source, output, rounding)
    codes = np.arange(source.min_code, source.max_code + 1)
    y = found.piecewise.values(codes, output, rounding)
    low, high = code_range(output)
    worst = MP.mpf(0)
    for code, result in zip(codes.tolist(), y.tolist(), strict=True):
        truth = FUNCTIONS[name][1](MP.mpf(code) / 2**source.frac_bits) * 2**output.frac_bits
        worst = max(worst, abs(min(max(truth, low), high) - result))
    assert worst <= 1
    assert worst <= found.error <= worst + 2.0**-19


def test_values_are_those_of_the_formula() -> None:
    found = made("silu", F(13, 9), F(12, 8)).piecewise
    rng = np.random.default_rng(1)
    for code in rng.integers(-4096, 4096, 300).tolist():
        width = 2**13 // len(found.coefficients)
        segment, place = divmod(code % 2**13, width)
        terms = zip(found.coefficients[segment].tolist(), found.fracs, strict=True)
        value = sum(Fraction(c, 2**frac) * (place - width // 2) ** power for power, (c, frac) in enumerate(terms))
        expected = limited(rounded(value, Rounding.HALF_EVEN), F(12, 8), "saturate")
        assert found.values(np.array([code]), F(12, 8), Rounding.HALF_EVEN).tolist() == [expected]


def test_the_cheaper_degree_is_chosen() -> None:
    degrees = {name: len(made(name, F(13, 9), F(12, 8)).piecewise.fracs) - 1 for name in ("constant", "relu", "square")}
    assert degrees == {"constant": 1, "relu": 1, "square": 1}
    assert len(made("sigmoid", F(18, 14), F(20, 20, signed=False)).piecewise.fracs) == 3


def test_coefficients_come_from_the_exact_function() -> None:
    """What the result is only compared with may err in its last bits, on another machine in others."""
    rng = np.random.default_rng(2)

    def quick(x: np.ndarray) -> np.ndarray:
        return np.tanh(x) * (1 + rng.uniform(-1, 1, x.shape) * 2.0**-48)

    first, second = (fit(np.tanh, function, F(14, 11), F(14, 13), Rounding.HALF_UP) for function in (np.tanh, quick))
    assert np.array_equal(first.piecewise.coefficients, second.piecewise.coefficients)


def test_what_is_not_near_any_polynomial_is_refused_with_what_would_do() -> None:
    with pytest.raises(CreatorError, match=r"errs by 143.00 steps of fixed<16,15> \(hint: give the output 8 fewer"):
        made("tanh", F(16, 4), F(16, 15))
    made("tanh", F(16, 6), F(8, 7))
    step = lambda x: np.where(x < 0.3, 0.0, 1.0)  # noqa: E731
    with pytest.raises(CreatorError, match="errs by"):
        fit(step, step, F(16, 12), F(8, 6), Rounding.HALF_EVEN)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": F(21, 9)}, "a function of 21 input bits .* at most 20 bits"),
        ({"output": F(33, 9)}, "a polynomial of 33 output bits"),
        ({"rounding": Rounding.FLOOR}, "cannot round by floor"),
        ({"rounding": Rounding.TOWARD_ZERO}, "cannot round by toward_zero"),
        ({"exact": np.log, "quick": np.log}, r"not finite at -16\.0"),
        ({"exact": lambda x: 1 / x, "quick": lambda x: 1 / x}, r"not finite at 0\.0"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_has_no_polynomial_is_refused(change: dict, message: str) -> None:
    arguments = {"exact": np.tanh, "quick": np.tanh, "source": F(13, 8), "output": F(8, 4), "rounding": Rounding.HALF_EVEN}
    with pytest.raises(CreatorError, match=message):
        fit(**(arguments | change))


def test_the_cost_counts_multipliers_and_block_rams() -> None:
    found = made("tanh", F(14, 11), F(14, 13))
    rows, columns = found.piecewise.coefficients.shape
    assert columns == 2
    assert found.cost == 1 + max(1, rows * found.row_bits / 18432)
    long = dataclasses.replace(found.piecewise, coefficients=np.tile(found.piecewise.coefficients, (64, 1)))
    assert Fit(long, 0.0).cost == pytest.approx(1 + 64 * rows * found.row_bits / 18432)
    assert math.isclose(found.error, 0.95, abs_tol=0.06)
