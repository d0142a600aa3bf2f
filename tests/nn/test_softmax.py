"""Softmax: the integer definition that eval mode follows, and how far it is from the real function."""

from __future__ import annotations

import copy
import itertools
import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
import torch

from creator import CreatorError, FixedPoint, nn
from creator.nn.softmax import exponential
from tests.nn.helpers import codes_of, seeded

F = FixedPoint
U8 = F(8, 8, signed=False)


def rounded_exponential(distance: Fraction, grid: int) -> int:
    """exp(-distance) on a grid, from a power series in fractions, whose error is far below what is asked for."""
    half = distance / 2**8
    series, term = Fraction(0), Fraction(1)
    for n in range(1, 40):
        series += term
        term = -term * half / n
    for _ in range(8):
        series = Fraction(round(series**2 * 2**300), 2**300)
    return round(series * 2**grid)


@pytest.mark.parametrize("grid", [4, 14, 30])
def test_exponentials_are_rounded_correctly(grid: int) -> None:
    for code in range(0, 400, 3):
        assert exponential(code / 16, grid) == rounded_exponential(Fraction(code, 16), grid)
    assert exponential(0.0, grid) == 1 << grid
    assert exponential(1e9, grid) == 0


def expected(row: list[float], output: FixedPoint) -> list[int]:
    """The definition, in fractions."""
    grid = output.frac_bits + 2 + (len(row) - 1).bit_length()
    entries = [rounded_exponential(Fraction(max(row)) - Fraction(x), grid) for x in row]
    return [min(math.floor(Fraction(e, sum(entries)) * 2**output.frac_bits + Fraction(1, 2)), output.max_code) for e in entries]


@pytest.mark.parametrize("output", [U8, F(9, 8, signed=False), F(8, 7), F(12, 11), F(1, 0, signed=False)], ids=str)
@pytest.mark.parametrize("size", [1, 2, 3, 10])
def test_eval_mode_is_the_integer_definition(output: FixedPoint, size: int) -> None:
    x = torch.randint(-128, 128, (20, size), generator=seeded(size)) / 16
    y = nn.Softmax(output=output).eval()(x)
    assert codes_of(y, output).tolist() == [expected(row, output) for row in x.tolist()]


@pytest.mark.parametrize("dim", [1, 2, -1, -2])
def test_any_axis(dim: int) -> None:
    x = torch.randint(-9, 9, (5, 3, 4), generator=seeded(1)) / 2
    y = nn.Softmax(dim).eval()(x)
    rows = nn.Softmax().eval()(x.movedim(dim, -1).reshape(-1, x.shape[dim]))
    assert torch.equal(y.movedim(dim, -1).reshape(rows.shape), rows)


def real_softmax(row: list[float]) -> list[Decimal]:
    with localcontext() as context:
        context.prec = 50
        terms = [Decimal(x).exp() for x in row]
        return [term / sum(terms) for term in terms]


def worst(rows: torch.Tensor, output: FixedPoint) -> Decimal:
    """The largest distance from the real softmax, in steps of the output, which holds 1."""
    codes = codes_of(nn.Softmax(output=output).eval()(rows), output)
    found = Decimal(0)
    for row, got in zip(rows.tolist(), codes.tolist(), strict=True):
        for value, code in zip(real_softmax(row), got, strict=True):
            found = max(found, abs(value * 2**output.frac_bits - code))
    return found


def test_less_than_five_eighths_of_a_step_from_the_real_function_for_every_pair_of_codes() -> None:
    """Every difference of two 6-bit codes and every triple of 4-bit codes, and the bound's worst case: all but one far away."""
    output = F(9, 8, signed=False)
    pairs = torch.tensor([[0.0, -d / 4] for d in range(64)])
    triples = torch.tensor(list(itertools.product(range(-8, 8), repeat=3))).float() / 2
    apart = torch.tensor([[0.0] + [-d / 16] * 15 for d in range(256)])
    for rows in (pairs, triples[::3], apart):
        assert worst(rows, output) < Decimal("0.625")


def test_training_is_torchs_softmax_rounded() -> None:
    x = torch.randn(50, 6, generator=seeded(3))
    layer = nn.Softmax().train()
    steps = (layer(x) - torch.softmax(x, -1)) * 256
    assert steps.abs().max() <= 0.5 + 1e-3
    assert torch.equal(layer(x), layer.quantizer(torch.softmax(x, -1), True, x.dtype))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_torchs_softmax(training: bool) -> None:
    x = torch.randn(4, 5, generator=seeded(4), dtype=torch.float64).requires_grad_()
    weight = torch.randn(4, 5, generator=seeded(5), dtype=torch.float64)
    (found,) = torch.autograd.grad((nn.Softmax().train(training)(x) * weight).sum(), x)
    (real,) = torch.autograd.grad((torch.softmax(x, -1) * weight).sum(), x)
    assert torch.allclose(found, real, atol=1e-12)


def test_what_is_refused() -> None:
    layer = nn.Softmax().eval()
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(CreatorError, match="Softmax: an input is NaN or infinite"):
            layer(torch.tensor([[0.0, bad]]))
    with pytest.raises(CreatorError, match="output=fixed<8,-1> has no fractional bits"):
        nn.Softmax(output=F(8, -1))
    with pytest.raises(CreatorError, match=r"output=8 is not a number format"):
        nn.Softmax(output=8)  # type: ignore[arg-type]
    with pytest.raises(CreatorError, match="Softmax: dim=0 is not an axis of a sample"):
        nn.Softmax(0)
    with pytest.raises(CreatorError, match="its division needs more than 62 bits"):
        nn.Softmax(output=F(30, 30, signed=False)).eval()(torch.zeros(1, 9))


def test_it_copies_and_shows_itself() -> None:
    layer = copy.deepcopy(nn.Softmax(1))
    assert repr(layer) == "Softmax(dim=1, output ufixed<8,8>, half_up, saturate, masked)"
    assert layer.output_format == U8
    assert np.array_equal(layer.eval()(torch.zeros(1, 4)).numpy(), np.full((1, 4), 0.25))
