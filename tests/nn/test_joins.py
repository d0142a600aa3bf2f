"""Layers of two inputs: exact in eval mode, straight-through in training, refused where float64 cannot hold a result."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from creator import CreatorError, FixedPoint, Overflow, nn
from tests import oracle

F = FixedPoint
KINDS = {nn.Add: lambda a, b: a + b, nn.Subtract: lambda a, b: a - b, nn.Multiply: lambda a, b: a * b}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rounding", oracle.ROUNDINGS)
@pytest.mark.parametrize("overflow", list(Overflow))
def test_eval_mode_is_exact(kind, rounding, overflow) -> None:
    layer = kind(F(6, 2), rounding, overflow).eval()
    rng = np.random.default_rng(1)
    a, b = rng.integers(-128, 128, (2, 400))
    y = layer(torch.from_numpy(a / 16).float()[None], torch.from_numpy(b / 64).float()[None])
    assert y.dtype == torch.float32
    exact = [KINDS[kind](Fraction(int(i), 16), Fraction(int(j), 64)) for i, j in zip(a, b, strict=True)]
    expected = [oracle.code_of(value, F(6, 2), rounding, overflow) for value in exact]
    assert (y[0].double() * 4).tolist() == expected


def test_training_passes_the_gradient_straight_through_where_nothing_saturates() -> None:
    x = torch.tensor([[0.3, 7.0, -1.1]], requires_grad=True)
    y = torch.tensor([[0.1, 5.0, 2.0]], requires_grad=True)
    out = nn.Add(F(8, 4))(x, y)
    assert torch.equal(out, torch.tensor([[0.375, 7.9375, 0.875]]))
    out.sum().backward()
    assert torch.equal(x.grad, torch.tensor([[1.0, 0.0, 1.0]]))
    assert torch.equal(y.grad, x.grad)


def test_results_that_float64_cannot_hold_are_refused() -> None:
    wide, fine = torch.tensor([[2.0**40]]), torch.tensor([[2.0**-20]])
    with pytest.raises(CreatorError, match="more than 52 bits"):
        nn.Add(F(8, 4)).eval()(wide, fine)
    assert nn.Multiply(F(30, 4)).eval()(wide, fine).item() == 2.0**20
    third = torch.tensor([[1 / 3]], dtype=torch.float64)
    with pytest.raises(CreatorError, match="more than 52 bits"):
        nn.Multiply(F(8, 4)).eval()(third, third)


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_and_values_that_do_not_fit_are_refused(kind) -> None:
    layer = kind().eval()
    with pytest.raises(CreatorError, match=r"shapes \(1, 4\) and \(1, 1\) .hint: make both alike"):
        layer(torch.zeros(1, 4), torch.zeros(1, 1))
    for value in (float("nan"), float("inf")):
        with pytest.raises(CreatorError, match="NaN or infinite"):
            layer(torch.full((1, 2), value), torch.zeros(1, 2))
    with pytest.raises(CreatorError):
        kind("fixed<8,4>")


def test_wide_formats_give_float64() -> None:
    x = torch.tensor([[2.0**20 + 0.5]], dtype=torch.float64)
    y = nn.Add(F(40, 8)).eval()(x, x)
    assert y.dtype == torch.float64
    assert y.item() == 2.0**21 + 1


def test_concatenation_is_torchs() -> None:
    x, y = torch.rand(2, 3, 4), torch.rand(2, 5, 4)
    assert torch.equal(nn.Concatenate()(x, y, x), torch.cat((x, y, x), 1))
    assert torch.equal(nn.Concatenate(2)(x, x), torch.cat((x, x), 2))
    assert "dim=2" in repr(nn.Concatenate(2))
