import dataclasses
import functools
import math
from fractions import Fraction

import numpy as np
import pytest

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.formats import bits_for, requantize, round_float, shift_round, wrap
from tests.oracle import OVERFLOWS, ROUNDINGS, code_of, code_range, limited, power, rounded

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
SMALL_CODES = np.arange(-128, 256, dtype=np.int64)
SMALL_FORMATS = [
    *(FixedPoint(bits, 0) for bits in range(1, 9)),
    *(FixedPoint(bits, 0, signed=False) for bits in range(1, 9)),
    *(FixedPoint(bits, 0, symmetric=True) for bits in range(2, 9)),
]
WIDE_CODES = sorted(
    {0, INT64_MIN, INT64_MAX}
    | {sign * 2**k + d for sign in (-1, 1) for k in (1, 31, 52, 53, 60, 61, 62) for d in (-2, -1, 0, 1, 2)}
    | {sign * (2**k + 2 ** (k - 1)) + d for sign in (-1, 1) for k in (53, 60, 61) for d in (-1, 0, 1)}
    | {INT64_MIN + d for d in (1, 2**60, 2**61, 2**62)}
    | {INT64_MAX - d for d in (1, 2**60, 2**61, 2**62)}
)
WIDE_SHIFTS = [1, 2, 31, 52, 53, *range(59, 71), 100, 125, 126, 127, 200, 252]
WIDE_FORMATS = [
    FixedPoint(1, 0), FixedPoint(1, 0, signed=False), FixedPoint(2, 0, symmetric=True), FixedPoint(8, 0),
    FixedPoint(31, 0, symmetric=True), FixedPoint(62, 0), FixedPoint(63, 0), FixedPoint(63, 0, symmetric=True),
    FixedPoint(62, 0, signed=False), FixedPoint(63, 0, signed=False),
]  # fmt: skip

each_rounding = pytest.mark.parametrize("rounding", ROUNDINGS)
each_overflow = pytest.mark.parametrize("overflow", OVERFLOWS)


@functools.cache
def shifted(code, shift, rounding):
    return rounded(code * power(-shift), rounding)


def int64(codes):
    return np.array(codes, dtype=np.int64)


# --- the format itself


@pytest.mark.parametrize(
    ("fmt", "low", "high"),
    [
        (FixedPoint(8, 4), -128, 127),
        (FixedPoint(8, 4, signed=False), 0, 255),
        (FixedPoint(8, 4, symmetric=True), -127, 127),
        (FixedPoint(1, 0), -1, 0),
        (FixedPoint(1, 0, signed=False), 0, 1),
        (FixedPoint(2, 0, symmetric=True), -1, 1),
        (FixedPoint(63, 0), -(2**62), 2**62 - 1),
        (FixedPoint(63, 0, signed=False), 0, 2**63 - 1),
    ],
)
def test_code_range(fmt, low, high):
    assert (fmt.min_code, fmt.max_code) == (low, high)
    assert type(fmt.min_code) is int


@pytest.mark.parametrize(
    ("fmt", "step", "low", "high"),
    [
        (FixedPoint(8, 4), 0.0625, -8.0, 7.9375),
        (FixedPoint(4, -3), 8.0, -64.0, 56.0),
        (FixedPoint(4, 6), 2.0**-6, -0.125, 0.109375),
        (FixedPoint(4, 0, signed=False), 1.0, 0.0, 15.0),
        (FixedPoint(3, 126), 2.0**-126, -(2.0**-124), 3 * 2.0**-126),
        (FixedPoint(3, -126), 2.0**126, -(2.0**128), 3 * 2.0**126),
    ],
)
def test_step_and_value_range(fmt, step, low, high):
    assert (fmt.step, fmt.min_value, fmt.max_value) == (step, low, high)


def test_format_is_frozen_hashable_and_compares_by_value():
    fmt = FixedPoint(np.int64(8), np.int8(4))
    assert fmt == FixedPoint(8, 4)
    assert hash(fmt) == hash(FixedPoint(8, 4))
    assert fmt != FixedPoint(8, 4, symmetric=True)
    assert type(fmt.total_bits) is int
    assert type(FixedPoint(8, 4, np.bool_(True)).signed) is bool
    with pytest.raises(dataclasses.FrozenInstanceError):
        fmt.total_bits = 9


@pytest.mark.parametrize(
    ("fmt", "text"),
    [
        (FixedPoint(8, 4), "fixed<8,4>"),
        (FixedPoint(5, -2, signed=False), "ufixed<5,-2>"),
        (FixedPoint(8, 12, symmetric=True), "fixed<8,12,symmetric>"),
    ],
)
def test_text_form(fmt, text):
    assert str(fmt) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"total_bits": 0}, "total_bits=0 is outside 1 ... 63"),
        ({"total_bits": 64}, "total_bits=64 is outside 1 ... 63"),
        ({"total_bits": -1}, "total_bits=-1"),
        ({"total_bits": 8.0}, "total_bits must be an integer, got 8.0"),
        ({"total_bits": True}, "total_bits must be an integer"),
        ({"total_bits": "8"}, "total_bits must be an integer"),
        ({"frac_bits": 127}, "frac_bits=127 is outside -126 ... 126"),
        ({"frac_bits": -127}, "frac_bits=-127"),
        ({"frac_bits": 1.5}, "frac_bits must be an integer, got 1.5"),
        ({"signed": 1}, "signed must be True or False, got 1"),
        ({"symmetric": "no"}, "symmetric must be True or False"),
        ({"signed": False, "symmetric": True}, "symmetric needs a signed format"),
        ({"total_bits": 1, "symmetric": True}, "at least 2 bits"),
    ],
)
def test_invalid_format_is_refused_with_the_reason(arguments, message):
    with pytest.raises(CreatorError) as refusal:
        FixedPoint(**{"total_bits": 8, "frac_bits": 4, **arguments})
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("FixedPoint: ")


@pytest.mark.parametrize("choice", [Rounding, Overflow])
def test_unknown_choice_is_refused_and_the_known_ones_are_listed(choice):
    with pytest.raises(CreatorError) as refusal:
        choice("nonsense")
    assert "unknown" in str(refusal.value)
    assert all(repr(str(member)) in str(refusal.value) for member in choice)


def test_choices_read_from_their_names():
    assert Rounding("half_even") is Rounding.HALF_EVEN
    assert Overflow("wrap") is Overflow.WRAP


# --- shifting, wrapping, requantizing integers


@each_rounding
def test_shift_round_on_every_small_code(rounding):
    for shift in range(13):
        expected = [shifted(int(code), shift, rounding) for code in SMALL_CODES]
        assert shift_round(SMALL_CODES, shift, rounding).tolist() == expected, shift


@each_rounding
@pytest.mark.parametrize("shift", WIDE_SHIFTS)
def test_shift_round_on_wide_codes(rounding, shift):
    result = shift_round(int64(WIDE_CODES), shift, rounding)
    assert result.dtype == np.int64
    assert result.tolist() == [shifted(code, shift, rounding) for code in WIDE_CODES]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        (Rounding.HALF_EVEN, [-2, -2, 0, 0, 2, 2]),
        (Rounding.HALF_UP, [-2, -1, 0, 1, 2, 3]),
        (Rounding.HALF_AWAY, [-3, -2, -1, 1, 2, 3]),
        (Rounding.FLOOR, [-3, -2, -1, 0, 1, 2]),
        (Rounding.TOWARD_ZERO, [-2, -1, 0, 0, 1, 2]),
    ],
)
def test_ties(rounding, expected):
    assert shift_round(int64([-5, -3, -1, 1, 3, 5]), 1, rounding).tolist() == expected
    assert round_float(np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]), rounding).tolist() == expected


def test_shift_round_keeps_the_shape_and_the_argument():
    codes = int64([[1, 2, 3], [4, 5, 6]])
    assert shift_round(codes, 1, Rounding.FLOOR).tolist() == [[0, 1, 1], [2, 2, 3]]
    assert codes.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("fmt", [f for f in SMALL_FORMATS if not f.symmetric], ids=str)
def test_wrap_on_every_small_code(fmt):
    assert wrap(SMALL_CODES, fmt).tolist() == [limited(int(c), fmt, Overflow.WRAP) for c in SMALL_CODES]


@pytest.mark.parametrize("fmt", [f for f in WIDE_FORMATS if not f.symmetric], ids=str)
def test_wrap_on_wide_codes(fmt):
    assert wrap(int64(WIDE_CODES), fmt).tolist() == [limited(c, fmt, Overflow.WRAP) for c in WIDE_CODES]


@each_rounding
@each_overflow
def test_requantize_on_every_small_code_to_every_small_format(rounding, overflow):
    codes = SMALL_CODES.tolist()
    for fmt in SMALL_FORMATS:
        if overflow is Overflow.WRAP and fmt.symmetric:
            continue
        for shift in range(-4, 13):
            expected = [limited(shifted(code, shift, rounding), fmt, overflow) for code in codes]
            assert requantize(SMALL_CODES, shift, fmt, rounding, overflow).tolist() == expected, (fmt, shift)


@each_rounding
@each_overflow
@pytest.mark.parametrize("shift", [-252, -126, -64, -63, -62, -61, -31, -1, 0, *WIDE_SHIFTS])
def test_requantize_wide_codes(rounding, overflow, shift):
    source = max(-126, min(126, shift))
    for wide in WIDE_FORMATS:
        if overflow is Overflow.WRAP and wide.symmetric:
            continue
        fmt = dataclasses.replace(wide, frac_bits=source - shift)
        expected = [limited(shifted(code, shift, rounding), fmt, overflow) for code in WIDE_CODES]
        assert requantize(int64(WIDE_CODES), source, fmt, rounding, overflow).tolist() == expected, fmt


def test_requantize_rounds_to_nearest_even_and_saturates_unless_told_otherwise():
    assert requantize(int64([1, 3, 400, -400]), 1, FixedPoint(8, 0)).tolist() == [0, 2, 127, -128]


def test_requantize_refuses_to_wrap_a_symmetric_format():
    with pytest.raises(CreatorError, match=r"cannot wrap.*saturate"):
        requantize(int64([1]), 0, FixedPoint(4, 0, symmetric=True), overflow=Overflow.WRAP)


@pytest.mark.parametrize(
    "use",
    [
        lambda: shift_round(int64([1]), 0, Rounding.STOCHASTIC),
        *(lambda grid=grid: requantize(int64([1]), grid, FixedPoint(4, 0), Rounding.STOCHASTIC) for grid in (-1, 0, 1)),
        lambda: round_float(np.array([0.5]), Rounding.STOCHASTIC),
        lambda: FixedPoint(4, 0).to_integers([0.5], Rounding.STOCHASTIC),
    ],
)
def test_stochastic_rounding_is_refused_outside_training(use):
    with pytest.raises(CreatorError, match=r"training only.*hint"):
        use()


# --- from and to floating point

JUST_BELOW_HALF = 0.49999999999999994
HARD_FLOATS = [
    0.0, -0.0, 5e-324, -5e-324, 2.2e-308, -2.2e-308, 1e-300, -1e-300, JUST_BELOW_HALF, -JUST_BELOW_HALF,
    0.5, -0.5, math.nextafter(0.5, 1), math.nextafter(-0.5, -1), math.nextafter(1, 0), math.nextafter(-1, 0),
    1.5, -1.5, 2.5, -2.5, 126.5, 127.5, -127.5, -128.5, -129.5, 255.5, 2.0**51 + 0.5, -(2.0**51) - 0.5,
    2.0**52 + 1, 2.0**53 - 1, 2.0**53, 2.0**53 + 2, -(2.0**53) - 2, 2.0**61, 2.0**62, -(2.0**62), 2.0**62 - 512,
    -(2.0**62) - 1024, 2.0**63, -(2.0**63), 2.0**63 - 1024, -(2.0**63) - 2048, 2.0**64, 3 * 2.0**62,
    2.0**70 + 2.0**20, 1e30, -1e30,
]  # fmt: skip
FLOAT_FORMATS = [
    FixedPoint(1, 0), FixedPoint(1, 0, signed=False), FixedPoint(2, 1, symmetric=True), FixedPoint(8, 0), FixedPoint(8, 4),
    FixedPoint(8, 0, signed=False), FixedPoint(4, 9), FixedPoint(4, -3), FixedPoint(5, 126), FixedPoint(5, -126),
    *(FixedPoint(bits, 0, signed) for bits in range(52, 64) for signed in (True, False)),
    *(FixedPoint(bits, 0, symmetric=True) for bits in (53, 54, 55, 62, 63)), FixedPoint(60, 8), FixedPoint(63, -4),
]  # fmt: skip


@each_rounding
def test_round_float_on_hard_values(rounding):
    assert round_float(np.array(HARD_FLOATS), rounding).tolist() == [rounded(Fraction(x), rounding) for x in HARD_FLOATS]


@each_rounding
@each_overflow
@pytest.mark.parametrize("fmt", FLOAT_FORMATS, ids=str)
def test_to_integers_on_hard_values(fmt, rounding, overflow):
    if overflow is Overflow.WRAP and fmt.symmetric:
        return
    expected = [code_of(x, fmt, rounding, overflow) for x in HARD_FLOATS]
    assert fmt.to_integers(HARD_FLOATS, rounding, overflow).tolist() == expected


@each_rounding
@each_overflow
@pytest.mark.parametrize("fmt", [f for f in SMALL_FORMATS if f.total_bits < 5], ids=str)
def test_to_integers_on_a_fine_grid_beyond_both_ends(fmt, rounding, overflow):
    if overflow is Overflow.WRAP and fmt.symmetric:
        return
    for frac_bits in (-2, 0, 5):
        narrow = dataclasses.replace(fmt, frac_bits=frac_bits)
        values = np.arange(-160, 161) / 8 * narrow.step
        expected = [code_of(x, narrow, rounding, overflow) for x in values.tolist()]
        assert narrow.to_integers(values, rounding, overflow).tolist() == expected


@pytest.mark.parametrize("fmt", [f for f in FLOAT_FORMATS if f.total_bits > 52], ids=str)
def test_to_integers_next_to_both_ends_of_wide_formats(fmt):
    edges = [math.ldexp(float(code), -fmt.frac_bits) for code in code_range(fmt)]
    values = [*edges, *(math.nextafter(e, math.inf) for e in edges), *(math.nextafter(e, -math.inf) for e in edges)]
    expected = [code_of(x, fmt, Rounding.HALF_EVEN, Overflow.SATURATE) for x in values]
    assert fmt.to_integers(values).tolist() == expected


@pytest.mark.parametrize("fmt", FLOAT_FORMATS, ids=str)
def test_infinities_saturate(fmt):
    assert fmt.to_integers([math.inf, -math.inf]).tolist() == list(code_range(fmt)[::-1])


@each_rounding
def test_values_beyond_float64_when_scaled_saturate(rounding):
    assert FixedPoint(4, 126).to_integers([1e300, -1e300], rounding).tolist() == [7, -8]


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300, [1.0, math.inf]])
def test_an_infinity_or_what_scales_to_one_does_not_wrap(value):
    with pytest.raises(CreatorError, match="infinity cannot wrap"):
        FixedPoint(4, 126).to_integers([value], overflow=Overflow.WRAP)


@each_overflow
def test_nan_has_no_code(overflow):
    with pytest.raises(CreatorError, match="NaN has no code"):
        FixedPoint(8, 4).to_integers([0.0, math.nan], overflow=overflow)


def test_to_integers_refuses_to_wrap_a_symmetric_format():
    with pytest.raises(CreatorError, match="cannot wrap"):
        FixedPoint(4, 0, symmetric=True).to_integers([8.0], overflow=Overflow.WRAP)


def test_modes_may_be_given_by_name_and_unknown_names_are_refused():
    fmt = FixedPoint(4, 0)
    assert fmt.to_integers([9.5], "floor", "wrap").tolist() == [-7]
    assert requantize(int64([19]), 1, fmt, "floor", "wrap").tolist() == [-7]
    for modes in (("nearest", "wrap"), ("floor", "clip")):
        with pytest.raises(CreatorError, match="unknown"):
            fmt.to_integers([9.5], *modes)
        with pytest.raises(CreatorError, match="unknown"):
            requantize(int64([19]), 1, fmt, *modes)


def test_to_integers_keeps_the_shape_and_takes_scalars():
    assert FixedPoint(8, 4).to_integers(np.full((2, 0, 3), 1.0)).shape == (2, 0, 3)
    assert FixedPoint(8, 4).to_integers(0.5) == 8
    assert FixedPoint(8, 4).to_integers(np.float32([[0.5]])).tolist() == [[8]]


@pytest.mark.parametrize(
    "fmt", [FixedPoint(8, 4), FixedPoint(8, -9), FixedPoint(6, 126), FixedPoint(8, 0, signed=False)], ids=str
)
def test_every_code_survives_the_way_to_values_and_back(fmt):
    codes = np.arange(fmt.min_code, fmt.max_code + 1)
    values = fmt.from_integers(codes)
    assert [Fraction(v) for v in values.tolist()] == [int(c) * power(-fmt.frac_bits) for c in codes]
    assert fmt.to_integers(values).tolist() == codes.tolist()


# --- checking codes, widths


def test_check_returns_int64_codes_of_the_format():
    for codes in ([-128, 127], np.array([[-128], [127]], dtype=np.int8), np.array([127], dtype=np.uint64)):
        result = FixedPoint(8, 4).check(codes, "x")
        assert result.dtype == np.int64
        assert result.tolist() == np.asarray(codes).tolist()
    assert FixedPoint(8, 4).check(np.zeros((0, 3), dtype=np.int64), "x").shape == (0, 3)


@pytest.mark.parametrize(
    ("fmt", "codes", "message"),
    [
        (FixedPoint(8, 4), [0, 128], "input: code 128 is outside fixed<8,4>, which holds -128 ... 127"),
        (FixedPoint(8, 4), [-129, 0], "code -129 is outside"),
        (FixedPoint(8, 4, symmetric=True), [-128], "code -128 is outside"),
        (FixedPoint(8, 4, signed=False), [-1], "code -1 is outside ufixed<8,4>"),
        (FixedPoint(63, 0), np.array([2**64 - 1], dtype=np.uint64), "code 18446744073709551615 is outside"),
        (FixedPoint(8, 4), [1.0], "expected integer codes of fixed<8,4>, got dtype float64 (hint: "),
        (FixedPoint(8, 4), [True], "got dtype bool"),
    ],
)
def test_check_refuses_what_is_no_code(fmt, codes, message):
    with pytest.raises(CreatorError) as refusal:
        fmt.check(codes, "input")
    assert message in str(refusal.value)


def test_bits_for_is_the_narrowest_width():
    for low in range(-70, 71):
        for high in range(low, 71):
            fitting = next(b for b in range(1, 10) if -(2 ** (b - 1)) <= low and high < 2 ** (b - 1))
            assert bits_for(low, high) == fitting, (low, high)
    assert bits_for(-(2**99), 2**99 - 1) == 100
    assert bits_for(-(2**99), 2**99) == 101
