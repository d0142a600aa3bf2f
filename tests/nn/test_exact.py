import math
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.nn.exact import EXACT_BITS, eval_dtype, exact_sum, unit_exponent
from creator.nn.slots import OutputQuantizer, checked_format
from creator.quantize import StraightThrough
from tests.nn.helpers import seeded
from tests.oracle import power


def float64(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("values", "exponent"),
    [
        ([1.0], 0),
        ([-1.0], 0),
        ([3.0, 5.0], 0),
        ([6.0, 12.0], 1),
        ([0.75, 4.0], -2),
        ([0.0, 8.0, -24.0], 3),
        ([2.0**52 + 1], 0),
        ([2.0**53 - 1], 0),
        ([2.0**-1022], -1022),
        ([5e-324], -1074),
        ([2.0**1023, 1.0], 0),
        ([2.0**1023], 1023),
        ([0.1], -55),
        ([0.0, -0.0], 0),
        ([], 0),
    ],
)
def test_unit_exponent_of_known_values(values, exponent):
    assert unit_exponent(float64(*values)) == exponent


def test_unit_exponent_is_the_largest_common_power_of_two():
    for seed in range(50):
        x = torch.ldexp(
            torch.randint(-(2**20), 2**20, (5,), generator=seeded(seed)).double(),
            torch.randint(-30, 30, (5,), generator=seeded(seed + 100)).double(),
        )
        unit = power(unit_exponent(x))
        assert all((Fraction(v) / unit).denominator == 1 for v in x.tolist())
        assert any((Fraction(v) / (2 * unit)).denominator != 1 for v in x.tolist())


def test_exact_sum_is_exact_or_refuses():
    outcomes = set()
    for seed in range(120):
        bits = 15 + seed % 12
        x, weight, bias = (
            torch.randint(-(2**bits), 2**bits, shape, generator=seeded(seed + k)).double() * 2.0 ** (seed % 5 - k * 3)
            for k, shape in ((0, (3, 7)), (1, (2, 7)), (2, (2,)))
        )
        expected = [
            [
                sum((Fraction(a) * Fraction(b) for a, b in zip(xs, ws, strict=True)), Fraction(c))
                for ws, c in zip(weight.tolist(), bias.tolist(), strict=True)
            ]
            for xs in x.tolist()
        ]
        try:
            result = exact_sum(F.linear, x, weight, bias).tolist()
        except CreatorError as refusal:
            assert f"more than {EXACT_BITS} bits" in str(refusal)  # noqa: PT017
            outcomes.add("refused")
        else:
            assert [[Fraction(v) for v in row] for row in result] == expected
            outcomes.add("exact")
    assert outcomes == {"exact", "refused"}


@pytest.mark.parametrize("frac_bits", [-60, 0, 60])
def test_exact_sum_draws_the_line_at_52_bits_of_the_common_unit(frac_bits):
    step = 2.0**-frac_bits
    odd = torch.full((1, 1), 2.0**51 + 1, dtype=torch.float64)
    assert exact_sum(F.linear, odd * step, float64([1.0]), float64(2.0**51 - 2) * step).item() == (2.0**52 - 1) * step
    for weight, bias in ((1.0, 2.0**51 - 1), (1.0, -(2.0**51)), (-2.0, 1.0)):
        with pytest.raises(CreatorError, match="52 bits"):
            exact_sum(F.linear, odd * step, float64([weight]), float64(bias) * step)


def test_exact_sum_counts_the_units_of_a_fine_bias():
    x = torch.full((1, 1), 2.0**30, dtype=torch.float64)
    assert exact_sum(F.linear, x, float64([1.0]), float64(2.0**-21)).item() == 2.0**30 + 2.0**-21
    with pytest.raises(CreatorError, match="52 bits"):
        exact_sum(F.linear, x, float64([1.0]), float64(2.0**-22))


def test_exact_sum_counts_cancelling_terms_too():
    x, weight = float64([1.0, 1.0, 1.0]), float64([2.0**52, 1.0, -(2.0**52)])
    with pytest.raises(CreatorError, match="52 bits"):
        exact_sum(F.linear, x[None], weight[None], None)


def test_exact_sum_takes_float32_empty_batches_and_zeros():
    weight = torch.ones(2, 3)
    assert exact_sum(F.linear, torch.ones(1, 3), weight, None).dtype == torch.float64
    assert exact_sum(F.linear, torch.zeros(0, 3), weight, torch.ones(2)).shape == (0, 2)
    assert exact_sum(F.linear, torch.zeros(1, 3), weight, torch.ones(2)).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_exact_sum_refuses_inputs_that_are_not_finite(bad):
    with pytest.raises(CreatorError, match="an input is NaN or infinite"):
        exact_sum(F.linear, float64([1.0, bad]), float64([1.0, 1.0]), None)


# --- formats and dtypes


def test_checked_format_passes_formats_and_names_what_is_none():
    fmt, layer = FixedPoint(8, 4), torch.nn.Identity()
    assert checked_format(fmt, "weight", layer) is fmt
    with pytest.raises(CreatorError, match=r"Identity: weight=\(8, 4\) is not a number format .*weight=FixedPoint"):
        checked_format((8, 4), "weight", layer)


def test_eval_dtype_is_that_of_the_input_if_it_holds_every_value():
    fmt = FixedPoint(8, 4)
    assert eval_dtype(torch.float32, fmt) == torch.float32
    assert eval_dtype(torch.float64, fmt) == torch.float64
    assert eval_dtype(torch.int64, fmt) == torch.get_default_dtype()
    for half in (torch.float16, torch.bfloat16):
        with pytest.raises(CreatorError, match="cannot hold"):
            eval_dtype(half, fmt)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("total_bits", [1, 8, 24, 25])
@pytest.mark.parametrize("frac_bits", [-126, -122, -121, -120, -119, -106, -105, -104, -103, 0, 126])
def test_eval_dtype_holds_both_ends_of_the_format(total_bits, frac_bits, signed):
    fmt = FixedPoint(total_bits, frac_bits, signed)
    ends = float64(fmt.min_value, fmt.max_value, fmt.step)
    assert torch.equal(ends.to(eval_dtype(torch.float32, fmt)).double(), ends)


def quantizer(fmt, rounding=Rounding.HALF_EVEN, overflow=Overflow.SATURATE):
    return OutputQuantizer(fmt, rounding, overflow, StraightThrough.MASKED)


@pytest.mark.parametrize(
    ("total_bits", "dtype", "expected"),
    [(24, torch.float32, torch.float32), (25, torch.float32, torch.float64), (8, torch.float64, torch.float64)],
)
def test_eval_output_can_hold_every_code(total_bits, dtype, expected):
    for signed in (True, False):
        fmt = FixedPoint(total_bits, 3, signed)
        y = quantizer(fmt)(float64(1e30, -1e30), False, dtype)
        assert y.dtype == expected
        assert [Fraction(v) * 8 for v in y.tolist()] == [fmt.max_code, fmt.min_code]


def test_training_output_keeps_the_dtype_of_the_sum():
    assert quantizer(FixedPoint(30, 3))(torch.zeros(1), True, torch.float32).dtype == torch.float32


def test_output_quantizer_reads_names_and_refuses_contradictions():
    choice = OutputQuantizer(FixedPoint(8, 4), "floor", "wrap", "identity")
    assert (choice.rounding, choice.overflow, choice.ste) == (Rounding.FLOOR, Overflow.WRAP, StraightThrough.IDENTITY)
    assert repr(choice) == "fixed<8,4>, floor, wrap, identity"
    with pytest.raises(CreatorError, match=r"symmetric> cannot wrap"):
        quantizer(FixedPoint(8, 4, symmetric=True), overflow=Overflow.WRAP)
    with pytest.raises(CreatorError, match="training only"):
        quantizer(FixedPoint(8, 4), Rounding.STOCHASTIC)(float64(1.0), False, torch.float64)
