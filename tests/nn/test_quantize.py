import copy
import math

import numpy as np
import pytest
import torch

from creator import CreatorError, FixedPoint, Overflow, Rounding, nn
from tests.nn.helpers import codes_of, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of, code_range, rounded

FORMATS = [
    FixedPoint(1, 0), FixedPoint(8, 4), FixedPoint(8, 4, symmetric=True), FixedPoint(8, 8, signed=False),
    FixedPoint(4, -2), FixedPoint(4, 9), FixedPoint(24, 12), FixedPoint(30, 12), FixedPoint(52, 20),
]  # fmt: skip


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_eval_gives_the_codes_of_the_integer_specification(fmt, rounding, overflow, dtype):
    if overflow is Overflow.WRAP and fmt.symmetric:
        return
    edges = torch.tensor(code_range(fmt), dtype=torch.float64)[:, None] + torch.arange(-9, 10) / 4
    noise = torch.randn(50, generator=seeded(1), dtype=torch.float64) * fmt.max_value
    x = torch.cat([edges.view(-1) * fmt.step, torch.arange(-9, 10) / 4 * fmt.step, noise]).to(dtype)
    y = nn.Quantize(fmt, rounding, overflow).eval()(x)
    assert codes_of(y, fmt).tolist() == [code_of(v, fmt, rounding, overflow) for v in x.tolist()]
    assert y.dtype == (torch.float64 if fmt.total_bits > 24 else dtype)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("frac_bits", [-126, -4, 0, 126])
def test_eval_rounds_the_smallest_numbers_of_float64_as_specified(rounding, frac_bits):
    fmt, x = FixedPoint(8, frac_bits), [5e-324, -5e-324, 1e-310, -1e-310, 1e-290, -1e-290]
    y = nn.Quantize(fmt, rounding).eval()(torch.tensor(x, dtype=torch.float64))
    assert codes_of(y, fmt).tolist() == [code_of(v, fmt, rounding, Overflow.SATURATE) for v in x]


def test_eval_saturates_the_largest_numbers_of_float64_and_refuses_to_wrap_them():
    fmt, x = FixedPoint(8, 126), torch.tensor([1e308, -1e308], dtype=torch.float64)
    assert codes_of(nn.Quantize(fmt).eval()(x), fmt).tolist() == [127, -128]
    with pytest.raises(CreatorError, match="infinit"):
        nn.Quantize(fmt, overflow="wrap").eval()(x)


def test_eval_does_not_return_an_infinity_where_float32_ends():
    fmt, x = FixedPoint(8, -126), torch.tensor([3.4e38])
    assert codes_of(nn.Quantize(fmt).eval()(x), fmt).tolist() == [4]


def test_eval_refuses_nan_as_the_integer_specification_does():
    with pytest.raises(CreatorError, match="NaN"):
        nn.Quantize(FixedPoint(8, 4)).eval()(torch.tensor([0.0, math.nan]))


def test_eval_saturates_infinities_and_refuses_to_wrap_them():
    x = torch.tensor([math.inf, -math.inf])
    assert nn.Quantize(FixedPoint(8, 4)).eval()(x).tolist() == [127 / 16, -8.0]
    with pytest.raises(CreatorError, match="infinit"):
        nn.Quantize(FixedPoint(8, 4), overflow="wrap").eval()(x)


def test_integer_inputs_count_as_values():
    y = nn.Quantize(FixedPoint(8, 4)).eval()(torch.tensor([1, -2, 300]))
    assert y.dtype == torch.float32
    assert y.tolist() == [1.0, -2.0, 127 / 16]


@pytest.mark.parametrize("shape", [(), (1,), (1, 1), (0, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("training", [True, False])
def test_any_shape_is_kept(shape, training):
    x = torch.randn(shape, generator=seeded(2))
    assert nn.Quantize(FixedPoint(8, 4)).train(training)(x).shape == shape


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_training_and_eval_agree(rounding):
    x = torch.randn(500, generator=seeded(3)) * 8
    layer = nn.Quantize(FixedPoint(8, 4), rounding)
    assert torch.equal(layer(x), layer.eval()(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_eval_in_half_precision_is_refused(dtype):
    with pytest.raises(CreatorError, match="float32 or float64"):
        nn.Quantize(FixedPoint(8, 4)).eval()(torch.zeros(1, dtype=dtype))


def test_stochastic_rounding_is_refused_in_eval():
    layer = nn.Quantize(FixedPoint(8, 4), "stochastic")
    assert layer(torch.zeros(3)).tolist() == [0, 0, 0]
    with pytest.raises(CreatorError, match="training only"):
        layer.eval()(torch.zeros(3))


@pytest.mark.parametrize(("ste", "expected"), [("masked", [0.25, 0.0]), ("identity", [0.25, 0.25])])
@pytest.mark.parametrize("training", [True, False])
def test_gradient_is_the_chosen_straight_through_then_rounded(ste, expected, training):
    layer = nn.Quantize(FixedPoint(8, 4), ste=ste, gradient=FixedPoint(4, 2)).train(training)
    x = torch.tensor([1.0, 100.0], requires_grad=True)
    layer(x).backward(torch.tensor([0.3, 0.3]))
    assert x.grad.tolist() == expected


# --- calibration


def test_without_a_format_everything_but_calibration_is_refused():
    layer = nn.Quantize()
    for use in (lambda: layer(torch.zeros(1)), lambda: layer.eval()(torch.zeros(1)), lambda: layer.output_format):
        with pytest.raises(CreatorError, match=r"no format yet.*calibrate"):
            use()
    assert "not calibrated" in str(layer)
    fmt = layer.calibrate(torch.tensor([1.0]))
    assert layer.output_format == fmt
    assert layer(torch.tensor([0.77])).item() == round(0.77 * 2**fmt.frac_bits) / 2**fmt.frac_bits


def saturates(values, fmt, rounding):
    low, high = code_range(fmt)
    return any(not low <= rounded(v * 2.0**fmt.frac_bits, rounding) <= high for v in values)


EDGE = [
    [1.0], [0.5], [0.0, 0.25], [127 / 128], [127.49 / 128], [127.5 / 128], [127.51 / 128], [255.5 / 256], [255.4 / 256],
    [7.96875], [7.95], [300.0], [1e-3], [2.0**20], [math.nextafter(1, 0)], [math.nextafter(1, 2)], [0.1, 0.7, 0.3],
]  # fmt: skip


@pytest.mark.parametrize("total_bits", [2, 4, 8, 16])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("values", EDGE, ids=str)
def test_calibrate_picks_the_finest_format_that_does_not_saturate(values, total_bits, signed):
    layer = nn.Quantize()
    fmt = layer.calibrate(torch.tensor(values, dtype=torch.float64), total_bits, signed)
    assert (fmt.total_bits, fmt.signed, fmt.symmetric) == (total_bits, signed, False)
    assert not saturates(values, fmt, Rounding.HALF_EVEN)
    assert saturates(values, FixedPoint(total_bits, fmt.frac_bits + 1, signed), Rounding.HALF_EVEN)
    assert layer.output_format == fmt


@pytest.mark.parametrize("values", [[-1.0], [-1.0, 0.5], [-128.4 / 128], [-128.5 / 128], [-128.6 / 128], [-0.7, 0.9]], ids=str)
def test_calibrate_uses_the_most_negative_code(values):
    fmt = nn.Quantize().calibrate(torch.tensor(values, dtype=torch.float64))
    assert not saturates(values, fmt, Rounding.HALF_EVEN)
    assert saturates(values, FixedPoint(8, fmt.frac_bits + 1), Rounding.HALF_EVEN)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("values", [[127.9 / 128], [127.5 / 128], [-128.5 / 128], [-128.9 / 128]], ids=str)
def test_calibrate_follows_the_rounding_of_the_layer(values, rounding):
    fmt = nn.Quantize(rounding=rounding).calibrate(torch.tensor(values, dtype=torch.float64))
    assert not saturates(values, fmt, rounding)
    assert saturates(values, FixedPoint(8, fmt.frac_bits + 1), rounding)


def test_calibrate_on_zeros_gives_a_usable_format():
    layer = nn.Quantize()
    layer.calibrate(torch.zeros(3))
    assert layer.eval()(torch.zeros(3)).tolist() == [0, 0, 0]


def test_calibrate_keeps_the_other_choices():
    layer = nn.Quantize(rounding="floor", overflow="wrap", ste="identity")
    layer.calibrate(torch.tensor([0.9]))
    assert layer.eval()(torch.tensor([-0.001])).item() == -layer.output_format.step
    assert layer(torch.tensor([1.0])).item() == -1.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_calibrate_refuses_values_that_are_not_finite(bad):
    with pytest.raises(CreatorError, match="NaN or infinite"):
        nn.Quantize().calibrate(torch.tensor([1.0, bad]))


def test_calibrate_refuses_what_has_no_format():
    with pytest.raises(CreatorError, match=r"negative values.*signed=True"):
        nn.Quantize().calibrate(torch.tensor([1.0, -0.1]), signed=False)
    with pytest.raises(CreatorError, match="no values"):
        nn.Quantize().calibrate(torch.zeros(0))


def test_calibrate_stops_at_the_finest_and_the_coarsest_step():
    assert nn.Quantize().calibrate(torch.tensor([1e-40])) == FixedPoint(8, 126)
    assert nn.Quantize().calibrate(torch.zeros(3)) == nn.Quantize().calibrate(torch.zeros(1))
    with pytest.raises(CreatorError, match="frac_bits"):
        nn.Quantize().calibrate(torch.tensor([1e300], dtype=torch.float64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"format": 8}, "Quantize: format=8 is not a number format"),
        ({"gradient": "8"}, "gradient='8' is not a number format"),
        ({"rounding": "nearest"}, "unknown rounding"),
        ({"overflow": "clip"}, "unknown overflow"),
        ({"ste": "straight"}, "unknown straightthrough"),
        ({"format": FixedPoint(4, 0, symmetric=True), "overflow": "wrap"}, "cannot wrap"),
    ],
)
def test_invalid_arguments_are_refused_with_the_reason(arguments, message):
    with pytest.raises(CreatorError) as refusal:
        nn.Quantize(**arguments)
    assert message in str(refusal.value)


def test_deepcopy_computes_the_same_and_there_is_no_state():
    layer = nn.Quantize(FixedPoint(8, 4), "floor", "wrap").eval()
    x = torch.from_numpy(np.linspace(-20, 20, 333))
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    assert layer.state_dict() == {}


def test_text_form_names_format_and_modes():
    assert "fixed<8,4>, floor, wrap, identity" in str(nn.Quantize(FixedPoint(8, 4), "floor", "wrap", "identity"))
