import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, FixedPoint, Rounding
from creator.quantize.block_floating_point import BFP16, MX6, MX9
from creator.quantize.blocks import Blocks, fake_quantize_blocks, from_blocks, to_blocks
from creator.quantize.float_format import E2M1, E4M3, Float
from creator.quantize.microscaling import (
    MXFP4,
    MXFP6_E2M3,
    MXFP6_E3M2,
    MXFP8_E4M3,
    MXFP8_E5M2,
    MXINT8,
    Microscaling,
    SharedExponent,
)
from tests.oracle import ROUNDINGS
from tests.quantize.block_oracle import expected, top_exponent, trial_matrix
from tests.quantize.test_minifloat import seeded

NAMED = {
    "MXFP8_E4M3": MXFP8_E4M3, "MXFP8_E5M2": MXFP8_E5M2, "MXFP6_E3M2": MXFP6_E3M2, "MXFP6_E2M3": MXFP6_E2M3, "MXFP4": MXFP4,
    "MXINT8": MXINT8,
}  # fmt: skip
ODD = [
    Microscaling(E4M3, 5),
    Microscaling(FixedPoint(6, 2), 3),
    Microscaling(Float(5, 1), 1),
    Microscaling(FixedPoint(8, 12), 8),
]
GOLDEN = Path(__file__).with_name("golden") / "torchao.npz"

each_format = pytest.mark.parametrize("fmt", [*NAMED.values(), *ODD], ids=str)
each_shared = pytest.mark.parametrize("shared", list(SharedExponent))
any_format = pytest.mark.parametrize("fmt", [MXFP8_E4M3, MXFP4, MXINT8, MX6, MX9, BFP16], ids=str)


def equal(a, b):
    return torch.equal(a.nan_to_num(12345.0), b.nan_to_num(12345.0))


# --- against torchao


@each_shared
@pytest.mark.parametrize("name", [name for name in NAMED if name != "MXINT8"])
def test_exponents_and_elements_are_those_of_torchao(name, shared):
    golden = np.load(GOLDEN)
    x = torch.from_numpy(golden["x"])
    exponents = torch.from_numpy(golden[f"{name}/{shared}/exponents"]).reshape(24, 2)
    elements = torch.from_numpy(golden[f"{name}/{shared}/elements"]).reshape(24, 2, 32)
    blocks = to_blocks(x, replace(NAMED[name], shared=shared))
    assert torch.equal(blocks.exponents, exponents)
    assert (exponents == 255).sum() == 1
    # torchao divides a block whose exponent is stored as 0, 2**-127, by 2**-126. In a NaN block the elements mean nothing.
    compared = (exponents > 0) & (exponents < 255)
    assert compared.sum() >= 44
    assert torch.equal(blocks.elements.reshape(24, 2, 32)[compared], elements[compared])


# --- against the definition


@each_format
@each_shared
def test_values_are_those_of_the_definition(fmt, shared):
    fmt = replace(fmt, shared=shared)
    x = trial_matrix(37)
    assert equal(fake_quantize_blocks(x, fmt), expected(x, fmt, Rounding.HALF_EVEN))


@each_format
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_every_rounding_and_both_precisions(fmt, rounding):
    x = trial_matrix(35)
    assert equal(fake_quantize_blocks(x, fmt, -1, rounding), expected(x, fmt, rounding))
    wide = x.double() * 1.0000000001
    assert equal(fake_quantize_blocks(wide, fmt, -1, rounding), expected(wide, fmt, rounding))


@each_format
@each_shared
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_fake_and_real_agree_along_every_axis(fmt, shared, dtype):
    fmt = replace(fmt, shared=shared)
    x = trial_matrix(40).reshape(6, 25, 8)
    x = x.clamp(-6e4, 6e4).half() if dtype is torch.float16 else x.to(dtype)
    for axis in (0, 1, 2, -1, -3):
        blocks = to_blocks(x, fmt, axis)
        assert blocks.elements.shape == x.shape
        assert blocks.exponents.shape[axis] == -(-x.shape[axis] // fmt.block)
        assert equal(from_blocks(blocks, fmt, axis, torch.float64).to(dtype), fake_quantize_blocks(x, fmt, axis))


def test_the_three_rules_differ_as_documented():
    x = torch.tensor([[4.0, 0.3], [6.9, 0.3], [7.0, 0.3], [7.9, 0.3]])  # 7 is half way between 6 and 8 in E2M1's mantissa
    for shared, exponents in (("floor", [0, 0, 0, 0]), ("ceil", [0, 1, 1, 1]), ("even", [0, 0, 1, 1])):
        blocks = to_blocks(x, replace(MXFP4, shared=shared))
        assert (blocks.exponents.flatten().to(int) - 127).tolist() == exponents
    assert fake_quantize_blocks(x[3:], MXFP4).tolist() == [[6.0, 0.5]]


def test_integers_are_as_in_the_standard():
    x = torch.tensor([1.984375, -1.0, 0.015625, 0.0078, 1.999])
    blocks = to_blocks(x, MXINT8)
    assert blocks.elements.dtype == torch.int8
    assert blocks.elements.tolist() == [127, -64, 1, 0, 127]
    assert blocks.exponents.tolist() == [127]


# --- bad input and edges


@any_format
def test_largest_numbers_and_infinities_saturate_to_finite_values(fmt):
    most = torch.finfo(torch.float32).max
    x = torch.tensor([most, -most, math.inf, -math.inf, 1.0])
    for shared in SharedExponent:
        chosen = replace(fmt, shared=shared) if isinstance(fmt, Microscaling) else fmt
        y = fake_quantize_blocks(x, chosen)
        assert y.isfinite().all()
        assert (y[:4].abs() > most / 4).all()
        assert (y[:4].sign() == x[:4].sign()).all()
        half = fake_quantize_blocks(torch.tensor([65504.0, -65504.0, 60000.0]).half(), chosen)
        assert half.isfinite().all()
        assert (half.abs() >= 16000).all()


def test_a_nan_makes_its_whole_block_nan_and_no_other():
    x = torch.ones(2, 64)
    x[0, 40] = math.nan
    for fmt in NAMED.values():
        y = fake_quantize_blocks(x, fmt)
        assert y[0, 32:].isnan().all()
        assert (y.isnan().sum(), y[1].tolist()) == (32, [1.0] * 64)
        blocks = to_blocks(x, fmt)
        assert blocks.exponents[0, 1] == 255
        assert (blocks.elements[0, 32:] == 0).all()


@any_format
def test_zeros_stay_and_subnormals_are_kept_to_the_smallest_exponent(fmt):
    assert (fake_quantize_blocks(torch.zeros(3, 64), fmt) == 0).all()
    x = torch.tensor([2.0**-129, 2.0**-130, 0.0])
    exact = fmt is not MXFP4  # its smallest number is half of 2**-127
    assert torch.equal(fake_quantize_blocks(x, fmt), x if exact else torch.zeros(3))


@any_format
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (2, 0, 5)])
def test_empty_tensors(fmt, shape):
    x = torch.ones(shape, requires_grad=True)
    for axis in range(len(shape)):
        y = fake_quantize_blocks(x, fmt, axis)
        assert y.shape == shape
        assert from_blocks(to_blocks(x, fmt, axis), fmt, axis).shape == shape
        y.sum().backward()


@any_format
@pytest.mark.parametrize("axis", [2, -3, True, 0.0, None])
def test_a_wrong_axis_is_refused(fmt, axis):
    for function in (fake_quantize_blocks, to_blocks):
        with pytest.raises(CreatorError, match=r"axis .* is not one of 2"):
            function(torch.ones(2, 3), fmt, axis)
    with pytest.raises(CreatorError, match="is not one of 0"):
        fake_quantize_blocks(torch.tensor(1.0), fmt)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"block": 0}, "block=0"), ({"block": -1}, "block=-1"), ({"block": 1.5}, "block=1.5"), ({"block": True}, "block=True"),
        ({"element": 8}, "element=8"), ({"element": FixedPoint(8, 6, signed=False)}, "not signed"),
        ({"element": FixedPoint(30, 6)}, "2 to 24 bits"), ({"shared": "round"}, "unknown sharedexponent"),
    ],
)  # fmt: skip
def test_formats_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(CreatorError, match=message):
        Microscaling(**arguments)


def test_parts_that_do_not_fit_are_refused():
    blocks = to_blocks(torch.ones(2, 40), MXFP4)
    with pytest.raises(CreatorError, match=r"expected a part of shape \(2, 2\)"):
        from_blocks(blocks._replace(exponents=blocks.exponents[:, :1]), MXFP4)
    with pytest.raises(CreatorError, match="shifts belong to"):
        from_blocks(Blocks(*to_blocks(torch.ones(2, 32), MX6)[:2], None), MX6)
    with pytest.raises(CreatorError, match="expected floating-point"):
        fake_quantize_blocks(torch.ones(2, dtype=torch.int32), MXFP4)


# --- gradients, layouts, randomness


@any_format
def test_gradients_pass_or_are_masked_where_an_element_saturates(fmt):
    x = torch.tensor([7.9, -7.9, 1.0, 0.0, 0.1], requires_grad=True)
    fake_quantize_blocks(x, fmt).sum().backward()
    assert x.grad.tolist() == [1] * 5
    x.grad = None
    y = fake_quantize_blocks(x, fmt, ste="masked")
    y.sum().backward()
    rounds_up = fmt is not BFP16 and (y[0] < 7.9).item()
    assert x.grad.tolist() == [0 if rounds_up and fmt in (MXFP4, MXFP8_E4M3, MX6) else 1] * 2 + [1] * 3
    assert torch.equal(y, fake_quantize_blocks(x, fmt))


@any_format
def test_layouts_do_not_matter_and_the_argument_is_left_alone(fmt):
    x = torch.randn(3, 40, 5, 7, generator=seeded(1))
    before = x.clone()
    expected_values = fake_quantize_blocks(x, fmt, 1)
    assert torch.equal(fake_quantize_blocks(x.to(memory_format=torch.channels_last), fmt, 1), expected_values)
    moved = fake_quantize_blocks(x.movedim(1, 3), fmt, 3)
    assert torch.equal(moved, expected_values.movedim(1, 3))
    assert torch.equal(fake_quantize_blocks(x.movedim(1, 3).contiguous(), fmt), moved)
    assert fake_quantize_blocks(x, fmt, 1).is_contiguous()  # although the last block was filled up
    assert torch.equal(x, before)


@any_format
def test_stochastic_rounding_is_reproducible_and_right_on_average(fmt):
    # 20000 draws of a step s: the mean is off by more than 5 s / (2 sqrt(n)) = s / 57 with a probability below 6e-7.
    x = torch.full((20_000, fmt.block_size), 1.27)
    x[:, 0] = 1.0  # of the same binade, and so that no sub-block shifts
    y = fake_quantize_blocks(x, fmt, -1, "stochastic", generator=seeded(1))
    assert torch.equal(y, fake_quantize_blocks(x, fmt, -1, "stochastic", generator=seeded(1)))
    low, high = y[:, 1].unique().tolist()
    assert low < 1.27 < high
    assert abs(y[:, 1].double().mean() - 1.27) < (high - low) / 57


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.sampled_from([*NAMED.values(), *ODD]), st.sampled_from(list(SharedExponent)), st.lists(floats, min_size=1, max_size=40)
)
def test_quantizing_is_monotonic_in_a_block_symmetric_and_keeps_the_largest_near(fmt, shared, values):
    fmt = replace(fmt, shared=shared, block=40)
    x = torch.tensor(sorted(values))
    y = fake_quantize_blocks(x, fmt)
    assert (y.diff() >= 0).all()
    if not isinstance(fmt.element, FixedPoint) or fmt.element.symmetric:
        assert torch.equal(fake_quantize_blocks(-x, fmt), -y)
    assert (y.abs() <= max(fmt.element.max_value, -fmt.element.min_value) * 2.0 ** top_exponent(fmt, torch.float32)).all()
    assert torch.equal(y.sign().abs(), y.sign() * x.sign())


@pytest.mark.parametrize("shared", ["floor", "ceil"])
@pytest.mark.parametrize("element", [E2M1, E4M3], ids=str)
def test_quantizing_twice_changes_nothing_where_the_exponent_stays(element, shared):
    fmt = Microscaling(element, shared=shared)
    y = fake_quantize_blocks(torch.randn(50, 64, generator=seeded(2)), fmt)
    assert torch.equal(fake_quantize_blocks(y, replace(fmt, shared="floor")), y) or shared == "ceil"
    assert torch.equal(from_blocks(to_blocks(y, fmt), fmt), fake_quantize_blocks(y, fmt))
