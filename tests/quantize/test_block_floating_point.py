import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, Rounding
from creator.quantize.block_floating_point import BFP16, MX6, MX9, BlockFloat, MicroExponent
from creator.quantize.blocks import fake_quantize_blocks, from_blocks, to_blocks
from tests.oracle import ROUNDINGS
from tests.quantize.block_oracle import expected, trial_matrix
from tests.quantize.test_minifloat import seeded

FORMATS = [
    MX6, MX9, BFP16, MicroExponent(3, 12, 3), MicroExponent(12, 6, 1), MicroExponent(2, 8, 4), BlockFloat(2, 5),
    BlockFloat(4, 1), BlockFloat(15, 16),
]  # fmt: skip

each_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)


def equal(a, b):
    return torch.equal(a.nan_to_num(12345.0), b.nan_to_num(12345.0))


@each_format
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_values_are_those_of_the_definition(fmt, rounding):
    x = trial_matrix(37)
    assert equal(fake_quantize_blocks(x, fmt, -1, rounding), expected(x, fmt, rounding))
    wide = x.double() * 1.0000000001
    assert equal(fake_quantize_blocks(wide, fmt, -1, rounding), expected(wide, fmt, rounding))


@each_format
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR, Rounding.STOCHASTIC])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16], ids=str)
def test_fake_and_real_agree_along_every_axis(fmt, rounding, dtype):
    x = trial_matrix(40).nan_to_num(1.0).reshape(6, 25, 8)
    x = x.clamp(-6e4, 6e4).half() if dtype is torch.float16 else x.to(dtype)
    for axis in (0, 1, -1):
        blocks = to_blocks(x, fmt, axis, rounding, seeded(1))
        count = -(-x.shape[axis] // fmt.block)
        assert blocks.elements.shape == x.shape
        assert blocks.elements.dtype == (torch.int8 if fmt.bits <= 8 else torch.int32)
        assert blocks.elements.min() >= fmt.element.min_code
        assert blocks.elements.max() <= fmt.element.max_code
        assert blocks.exponents.shape[axis] == count
        if isinstance(fmt, MicroExponent):
            assert blocks.shifts.dtype == torch.bool
            assert blocks.shifts.shape[axis] == count * fmt.block // fmt.sub_block
        values = from_blocks(blocks, fmt, axis, torch.float64).to(dtype)
        assert equal(values, fake_quantize_blocks(x, fmt, axis, rounding, generator=seeded(1)))


def test_bfp16_raises_the_exponent_only_where_rounding_reaches_128():
    for largest, exponent, code in ((127.4, 6, 127), (127.5, 7, 64), (-127.5, 6, -128), (-127.9, 6, -128), (128.0, 7, 64)):
        blocks = to_blocks(torch.tensor([largest, 3.0]), BFP16)
        assert (int(blocks.exponents) - 127, int(blocks.elements[0])) == (exponent, code)
    assert to_blocks(torch.tensor([127.9]), BFP16, rounding="floor").elements.item() == 127
    assert to_blocks(torch.tensor([127.1]), BFP16, rounding="stochastic").elements.item() in (63, 64)


def test_bfp16_with_stochastic_rounding_is_right_on_average_at_the_edge():
    # The step is 2: the mean of 20000 draws is off by more than 5 * 2 / (2 sqrt(20000)) with a probability below 6e-7.
    y = fake_quantize_blocks(torch.full((20_000, 8), 127.3), BFP16, -1, "stochastic", generator=seeded(2))
    assert abs(y[:, 0].double().mean() - 127.3) < 0.0354


def test_micro_exponents_shift_the_sub_blocks_that_allow_it():
    x = torch.tensor([8.0, 0.1, 7.9, 3.0, 4.1, 8.1, 0.0, 0.0])
    blocks = to_blocks(x, MicroExponent(5, 8, 2))
    assert int(blocks.exponents) - 127 == 3
    assert blocks.shifts.tolist() == [False, True, False, True]
    assert blocks.elements.tolist() == [8, 0, 15, 6, 4, 8, 0, 0]
    assert from_blocks(blocks, MicroExponent(5, 8, 2)).tolist() == [8.0, 0.0, 7.5, 3.0, 4.0, 8.0, 0.0, 0.0]
    assert not to_blocks(torch.zeros(16), MX6).shifts.any()
    edge = torch.tensor([-1.999, 1.999, 0.5])
    assert to_blocks(edge, MX6).elements.tolist() == [-15, 15, 8]
    assert to_blocks(edge, MX9).elements.tolist() == [-127, 127, 64]
    assert to_blocks(edge, BFP16).elements.tolist() == [-64, 64, 16]


@each_format
def test_nan_stays_alone_and_has_no_code(fmt):
    x = torch.tensor([0.3, math.nan, 1.7, -0.2, math.nan, 5.0])
    y = fake_quantize_blocks(x, fmt)
    assert y.isnan().tolist() == x.isnan().tolist()
    assert equal(y.nan_to_num(0.0), fake_quantize_blocks(x.nan_to_num(0.0), fmt))
    with pytest.raises(CreatorError, match="NaN has no code"):
        to_blocks(x, fmt)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (MicroExponent, {"bits": 1}, "bits=1"), (BlockFloat, {"bits": 21}, "bits=21"), (BlockFloat, {"bits": 1.0}, "bits=1.0"),
        (BlockFloat, {"block": 0}, "block=0"), (MicroExponent, {"bits": 5, "block": -16}, "block=-16"),
        (MicroExponent, {"bits": 5, "sub_block": 0}, "sub_block=0"), (BlockFloat, {"bits": None}, "bits=None"),
        (MicroExponent, {"bits": 5, "sub_block": 3}, "does not divide"),
        (MicroExponent, {"bits": 5, "block": 2}, "does not divide"), (BlockFloat, {"bits": True}, "bits=True"),
    ],
)  # fmt: skip
def test_formats_that_cannot_be_are_refused(kind, arguments, message):
    with pytest.raises(CreatorError, match=message):
        kind(**arguments)


def test_names():
    assert [str(fmt) for fmt in FORMATS[:4]] == ["mx6", "mx9", "bfp<8,8>", "mx<3,12,3>"]
    assert MicroExponent(5) == MX6 != MX9


floats = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sampled_from([MX6, MX9, BFP16, BlockFloat(4, 16)]), st.lists(floats, min_size=1, max_size=8))
def test_quantizing_stays_near_is_idempotent_and_micro_exponents_are_symmetric(fmt, values):
    x = torch.tensor(values)
    y = fake_quantize_blocks(x, fmt)
    largest = x.abs().max().double()
    # Half a step of the largest exponent, or what saturates: less than one step.
    step = 2.0 ** max(math.floor(math.log2(largest)) if largest else -127, -127) * 2.0 ** (3 - fmt.bits)
    if largest < 2.0**126:
        assert ((y.double() - x.double()).abs() <= step).all()
    if isinstance(fmt, MicroExponent):
        assert torch.equal(fake_quantize_blocks(-x, fmt), -y)
        assert torch.equal(fake_quantize_blocks(y, fmt), y)
