"""The decisions behind limits and requantizers: a model of what the templates compute, against the integer specification."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from creator import FixedPoint, Overflow, Rounding
from creator.formats import requantize
from creator.ops import Interval
from creator.render.limits import limit_values, requantizer_values
from creator.render.values import Bits

F = FixedPoint
MODES = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def bits(value: int, high: int, low: int = 0) -> int:
    """value(high downto low), unsigned."""
    return (value >> low) & ((1 << (high - low + 1)) - 1)


def signed(value: int, width: int) -> int:
    """The low bits of ``value`` as a signed number of that width."""
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value


def pattern(constant: Bits, width: int) -> int:
    """The bits of a literal, which must have the width that VHDL compares or assigns it with."""
    assert constant.width == width
    return constant.value & ((1 << width) - 1)


def limit(v: dict[str, Any], x: int) -> int:
    """limit.vhd.j2: the bits of the result for a source of ``source_bits`` bits."""
    width, result = v["source_bits"], v["result_bits"]
    assert -(1 << (width - 1)) <= x < 1 << (width - 1)
    negative = bits(x, width - 1, width - 1)
    match v["below"]:
        case "sign":
            below = negative == 1
        case "bits":
            place = v["below_from"]
            below = negative == 1 and bits(x, width - 2, place) != pattern(v["below_ones"], width - 1 - place)
        case "compare":
            below = x < signed(pattern(v["low_literal"], width), width)
        case "never":
            below = False
    match v["above"]:
        case "bits":
            place = v["above_from"]
            above = negative == 0 and bits(x, width - 2, place) != pattern(v["above_zeros"], width - 1 - place)
        case "compare":
            above = x > signed(pattern(v["high_literal"], width), width)
        case "never":
            above = False
    if below:
        return pattern(v["low_bits"], result)
    if above:
        return pattern(v["high_bits"], result)
    return bits(x, result - 1)  # a resize where the result is wider: sign extension, which & with the mask is


def requantizer(v: dict[str, Any], value: FixedPoint, code: int) -> int:
    """requantizer.vhd.j2: the bits of the result for a code of ``value``."""
    shift, wide_bits, kept_bits = v["shift"], v["wide_bits"], v["kept_bits"]
    wide = code
    assert -(1 << (wide_bits - 1)) <= wide < 1 << (wide_bits - 1)
    if shift > 0:
        assert wide_bits > shift
        kept = wide >> shift
    else:
        kept = wide << -shift
    assert -(1 << (kept_bits - 1)) <= kept < 1 << (kept_bits - 1)
    carry = 0
    if v["rounds"]:
        assert shift > 0
        top, negative = bits(wide, shift - 1, shift - 1), bits(wide, wide_bits - 1, wide_bits - 1)
        match v["rounding"]:
            case Rounding.HALF_EVEN if shift > 1:
                rest = bits(wide, shift - 2) != pattern(v["below_half"], shift - 1)
                carry = top if bits(wide, shift, shift) or rest else 0
            case Rounding.HALF_EVEN:
                carry = bits(wide, 0) & bits(wide, 1, 1)
            case Rounding.HALF_UP:
                carry = top
            case Rounding.HALF_AWAY if shift > 1:
                carry = top if not negative or bits(wide, shift - 2) != pattern(v["below_half"], shift - 1) else 0
            case Rounding.HALF_AWAY:
                carry = bits(wide, 0) & (1 - negative)
            case Rounding.TOWARD_ZERO:
                carry = negative if bits(wide, shift - 1) != pattern(v["all_dropped"], shift) else 0
            case other:
                raise AssertionError(f"{other} does not round")
    if v["adds"]:
        # (kept & '1') + (zero_point & carry), less its lowest bit, which is carried into the next where carry is 1
        zero = signed(pattern(v["zero_bits"], kept_bits), kept_bits) if v["zero_point"] else 0
        kept = ((2 * kept + 1) + (2 * zero + carry)) >> 1
        assert -(1 << (kept_bits - 1)) <= kept < 1 << (kept_bits - 1)
    else:
        assert not v["rounds"]
    if v["evens"]:
        assert not v["adds"]
        if bits(wide, shift - 1) == pattern(v["all_dropped"], shift):
            kept &= signed(pattern(v["even_mask"], kept_bits), kept_bits)
    rounded = signed(kept, v["rounded_bits"])
    if v["wraps"]:
        width = v["source_bits"]
        assert v["rounded_bits"] >= width - (not v["output_format"].signed)
        rounded = signed(rounded, width) if v["output_format"].signed else bits(rounded, width - 2)
    else:
        assert v["rounded_bits"] == v["source_bits"]
        assert rounded == kept
    return limit(v, rounded)


ENDS = [(-8, 7), (-128, 127), (0, 15), (0, 0), (-1, 0), (5, 9), (-9, -5), (-1, 1), (3, 3), (-17, 40)]
FORMATS = [
    F(4, 0),
    F(8, 0),
    F(4, 0, signed=False),
    F(8, 0, signed=False),
    F(5, 0, symmetric=True),
    F(1, 0),
    F(1, 0, signed=False),
]


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_limits_equal_numpy_clip(ends: tuple[int, int], fmt: FixedPoint) -> None:
    values = Interval(*ends)
    every = np.arange(values.low, values.high + 1)
    codes = range(fmt.min_code, fmt.max_code + 1)
    kinds = set()
    for low, high in ((low, high) for low, high in product(codes, codes) if low <= high):
        if fmt.total_bits == 8 and not {low, high} <= {-128, -127, -65, -64, -3, 0, 1, 5, 7, 8, 63, 64, 127, 128, 255}:
            continue
        v = limit_values("source", "target", values, low, high, fmt)
        kinds.add((v["below"], v["above"]))
        mask = (1 << fmt.total_bits) - 1
        expected = (np.clip(every, low, high) & mask).tolist()
        assert [limit(v, x) for x in every.tolist()] == expected, (low, high, v)
    assert kinds


def test_bounds_that_never_bind_cost_nothing() -> None:
    v = limit_values("source", "target", Interval(-4, 3), -8, 7, F(4, 0))
    assert (v["below"], v["above"], v["source_bits"]) == ("never", "never", 3)
    assert v["low_literal"] is v["high_literal"] is None


@pytest.mark.parametrize(
    ("low", "high", "below", "above"),
    [
        (0, 127, "sign", "bits"),
        (-128, 127, "bits", "bits"),
        (-64, 63, "bits", "bits"),
        (-1, 1, "bits", "bits"),
        (-3, 100, "compare", "compare"),
        (3, 4, "compare", "compare"),
        (0, 0, "sign", "bits"),
        (-100, -50, "compare", "compare"),
    ],
)
def test_bounds_at_powers_of_two_are_tested_by_upper_bits(low: int, high: int, below: str, above: str) -> None:
    v = limit_values("source", "target", Interval(-5000, 5000), low, high, F(8, 0))
    assert (v["below"], v["above"]) == (below, above)


def check_requantizer(
    value: FixedPoint,
    values: Interval,
    output: FixedPoint,
    mode: Rounding,
    overflow: Overflow,
    low: int,
    high: int,
    zero_point: int = 0,
    offset: int = 0,
) -> None:
    every = np.unique(np.linspace(values.low, values.high, 300).astype(np.int64))
    v = requantizer_values(value, values, output, mode, overflow, low, high, zero_point, offset)
    if offset:
        rounded = requantize(every - offset, value.frac_bits, output, mode, overflow)
    elif zero_point:
        rounded = requantize(every, value.frac_bits, F(63, output.frac_bits), mode) + zero_point
    else:
        rounded = requantize(every, value.frac_bits, output, mode, overflow)
    expected = np.clip(rounded, low, high) & ((1 << output.total_bits) - 1)
    assert [requantizer(v, value, code) for code in every.tolist()] == expected.tolist()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("value", [F(8, 4), F(8, 4, signed=False), F(1, 4), F(8, 40)], ids=str)
@pytest.mark.parametrize("frac", [-9, -5, -4, -3, 0, 2, 3, 4, 5, 9])
def test_requantizers_equal_the_specification_on_every_code(
    mode: Rounding, overflow: Overflow, value: FixedPoint, frac: int
) -> None:
    whole = Interval.of(value)
    for bits_, is_signed in ((1, True), (4, True), (4, False), (9, True), (12, False)):
        output = F(bits_, frac, is_signed)
        check_requantizer(value, whole, output, mode, overflow, output.min_code, output.max_code)
        check_requantizer(value, whole, output, mode, overflow, (output.min_code + 1) // 2, output.max_code // 2)


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize(
    "values", [(-128, 127), (-128, 0), (-128, -120), (-3, 100), (0, 90), (16, 17), (-16, -1), (8, 8)], ids=str
)
@pytest.mark.parametrize("dropped", range(1, 8))
def test_requantizers_of_values_with_the_half_on_top(dropped: int, values: tuple[int, int], overflow: Overflow) -> None:
    """For 7 dropped bits one is kept, and -1 becomes -2."""
    for output_bits, is_signed in ((1, True), (2, True), (5, False), (8, True)):
        output = F(output_bits, 7 - dropped, is_signed)
        half = 1 << dropped - 1
        limits = output.min_code, output.max_code
        check_requantizer(F(8, 7), Interval(*values), output, Rounding.HALF_EVEN, overflow, *limits, offset=half)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("values", [(-3, 100), (0, 90), (17, 17), (-100, -90), (0, 0)], ids=str)
def test_requantizers_of_known_ranges(mode: Rounding, values: tuple[int, int]) -> None:
    for overflow, frac, output_bits in product(Overflow, (1, 3, 4, 6), (2, 5, 8)):
        output = F(output_bits, frac)
        check_requantizer(F(8, 4), Interval(*values), output, mode, overflow, output.min_code, output.max_code)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("output", [F(8, 4), F(8, 4, symmetric=True), F(52, 40), F(6, -40)], ids=str)
def test_wide_accumulators(mode: Rounding, output: FixedPoint) -> None:
    check_requantizer(
        F(52, 30), Interval(-(2**51), 2**51 - 1), output, mode, Overflow.SATURATE, output.min_code, output.max_code
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("value", [F(8, 0), F(8, 1), F(8, 4), F(8, 4, signed=False), F(1, 4), F(8, 40), F(40, 35)], ids=str)
@pytest.mark.parametrize("zero_point", [-128, -1, 1, 5, 127, 255])
def test_zero_points(mode: Rounding, value: FixedPoint, zero_point: int) -> None:
    for output in (F(8, 0), F(8, 0, signed=False), F(9, 0, symmetric=True)):
        if output.min_code <= zero_point <= output.max_code:
            for values in (Interval.of(value), Interval(value.min_code // 3, value.max_code // 5)):
                limits = output.min_code, output.max_code
                check_requantizer(value, values, output, mode, Overflow.SATURATE, *limits, zero_point)
                check_requantizer(
                    value, values, output, mode, Overflow.SATURATE, *sorted((limits[0] // 2, zero_point)), zero_point
                )


def test_ties_are_among_what_is_checked() -> None:
    v = requantizer_values(F(8, 4), Interval(-128, 127), F(8, 0), Rounding.HALF_EVEN, Overflow.SATURATE, -128, 127)
    assert [signed(requantizer(v, F(8, 4), code), 8) for code in (-24, -8, 8, 24, 40)] == [-2, 0, 0, 2, 2]
