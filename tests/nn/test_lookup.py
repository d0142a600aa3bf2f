import copy
import math
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from creator import Affine, CreatorError, FixedPoint, nn
from tests.nn.helpers import codes_of, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of, rounded

INPUT = FixedPoint(8, 4)
ALL = torch.from_numpy(INPUT.from_integers(range(-128, 128))).float()
FUNCTIONS = {
    "torch.sin": (torch.sin, math.sin),
    "torch lambda": (lambda x: x * x / 4 - x, lambda x: x * x / 4 - x),
    "torch softplus": (torch.nn.functional.softplus, lambda x: math.log1p(math.exp(x))),
    "math.erf": (math.erf, math.erf),
    "python": (lambda x: x if x > 0 else x / 8, lambda x: x if x > 0 else x / 8),
    "constant": (lambda x: 0.75, lambda x: 0.75),
}
each_function = pytest.mark.parametrize(("function", "truth"), FUNCTIONS.values(), ids=FUNCTIONS)


@each_function
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_eval_is_the_rounded_function_at_every_code(function, truth, rounding, overflow):
    output = FixedPoint(6, 4)
    y = nn.Lookup(function, output, rounding, overflow).eval()(ALL)
    assert codes_of(y, output).tolist() == [code_of(truth(x), output, rounding, overflow) for x in ALL.tolist()]


@each_function
def test_training_gives_the_same_values_where_float32_suffices(function, truth):
    layer = nn.Lookup(function, FixedPoint(8, 4))
    assert torch.equal(layer(ALL), layer.eval()(ALL))


@each_function
@pytest.mark.parametrize("training", [True, False])
def test_gradient_is_the_slope_of_the_function(function, truth, training):
    x = torch.linspace(-2.9, 2.9, 41, requires_grad=True)
    nn.Lookup(function, FixedPoint(16, 10)).train(training)(x).sum().backward()
    slope = [(truth(v + 1e-5) - truth(v - 1e-5)) / 2e-5 if abs(v) > 1e-3 else None for v in x.tolist()]
    for got, expected in zip(x.grad.tolist(), slope, strict=True):
        assert expected is None or got == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("function", [torch.sin, math.sin])
def test_gradient_is_masked_or_not_and_rounded_as_chosen(function, training):
    for ste, expected in (("masked", [1.0, 0.0]), ("identity", [1.0, -0.5])):
        layer = nn.Lookup(function, FixedPoint(2, 1, signed=False), ste=ste, gradient=FixedPoint(4, 1)).train(training)
        x = torch.tensor([0.0, math.pi], requires_grad=True)  # sin is 0 and 0, with slopes 1 and -1
        shifted = x + torch.tensor([0.0, 1.0])  # sin(pi + 1) = -0.84 is below the range
        layer(shifted).backward(torch.tensor([1.2, 1.2]))
        assert x.grad[0].item() == pytest.approx(expected[0], abs=1e-6)
        assert x.grad[1].item() == pytest.approx(expected[1] * 1.0806, abs=1e-3)


@pytest.mark.parametrize("function", [torch.tanh, math.tanh, torch.nn.functional.gelu])
def test_eval_does_not_depend_on_the_batch_or_the_position(function):
    layer = nn.Lookup(function, FixedPoint(40, 38)).eval()
    x = torch.randn(333, generator=seeded(1), dtype=torch.float64)
    whole = layer(x)
    order = torch.randperm(333, generator=seeded(2))
    assert torch.equal(layer(x[order]), whole[order])
    assert torch.equal(layer(x[:330].view(3, 10, 11)).view(-1), whole[:330])
    assert torch.equal(torch.stack([layer(v) for v in x[:50]]), whole[:50])
    assert torch.equal(layer(torch.cat([x, x])), torch.cat([whole, whole]))


@pytest.mark.parametrize("function", [lambda x: x / x.numel(), lambda x: x - x.mean(), lambda x: x.cumsum(0)])
def test_a_function_that_mixes_elements_is_refused(function):
    with pytest.raises(CreatorError, match="mixes elements"):
        nn.Lookup(function, INPUT)


def test_both_zeros_are_the_code_zero():
    layer = nn.Lookup(lambda x: torch.atan(1 / x)).eval()
    assert layer(torch.tensor([-0.0, 0.0])).tolist() == layer(torch.tensor([0.0, 0.0])).tolist()
    assert layer(torch.tensor([-0.0])).tolist() == layer(torch.tensor([0.0])).tolist()


def test_functions_of_numpy_train_and_evaluate():
    layer, reference = nn.Lookup(np.tanh, FixedPoint(8, 6)), nn.Lookup(math.tanh, FixedPoint(8, 6))
    x = torch.linspace(-2, 2, 9, requires_grad=True)
    y = layer(x)
    assert torch.equal(y, reference(x))
    y.sum().backward()
    torch.testing.assert_close(x.grad, 1 - torch.tanh(x.detach()) ** 2, atol=1e-4, rtol=0)
    assert torch.equal(layer.eval()(ALL), reference.eval()(ALL))


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 0, 3), (2, 3, 4)])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("function", [torch.tanh, math.tanh])
def test_any_shape_is_kept(shape, training, function):
    layer = nn.Lookup(function).train(training)
    assert layer(torch.randn(shape, generator=seeded(3))).shape == shape


@pytest.mark.parametrize(
    ("function", "bad"),
    [
        (torch.log, "0.0"),
        (math.log, "0.0"),
        (lambda x: 1 / x, "0.0"),
        (lambda x: math.exp(1000 * x), "0.75"),
        (torch.sqrt, "-1.0"),
    ],
)
@pytest.mark.parametrize("gradient", [True, False])
def test_a_function_that_is_not_finite_is_refused_and_the_place_named(function, bad, gradient):
    layer = nn.Lookup(function).eval()
    layer(torch.tensor([0.25, 0.5]))
    with pytest.raises(CreatorError, match=rf"Lookup: the function is not finite at .*{bad}.*HardTanh"):
        layer(torch.tensor([0.25, float(bad)], requires_grad=gradient))


def test_training_at_the_end_of_a_functions_domain_gives_a_gradient_or_a_refusal():
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    try:
        nn.Lookup(math.sqrt)(x).sum().backward()
    except CreatorError as refusal:
        assert "not finite" in str(refusal)  # noqa: PT017
    else:
        assert not torch.isnan(x.grad).any()


def test_eval_result_has_the_type_of_the_input_unless_codes_need_float64():
    for bits, dtype, expected in (
        (24, torch.float32, torch.float32),
        (25, torch.float32, torch.float64),
        (8, torch.float64, torch.float64),
    ):
        assert nn.Lookup(torch.tanh, FixedPoint(bits, 4)).eval()(torch.zeros(2, dtype=dtype)).dtype == expected
    with pytest.raises(CreatorError, match="cannot hold"):
        nn.Lookup(torch.tanh).eval()(torch.zeros(2, dtype=torch.float16))


def test_stochastic_rounding_is_refused_in_eval():
    layer = nn.Lookup(torch.tanh, rounding="stochastic")
    assert layer(torch.zeros(2)).tolist() == [0, 0]
    with pytest.raises(CreatorError, match="training only"):
        layer.eval()(torch.zeros(2))


def test_tabulate_gives_values_on_the_grid():
    layer = nn.Lookup(torch.sin, FixedPoint(4, 3))
    assert layer.tabulate(np.array([0.0, 0.5, 2.0, -2.0])).tolist() == [0.0, 0.5, 0.875, -0.875]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": 3}, "Lookup: function=3 cannot be called"),
        ({"output": 8}, "output=8 is not a number format"),
        ({"gradient": 8}, "gradient=8 is not a number format"),
        ({"rounding": "nearest"}, "unknown rounding"),
        ({"output": FixedPoint(4, 0, symmetric=True), "overflow": "wrap"}, "cannot wrap"),
    ],
)
def test_invalid_arguments_are_refused_with_the_reason(arguments, message):
    with pytest.raises(CreatorError) as refusal:
        nn.Lookup(**{"function": torch.tanh, **arguments})
    assert message in str(refusal.value)


# --- the functions that creator knows; their tables are checked in test_elementary.py


@pytest.mark.parametrize(
    ("layer", "plain", "output"),
    [
        (nn.Sigmoid, torch.sigmoid, FixedPoint(8, 8, signed=False)),
        (nn.Tanh, torch.tanh, FixedPoint(8, 7)),
        (nn.SiLU, F.silu, FixedPoint(8, 4)),
        (nn.GELU, F.gelu, FixedPoint(8, 4)),
        (partial(nn.GELU, "tanh"), partial(F.gelu, approximate="tanh"), FixedPoint(8, 4)),
        (nn.ELU, F.elu, FixedPoint(8, 4)),
        (partial(nn.ELU, 0.5), partial(F.elu, alpha=0.5), FixedPoint(8, 4)),
        (nn.Softplus, F.softplus, FixedPoint(8, 4, signed=False)),
        (partial(nn.Softplus, 2.0, 3.0), partial(F.softplus, beta=2.0, threshold=3.0), FixedPoint(8, 4, signed=False)),
        (nn.Mish, F.mish, FixedPoint(8, 4)),
        (nn.SELU, F.selu, FixedPoint(8, 4)),
        (partial(nn.CELU, 0.5), partial(F.celu, alpha=0.5), FixedPoint(8, 4)),
        (nn.LogSigmoid, F.logsigmoid, FixedPoint(8, 4)),
        (nn.Softsign, F.softsign, FixedPoint(8, 7)),
        (nn.TanhShrink, F.tanhshrink, FixedPoint(8, 4)),
        (partial(nn.HardShrink, 0.25), partial(F.hardshrink, lambd=0.25), FixedPoint(8, 4)),
        (partial(nn.SoftShrink, 0.25), partial(F.softshrink, lambd=0.25), FixedPoint(8, 4)),
        (nn.Exp, torch.exp, FixedPoint(8, 4, signed=False)),
        (nn.HardSigmoid, F.hardsigmoid, FixedPoint(8, 8, signed=False)),
        (nn.HardSwish, F.hardswish, FixedPoint(8, 4)),
        (nn.LeakyReLU, F.leaky_relu, FixedPoint(8, 4)),
        (partial(nn.LeakyReLU, 0.2), partial(F.leaky_relu, negative_slope=0.2), FixedPoint(8, 4)),
    ],
)
def test_known_functions_train_as_torch_and_have_their_formats(layer, plain, output):
    assert layer().output_format == output
    assert layer(output=FixedPoint(5, 2)).output_format == FixedPoint(5, 2)
    x, y = (torch.linspace(-3, 3, 61, requires_grad=True) for _ in range(2))
    result = layer()(x)
    assert torch.equal(result, layer().eval()(x.detach()))
    result.sum().backward()
    plain(y).sum().backward()
    inside = (plain(y) / output.step).round().abs() <= output.max_code
    torch.testing.assert_close(x.grad, y.grad * inside)


KNOWN = [
    nn.Sigmoid,
    nn.Tanh,
    nn.SiLU,
    nn.GELU,
    nn.ELU,
    nn.Softplus,
    nn.Mish,
    nn.SELU,
    nn.CELU,
    nn.LogSigmoid,
    nn.Softsign,
    nn.TanhShrink,
    nn.Exp,
    nn.HardSigmoid,
    nn.HardSwish,
    nn.LeakyReLU,
]


@pytest.mark.parametrize("layer", [*KNOWN, nn.LeakyReLU])
def test_known_functions_take_the_choices_of_a_lookup(layer):
    floored = layer(output=FixedPoint(8, 5), rounding="floor", gradient=FixedPoint(8, 6)).eval()
    expected = [code_of(floored.value(x), FixedPoint(8, 5), floored.quantizer.rounding, OVERFLOWS[0]) for x in ALL.tolist()]
    assert codes_of(floored(ALL), FixedPoint(8, 5)).tolist() == expected
    assert expected != codes_of(layer(output=FixedPoint(8, 5)).eval()(ALL), FixedPoint(8, 5)).tolist()
    with pytest.raises(CreatorError, match="not a number format"):
        layer(output=8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.GELU("erf"), "approximate='erf' is unknown"),
        (lambda: nn.ELU(math.nan), "alpha=nan is not a finite number"),
        (lambda: nn.ELU("1"), "alpha='1' is not a finite number"),
        (lambda: nn.CELU(0), "alpha=0 divides by zero"),
        (lambda: nn.SoftShrink(-0.5), "lambd=-0.5 is negative"),
        (lambda: nn.HardShrink(math.inf), "lambd=inf is not a finite number"),
        (lambda: nn.Softplus(0), "beta=0 divides by zero"),
        (lambda: nn.Softplus(1, math.inf), "threshold=inf is not a finite number"),
        (lambda: nn.LeakyReLU(True), "negative_slope=True is not a finite number"),
    ],
)
def test_arguments_of_known_functions_are_checked(make, message):
    with pytest.raises(CreatorError) as refusal:
        make()
    assert message in str(refusal.value)


def test_deepcopy_computes_the_same_and_text_names_the_function():
    layer = nn.Lookup(math.erf, FixedPoint(8, 6)).eval()
    assert torch.equal(copy.deepcopy(layer)(ALL), layer(ALL))
    assert "erf, output fixed<8,6>" in str(layer)
    assert layer.state_dict() == {}


@each_function
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_arbitrary_scales_on_both_sides(function, truth, rounding):
    source, output = Affine(0.04, 100, 8, signed=False), Affine(0.03, -7, 6)
    x = source.from_integers(range(256))
    y = nn.Lookup(function, output, rounding).eval()(torch.from_numpy(x)).numpy()
    codes = output.to_integers(y)
    assert np.array_equal(output.from_integers(codes), y)
    units = [truth(v) / 0.03 for v in x.tolist()]
    assert codes.tolist() == [min(max(rounded(Fraction(u), rounding) - 7, -32), 31) for u in units]


def test_an_output_has_one_scale_and_saturates():
    with pytest.raises(CreatorError, match="cannot be an output"):
        nn.Lookup(torch.sin, Affine((0.1, 0.2), axis=0))
    with pytest.raises(CreatorError, match="cannot be an output"):
        nn.Sigmoid(Affine(0.1), overflow="wrap")
