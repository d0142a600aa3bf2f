"""Batch normalisation that no layer comes right before: a scale and a bias for each channel."""

import copy

import numpy as np
import pytest
import torch

import creator
from creator import Affine, CreatorError, FixedPoint, Overflow, Rounding, nn
from creator.quantize import FakeQuant
from creator.quantize.observers import MinMaxObserver
from tests.nn.helpers import codes_of, integer_linear, nearest_codes, random_codes, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS

INPUT = FixedPoint(8, 4)
WIDE = FixedPoint(24, 16)


def settled(norm, seed=0):
    """With statistics and parameters that differ by channel."""
    g = seeded(seed)
    with torch.no_grad():
        norm.running_mean.normal_(generator=g)
        norm.running_var.uniform_(0.2, 3.0, generator=g)
        if norm.weight is not None:
            norm.weight.uniform_(-1.5, 1.5, generator=g)
            norm.bias.normal_(generator=g)
    return norm


def scale_of(norm):
    gamma = 1.0 if norm.weight is None else norm.weight.detach().double().numpy()
    return gamma / np.sqrt(norm.running_var.double().numpy() + norm.eps)


def expected(norm, codes, weight, bias, output, rounding=Rounding.HALF_EVEN, overflow=Overflow.SATURATE):
    """A layer of a diagonal matrix, from the parameters; ``codes`` of shape (batch, channels)."""
    quantized = nearest_codes(scale_of(norm), weight)
    beta = 0.0 if norm.bias is None else norm.bias.detach().double().numpy()
    shift = beta - norm.running_mean.double().numpy() * weight.from_integers(quantized)
    rows = np.diag(quantized)
    return integer_linear(codes, INPUT, rows, weight, nearest_codes(shift, bias), bias, output, rounding, overflow)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("affine", [True, False])
def test_eval_is_a_weight_and_a_bias_for_each_channel(rounding, overflow, affine):
    weight, bias, output = FixedPoint(6, 4), FixedPoint(12, 8), FixedPoint(7, 4)
    norm = settled(nn.BatchNorm1d(5, affine=affine, weight=weight, bias=bias, output=output, rounding=rounding,
                                  overflow=overflow)).eval()  # fmt: skip
    codes = random_codes((30, 5), INPUT, 1)
    y = norm(torch.from_numpy(INPUT.from_integers(codes)).float())
    assert codes_of(y, output).tolist() == expected(norm, codes, weight, bias, output, rounding, overflow).tolist()


@pytest.mark.parametrize("shape", [(4, 3, 5), (2, 3, 2, 2)])
def test_eval_of_pixels_is_that_of_each_pixel(shape):
    norm = settled((nn.BatchNorm1d if len(shape) == 3 else nn.BatchNorm2d)(3)).eval()
    codes = random_codes(shape, INPUT, 2)
    y = codes_of(norm(torch.from_numpy(INPUT.from_integers(codes)).float()), norm.output_format)
    pixels = np.moveaxis(codes, 1, -1).reshape(-1, 3)
    wanted = expected(norm, pixels, norm.weight_format, norm.bias_format_of(norm.biases()), FixedPoint(8, 4))
    assert np.moveaxis(y, 1, -1).reshape(-1, 3).tolist() == wanted.tolist()


@pytest.mark.parametrize(("deviation", "wanted"), [(1.0, (8, 6)), (1.01, (8, 7)), (0.01, (8, 0)), (300.0, (8, 15))])
def test_the_default_weight_is_the_finest_that_holds_the_scales(deviation, wanted):
    norm = nn.BatchNorm1d(2, eps=0.0).eval()
    norm.running_var[0] = deviation**2
    norm.running_var[1] = deviation**2 * 4
    assert norm.weight_format == FixedPoint(*wanted)
    assert norm.weight_format_of(norm.rows() * 2) == FixedPoint(wanted[0], wanted[1] - 1)


def test_scales_of_zero_have_a_format():
    norm = nn.BatchNorm1d(2).eval()
    torch.nn.init.zeros_(norm.weight)
    norm.bias.data[:] = torch.tensor([1.0, -2.0])
    assert norm(torch.ones(3, 2)).tolist() == [[1.0, -2.0]] * 3


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("shape", [(16, 4), (8, 4, 3), (4, 4, 2, 3)])
def test_training_normalises_and_keeps_statistics_as_torch_does(affine, momentum, shape):
    kind = nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d
    norm = settled(kind(4, 1e-3, momentum, affine, weight=FixedPoint(24, 20), output=WIDE))
    plain = (torch.nn.BatchNorm2d if len(shape) == 4 else torch.nn.BatchNorm1d)(4, 1e-3, momentum, affine)
    plain.load_state_dict(norm.state_dict())
    for step in range(3):
        x = torch.randn(shape, generator=seeded(step)).requires_grad_()
        twin = x.detach().clone().requires_grad_()
        y, wanted = norm(x), plain(twin)
        torch.testing.assert_close(y, wanted, rtol=0, atol=4 * WIDE.step)
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            torch.testing.assert_close(getattr(norm, name), getattr(plain, name))
        y.square().sum().backward()
        wanted.square().sum().backward()
        torch.testing.assert_close(x.grad, twin.grad, rtol=1e-2, atol=1e-3)
        if affine:
            torch.testing.assert_close(norm.weight.grad, plain.weight.grad, rtol=1e-2, atol=1e-2)
            torch.testing.assert_close(norm.bias.grad, plain.bias.grad, rtol=1e-2, atol=1e-2)


def test_training_shows_the_rounding_of_the_scales():
    norm = nn.BatchNorm1d(1, weight=FixedPoint(2, 0), output=WIDE)
    x = torch.tensor([[-1.5], [1.5]])  # a scale of 2/3, which rounds to 1
    assert norm(x).flatten().tolist() == [-1.5, 1.5]


def test_frozen_statistics_stay_and_are_used():
    norm = settled(nn.BatchNorm1d(3, output=WIDE))
    norm.freeze_stats()
    before = copy.deepcopy(norm.state_dict())
    x = torch.round(torch.randn(9, 3, generator=seeded(3)) * 16) / 16
    trained = norm(x)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert (trained - norm.eval()(x)).abs().max() <= 2 * WIDE.step


def test_a_batch_of_one_value_is_refused_in_training():
    with pytest.raises(CreatorError, match="one value a channel in training"):
        nn.BatchNorm1d(2, output=WIDE)(torch.zeros(1, 2))


X = torch.round(torch.randn(6, 3, generator=seeded(6)) * 16) / 16


def between(*layers, **formats):
    torch.manual_seed(1)
    return torch.nn.Sequential(nn.Linear(3, 2), *layers, settled(nn.BatchNorm1d(2, **formats))).eval()


@pytest.mark.parametrize(
    "layers",
    [(nn.ReLU(),), (nn.Quantize(FixedPoint(6, 2)),), (nn.BatchNorm1d(2),), (nn.Tanh(), nn.Identity())],
    ids=["relu", "quantize", "normalisation", "table"],
)
def test_behind_anything_but_a_layer_it_rounds_once_more(layers):
    model = between(*layers)
    before, norm = model[:-1](X), model[-1]
    norm.alone = True
    assert torch.equal(model(X), norm(before.clone()))


def test_with_a_format_it_never_folds():
    model = between(output=FixedPoint(5, 1))
    y = model(X)
    assert torch.equal(y, model[1](model[0](X).clone()))
    assert not torch.equal(y, between()(X))


def test_behind_a_fused_normalisation_it_stands_alone():
    model = torch.nn.Sequential(nn.Linear(3, 2), settled(nn.BatchNorm1d(2)), settled(nn.BatchNorm1d(2), 5)).eval()
    wanted = model(X)
    model[0].fuse(model[1])
    assert torch.equal(model(X), wanted)
    assert torch.equal(wanted, model[2](model[:2](X).clone()))


def test_behind_a_linear_layer_over_the_last_axis_it_normalises_the_channels():
    torch.manual_seed(0)
    linear, norm = nn.Linear(4, 3), settled(nn.BatchNorm1d(3))
    x = torch.randn(5, 3, 4, generator=seeded(2))
    model = torch.nn.Sequential(linear, norm).eval()
    assert torch.equal(model(x), norm(linear(x).clone()))


@pytest.mark.parametrize(("entry", "weight", "output"), [
    (Affine(0.1, 3), FixedPoint(8, 6), FixedPoint(8, 4)),
    (FixedPoint(8, 4), Affine(0.013), Affine(0.05, 128, signed=False)),
    (Affine(0.1, 3), Affine((0.01, 0.02, 0.03), axis=0), Affine(0.07)),
])  # fmt: skip
def test_arbitrary_scales_are_integers_too(entry, weight, output):
    norm = settled(nn.BatchNorm1d(3, weight=weight, output=output))
    model = creator.convert(torch.nn.Sequential(nn.Quantize(entry), norm)).eval()
    graph = creator.trace(model, 3)
    assert [node.op.name for node in graph.nodes if node.op.name != "reshape"] == ["conv", "rescale"]
    x = model[0](torch.randn(50, 3, generator=seeded(9)))
    y = model(x)
    real = torch.nn.functional.batch_norm(x.double(), norm.running_mean.double(), norm.running_var.double(),
                                          norm.weight.double(), norm.bias.double(), eps=norm.eps)  # fmt: skip
    assert (y - real).abs().max() < 0.2
    assert np.array_equal(graph.output_format.from_integers(graph.run(entry.to_integers(x.numpy()))), y.detach().numpy())


def test_observed_formats_are_fixed_by_convert():
    norm = settled(nn.BatchNorm1d(3, weight=FakeQuant(MinMaxObserver, bits=6, power_of_two=True),
                                  output=FakeQuant(MinMaxObserver, bits=7, power_of_two=True)))  # fmt: skip
    model = torch.nn.Sequential(nn.Quantize(INPUT), norm)
    statistics = copy.deepcopy(dict(norm.named_buffers(recurse=False)))
    creator.calibrate(model, [torch.randn(50, 3, generator=seeded(1))])
    assert all(torch.equal(value, getattr(norm, name)) for name, value in statistics.items())
    assert not norm.frozen_stats
    assert norm.training
    x = torch.randn(20, 3, generator=seeded(2))
    fixed = creator.convert(model).eval()
    assert torch.equal(fixed(x), model.eval()(x))
    assert fixed[1].weight_format.total_bits == 6
    assert fixed[1].output_format.total_bits == 7
    creator.trace(fixed, 3)


@pytest.mark.parametrize(
    ("make", "x", "message"),
    [
        (lambda: nn.BatchNorm1d(3), torch.zeros(2, 2), r"BatchNorm1d\(3\) gets 2 channels .hint: use BatchNorm1d\(2\)"),
        (lambda: nn.BatchNorm1d(2, track_running_stats=False), torch.zeros(2, 2), "depends on the batch"),
        (lambda: nn.BatchNorm1d(2, output=8), torch.zeros(2, 2), "output=8 is not a number format"),
        (lambda: nn.BatchNorm1d(2, bias=3), torch.zeros(2, 2), "bias=3 is not a number format"),
        (lambda: settled(nn.BatchNorm1d(2, output=FixedPoint(8, 4))), torch.full((2, 2), torch.nan), "NaN or infinite"),
    ],
)
def test_what_is_refused(make, x, message):
    with pytest.raises(CreatorError, match=message):
        make().eval()(x)


@pytest.mark.parametrize("name", ["weight", "bias", "running_mean", "running_var"])
def test_diverged_parameters_are_refused_in_eval(name):
    norm = settled(nn.BatchNorm1d(2)).eval()
    with torch.no_grad():
        getattr(norm, name)[0] = float("inf")
    with pytest.raises(CreatorError, match="NaN or infinite"):
        norm(torch.zeros(1, 2))


def test_without_a_bias_of_its_own():
    norm = nn.BatchNorm1d(2, bias=False).eval()
    norm.running_mean[:] = torch.tensor([1.0, -0.5])
    assert norm.bias is None
    assert not norm.alone
    assert (norm(torch.zeros(1, 2)) - torch.tensor([[-1.0, 0.5]])).abs().max() <= 1 / 16


def test_state_of_torch_loads():
    plain = torch.nn.BatchNorm2d(3)
    plain(torch.randn(8, 3, 4, 4, generator=seeded(8)))
    norm = nn.BatchNorm2d(3, output=FixedPoint(12, 8)).eval()
    norm.load_state_dict(plain.state_dict())
    x = torch.round(torch.randn(2, 3, 4, 4, generator=seeded(9)) * 16) / 16
    assert (norm(x) - plain.eval()(x)).abs().max() < 0.05
