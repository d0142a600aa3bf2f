"""Activations of torch, as modules and as functions, become those of creator with the same arguments."""

import pytest
import torch
import torch.nn.functional as F

import creator
from creator import CreatorError, nn
from creator.preparation.layers import ACTIVATIONS, FUNCTIONS
from tests.preparation.models import seeded

MODULES = [
    (torch.nn.Sigmoid(), nn.Sigmoid()),
    (torch.nn.Tanh(), nn.Tanh()),
    (torch.nn.SiLU(inplace=True), nn.SiLU()),
    (torch.nn.GELU(), nn.GELU()),
    (torch.nn.GELU("tanh"), nn.GELU("tanh")),
    (torch.nn.ELU(0.5), nn.ELU(0.5)),
    (torch.nn.Softplus(2, 3), nn.Softplus(2, 3)),
    (torch.nn.Mish(), nn.Mish()),
    (torch.nn.SELU(inplace=True), nn.SELU()),
    (torch.nn.CELU(0.5), nn.CELU(0.5)),
    (torch.nn.LogSigmoid(), nn.LogSigmoid()),
    (torch.nn.Softsign(), nn.Softsign()),
    (torch.nn.Tanhshrink(), nn.TanhShrink()),
    (torch.nn.Hardshrink(0.25), nn.HardShrink(0.25)),
    (torch.nn.Softshrink(0.25), nn.SoftShrink(0.25)),
    (torch.nn.Hardsigmoid(), nn.HardSigmoid()),
    (torch.nn.Hardswish(), nn.HardSwish()),
    (torch.nn.LeakyReLU(0.2), nn.LeakyReLU(0.2)),
]
CALLS = [
    (lambda x: torch.sigmoid(x), nn.Sigmoid()),
    (lambda x: x.tanh(), nn.Tanh()),
    (lambda x: torch.exp(x), nn.Exp()),
    (lambda x: x.exp(), nn.Exp()),
    (lambda x: F.silu(x, inplace=True), nn.SiLU()),
    (lambda x: F.gelu(x), nn.GELU()),
    (lambda x: F.gelu(x, approximate="tanh"), nn.GELU("tanh")),
    (lambda x: F.elu(x, 0.5), nn.ELU(0.5)),
    (lambda x: F.softplus(x, 2.0, 3.0), nn.Softplus(2, 3)),
    (lambda x: F.softplus(x, threshold=4), nn.Softplus(1, 4)),
    (lambda x: F.mish(x), nn.Mish()),
    (lambda x: F.selu(x), nn.SELU()),
    (lambda x: torch.selu(x), nn.SELU()),
    (lambda x: F.celu(x, 0.5), nn.CELU(0.5)),
    (lambda x: torch.celu(x, alpha=2), nn.CELU(2)),
    (lambda x: F.logsigmoid(x), nn.LogSigmoid()),
    (lambda x: F.softsign(x), nn.Softsign()),
    (lambda x: F.tanhshrink(x), nn.TanhShrink()),
    (lambda x: F.hardshrink(x, 0.25), nn.HardShrink(0.25)),
    (lambda x: x.hardshrink(), nn.HardShrink()),
    (lambda x: F.softshrink(x, lambd=0.25), nn.SoftShrink(0.25)),
    (lambda x: F.hardsigmoid(x), nn.HardSigmoid()),
    (lambda x: F.hardswish(x, True), nn.HardSwish()),
    (lambda x: F.leaky_relu(x, negative_slope=0.2), nn.LeakyReLU(0.2)),
]


class Calling(torch.nn.Module):
    """A layer, and a function of its result."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(5, 4)
        self.function = function

    def forward(self, x):
        return self.function(self.layer(x))


def x():
    return torch.randn(32, 5, generator=seeded(1))


def prepared(function):
    model = creator.prepare(Calling(function), x())
    return creator.convert(creator.calibrate(model, [x()]))


@pytest.mark.parametrize(("module", "expected"), MODULES, ids=lambda value: str(type(value).__name__))
def test_modules_become_tables(module, expected):
    model = prepared(module)
    found = model.get_submodule("function")
    assert type(found) is type(expected)
    assert found.arguments == expected.arguments
    assert found.output_format == expected.output_format
    assert creator.trace(model, (5,)).nodes[-1].op.name == "lookup"


@pytest.mark.parametrize(("function", "expected"), CALLS)
def test_functions_become_tables(function, expected):
    model = prepared(function)
    (found,) = [module for module in model.modules() if isinstance(module, nn.Lookup)]
    assert type(found) is type(expected)
    assert found.arguments == expected.arguments
    assert creator.trace(model, (5,)).nodes[-1].op.name == "lookup"


def test_prelu_keeps_its_parameter_and_gets_a_format_that_holds_it():
    for init, frac_bits in ((0.25, 7), (0.99, 7), (1.0, 6), (-3.0, 5)):
        model = prepared(torch.nn.PReLU(4, init))
        found = model.get_submodule("function")
        assert type(found) is nn.PReLU
        assert found.weight.tolist() == torch.nn.PReLU(4, init).weight.tolist()
        assert found.slope_format == creator.FixedPoint(8, frac_bits)
        assert [node.op.name for node in creator.trace(model, (5,)).nodes] == ["linear", "slope"]


def test_every_activation_is_tested():
    assert {type(module) for module, _ in MODULES} | {torch.nn.PReLU, torch.nn.Softmax, torch.nn.Softmax2d} == set(ACTIVATIONS)
    others = {torch.softmax, F.softmax, "softmax"}
    assert {type(layer) for _, layer in CALLS} == {type(make()) for key, make in FUNCTIONS.items() if key not in others}


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: F.gelu(x, approximate="erf"), "approximate"),
        (lambda x: F.softplus(x, 0.0), "beta=0 divides by zero"),
        (lambda x: F.gelu(input=x), "the input and then numbers"),
        (lambda x: F.elu(x, x.shape[1]), "the input and then numbers"),
        (lambda x: x + F.silu(x, inplace=True), "changes in place a value that is read elsewhere"),
    ],
)
def test_other_arguments_are_refused(function, message):
    with pytest.raises(CreatorError, match=message):
        prepared(function)


@pytest.mark.parametrize("function", [torch.nn.SiLU(inplace=True), lambda x: F.elu(x, inplace=True)])
def test_a_change_in_place_that_another_reader_sees_is_refused(function):
    class Twice(Calling):
        def forward(self, x):
            y = self.layer(x)
            self.function(y)
            return torch.tanh(y)

    with pytest.raises(CreatorError, match="changes in place a value that is read elsewhere"):
        creator.prepare(Twice(function), x())


@pytest.mark.parametrize(
    ("function", "dim"),
    [
        (torch.nn.Softmax(1), 1),
        (torch.nn.Softmax(-1), -1),
        (lambda x: torch.softmax(x, 1), 1),
        (lambda x: F.softmax(x, dim=-1), -1),
        (lambda x: x.softmax(-1), -1),
    ],
)
def test_softmax_becomes_that_of_creator(function, dim):
    model = prepared(function)
    (found,) = [module for module in model.modules() if isinstance(module, nn.Softmax)]
    assert found.dim == dim
    assert creator.trace(model, (5,)).nodes[-1].op.name == "softmax"


def test_a_softmax_over_channels_of_images():
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.Softmax2d())
    images = torch.randn(4, 2, 3, 3, generator=seeded(2))
    model = creator.convert(creator.calibrate(creator.prepare(model, images), [images]))
    names = [node.op.name for node in creator.trace(model, (2, 3, 3)).nodes]
    assert names[-2:] == ["softmax", "permute"]


def test_a_softmax_along_what_is_no_axis_is_refused():
    with pytest.raises(CreatorError, match=r"^function: dim=0 is not an axis of a sample"):
        prepared(torch.nn.Softmax(0))
    with pytest.raises(CreatorError, match=r"^softmax: dim=0 is not an axis of a sample"):
        prepared(lambda x: torch.softmax(x, 0))
    with pytest.raises(CreatorError, match=r"^softmax: these arguments are not supported"):
        prepared(lambda x: torch.softmax(x, 1, dtype=torch.float64))
