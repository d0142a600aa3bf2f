"""Layers of two inputs: exact in eval mode, straight-through in training, refused where float64 cannot hold a result."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Overflow, nn
from creator.affine import Affine, multiplier
from creator.nn.requantize import scale_of, zero_of
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
    for x, y in ((1, 4), (1, 2)), ((2, 3), (4, 3)), ((3, 3, 2), (3, 2)):
        with pytest.raises(CreatorError, match=r"shapes \(.*\) and \(.*\) .hint: make both alike"):
            layer(torch.zeros(x), torch.zeros(y))
    for value in (float("nan"), float("inf")):
        with pytest.raises(CreatorError, match="NaN or infinite"):
            layer(torch.full((1, 2), value), torch.zeros(1, 2))
    with pytest.raises(CreatorError):
        kind("fixed<8,4>")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("formats", [None, (F(8, 4), Affine(0.0625, 3))])
@pytest.mark.parametrize("training", [True, False])
def test_one_element_along_an_axis_is_repeated(kind, formats, training) -> None:
    layer = kind(F(12, 6)).train(training)
    layer.input_formats = formats
    g = torch.Generator().manual_seed(2)
    x, y = (torch.randint(-30, 30, shape, generator=g) / 16 for shape in ((2, 3, 4, 5), (2, 3, 1, 1)))
    assert torch.equal(layer(x, y), layer(x, y.expand_as(x)))
    assert torch.equal(layer(y, x[:, :1]), layer(y.expand_as(x), x[:, :1].expand_as(x)))


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


def test_a_concatenation_with_a_format_rounds_each_value() -> None:
    x, y = torch.tensor([[0.26, -9.0]]), torch.tensor([[0.125]])
    expected = torch.tensor([[0.25, -2.0, 0.25]])
    assert torch.equal(nn.Concatenate(1, F(4, 2), rounding="half_up").eval()(x, y), expected)
    assert torch.equal(nn.Concatenate(1, F(4, 2), rounding="half_up")(x, y), expected)


def test_what_a_concatenation_refuses() -> None:
    with pytest.raises(CreatorError, match=r"^Concatenate: rounding without an output format"):
        nn.Concatenate(1, rounding="floor")
    layer = nn.Concatenate(1, Affine(0.3)).eval()
    layer.input_formats = (F(8, 4), F(8, 4))
    with pytest.raises(CreatorError, match="takes 2 inputs, but gets 1"):
        layer(torch.zeros(1, 2))


FORMATS = [
    (Affine(0.1, 3, 7), Affine(0.037, -9, 8), Affine(0.09, 4, 8)),
    (Affine(0.1, 255, 8, False), F(6, 2), Affine(0.3, 0, 8, False)),
    (F(5, 1), F(6, 3), Affine(0.7, -3, 5)),
    (Affine(0.25, 1, 6), Affine(0.5, -2, 6), F(6, 1)),  # powers of two: every tie occurs
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rounding", oracle.ROUNDINGS)
@pytest.mark.parametrize("formats", FORMATS, ids=lambda formats: " ".join(map(str, formats)))
def test_between_arbitrary_scales_eval_mode_is_the_integer_formula(kind, rounding, formats) -> None:
    *inputs, output = formats
    for bits in (5, 16, 24):
        layer = kind(output, rounding, multiplier_bits=bits).eval()
        layer.input_formats = tuple(inputs)
        rng = np.random.default_rng(bits)
        a, b = (rng.integers(fmt.min_code, fmt.max_code, (1, 300), endpoint=True) for fmt in inputs)
        y = layer(*(torch.from_numpy(fmt.from_integers(q)) for fmt, q in zip(inputs, (a, b), strict=True)))
        codes = output.to_integers(y.numpy())
        assert np.array_equal(output.from_integers(codes), y.numpy())
        scales = [float(scale_of(fmt)) for fmt in formats]
        a, b = a - zero_of(inputs[0]), b - zero_of(inputs[1])
        if kind is nn.Multiply:
            (factor,), shift = multiplier([scales[0] * scales[1] / scales[2]], bits)
            sums = [int(i) * int(j) * factor for i, j in zip(a[0], b[0], strict=True)]
        else:
            factors, shift = multiplier([scales[0] / scales[2], scales[1] / scales[2]], bits)
            sums = [KINDS[kind](int(i) * factors[0], int(j) * factors[1]) for i, j in zip(a[0], b[0], strict=True)]
        units = [oracle.rounded(Fraction(s, 1 << shift), rounding) + zero_of(output) for s in sums]
        assert codes[0].tolist() == [min(max(unit, output.min_code), output.max_code) for unit in units]


@pytest.mark.parametrize("kind", KINDS)
def test_arbitrary_scales_are_near_the_real_numbers_before_and_after_convert(kind) -> None:
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.other, self.join = nn.Quantize(FORMATS[0][0]), nn.Quantize(FORMATS[0][1]), kind(FORMATS[0][2])

        def forward(self, x):
            x = self.quant(x)
            return self.join(x, self.other(x))

    model = Net().eval()
    converted = creator.convert(model).eval()
    assert converted.join.input_formats == FORMATS[0][:2]
    x = torch.randn(200, 4, generator=torch.Generator().manual_seed(1)) * 3
    difference = (model(x) - converted(x)).abs().max()
    assert difference < 1.01 * FORMATS[0][2].scale
    assert torch.equal(creator.convert(converted).eval()(x), converted(x))


def test_between_arbitrary_scales_gradients_pass_in_eval_mode() -> None:
    layer = nn.Add(Affine(0.5, 0, 3)).eval()
    layer.input_formats = (Affine(0.3, 0, 5), F(6, 2))
    x = torch.tensor([[0.3, 3.0]], dtype=torch.float64, requires_grad=True)
    layer(x, torch.tensor([[0.25, 0.5]])).sum().backward()
    assert x.grad.tolist() == [[1.0, 0.0]]


def test_arbitrary_scales_refuse_what_has_no_integers() -> None:
    layer = nn.Add(F(4, 2), overflow="wrap").eval()
    layer.input_formats = (Affine(0.3), Affine(0.3))
    with pytest.raises(CreatorError, match="an arbitrary scale cannot wrap"):
        layer.check_formats()
    layer = nn.Multiply(Affine(1e30)).eval()
    layer.input_formats = (Affine(1e-5), Affine(1e-5))
    with pytest.raises(CreatorError, match="too extreme"):
        layer(torch.zeros(1, 1), torch.zeros(1, 1))
    layer = nn.Add(Affine(0.1)).eval()
    layer.input_formats = (Affine(0.3), Affine(0.3))
    with pytest.raises(CreatorError, match="not on the grid"):
        layer(torch.full((1, 1), 0.5), torch.zeros(1, 1))
    layer.input_formats = (Affine((0.3, 0.1), axis=0), Affine(0.3))
    with pytest.raises(CreatorError, match="scales along axis 0"):
        layer.check_formats()
    with pytest.raises(CreatorError, match="multiplier_bits=0 is not 1 to 31 bits"):
        nn.Add(Affine(0.1), multiplier_bits=0)
    shared = nn.Add(Affine(0.1))

    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.quant, self.other, self.add = nn.Quantize(F(8, 4)), nn.Quantize(Affine(0.3)), shared

        def forward(self, x):
            x = self.quant(x)
            return self.add(self.add(x, x), self.other(x))

    with pytest.raises(CreatorError, match=r"^add: it is called with inputs of two formats"):
        creator.convert(Twice())
