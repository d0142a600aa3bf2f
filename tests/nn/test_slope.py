"""Layers with quantized slopes: eval mode against exact fractions, training against torch."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from creator import CreatorError, FixedPoint, Overflow, Rounding, nn
from tests.nn.helpers import codes_of, nearest_codes, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of

INPUT, SLOPE, OUTPUT = FixedPoint(7, 4), FixedPoint(6, 5), FixedPoint(8, 6)
ALL = torch.from_numpy(INPUT.from_integers(range(INPUT.min_code, INPUT.max_code + 1))).float()


def prelu(slopes, **choices):
    layer = nn.PReLU(len(slopes), slope=SLOPE, output=OUTPUT, **choices)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(slopes))
    return layer


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_eval_is_the_exact_product_rounded_once(rounding, overflow):
    slopes = [0.3, -0.77, 5.0, -3.0, 0.0]
    layer = prelu(slopes, rounding=rounding, overflow=overflow).eval()
    codes = nearest_codes(layer.weight.detach().double().numpy(), SLOPE).tolist()
    y = layer(ALL[:, None].expand(-1, 5))
    expected = [
        [code_of(Fraction(x) * (Fraction(code, 32) if x < 0 else 1), OUTPUT, rounding, overflow) for code in codes]
        for x in ALL.tolist()
    ]
    assert codes_of(y, OUTPUT).tolist() == expected


def test_a_channel_is_axis_1():
    layer = prelu([0.25, -0.5, 0.125]).eval()
    x = torch.randn(4, 3, 5, 2, generator=seeded(1))
    x = FixedPoint(8, 4).from_integers(FixedPoint(8, 4).to_integers(x.numpy()))
    x = torch.from_numpy(x).float()
    y = layer(x)
    for channel in range(3):
        assert torch.equal(y[:, channel], layer(x[:, channel][:, None].expand(-1, 3, -1, -1))[:, channel])
    for shape in ((4,), (4, 2), (3,)):
        with pytest.raises(CreatorError, match="does not have 3 channels along axis 1"):
            layer(torch.zeros(shape))


def test_training_trains_the_slope_as_torch_does():
    layer, plain = prelu([0.25, -0.5]), torch.nn.PReLU(2)
    with torch.no_grad():
        plain.weight.copy_(layer.weight)
    x = torch.rand(16, 2, generator=seeded(2)) * 2 - 1.5
    x.requires_grad_()
    other = x.detach().clone().requires_grad_()
    layer(x).sum().backward()
    plain(other).sum().backward()
    torch.testing.assert_close(x.grad, other.grad)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)
    assert set(layer.state_dict()) == {"weight"}
    layer.load_state_dict(plain.state_dict())


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_a_saturated_slope_is_masked(training):
    layer = prelu([0.5, 7.0]).train(training)
    layer(torch.full((1, 2), -0.25)).sum().backward()
    assert layer.weight.grad.tolist() == [-0.25, 0.0]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("slope", [0.01, 0.3, -1.0, 2.0])
def test_leaky_relu_has_the_slope_in_its_format(slope, rounding):
    layer = nn.LeakyReLU(slope, OUTPUT, slope=SLOPE, rounding=rounding).eval()
    code = code_of(slope, SLOPE, Rounding.HALF_EVEN, Overflow.SATURATE)
    expected = [
        code_of(Fraction(x) * (Fraction(code, 32) if x < 0 else 1), OUTPUT, rounding, Overflow.SATURATE) for x in ALL.tolist()
    ]
    assert codes_of(layer(ALL), OUTPUT).tolist() == expected
    assert codes_of(layer(ALL.clone().requires_grad_()), OUTPUT).tolist() == expected


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("bits", "frac_bits"), [(3, 3), (4, 6), (8, 9), (16, 17)])
def test_hard_sigmoid_has_a_sixth_in_its_format(bits, frac_bits, rounding):
    fmt = FixedPoint(bits, frac_bits)
    layer = nn.HardSigmoid(slope=fmt, rounding=rounding).eval()
    sixth = Fraction(code_of(Fraction(1, 6), fmt, Rounding.HALF_EVEN, Overflow.SATURATE)) / 2**frac_bits
    output = layer.output_format
    values = [min(max(Fraction(x) * sixth + Fraction(1, 2), 0), 1) for x in ALL.tolist()]
    expected = [code_of(value, output, rounding, Overflow.SATURATE) for value in values]
    assert codes_of(layer(ALL), output).tolist() == expected
    assert torch.equal(layer.train()(ALL).double(), layer.eval()(ALL).double()) or bits > 8


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("bits", "frac_bits"), [(3, 3), (4, 6), (8, 9), (16, 17)])
def test_hard_swish_is_an_exact_product_with_the_gate(bits, frac_bits, rounding):
    fmt, output = FixedPoint(bits, frac_bits), FixedPoint(7, 3)
    layer = nn.HardSwish(output, slope=fmt, rounding=rounding).eval()
    sixth = Fraction(code_of(Fraction(1, 6), fmt, Rounding.HALF_EVEN, Overflow.SATURATE)) / 2**frac_bits
    values = [Fraction(x) * min(max(Fraction(x) * sixth + Fraction(1, 2), 0), 1) for x in ALL.tolist()]
    expected = [code_of(value, output, rounding, Overflow.SATURATE) for value in values]
    assert codes_of(layer(ALL), output).tolist() == expected
    assert codes_of(layer(ALL.clone().requires_grad_()), output).tolist() == expected


def test_a_hard_swish_that_is_not_exact_is_refused():
    with pytest.raises(CreatorError, match="HardSwish: a product may need more than 52 bits"):
        nn.HardSwish(slope=FixedPoint(24, 26)).eval()(torch.tensor([1.0, 1 + 2.0**-23]))


def test_lines_have_the_gradient_of_their_lines():
    x = torch.linspace(-4, 4, 33, requires_grad=True)
    for layer, plain in (
        (nn.LeakyReLU(0.25, FixedPoint(12, 6), slope=SLOPE), lambda v: F.leaky_relu(v, 0.25)),
        (nn.HardSigmoid(FixedPoint(12, 6), slope=FixedPoint(24, 24)), F.hardsigmoid),
        (nn.HardSwish(FixedPoint(12, 6), slope=FixedPoint(20, 20)), F.hardswish),
    ):
        for training in (True, False):
            x.grad = None
            layer.train(training)(x).sum().backward()
            found = x.grad.clone()
            x.grad = None
            plain(x).sum().backward()
            inside = x.detach().abs() != 3
            torch.testing.assert_close(found[inside], x.grad[inside], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.PReLU(0), "num_parameters=0"),
        (lambda: nn.PReLU(2.5), "num_parameters=2.5"),
        (lambda: nn.PReLU(slope=8), "slope=8 is not a number format"),
        (lambda: nn.PReLU(output=8), "output=8 is not a number format"),
        (lambda: nn.PReLU(gradient=8), "gradient=8 is not a number format"),
        (lambda: nn.LeakyReLU(slope=8), "slope=8 is not a number format"),
        (lambda: nn.HardSwish(slope=8), "slope=8 is not a number format"),
        (lambda: nn.HardSigmoid(slope=SLOPE, overflow="wrap"), "cannot wrap"),
    ],
)
def test_invalid_arguments_are_refused(make, message):
    with pytest.raises(CreatorError, match=message):
        make()


def test_a_slope_that_is_not_finite_and_products_that_are_not_exact_are_refused():
    layer = prelu([float("nan")]).eval()
    with pytest.raises(CreatorError, match="its slope is NaN or infinite"):
        layer(ALL)
    with pytest.raises(CreatorError, match="more than 52 bits"):
        nn.PReLU(slope=FixedPoint(8, 9)).eval()(torch.tensor([2.0**50 + 1, 1.0], dtype=torch.float64))
