import copy
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, Rounding
from creator.quantize.float_format import BF16, E2M1, E2M3, E3M2, E4M3, E5M2, FP16, Float, Specials
from creator.quantize.minifloat import fake_quantize_float, from_bits, to_bits
from creator.quantize.straight_through import StraightThrough
from tests.oracle import ROUNDINGS, power, rounded

SMALL = [
    E4M3, E5M2, E3M2, E2M3, E2M1, Float(4, 3), Float(4, 3, specials="ieee"), Float(1, 2), Float(3, 0), Float(2, 2, bias=9),
    Float(3, 2, bias=-12), Float(1, 6, bias=2), Float(5, 2, specials="nan"), Float(5, 2, specials="ieee", saturating=False),
    Float(4, 3, specials="nan", saturating=False),
]  # fmt: skip
LARGE = [BF16, FP16, Float(7, 9, bias=127), Float(8, 22, specials="ieee"), Float(6, 9, bias=40), Float(5, 21), Float(5, 22),
         Float(4, 4)]  # fmt: skip
CASTS = {E4M3: torch.float8_e4m3fn, E5M2: torch.float8_e5m2, BF16: torch.bfloat16, FP16: torch.float16}
DTYPES = [torch.float32, torch.float64]

each_small = pytest.mark.parametrize("fmt", SMALL, ids=str)
each_format = pytest.mark.parametrize("fmt", SMALL + LARGE, ids=str)
each_rounding = pytest.mark.parametrize("rounding", ROUNDINGS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def meaning(code, fmt):
    """The number that a code stands for, by the definition of the format."""
    sign = -1 if code >> (fmt.total_bits - 1) else 1
    field, mantissa = (code >> fmt.mantissa) % 2**fmt.exponent, code % 2**fmt.mantissa
    if fmt.specials == "ieee" and field == 2**fmt.exponent - 1:
        return sign * math.inf if mantissa == 0 else math.nan
    if fmt.specials == "nan" and field == 2**fmt.exponent - 1 and mantissa == 2**fmt.mantissa - 1:
        return math.nan
    significand = mantissa + (2**fmt.mantissa if field else 0)
    return sign * float(significand * power(max(field, 1) - fmt.bias - fmt.mantissa))


def codes_of(fmt):
    return torch.arange(2**fmt.total_bits, dtype=torch.int32)


def quantized(value, fmt, rounding):
    """What one float becomes, in fractions."""
    if math.isnan(value):
        return math.nan
    largest = Fraction(fmt.max_value)
    if math.isinf(value):
        result = largest * 4
    else:
        exponent = max(math.frexp(value)[1] - 1 if value else -999, fmt.min_exponent)
        step = power(exponent - fmt.mantissa)
        result = abs(rounded(Fraction(value) / step, rounding) * step)
    if result > largest:
        return math.copysign(fmt.overflow, value)
    return math.copysign(float(result), value)


def same(a, b):
    """Equal bit for bit, the sign of zero included; NaN equals NaN."""
    integer = {8: torch.int64, 4: torch.int32, 2: torch.int16}[a.dtype.itemsize]
    assert a.dtype == b.dtype
    a, b = torch.where(a.isnan(), torch.zeros_like(a), a), torch.where(b.isnan(), torch.ones_like(b) * 0, b)
    return torch.equal(a.contiguous().view(integer), b.contiguous().view(integer))


def trial_values(fmt, dtype):
    """Every number of the format (a sample of wide ones), every tie between two, and the neighbours of both; specials."""
    codes = codes_of(fmt) if fmt.total_bits <= 9 else torch.randint(0, 1 << fmt.total_bits, (300,), generator=seeded(3))
    ends = torch.tensor([(1 << (fmt.total_bits - 1)) - k for k in range(1, 5)])
    numbers = from_bits(torch.cat([codes, ends]), fmt, torch.float64)
    numbers = numbers[numbers.isfinite()]
    next_up = numbers.abs() + torch.exp2(numbers.abs().clamp(min=2.0**fmt.min_exponent).log2().floor() - fmt.mantissa)
    x = torch.cat([numbers, (numbers.abs() + next_up) / 2 * numbers.sign(), next_up]).to(dtype)
    up, down = torch.tensor(math.inf, dtype=dtype), torch.tensor(-math.inf, dtype=dtype)
    extremes = [
        0.0,
        -0.0,
        math.inf,
        -math.inf,
        math.nan,
        torch.finfo(dtype).max,
        -torch.finfo(dtype).max,
        torch.finfo(dtype).tiny,
    ]
    smallest = [torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps * k for k in (1, -1, 2, 5)]
    return torch.cat([x, torch.nextafter(x, up), torch.nextafter(x, down), torch.tensor(extremes + smallest, dtype=dtype)])


def bit_patterns(count, seed):
    """float32 numbers of every kind: each of ``count`` patterns of 32 bits is as likely as any other."""
    return (
        torch.randint(-(2**31), 2**31, (count,), generator=seeded(seed), dtype=torch.int64).to(torch.int32).view(torch.float32)
    )


# --- against the definition


@each_small
def test_every_code_means_what_the_definition_says_and_comes_back(fmt):
    codes = codes_of(fmt)
    values = from_bits(codes, fmt)
    assert same(values, torch.tensor([meaning(code, fmt) for code in codes.tolist()], dtype=torch.float32))
    numbers = values.isfinite() if fmt.saturating else ~values.isnan()
    back = to_bits(values[numbers], fmt)
    assert back.dtype == torch.uint8
    assert back.tolist() == codes[numbers].tolist()
    assert values[values.isfinite()].max() == fmt.max_value
    assert values[values > 0].min() == fmt.step


@each_format
@each_rounding
@each_dtype
def test_every_rounding_is_exact_at_every_number_tie_and_neighbour(fmt, rounding, dtype):
    x = trial_values(fmt, dtype)
    x = x[torch.randperm(len(x), generator=seeded(1))[:600]]
    before = x.clone()
    expected = torch.tensor([quantized(value, fmt, rounding) for value in x.tolist()], dtype=dtype)
    result = fake_quantize_float(x, fmt, rounding)
    assert same(result, expected)
    assert same(x, before)


@each_format
@each_rounding
def test_codes_and_values_agree(fmt, rounding):
    x = torch.cat([trial_values(fmt, torch.float32), bit_patterns(5000, 4)])
    if fmt.specials is Specials.NONE:
        x = x[~x.isnan()]
    codes = to_bits(x, fmt, rounding)
    assert same(from_bits(codes, fmt), fake_quantize_float(x, fmt, rounding))
    assert to_bits(x.double(), fmt, rounding).equal(codes)


# --- against torch's casts


@pytest.mark.parametrize("fmt", [E4M3, E5M2], ids=str)
def test_eight_bits_equal_torch_casts_after_a_clamp(fmt):
    x = torch.cat(
        [bit_patterns(1_200_000, 5), torch.randn(200_000, generator=seeded(6)) * 30, trial_values(fmt, torch.float32)]
    )
    cast = x.clamp(-fmt.max_value, fmt.max_value).to(CASTS[fmt])
    assert same(fake_quantize_float(x, fmt), cast.float())
    assert same(fake_quantize_float(x.double(), fmt).float(), cast.float())
    nan = x.isnan()
    assert torch.equal(to_bits(x, fmt)[~nan], cast.view(torch.uint8)[~nan])
    assert (to_bits(x, fmt)[nan] == 0x7F).all()


@pytest.mark.parametrize("fmt", [BF16, FP16], ids=str)
def test_sixteen_bits_equal_torch_casts_and_overflow_to_infinities(fmt):
    x = torch.cat(
        [bit_patterns(1_200_000, 7), torch.randn(200_000, generator=seeded(8)) * 1e3, trial_values(fmt, torch.float32)]
    )
    cast = x.to(CASTS[fmt])
    assert same(fake_quantize_float(x, fmt), cast.float())
    assert same(fake_quantize_float(x.double(), fmt).float(), cast.float())  # another path in the code, float64 to the end
    nan = x.isnan()
    assert torch.equal(to_bits(x, fmt)[~nan], cast.view(torch.int16).to(torch.int32)[~nan] & 0xFFFF)


def test_e5m2_that_overflows_equals_the_bare_cast():
    fmt = Float(5, 2, specials="ieee", saturating=False)
    x = torch.cat([bit_patterns(300_000, 9), trial_values(fmt, torch.float32)])
    assert same(fake_quantize_float(x, fmt), x.to(torch.float8_e5m2).float())
    assert fake_quantize_float(x, fmt).isinf().any()


def test_float64_is_rounded_once_where_torch_rounds_twice():
    x = torch.tensor([1 + 2.0**-8 + 2.0**-40], dtype=torch.float64)
    assert fake_quantize_float(x, BF16).item() == 1 + 2.0**-7
    assert x.to(torch.bfloat16).item() == 1.0  # if this fails, torch rounds once now


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("fmt", [E4M3, E5M2, E2M3, FP16, BF16], ids=str)
def test_half_precision_is_computed_in_float32_for_every_input_there_is(fmt, dtype):
    x = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    assert same(fake_quantize_float(x, fmt), fake_quantize_float(x.float(), fmt).to(dtype))


# --- stochastic rounding


@each_format
def test_stochastic_rounding_gives_a_neighbour_and_keeps_numbers_of_the_format(fmt):
    x = trial_values(fmt, torch.float32)
    x = x[x.abs() <= fmt.max_value]
    result = fake_quantize_float(x, fmt, "stochastic", generator=seeded(1))
    low, high = fake_quantize_float(x, fmt, "floor"), -fake_quantize_float(-x, fmt, "floor")
    assert ((result == low) | (result == high)).all()
    assert torch.equal(result[low == high], x[low == high])
    assert same(result, fake_quantize_float(x, fmt, "stochastic", generator=seeded(1)))


@pytest.mark.parametrize("value", [1.03, -1.2, 100.0, 0.0004, -0.011])
def test_stochastic_rounding_is_right_on_average(value):
    # The mean of n Bernoulli variables with step s deviates by more than 5 s / (2 sqrt(n)) with a probability below 6e-7.
    x = torch.full((40_000,), value)
    result = fake_quantize_float(x, E4M3, "stochastic", generator=seeded(2)).double()
    step = 2.0 ** (max(math.frexp(value)[1] - 1, -6) - 3)
    assert abs(result.mean().item() - x[0].item()) < 5 * step / 2 / 200
    assert len(result.unique()) == 2


def test_stochastic_rounding_saturates_and_draws_the_same_with_either_gradient():
    x = torch.tensor([450.0, 479.0, 480.0, 1e9, math.inf, -470.0])
    assert fake_quantize_float(x, E4M3, "stochastic").tolist() == [448, 448, 448, 448, 448, -448]
    y = torch.randn(1000, generator=seeded(3), requires_grad=True)
    draws = [fake_quantize_float(y, E4M3, "stochastic", ste, seeded(4)) for ste in StraightThrough]
    assert torch.equal(draws[0], draws[1])


# --- gradients


def gradient(x, fmt, dtype=torch.float32, **choices):
    x = torch.tensor(x, dtype=dtype, requires_grad=True)
    fake_quantize_float(x, fmt, **choices).sum().backward()
    return x.grad.tolist()


E4M3_EDGE = [448, 463.9, 464, 464.1, 480, 1e9, -464, -464.1, math.inf, 0]
"""448 has an even mantissa, so the tie above it rounds down."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_masked_gradient_is_zero_where_the_rounded_unlimited_number_is_too_large(dtype):
    edge = [448, 456, 464, 468, 480, 1e9, -464, -468, math.inf, 0] if dtype is torch.bfloat16 else E4M3_EDGE
    assert gradient(edge, E4M3, dtype) == [1, 1, 1, 0, 0, 0, 1, 0, 0, 1]
    assert gradient([6, 6.99, 7, 7.1, -7], E2M1, torch.float64) == [1, 1, 0, 0, 0]  # 6 has an odd mantissa
    assert gradient([57344, 61439, 61440, -61440], E5M2) == [1, 1, 0, 0]
    assert gradient([65504, 65519, 65520, math.inf], FP16) == [1, 1, 0, 0]


@each_rounding
def test_masked_gradient_follows_the_rounding(rounding):
    x = [448, 463.9, 464.1, 479.9, 480, -463.9, -464.1, -480]
    expected = [float(abs(rounded(Fraction(v) / 32, rounding)) * 32 <= 448) for v in x]
    assert gradient(x, E4M3, rounding=rounding) == expected


def test_identity_gradient_and_gradients_with_a_scale():
    assert gradient(E4M3_EDGE, E4M3, ste="identity") == [1] * 10
    assert gradient([4.48, 4.63, 4.65], E4M3, scale=0.01) == [1, 1, 0]
    assert gradient([4.48, 4.63, 4.65], E4M3, scale=torch.tensor(0.01), rounding="floor") == [1, 1, 1]
    scale = torch.tensor(2.0, requires_grad=True)
    fake_quantize_float(torch.ones(3, requires_grad=True), E4M3, scale=scale).sum().backward()
    assert scale.grad is None


# --- arguments


def test_a_scale_divides_first_and_multiplies_after():
    x = torch.randn(4, 6, generator=seeded(5))
    scale = torch.rand(4, 1, generator=seeded(6)) + 0.1
    expected = (x / scale).clamp(-448, 448).to(torch.float8_e4m3fn).float() * scale
    assert same(fake_quantize_float(x, E4M3, scale=scale), expected)
    assert same(fake_quantize_float(x, E4M3, scale=0.3), (x / 0.3).to(torch.float8_e4m3fn).float() * 0.3)


@pytest.mark.parametrize(
    "scale", [0.0, -1.0, math.nan, math.inf, 1e-39, torch.tensor([1.0, 0.0]), torch.ones(3), torch.ones(5, 2)]
)
def test_scales_that_are_not_positive_or_do_not_fit_are_refused(scale):
    with pytest.raises(CreatorError, match="scale"):
        fake_quantize_float(torch.ones(2), E4M3, scale=scale)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 2, 3, 4)])
@pytest.mark.parametrize("rounding", list(Rounding))
def test_any_shape_even_empty(shape, rounding):
    x = torch.ones(shape, requires_grad=True)
    y = fake_quantize_float(x, E2M1, rounding)
    y.sum().backward()
    assert y.shape == x.grad.shape == to_bits(x, E2M1, rounding).shape == from_bits(to_bits(x, E2M1), E2M1).shape == shape


def test_floor_of_what_underflows_against_a_large_step_knows_its_side_of_zero():
    fmt = Float(3, 2, bias=-100)
    x = torch.tensor([-1e-45, 1e-45])
    assert fake_quantize_float(x, fmt, "floor").tolist() == [-fmt.step, 0.0]
    assert fake_quantize_float(x.double() * 1e-265, fmt, "floor", scale=1e30).tolist() == [-fmt.step * 1e30, 0.0]


def test_what_has_no_code_or_is_no_code_is_refused():
    with pytest.raises(CreatorError, match="NaN has no code"):
        to_bits(torch.tensor([1.0, math.nan]), E2M1)
    for bits in (torch.tensor([16]), torch.tensor([-1])):
        with pytest.raises(CreatorError, match=r"not in 0 \.\.\. 15"):
            from_bits(bits, E2M1)
    for bits in (torch.tensor([1.0]), torch.tensor([True])):
        with pytest.raises(CreatorError, match="expected integer codes"):
            from_bits(bits, E2M1)
    for function in (to_bits, fake_quantize_float):
        with pytest.raises(CreatorError, match="expected floating-point values"):
            function(torch.tensor([1]), E2M1)
        with pytest.raises(CreatorError, match="unknown rounding"):
            function(torch.ones(1), E2M1, "nearest")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"exponent": 0}, "exponent=0"), ({"exponent": 9}, "exponent=9"), ({"exponent": True}, "exponent=True"),
        ({"mantissa": -1}, "mantissa=-1"), ({"mantissa": 23}, "mantissa=23"), ({"mantissa": 1.5}, "mantissa=1.5"),
        ({"mantissa": 0, "specials": "ieee"}, "mantissa=0"), ({"specials": "fn"}, "unknown specials"),
        ({"bias": 1.0}, "bias=1.0"), ({"saturating": 1}, "saturating"), ({"exponent": 1, "specials": "ieee"}, "no numbers"),
        ({"bias": 150}, "that float32 has not"), ({"bias": -124}, "that float32 has not"),
        ({"exponent": 8}, "that float32 has not"),
        ({"saturating": False}, "nothing to overflow to"),
    ],
)  # fmt: skip
def test_formats_that_cannot_be_are_refused(arguments, message):
    with pytest.raises(CreatorError, match=message):
        Float(**{"exponent": 4, "mantissa": 3, **arguments})


def test_formats_are_values_with_the_properties_of_the_standards():
    assert [fmt.max_value for fmt in (E4M3, E5M2, E3M2, E2M3, E2M1, FP16)] == [448, 57344, 28, 7.5, 6, 65504]
    assert [fmt.step for fmt in (E4M3, E5M2, E3M2, E2M3, E2M1, FP16)] == [2**-9, 2**-16, 2**-4, 2**-3, 0.5, 2**-24]
    assert [fmt.total_bits for fmt in (E4M3, E5M2, E3M2, E2M3, E2M1, FP16, BF16)] == [8, 8, 6, 6, 4, 16, 16]
    assert BF16.max_value == torch.finfo(torch.bfloat16).max
    assert (BF16.overflow, E4M3.overflow, E5M2.min_value) == (math.inf, 448, -57344)
    assert math.isnan(Float(4, 3, specials="nan", saturating=False).overflow)
    assert copy.deepcopy(E4M3) == E4M3 == Float(4, 3, 7, Specials.NAN)
    assert [str(fmt) for fmt in (E2M1, E4M3, BF16)] == ["float<2,1>", "float<4,3,nan>", "float<8,7,ieee,overflowing>"]
    assert str(Float(2, 1, bias=4)) == "float<2,1,bias=4>"
    # E2M1 is 0, 1, 2, 3, 4, 6, 8, 12 halves: products reach 144, which takes 9 bits with a sign.
    assert (E2M1.exact_bits(), E2M1.exact_bits(2), E4M3.exact_bits(2)) == (5, 9, 37)


# --- properties


formats = st.builds(
    Float, st.integers(1, 6), st.integers(1, 8), st.one_of(st.none(), st.integers(-20, 40)), st.sampled_from(["nan", "none"])
)
numbers = st.floats(width=32, allow_nan=False)
roundings = st.sampled_from(ROUNDINGS)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(formats, st.lists(numbers, min_size=1, max_size=30), roundings)
def test_quantizing_is_idempotent_monotonic_in_range_and_symmetric(fmt, values, rounding):
    x = torch.tensor(sorted(values))
    y = fake_quantize_float(x, fmt, rounding)
    assert same(fake_quantize_float(y, fmt, rounding), y)
    assert (y.diff() >= 0).all()
    assert (y.abs() <= fmt.max_value).all()
    if rounding in (Rounding.HALF_EVEN, Rounding.HALF_AWAY, Rounding.TOWARD_ZERO):
        assert same(fake_quantize_float(-x, fmt, rounding), -y)
    in_range = x.abs() <= fmt.max_value
    error = (y.double() - x.double()).abs()[in_range]
    step = torch.from_numpy(
        np.exp2(np.frexp(np.maximum(x.abs().double().numpy(), 2.0**fmt.min_exponent))[1] - 1.0 - fmt.mantissa)
    )
    nearest = rounding in (Rounding.HALF_EVEN, Rounding.HALF_AWAY, Rounding.HALF_UP)
    assert (error <= step[in_range] * (0.5 if nearest else 1)).all()
