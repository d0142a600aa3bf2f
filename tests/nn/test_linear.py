import copy
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from creator import CreatorError, FixedPoint, Overflow, Rounding, nn
from tests.nn.helpers import codes_of, integer_linear, nearest_codes, random_codes, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS

# input, weight, bias (None: no bias), output
FORMATS = [
    (FixedPoint(8, 4), FixedPoint(8, 6), FixedPoint(8, 6), FixedPoint(8, 4)),
    (FixedPoint(8, 4), FixedPoint(8, 6), None, FixedPoint(8, 4)),
    (FixedPoint(8, 4), FixedPoint(4, 3, symmetric=True), FixedPoint(8, 4), FixedPoint(6, 1)),
    (FixedPoint(8, 8, signed=False), FixedPoint(2, 0), FixedPoint(4, 2), FixedPoint(8, 5, signed=False)),
    (FixedPoint(4, 1), FixedPoint(4, 2), FixedPoint(16, 13), FixedPoint(12, 5)),  # the bias is finer than the products
    (FixedPoint(4, 1), FixedPoint(4, 2), FixedPoint(8, 4), FixedPoint(16, 9)),  # the output is finer than the sum
    (FixedPoint(4, -2), FixedPoint(4, 9), FixedPoint(4, -1), FixedPoint(5, -1)),
    (FixedPoint(1, 0), FixedPoint(1, 0), FixedPoint(1, 0), FixedPoint(1, 0)),
    (FixedPoint(1, 0, signed=False), FixedPoint(1, 1), None, FixedPoint(1, -2, signed=False)),
    (FixedPoint(16, 10), FixedPoint(16, 14), FixedPoint(16, 12), FixedPoint(24, 10)),
    (FixedPoint(20, 10), FixedPoint(20, 14), FixedPoint(30, 12), FixedPoint(40, 22)),
    (FixedPoint(8, 4), FixedPoint(8, 6), FixedPoint(12, 12), FixedPoint(2, -4)),
]


def make(formats, in_features, out_features, seed=0, **choices):
    """A layer in eval mode whose parameters overrun their formats a little, and codes for its input."""
    x_format, weight, bias, output = formats
    layer = nn.Linear(in_features, out_features, bias is not None and bias, weight, output, **choices)
    with torch.no_grad():
        span = 1.3 * max(-weight.min_value, weight.max_value)
        layer.weight.copy_(torch.empty_like(layer.weight).uniform_(-span, span, generator=seeded(seed)))
        if bias is not None:
            span = 1.3 * max(-bias.min_value, bias.max_value)
            layer.bias.copy_(torch.empty_like(layer.bias).uniform_(-span, span, generator=seeded(seed + 1)))
    return layer.eval(), random_codes((9, in_features), x_format, seed + 2)


def expected_codes(layer, codes, x_format):
    bias = None if layer.bias is None else nearest_codes(layer.bias.detach().double().numpy(), layer.bias_format)
    weight = nearest_codes(layer.weight.detach().double().numpy(), layer.weight_format)
    quantizer = layer.quantizer
    return integer_linear(
        codes, x_format, weight, layer.weight_format, bias, layer.bias_format,
        quantizer.format, quantizer.rounding, quantizer.overflow,
    )  # fmt: skip


def values(codes, fmt, dtype=torch.float64):
    return torch.from_numpy(fmt.from_integers(codes)).to(dtype)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("formats", FORMATS, ids=lambda formats: " ".join(map(str, formats)))
def test_eval_is_integer_arithmetic(formats, overflow, rounding):
    for seed, sizes in enumerate([(1, 1), (5, 3), (33, 2)]):
        layer, codes = make(formats, *sizes, seed, rounding=rounding, overflow=overflow)
        expected = expected_codes(layer, codes, formats[0])
        assert codes_of(layer(values(codes, formats[0])), formats[3]).tolist() == expected.tolist()


def test_eval_is_exact_on_float32_inputs_where_float32_sums_are_not():
    formats = (FixedPoint(16, 8), FixedPoint(16, 12), FixedPoint(16, 12), FixedPoint(20, 8))
    layer, codes = make(formats, 300, 4)
    x = values(codes, formats[0], torch.float32)
    y = layer(x)
    assert y.dtype == torch.float32
    assert codes_of(y, formats[3]).tolist() == expected_codes(layer, codes, formats[0]).tolist()
    assert not torch.equal(y, layer.train()(x))  # or this would prove nothing


@pytest.mark.parametrize("value", [1e9, -1e9])
def test_parameters_wider_than_float32_saturate_at_the_last_code(value):
    wide = FixedPoint(30, 0, symmetric=True)
    layer = nn.Linear(1, 1, wide, wide, FixedPoint(40, 0)).eval()
    with torch.no_grad():
        layer.weight.fill_(value)
        layer.bias.fill_(value)
    assert layer(torch.tensor([[0.0], [2.0]])).tolist() == [[k * math.copysign(2**29 - 1, value)] for k in (1, 3)]


def test_sums_up_to_52_bits_are_exact_and_wider_ones_refused():
    wide = FixedPoint(24, 0)
    largest = wide.max_code
    formats = (wide, wide, None, FixedPoint(54, 0))
    for in_features, last in ((64, -3), (65, largest)):
        layer = nn.Linear(in_features, 1, False, wide, formats[3]).eval()
        with torch.no_grad():
            layer.weight.fill_(largest)
        codes = np.full((1, in_features), largest)
        codes[0, -1] = last
        if in_features == 64:
            assert codes_of(layer(values(codes, wide)), formats[3]).tolist() == [[largest * (63 * largest - 3)]]
        else:
            with pytest.raises(CreatorError, match=r"more than 52 bits.*hint"):
                layer(values(codes, wide))


def test_a_bias_too_fine_for_the_sum_is_refused():
    layer, codes = make((FixedPoint(24, 0), FixedPoint(24, 0), FixedPoint(8, 30), FixedPoint(8, 0)), 4, 1)
    with pytest.raises(CreatorError, match="52 bits"):
        layer(values(codes, FixedPoint(24, 0)))


def test_inputs_of_any_finite_size_are_computed_or_refused():
    layer = nn.Linear(1, 1, bias=False).eval()
    with torch.no_grad():
        layer.weight.fill_(0.5)
    for x, expected in ((2.0**1000, 127 / 16), (-(2.0**1023), -8.0), (2.0**-1000, 0.0), (5e-324, 0.0)):
        try:
            assert layer(torch.tensor([[x]], dtype=torch.float64)).item() == expected
        except CreatorError as refusal:
            assert "52 bits" in str(refusal)  # noqa: PT017


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_a_parameter_that_is_not_finite_is_refused(name, bad):
    layer, codes = make(FORMATS[0], 3, 2)
    with torch.no_grad():
        getattr(layer, name).view(-1)[1] = bad
    with pytest.raises(CreatorError, match=rf"{name} is NaN or infinite.*hint"):
        layer(values(codes, FORMATS[0][0]))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_input_that_is_not_finite_is_refused(bad):
    with pytest.raises(CreatorError, match=r"input is NaN or infinite.*Quantize"):
        nn.Linear(2, 1).eval()(torch.tensor([[0.0, bad]]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_eval_in_half_precision_is_refused(dtype):
    with pytest.raises(CreatorError, match=r"cannot hold every code.*float32"):
        nn.Linear(2, 1).eval()(torch.zeros(1, 2, dtype=dtype))


def test_eval_result_has_the_type_of_the_input_unless_codes_need_float64():
    for fmt, dtype, expected in (
        (FixedPoint(24, 0), torch.float32, torch.float32),
        (FixedPoint(25, 0), torch.float32, torch.float64),
        (FixedPoint(8, 0), torch.float64, torch.float64),
    ):
        assert nn.Linear(2, 1, output=fmt).eval()(torch.zeros(1, 2, dtype=dtype)).dtype == expected


def test_stochastic_rounding_trains_and_is_refused_in_eval():
    layer = nn.Linear(2, 1, rounding=Rounding.STOCHASTIC)
    assert layer(torch.ones(4, 2)).shape == (4, 1)
    with pytest.raises(CreatorError, match="training only"):
        layer.eval()(torch.ones(4, 2))


def test_eval_does_not_depend_on_the_rest_of_the_batch():
    layer, codes = make(FORMATS[0], 33, 5)
    x = values(codes, FORMATS[0][0])
    whole = layer(x)
    assert torch.equal(torch.cat([layer(row[None]) for row in x]), whole)
    assert layer(x[:0]).shape == (0, 5)


@pytest.mark.parametrize("formats", FORMATS[:8], ids=lambda formats: " ".join(map(str, formats)))
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_training_and_eval_agree_where_float32_is_exact(formats, rounding, overflow):
    layer, codes = make(formats, 6, 3, rounding=rounding, overflow=overflow)
    x = values(codes, formats[0], torch.float32)
    assert torch.equal(layer(x), layer.train()(x))


# --- gradients


def test_gradients_reach_weight_bias_and_input_in_training_and_in_eval():
    for training in (True, False):
        layer = nn.Linear(3, 2, ste="identity").train(training)
        x = torch.randn(4, 3, generator=seeded(3), requires_grad=True)
        incoming = torch.randn(4, 2, generator=seeded(4))
        layer(x).backward(incoming)
        quantized, _ = layer.quantized(layer.weight, None, training=True)
        torch.testing.assert_close(x.grad, incoming @ quantized)
        torch.testing.assert_close(layer.weight.grad, incoming.T @ x.detach())
        torch.testing.assert_close(layer.bias.grad, incoming.sum(0))


def saturated_layer(ste):
    layer = nn.Linear(1, 2, weight=FixedPoint(4, 1), bias=FixedPoint(4, 1), output=FixedPoint(4, 1), ste=ste)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0], [3.75]]))  # the second is beyond 3.5
        layer.bias.copy_(torch.tensor([0.0, -4.26]))  # the second is beyond -4
    return layer


@pytest.mark.parametrize(("ste", "expected"), [("masked", [[2.0], [0.0]]), ("identity", [[7.0], [7.0]])])
def test_straight_through_choice_masks_weights_biases_and_outputs(ste, expected):
    layer = saturated_layer(ste)
    layer(torch.tensor([[2.0], [5.0]])).sum().backward()  # the second sample saturates the first output
    assert layer.weight.grad.tolist() == expected
    assert layer.bias.grad.tolist() == ([1.0, 0.0] if ste == "masked" else [2.0, 2.0])


GRID = FixedPoint(4, 2)
G = torch.tensor([[0.3, -1.9], [5.0, 0.625]])
X = torch.tensor([[1.0, -0.5, 3.0], [0.25, 2.0, -1.0]])


def on_grid(x, fmt):
    return x if fmt is None else torch.round(x * 4).clamp(-8, 7) / 4


@pytest.mark.parametrize("activation", [None, GRID])
@pytest.mark.parametrize("weight", [None, GRID])
@pytest.mark.parametrize("bias", [None, GRID])
def test_each_gradient_has_its_own_optional_format(activation, weight, bias):
    choice = nn.Gradients(activation, weight, bias)
    layer = nn.Linear(3, 2, output=FixedPoint(16, 4), ste="identity", gradient=choice)
    x = X.clone().requires_grad_()
    layer(x).backward(G)
    arriving = on_grid(G, activation)
    quantized, _ = layer.quantized(layer.weight.detach(), None, training=True)
    assert torch.equal(x.grad, arriving @ quantized)
    assert torch.equal(layer.weight.grad, on_grid(arriving.T @ X, weight))
    assert torch.equal(layer.bias.grad, on_grid(arriving.sum(0), bias))


def test_one_gradient_format_serves_all_and_saturates():
    layer = nn.Linear(3, 2, output=FixedPoint(16, 4), gradient=GRID)
    layer(X).backward(1000 * G)
    assert layer.weight.grad.tolist() == [[1.75, 1.75, 1.75], [-1.5, 1.75, -2.0]]
    assert layer.bias.grad.tolist() == [1.75, -0.25]


def test_gradient_rounding_is_the_one_asked_for():
    layer = nn.Linear(1, 1, ste="identity", gradient=nn.Gradients(bias=GRID, rounding="floor"))
    layer(torch.zeros(1, 1)).backward(torch.tensor([[0.49]]))
    assert layer.bias.grad.tolist() == [0.25]


@pytest.mark.parametrize("gradient", [None, FixedPoint(16, 12), nn.Gradients(FixedPoint(12, 10), rounding="stochastic")])
def test_training_lowers_the_loss(gradient):
    torch.manual_seed(0)
    x = torch.rand(64, 4, generator=seeded(5)) * 2 - 1
    target = torch.stack([x[:, 0] * 2 - x[:, 1], x[:, 2].abs()], dim=1)
    model = torch.nn.Sequential(
        nn.Quantize(FixedPoint(8, 6)),
        nn.Linear(4, 16, weight=FixedPoint(8, 6), gradient=gradient),
        nn.ReLU(),
        nn.Linear(16, 2, weight=FixedPoint(8, 6), output=FixedPoint(10, 6), gradient=gradient),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    with torch.no_grad():
        assert torch.nn.functional.mse_loss(model.eval()(x), target).item() < 0.1 * losses[0]


# --- construction, state


def test_a_float_state_dict_loads_and_comes_back():
    torch.manual_seed(1)
    plain = torch.nn.Linear(5, 3)
    layer = nn.Linear(5, 3)
    layer.load_state_dict(plain.state_dict())
    assert torch.equal(layer.weight, plain.weight)
    assert torch.equal(layer.bias, plain.bias)
    plain.load_state_dict(layer.state_dict())
    assert nn.Linear(5, 3, bias=False).state_dict().keys() == {"weight"}


def test_state_survives_safetensors_and_deepcopy():
    layer, codes = make(FORMATS[4], 5, 3, rounding="floor", overflow="wrap")
    x = values(codes, FORMATS[4][0])
    y = layer(x)
    twin = copy.deepcopy(layer)
    assert torch.equal(twin(x), y)
    fresh, _ = make(FORMATS[4], 5, 3, seed=50, rounding="floor", overflow="wrap")
    assert not torch.equal(fresh(x), y)
    fresh.load_state_dict(load(save(layer.state_dict())))
    assert torch.equal(fresh(x), y)
    with torch.no_grad():
        twin.weight.zero_()
    assert torch.equal(layer(x), y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"in_features": 0}, "in_features=0 is not a positive integer"),
        ({"out_features": -1}, "out_features=-1"),
        ({"in_features": 2.0}, "in_features=2.0"),
        ({"out_features": True}, "out_features=True"),
        ({"weight": 8}, "Linear: weight=8 is not a number format"),
        ({"bias": 0}, "bias=0 is not a number format"),
        ({"output": None}, "output=None is not a number format"),
        ({"rounding": "nearest"}, "unknown rounding 'nearest'"),
        ({"overflow": "clip"}, "unknown overflow 'clip'"),
        ({"ste": "straight"}, "unknown straightthrough 'straight'"),
        ({"gradient": 8}, "gradient=8 is not a number format"),
        ({"output": FixedPoint(4, 0, symmetric=True), "overflow": Overflow.WRAP}, "cannot wrap"),
    ],
)
def test_invalid_arguments_are_refused_with_the_reason(arguments, message):
    with pytest.raises(CreatorError) as refusal:
        nn.Linear(**{"in_features": 2, "out_features": 1, **arguments})
    assert message in str(refusal.value)


def test_text_form_names_the_formats():
    text = str(nn.Linear(2, 1, bias=False, weight=FixedPoint(6, 5), output=FixedPoint(7, 3), rounding="floor"))
    assert all(part in text for part in ("2 -> 1", "fixed<6,5>", "no bias", "fixed<7,3>", "floor", "saturate"))
    assert "bias fixed<9,1>" in str(nn.Linear(2, 1, bias=FixedPoint(9, 1)))
