import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.quantize import Gradients, StraightThrough, fake_quantize, quantize_gradient, round_tensor
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of, power, rounded

FORMATS = [
    FixedPoint(1, 0), FixedPoint(1, 2, signed=False), FixedPoint(4, 1), FixedPoint(8, 4), FixedPoint(8, 4, symmetric=True),
    FixedPoint(6, 3, signed=False), FixedPoint(5, -3), FixedPoint(4, 9), FixedPoint(16, 15), FixedPoint(23, 10),
]  # fmt: skip
DTYPES = [torch.float32, torch.float64]

each_rounding = pytest.mark.parametrize("rounding", ROUNDINGS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def trial_values(fmt, dtype):
    """Ties, their neighbours, both edges of the range and values far beyond, on a grid of eighths of a step."""
    around = [0, fmt.min_code, fmt.max_code, -1, fmt.min_code - 2 ** min(fmt.total_bits, 12), fmt.max_code + 3]
    eighths = torch.tensor([8 * centre + k for centre in around for k in range(-20, 21)], dtype=torch.float64)
    noise = torch.randn(200, generator=seeded(1), dtype=torch.float64) * 2.0 ** (min(fmt.total_bits, 12) + 2)
    x = (torch.cat([eighths, noise]) * fmt.step / 8).to(dtype)
    ends = torch.tensor([math.inf, -math.inf], dtype=dtype)
    x = torch.cat([x, torch.nextafter(x, ends[:1].expand_as(x)), torch.nextafter(x, ends[1:].expand_as(x))])
    return x[(x == 0) | (x.abs() > 1e-30)]  # smaller ones may underflow when scaled; only eval mode promises those


def gradient_of(x, fmt, **choices):
    x = torch.tensor(x, requires_grad=True)
    fake_quantize(x, fmt, **choices).sum().backward()
    return x.grad.tolist()


@each_rounding
@each_dtype
def test_round_tensor_rounds_exactly(rounding, dtype):
    x = torch.cat([trial_values(FixedPoint(8, 0), dtype), torch.tensor([0.5, -0.5, 1.5, 2.5, -1.5, -2.5], dtype=dtype)])
    before = x.clone()
    result = round_tensor(x, rounding)
    assert result.tolist() == [rounded(Fraction(v), rounding) for v in x.tolist()]
    assert result.dtype == dtype
    assert torch.equal(x, before)


@pytest.mark.parametrize("half", [Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.HALF_EVEN])
@each_dtype
def test_the_largest_number_below_one_half_rounds_to_zero(half, dtype):
    below = torch.nextafter(torch.tensor(0.5, dtype=dtype), torch.tensor(0.0, dtype=dtype))
    assert round_tensor(below, half).item() == 0.0


@each_rounding
@each_dtype
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("fmt", FORMATS, ids=str)
def test_fake_quantize_gives_the_values_of_the_integer_specification(fmt, overflow, rounding, dtype):
    if overflow is Overflow.WRAP and fmt.symmetric:
        return
    x = trial_values(fmt, dtype)
    result = fake_quantize(x, fmt, rounding, overflow)
    assert result.dtype == dtype
    codes = fmt.to_integers(x.numpy(), rounding, overflow)
    assert result.tolist() == fmt.from_integers(codes).tolist()
    sample = slice(None, None, 7)
    assert codes.tolist()[sample] == [code_of(v, fmt, rounding, overflow) for v in x.tolist()[sample]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_fake_quantize_saturates_infinities_and_keeps_nan(dtype):
    x = torch.tensor([math.inf, -math.inf, math.nan], dtype=dtype)
    result = fake_quantize(x, FixedPoint(4, 1)).tolist()
    assert result[:2] == [3.5, -4.0]
    assert math.isnan(result[2])


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 3, 0), (2, 3, 4, 5)])
def test_fake_quantize_keeps_the_shape_and_leaves_its_argument_alone(shape):
    x = torch.randn(shape, generator=seeded(2))
    before = x.clone()
    assert fake_quantize(x, FixedPoint(4, 1)).shape == shape
    assert torch.equal(x, before)


def test_modes_may_be_given_by_name_and_unknown_names_are_refused():
    x = torch.tensor([4.26])
    assert fake_quantize(x, FixedPoint(4, 1), "floor", "wrap", "identity").item() == -4.0
    for choice in ({"rounding": "nearest"}, {"overflow": "clip"}, {"ste": "straight"}):
        with pytest.raises(CreatorError, match=r"unknown.*choose one of"):
            fake_quantize(x, FixedPoint(4, 1), **choice)


# --- straight-through gradients


def test_masked_gradient_is_zero_where_the_rounded_unclipped_code_leaves_the_range():
    x = [3.74, 3.75, -4.25, -4.26, 0.0, 3.5, -4.0, 100.0, -100.0, math.inf]
    assert gradient_of(x, FixedPoint(4, 1)) == [1, 0, 1, 0, 1, 1, 1, 0, 0, 0]


def test_masked_is_the_default_and_identity_passes_everywhere():
    x = [3.74, 3.75, -4.25, -4.26, 100.0, -100.0]
    assert gradient_of(x, FixedPoint(4, 1)) == gradient_of(x, FixedPoint(4, 1), ste=StraightThrough.MASKED)
    assert gradient_of(x, FixedPoint(4, 1), ste=StraightThrough.IDENTITY) == [1] * 6


@pytest.mark.parametrize(
    ("fmt", "x", "expected"),
    [
        (FixedPoint(4, 1, symmetric=True), [-3.75, -3.76, -3.74, 3.75], [0, 0, 1, 0]),
        (FixedPoint(4, 1, signed=False), [-0.25, -0.26, 7.74, 7.75, 7.5], [1, 0, 1, 0, 1]),
        (FixedPoint(1, 0), [0.5, 0.51, -1.5, -1.49, 0.0], [1, 0, 0, 1, 1]),
    ],
)
def test_mask_follows_the_format(fmt, x, expected):
    assert gradient_of(x, fmt) == expected


@each_rounding
def test_mask_follows_the_rounding(rounding):
    fmt = FixedPoint(4, 0)
    x = [k / 4 for k in range(-40, 41)]
    expected = [float(-8 <= rounded(Fraction(v), rounding) <= 7) for v in x]
    assert gradient_of(x, fmt, rounding=rounding) == expected


def test_mask_of_a_wrapping_format_is_zero_where_it_wraps():
    assert gradient_of([7.0, 8.0, -8.0, -9.0], FixedPoint(4, 0), overflow=Overflow.WRAP) == [1, 0, 1, 0]


@pytest.mark.parametrize("ste", list(StraightThrough))
def test_incoming_gradient_is_passed_on_unrounded(ste):
    x = torch.tensor([0.3, -1.2], requires_grad=True)
    incoming = torch.tensor([0.123456, -987.654])
    fake_quantize(x, FixedPoint(4, 1), ste=ste).backward(incoming)
    assert torch.equal(x.grad, incoming)


def test_masked_gradient_is_zero_even_for_an_infinite_incoming_gradient():
    x = torch.tensor([100.0, 1.0], requires_grad=True)
    fake_quantize(x, FixedPoint(4, 1)).backward(torch.tensor([math.inf, 2.0]))
    assert x.grad.tolist() == [0.0, 2.0]


# --- quantized gradients


@each_rounding
def test_quantized_gradient_is_rounded_and_saturates(rounding):
    fmt = FixedPoint(4, 2)
    incoming = torch.linspace(-4, 4, 257)
    x = torch.full((257,), 99.0, requires_grad=True)
    y = quantize_gradient(x, fmt, rounding)
    assert torch.equal(y, x)
    y.backward(incoming)
    expected = [code_of(g, fmt, rounding, Overflow.SATURATE) / 4 for g in incoming.tolist()]
    assert x.grad.tolist() == expected


def test_no_gradient_format_changes_nothing():
    x = torch.ones(3)
    assert quantize_gradient(x, None) is x


def test_stochastic_gradient_is_reproducible_unbiased_and_saturates():
    fmt = FixedPoint(4, 0)
    incoming = torch.cat([torch.full((20_000,), 2.25), torch.tensor([50.0, -50.0])])

    def gradient(seed):
        x = torch.zeros(20_002, requires_grad=True)
        quantize_gradient(x, fmt, Rounding.STOCHASTIC, seeded(seed)).backward(incoming)
        return x.grad

    first = gradient(5)
    assert torch.equal(first, gradient(5))
    assert not torch.equal(first, gradient(6))
    assert set(first[:-2].tolist()) == {2.0, 3.0}
    assert abs((first[:-2] == 3.0).double().mean().item() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 20_000)
    assert first[-2:].tolist() == [7.0, -8.0]


# --- stochastic rounding

COUNT = 50_000


@pytest.mark.parametrize("fraction", [0.125, 0.5, 0.9])
@pytest.mark.parametrize("low", [0.0, 3.0, -5.0])
def test_stochastic_rounding_goes_up_with_the_probability_of_the_fraction(low, fraction):
    fmt = FixedPoint(6, 2)
    x = torch.full((COUNT,), (low + fraction) * fmt.step, dtype=torch.float64)
    codes = fake_quantize(x, fmt, Rounding.STOCHASTIC, generator=seeded(11)) / fmt.step
    assert set(codes.tolist()) == {low, low + 1}
    share = (codes == low + 1).double().mean().item()
    assert abs(share - fraction) < 5 * math.sqrt(fraction * (1 - fraction) / COUNT)


@each_dtype
def test_stochastic_rounding_is_never_off_by_more_than_one_code(dtype):
    x = torch.randn(COUNT, generator=seeded(12), dtype=dtype) * 300
    result = round_tensor(x, Rounding.STOCHASTIC, seeded(13))
    assert bool(((result == x.floor()) | (result == x.ceil())).all())


@each_dtype
@pytest.mark.parametrize("code", [0.0, 1.0, -1.0, 100.0, 2.0**20, -(2.0**20), 2.0**22 + 1])
def test_stochastic_rounding_leaves_values_on_the_grid(code, dtype):
    x = torch.full((COUNT,), code, dtype=dtype)
    assert torch.equal(fake_quantize(x, FixedPoint(24, 0), Rounding.STOCHASTIC, generator=seeded(14)), x)


class _Draws:
    """A source that draws given numbers."""

    def __init__(self, numbers):
        self.numbers = numbers

    def draw(self, like):
        return self.numbers.to(like)


def test_stochastic_rounding_is_the_floor_of_the_exact_sum():
    numbers = [0.0, 2.0**-24, 2.0**-23, 0.25, 0.5, 0.75, 1 - 2.0**-23, 1 - 2.0**-24]
    values = [sign * (whole + part) for whole in (0.0, 1.0, 2.0, 5.0) for part in [*numbers, 2.0**-40] for sign in (1, -1)]
    x, u = torch.cartesian_prod(torch.tensor(values), torch.tensor(numbers)).unbind(1)
    expected = [math.floor(Fraction(a) + Fraction(b)) for a, b in zip(x.tolist(), u.tolist(), strict=True)]
    assert round_tensor(x, Rounding.STOCHASTIC, _Draws(u)).tolist() == expected


def test_stochastic_rounding_saturates_after_rounding():
    x = torch.tensor([7.0, 8.5, 100.0, -8.0, -8.5, -100.0])
    result = fake_quantize(x, FixedPoint(4, 0), Rounding.STOCHASTIC, generator=seeded(15))
    assert result.tolist() == [7, 7, 7, -8, -8, -8]


def test_stochastic_rounding_is_reproducible_from_a_generator_and_from_the_global_seed():
    x = torch.randn(1000, generator=seeded(16))
    draw = lambda seed: round_tensor(x, Rounding.STOCHASTIC, seeded(seed))  # noqa: E731
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    torch.manual_seed(3)
    first = round_tensor(x, Rounding.STOCHASTIC)
    torch.manual_seed(3)
    assert torch.equal(first, round_tensor(x, Rounding.STOCHASTIC))


# --- choices of gradient formats


def test_one_format_means_all_three_gradients():
    fmt = FixedPoint(8, 6)
    assert Gradients.of(fmt) == Gradients(fmt, fmt, fmt)


def test_no_choice_leaves_all_gradients_in_floating_point():
    assert Gradients.of(None) == Gradients(None, None, None, Rounding.HALF_EVEN)


def test_a_full_choice_is_kept_and_frozen():
    choice = Gradients(weight=FixedPoint(8, 6), rounding="stochastic")
    assert Gradients.of(choice) is choice
    assert choice.rounding is Rounding.STOCHASTIC
    with pytest.raises(dataclasses.FrozenInstanceError):
        choice.weight = None


@pytest.mark.parametrize("bad", [8, (8, 4), "fixed<8,4>", False])
def test_what_is_no_format_is_refused(bad):
    with pytest.raises(CreatorError, match=r"is not a number format.*FixedPoint"):
        Gradients.of(bad)
    for name in ("activation", "weight", "bias"):
        with pytest.raises(CreatorError, match=f"{name}=.*is not a number format"):
            Gradients(**{name: bad})


def test_unknown_gradient_rounding_is_refused():
    with pytest.raises(CreatorError, match="unknown rounding"):
        Gradients(rounding="nearest")


def test_a_format_wider_than_float32_is_exact_in_float64():
    fmt = FixedPoint(50, 20)
    x = torch.randn(2000, generator=seeded(17), dtype=torch.float64) * 2.0**30
    result = fake_quantize(x, fmt)
    expected = [code_of(v, fmt, Rounding.HALF_EVEN, Overflow.SATURATE) for v in x.tolist()]
    assert [Fraction(v) * power(20) for v in result.tolist()] == expected
    assert np.abs(expected).max() == 2**49  # some saturate
