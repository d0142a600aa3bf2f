"""The one-step path of ``Linear`` in training against the general one, which goes through separate steps of autograd."""

import copy

import pytest
import torch

from creator import FixedPoint, Overflow, Rounding, nn
from creator.nn.linear import _FastLinear
from creator.quantize import Gradients, StraightThrough
from creator.quantize.on_grid import mark
from tests.nn.helpers import seeded

GRADIENTS = [
    None,
    FixedPoint(8, 6),
    FixedPoint(16, 12),
    Gradients(activation=FixedPoint(6, 5, symmetric=True)),
    Gradients(weight=FixedPoint(4, 1), bias=FixedPoint(5, 0)),
    Gradients(activation=FixedPoint(6, 2), bias=FixedPoint(5, 3)),  # its sums are on the bias's grid already
    Gradients(activation=FixedPoint(8, 5), bias=FixedPoint(8, 3)),  # and not
]
FORMATS = [
    {},
    {"output": FixedPoint(8, 4, signed=False)},
    {"weight": FixedPoint(4, 3, symmetric=True), "output": FixedPoint(5, 1)},
    {"weight": FixedPoint(1, 0), "output": FixedPoint(2, -3)},
    {"weight": FixedPoint(9, 2, signed=False), "output": FixedPoint(16, 7), "bias": FixedPoint(6, 3)},
    {"bias": False},
]


def general(layer):
    """A copy of ``layer`` that cannot take the one-step path."""
    slow = copy.deepcopy(layer)
    slow._fast = dict.fromkeys((torch.float32, torch.float64))
    return slow


def on_ties(shape, step, seed):
    """Values on a grid of half steps: many ties, and a few beyond any range."""
    values = torch.randint(-40, 41, shape, generator=seeded(seed)) * (step / 2)
    return values * torch.where(torch.rand(shape, generator=seeded(seed + 1)) < 0.05, 30.0, 1.0)


def filled(layer, seed):
    with torch.no_grad():
        layer.weight.copy_(on_ties(layer.weight.shape, layer.weight_format.step, seed))
        if layer.bias is not None:
            layer.bias.copy_(on_ties(layer.bias.shape, layer.bias_format.step, seed + 2))
    return layer


def outcome(layer, x, incoming):
    x = x.clone().requires_grad_()
    y = layer(x)
    y.backward(incoming)
    return [y, x.grad, layer.weight.grad] + ([] if layer.bias is None else [layer.bias.grad])


def is_fast(layer, x):
    return type(layer(x).grad_fn).__name__.startswith(_FastLinear.__name__)


@pytest.mark.parametrize("gradient", GRADIENTS, ids=str)
@pytest.mark.parametrize("ste", ["masked", "identity"])
@pytest.mark.parametrize("formats", FORMATS, ids=str)
def test_one_step_gives_what_separate_steps_give(formats, ste, gradient):
    for seed, shape in enumerate([(7, 5), (1, 5), (2, 3, 5)]):
        layer = filled(nn.Linear(5, 4, ste=ste, gradient=gradient, **formats), seed)
        x = on_ties(shape, 0.0625, seed + 10)
        incoming = torch.randn(*shape[:-1], 4, generator=seeded(seed))
        slow = general(layer)
        assert is_fast(layer, x)
        assert not is_fast(slow, x)
        for fast, expected in zip(outcome(layer, x, incoming), outcome(slow, x, incoming), strict=True):
            assert torch.equal(fast, expected)


def test_one_step_in_float64_and_large_tensors():
    layer = nn.Linear(3, 2, gradient=FixedPoint(8, 5), dtype=torch.float64)
    x = torch.randn(400_000, 3, generator=seeded(1), dtype=torch.float64)  # cut into parts, and a rest
    incoming = torch.randn(400_000, 2, generator=seeded(2), dtype=torch.float64)
    for fast, expected in zip(outcome(layer, x, incoming), outcome(general(layer), x, incoming), strict=True):
        assert torch.equal(fast, expected)


def test_sums_of_gradients_beyond_the_digits_of_float32():
    wide = FixedPoint(21, 3)
    layer = nn.Linear(3, 2, gradient=Gradients(activation=wide, bias=FixedPoint(22, 3)))
    x = torch.randn(20_000, 3, generator=seeded(1))
    incoming = torch.rand(20_000, 2, generator=seeded(2)) * 30 + wide.min_value  # rounding leaves no odd multiples of 1/8
    incoming[1::2] *= -1
    for fast, expected in zip(outcome(layer, x, incoming), outcome(general(layer), x, incoming), strict=True):
        assert torch.equal(fast, expected)
    assert layer.bias.grad.abs().max() < layer.gradient.bias.max_value


@pytest.mark.parametrize("frozen", ["weight", "bias", "input"])
def test_what_needs_no_gradient_gets_none(frozen):
    layer = nn.Linear(3, 2)
    x = torch.randn(4, 3, generator=seeded(3), requires_grad=frozen != "input")
    if frozen != "input":
        getattr(layer, frozen).requires_grad_(False)
    layer(x).sum().backward()
    gradients = {"weight": layer.weight.grad, "bias": layer.bias.grad, "input": x.grad}
    assert {name for name, grad in gradients.items() if grad is None} == {frozen}


@pytest.mark.parametrize(
    "choices",
    [
        {"rounding": "floor"}, {"overflow": "wrap"}, {"output": FixedPoint(30, 8)}, {"weight": FixedPoint(25, 8)},
        {"gradient": Gradients(FixedPoint(8, 4), rounding="stochastic")}, {"gradient": FixedPoint(40, 4)},
    ],
    ids=str,
)  # fmt: skip
def test_what_one_step_cannot_do_goes_through_the_general_path(choices):
    layer = nn.Linear(3, 2, **choices)
    assert not is_fast(layer, torch.zeros(1, 3))


def test_autocast_goes_through_the_general_path():
    layer = nn.Linear(3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        assert not is_fast(layer, torch.zeros(1, 3))
    assert is_fast(layer, torch.zeros(1, 3))


def test_parameters_marked_as_quantized_are_used_as_they_are():
    layer = filled(nn.Linear(3, 2), 5)
    x, incoming = torch.ones(1, 3), torch.ones(1, 2)
    before = outcome(layer, x, incoming)[0]
    with torch.no_grad():
        layer.weight.copy_(torch.full_like(layer.weight, 0.3))  # on no grid: this shows that the mark is believed
    mark([layer.weight], [layer.weight_format])
    layer.zero_grad()
    believed = outcome(layer, x, incoming)
    assert believed[0].tolist() != before.tolist()
    assert torch.equal(believed[1], torch.full((1, 3), 0.6))
    with torch.no_grad():
        layer.weight.add_(0.0)  # the count of changes ends the mark
    layer.zero_grad()
    assert torch.equal(outcome(layer, x, incoming)[1], torch.full((1, 3), 2 * 19 / 64))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gradient", Gradients(FixedPoint(3, 1))),
        ("ste", StraightThrough.IDENTITY),
        ("rounding", Rounding.FLOOR),
        ("overflow", Overflow.WRAP),
    ],
)
def test_new_choices_take_effect(name, value):
    layer = filled(nn.Linear(3, 2), 6)
    x, incoming = on_ties((5, 3), 2.0, 7), torch.randn(5, 2, generator=seeded(8))
    before = outcome(layer, x, incoming)
    setattr(layer, name, value)
    fresh = nn.Linear(3, 2, **{name: value})
    fresh.load_state_dict(layer.state_dict())
    layer.zero_grad()
    after = outcome(layer, x, incoming)
    assert all(torch.equal(*both) for both in zip(after, outcome(fresh, x, incoming), strict=True))
    assert not all(torch.equal(*both) for both in zip(after, before, strict=True))


def test_gradients_of_a_whole_model():
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), nn.Linear(3, 2), nn.Conv1d(1, 1, 1))
    nn.set_gradients(model, FixedPoint(4, 2))
    assert model[1].gradient == model[2].gradient == Gradients.of(FixedPoint(4, 2))
    nn.set_gradients(model, None)
    assert model[1].gradient == Gradients()


def test_new_formats_take_effect():
    layer = filled(nn.Linear(3, 2), 6)
    x = on_ties((5, 3), 0.0625, 7)
    layer(x)
    layer.set_formats(weight=FixedPoint(3, 1), output=FixedPoint(4, 1))
    fresh = nn.Linear(3, 2, weight=FixedPoint(3, 1), output=FixedPoint(4, 1))
    fresh.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), fresh(x))
