import math
import warnings

import numpy as np
import pytest
import torch

from creator import Affine, CreatorError, FixedPoint, Rounding
from creator.quantize.quantized_tensor import QuantizedTensor, integer_dtype, quantize_per_channel, quantize_per_tensor

CHANNELS = Affine((0.1, 0.25, 0.7), 3, 8, axis=1)
FORMATS = [FixedPoint(8, 4), FixedPoint(5, -2, signed=False), Affine(0.1, 7), Affine(0.3, 0, 6, signed=False), CHANNELS]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def quiet(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's quantized tensors are deprecated
        return call(*arguments)


def values(scale=0.1, count=400_000):
    ties = torch.arange(-600, 600) * scale / 2
    ends = torch.tensor([math.inf, -math.inf, 0.0, -0.0, 2.0**-149, 1e30, -1e30])
    return torch.cat([ties, torch.randn(count, generator=seeded(1)) * 60 * scale, ends])


@pytest.mark.parametrize("fmt", FORMATS, ids=str)
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR])
def test_integers_are_those_of_the_format(fmt, rounding):
    x = torch.randn(50, 3, generator=seeded(2)) * 10
    q = QuantizedTensor.quantize(x.requires_grad_(), fmt, rounding)
    codes = fmt.to_integers(x.detach().numpy(), rounding)
    assert np.array_equal(q.int_repr().numpy(), codes)
    assert not q.int_repr().is_floating_point()
    assert np.array_equal(q.dequantize(torch.float64).numpy(), fmt.from_integers(codes))
    assert q.dequantize().dtype == torch.float32
    assert torch.allclose(q.dequantize().double(), q.dequantize(torch.float64), rtol=1e-6)
    assert q.shape == x.shape
    assert q.device == x.device


@pytest.mark.parametrize(
    ("fmt", "dtype"),
    [
        (FixedPoint(8, 0), torch.int8), (FixedPoint(8, 0, signed=False), torch.uint8), (FixedPoint(9, 3), torch.int16),
        (FixedPoint(1, 0), torch.int8), (FixedPoint(16, 0, signed=False), torch.int32), (FixedPoint(32, 0), torch.int32),
        (FixedPoint(33, 0), torch.int64), (FixedPoint(63, 0, signed=False), torch.int64), (Affine(0.1, 0, 4), torch.int8),
    ],
)  # fmt: skip
def test_integers_are_as_narrow_as_the_format_allows(fmt, dtype):
    codes = torch.tensor([fmt.min_code, fmt.max_code])
    q = QuantizedTensor(codes, fmt)
    assert q.int_repr().dtype == dtype == integer_dtype(fmt.min_code, fmt.max_code)
    assert torch.equal(q.int_repr().to(torch.int64), codes)


@pytest.mark.parametrize(("scale", "zero"), [(0.1, 7), (0.0123, -3), (1 / 3, 0), (2.0**-5, 101)])
def test_one_scale_equals_torch(scale, zero):
    for signed, dtype in ((True, torch.qint8), (False, torch.quint8)):
        zero = zero if signed else abs(zero)
        x = values(scale)
        q, oracle = quantize_per_tensor(x, scale, zero, signed=signed), quiet(torch.quantize_per_tensor, x, scale, zero, dtype)
        assert torch.equal(q.int_repr(), oracle.int_repr())
        assert q.int_repr().dtype == oracle.int_repr().dtype
        assert torch.equal(q.dequantize(), oracle.dequantize())
        assert (q.q_scale(), q.q_zero_point()) == (oracle.q_scale(), oracle.q_zero_point())


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_scale_for_each_channel_equals_torch(axis):
    scales = torch.tensor([0.1, 0.0123, 1 / 3, 0.7])
    x = values()[: 4 * 100_000].reshape(4, -1).movedim(0, -1).reshape(-1, 50, 4).movedim(2, axis)
    q = quantize_per_channel(x, scales, 5, axis)
    oracle = quiet(torch.quantize_per_channel, x.contiguous(), scales, torch.full((4,), 5), axis, torch.qint8)
    assert torch.equal(q.int_repr(), oracle.int_repr())
    assert torch.equal(q.dequantize(), oracle.dequantize())
    assert torch.equal(q.q_per_channel_scales(), oracle.q_per_channel_scales())
    assert torch.equal(q.q_per_channel_zero_points(), oracle.q_per_channel_zero_points())
    assert q.q_per_channel_axis() == oracle.q_per_channel_axis()


def test_ties_follow_the_format_or_torch():
    x = torch.tensor([0.5, 1.5])
    assert QuantizedTensor.quantize(x, Affine(1.0, 1)).int_repr().tolist() == [1, 3]
    assert quantize_per_tensor(x, 1.0, 1).int_repr().tolist() == [2, 2]


def test_a_fixed_point_format_has_a_scale():
    q = QuantizedTensor(torch.tensor([3]), FixedPoint(8, 4))
    assert (q.q_scale(), q.q_zero_point()) == (1 / 16, 0)
    assert q.dequantize(torch.float16).tolist() == [3 / 16]


def test_questions_that_do_not_fit_are_refused():
    one, many = (
        QuantizedTensor(torch.zeros(2, dtype=torch.int8), FixedPoint(8, 4)),
        QuantizedTensor(torch.zeros(1, 3).int(), CHANNELS),
    )
    for question in ("q_per_channel_scales", "q_per_channel_zero_points", "q_per_channel_axis"):
        with pytest.raises(CreatorError, match=r"there is one scale.*q_scale"):
            getattr(one, question)()
    for question in ("q_scale", "q_zero_point"):
        with pytest.raises(CreatorError, match=r"for each channel.*q_per_channel_scales"):
            getattr(many, question)()


@pytest.mark.parametrize(
    ("integers", "fmt", "message"),
    [
        (torch.tensor([1.0]), FixedPoint(8, 4), "expected integers, got torch.float32.*quantize"),
        ([1], FixedPoint(8, 4), "expected integers, got list"),
        (torch.tensor([128]), FixedPoint(8, 4), r"fixed<8,4>: integers are outside -128 \.\.\. 127"),
        (torch.tensor([0, -129]), FixedPoint(8, 4), "outside -128"),
        (torch.tensor([-1]), Affine(0.1, 0, 8, signed=False), "outside 0"),
        (torch.zeros(3, 4).int(), CHANNELS, r"\(3, 4\) has not 3 indices along axis 1"),
        (torch.zeros(3).int(), CHANNELS, "along axis 1"),
        (torch.tensor([1]), "fixed", "is not a number format"),
    ],
)
def test_what_is_no_code_is_refused(integers, fmt, message):
    with pytest.raises(CreatorError, match=message):
        QuantizedTensor(integers, fmt)


def test_nan_and_bad_scales_are_refused():
    nan = torch.tensor([math.nan])
    for make in (
        lambda: QuantizedTensor.quantize(nan, FixedPoint(8, 4)), lambda: quantize_per_tensor(nan, 0.1),
        lambda: quantize_per_channel(nan, torch.ones(1), 0, 0),
    ):  # fmt: skip
        with pytest.raises(CreatorError, match="NaN has no code"):
            make()
    with pytest.raises(CreatorError, match=r"scale=0\.0 is not between"):
        quantize_per_tensor(torch.zeros(1), 0.0)
    with pytest.raises(CreatorError, match="3 scales for 2 blocks"):
        quantize_per_channel(torch.zeros(2, 2), torch.ones(3), 0, 0)
    with pytest.raises(CreatorError, match="none is number 2"):
        quantize_per_channel(torch.zeros(2, 2), torch.ones(2), 0, 2)


def test_equality_and_text():
    a, b = (QuantizedTensor(torch.tensor([1, 2]).to(dtype), FixedPoint(8, 4)) for dtype in (torch.int8, torch.int64))
    assert a == b
    assert a != QuantizedTensor(torch.tensor([1, 3]), FixedPoint(8, 4))
    assert a != QuantizedTensor(torch.tensor([1, 2]), FixedPoint(8, 5))
    assert a != QuantizedTensor(torch.tensor([[1, 2]]), FixedPoint(8, 4))
    assert a != 1
    assert repr(a) == "QuantizedTensor(tensor([1, 2], dtype=torch.int8), fixed<8,4>)"
    with pytest.raises(TypeError, match="unhashable"):
        hash(a)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_shapes(shape):
    q = QuantizedTensor.quantize(torch.zeros(shape), FixedPoint(8, 4))
    assert q.shape == q.dequantize().shape == shape
