"""Layers between arbitrary scales against their definition, in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine, multiplier
from creator.nn.requantize import Requantizer, scale_of, zero_of
from tests.nn.helpers import random_codes, seeded
from tests.oracle import ROUNDINGS, rounded

# input, weight, output
FORMATS = [
    (Affine(0.037, 11, 8, False), Affine(0.0113), Affine(0.21, 3, 8, False)),
    (Affine(0.5, -128), Affine((0.01, 0.02, 0.4), axis=0, symmetric=True), Affine(0.9, 127)),
    (FixedPoint(8, 4), Affine(0.0113, bits=4), FixedPoint(8, 4)),
    (FixedPoint(8, 4, signed=False), FixedPoint(6, 5), Affine(0.05, 0, 6, False)),
    (Affine(0.1, 7, 4, False), FixedPoint(2, 0), FixedPoint(4, 1)),
    (Affine(0.25, 1, 8), Affine(0.5), Affine(0.125, -3)),  # powers of two: every tie occurs
]


def layer_of(formats, sizes, seed, **choices):
    """A converted layer in eval mode with random parameters."""
    x, weight, output = formats
    layer = nn.Linear(*sizes, weight=weight, output=output, **choices).eval()
    layer.input_format = x
    span = float(np.max(scale_of(weight))) * weight.max_code
    with torch.no_grad():
        layer.weight.uniform_(-1.2 * span, 1.2 * span, generator=seeded(seed))
        if layer.bias is not None:
            layer.bias.uniform_(-10 * span, 10 * span, generator=seeded(seed + 1))
    return layer


def by_definition(layer, formats, codes, rounding):
    """clip(round(sum of w * (q - z) + round(b / (s_x s_w)), times M / 2**n) + z_y), in unbounded integers and fractions."""
    x, weight, output = formats
    factors, shift = Requantizer(x, weight, output, layer.rounding, layer.overflow, layer.multiplier_bits).multiplier
    w = weight.to_integers(layer.weight.detach().double().numpy()).astype(object)
    sum_scale = np.broadcast_to(scale_of(x) * scale_of(weight), (len(w),))
    result = np.zeros((len(codes), len(w)), dtype=np.int64)
    for o, row in enumerate(w):
        bias = 0 if layer.bias is None else rounded(Fraction(layer.bias[o].item() / sum_scale[o]), ROUNDINGS[0])
        for n, q in enumerate(codes):
            total = sum(int(a) * (int(b) - zero_of(x)) for a, b in zip(row, q, strict=True)) + bias
            units = rounded(Fraction(total * factors[o % len(factors)], 1 << shift), rounding) + zero_of(output)
            result[n, o] = min(max(units, output.min_code), output.max_code)
    return result


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("formats", FORMATS, ids=lambda formats: " ".join(map(str, formats)))
def test_eval_is_the_integer_formula(formats, rounding):
    for seed, (sizes, bits, bias) in enumerate([((1, 3), 16, True), ((7, 3), 8, True), ((5, 3), 24, False), ((4, 3), 1, True)]):
        layer = layer_of(formats, sizes, seed, rounding=rounding, multiplier_bits=bits, bias=bias)
        codes = random_codes((40, sizes[0]), formats[0], seed)
        y = layer(torch.from_numpy(formats[0].from_integers(codes)))
        assert y.dtype == torch.float64 if isinstance(formats[2], Affine) else True
        found = formats[2].to_integers(y.detach().numpy())
        assert np.array_equal(formats[2].from_integers(found), y.detach().numpy())  # on the grid exactly
        assert found.tolist() == by_definition(layer, formats, codes, rounding).tolist()


def test_the_integers_follow_the_real_arithmetic():
    formats = FORMATS[0]
    layer = layer_of(formats, (30, 8), 3)
    codes = random_codes((100, 30), formats[0], 4)
    x = torch.from_numpy(formats[0].from_integers(codes))
    weight = torch.from_numpy(formats[1].from_integers(formats[1].to_integers(layer.weight.detach().numpy())))
    real = formats[2].to_integers((x @ weight.T + layer.bias.double()).detach().numpy())
    difference = np.abs(formats[2].to_integers(layer(x).detach().numpy()) - real)
    assert difference.max() <= 1
    assert (difference != 0).mean() < 0.02


def test_gradients_pass_in_eval_mode():
    layer = layer_of(FORMATS[0], (3, 2), 1)
    x = torch.from_numpy(FORMATS[0][0].from_integers(random_codes((4, 3), FORMATS[0][0], 5))).requires_grad_()
    layer(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert layer.weight.grad.abs().sum() > 0


def test_convolutions_pad_with_the_value_zero():
    x, weight, output = Affine(0.05, 9, 8, False), Affine((0.02, 0.03), axis=0), Affine(0.2, 4)
    conv = nn.Conv2d(3, 2, 3, padding=1, weight=weight, output=output).eval()
    conv.input_format = x
    codes = random_codes((2, 3, 4, 4), x, 6)
    padded = np.pad(codes, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=x.zero_point)
    inner = nn.Conv2d(3, 2, 3, weight=weight, output=output).eval()
    inner.input_format = x
    inner.load_state_dict(conv.state_dict())
    values = [torch.from_numpy(x.from_integers(q)) for q in (codes, padded)]
    assert torch.equal(conv(values[0]), inner(values[1]))


@pytest.mark.parametrize(
    ("formats", "message"),
    [
        ((FixedPoint(8, 4), Affine(0.1, 3), FixedPoint(8, 4)), "weights have a zero point"),
        ((FixedPoint(8, 4), Affine((0.1, 0.2), axis=1), FixedPoint(8, 4)), "scales along axis 1"),
        ((Affine((0.1, 0.2), axis=0), Affine(0.1), FixedPoint(8, 4)), "input has scales along axis 0"),
    ],
)
def test_formats_that_hardware_cannot_bring_together_are_refused(formats, message):
    layer = nn.Linear(2, 2, weight=formats[1], output=formats[2]).eval()
    layer.input_format = formats[0]
    with pytest.raises(CreatorError, match=message):
        layer(torch.zeros(1, 2))


def test_bad_values_are_refused():
    layer = layer_of(FORMATS[0], (2, 2), 1)
    for bad, message in ((float("nan"), "not on the grid"), (0.0171, "not on the grid"), (1e4, "not on the grid")):
        with pytest.raises(CreatorError, match=message):
            layer(torch.full((1, 2), bad, dtype=torch.float64))
    with torch.no_grad():
        layer.bias[0] = float("inf")
    with pytest.raises(CreatorError, match="its bias is NaN, infinite"):
        layer(torch.zeros(1, 2))
    with pytest.raises(CreatorError, match="too extreme"):
        layer_of((Affine(1e-6), Affine(1e-20), Affine(1e5)), (2, 2), 1)(torch.zeros(1, 2))
    with pytest.raises(CreatorError, match=r"cannot wrap|cannot be an output"):
        nn.Linear(2, 2, output=Affine(0.1), overflow="wrap")


CHANGES = [(x, y) for x, _, y in FORMATS] + [(Affine(0.1, 5), Affine(0.1, -7)), (FixedPoint(6, 2), Affine(0.3, 1, 5))]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("formats", CHANGES, ids=lambda formats: " ".join(map(str, formats)))
def test_a_change_of_scale_is_the_integer_formula(formats, rounding):
    source, output = formats
    for shape, bits in (((40, 3), 16), ((5, 3, 2, 2), 7), ((9,), 24)):
        layer = nn.Quantize(output, rounding, multiplier_bits=bits).eval()
        layer.input_format = source
        codes = random_codes(shape, source, bits)
        y = layer(torch.from_numpy(source.from_integers(codes)))
        found = output.to_integers(y.numpy())
        assert np.array_equal(output.from_integers(found), y.numpy())
        (factor,), shift = multiplier(scale_of(source) / scale_of(output), bits)
        for q, got in zip(codes.ravel().tolist(), found.ravel().tolist(), strict=True):
            units = rounded(Fraction((q - zero_of(source)) * factor, 1 << shift), rounding) + zero_of(output)
            assert got == min(max(units, output.min_code), output.max_code)


def test_a_change_of_scale_has_the_gradient_of_its_rounding():
    layer = nn.Quantize(Affine(0.5, 0, 3)).eval()  # -2 ... 1.5
    layer.input_format = Affine(0.3, 0, 5)
    x = torch.tensor([-2.7, -0.3, 0.6, 2.1], dtype=torch.float64, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.tolist() == [-2.0, -0.5, 0.5, 1.5]
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_a_change_of_scale_refuses_what_it_cannot_do():
    with pytest.raises(CreatorError, match="cannot be an output"):
        nn.Quantize(Affine(0.1), overflow="wrap")
    for bits in (0, 32, True, 1.5):
        with pytest.raises(CreatorError, match=f"multiplier_bits={bits!r} is not 1 to 31 bits"):
            nn.Quantize(Affine(0.1), multiplier_bits=bits)
    layer = nn.Quantize(Affine(0.1)).eval()
    layer.input_format = Affine(0.3)
    with pytest.raises(CreatorError, match="its input is not on the grid of"):
        layer(torch.tensor([[0.5]]))
    with pytest.raises(CreatorError, match="an arbitrary scale cannot wrap"):
        creator.convert(torch.nn.Sequential(nn.Quantize(Affine(0.3)), nn.Quantize(FixedPoint(4, 2), overflow="wrap")))
    with pytest.raises(CreatorError, match=r"^1: .*too extreme"):
        creator.convert(torch.nn.Sequential(nn.Quantize(Affine(1e-20)), nn.Quantize(Affine(1e20))))


def test_an_unconverted_change_of_scale_is_refused():
    model = torch.nn.Sequential(nn.Quantize(Affine(0.3)), nn.Quantize(Affine(0.5, 3)))
    with pytest.raises(CreatorError, match=r"^1: .*does not know that its input is affine<8,0\.3,0> .*creator\.convert"):
        creator.trace(model, 3)
    converted = creator.convert(model)
    assert [node.op.name for node in creator.trace(converted, 3).nodes] == ["rescale"]
    shared = nn.Quantize(Affine(0.3))
    with pytest.raises(CreatorError, match="called with inputs of two formats"):
        creator.convert(torch.nn.Sequential(shared, shared))
