"""Against torch's own kernels, by exact equality; against fractions where torch has no kernel."""

import math
import warnings
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError
from creator.quantize import StraightThrough
from creator.quantize.affine import fake_quantize_affine, fast, from_integers, to_codes, to_integers
from tests.oracle import ROUNDINGS, rounded

CASES = [
    (0.1, -128, 127, 0), (0.0123, -128, 127, -5), (1 / 3, 0, 255, 3), (2.0**-7, 0, 255, 128), (1.7e-5, -8, 7, -3),
    (3e4, -127, 127, 0), (0.25, 0, 1, 0), (2.0**-23, -7, 8, 1), (0.7, -32768, 32767, 5), (0.011, 0, 254, 7),
]  # fmt: skip
SPECIAL = [math.inf, -math.inf, 0.0, -0.0, 2.0**-149, -(2.0**-149), 2.0**-126, 1e38, -1e38]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def values(scale, low, high):
    """Every tie and every code of the range and around, their neighbours in float32, much noise, the special numbers."""
    ends = max(-low, high)
    quarters = torch.arange(-4 * ends - 60, 4 * ends + 60, dtype=torch.float64)
    x = (quarters[:: max(1, len(quarters) // 40_000)] * scale / 4).float()
    x = torch.cat([x, torch.tensor([low - 0.5, high + 0.5]) * scale])
    up, down = (torch.nextafter(x, torch.tensor(end)) for end in (math.inf, -math.inf))
    noise = torch.randn(110_000, generator=seeded(1)) * scale * ends
    return torch.cat([x, up, down, torch.nextafter(up, torch.tensor(math.inf)), noise, torch.tensor(SPECIAL)])


def with_gradient(function, x):
    x = x.clone().requires_grad_()
    y = function(x)
    y.backward((torch.arange(x.numel()) % 97 + 1.0).reshape(x.shape).to(x.dtype))
    return y.detach(), x.grad


def agree(ours, theirs, x):
    for own, expected in zip(with_gradient(ours, x), with_gradient(theirs, x), strict=True):
        assert own.dtype == expected.dtype
        assert torch.equal(own, expected)


# --- fake quantization


@pytest.mark.parametrize(("scale", "low", "high", "zero"), CASES)
def test_one_scale_equals_torch_in_value_and_gradient(scale, low, high, zero):
    x = values(scale, low, high)
    assert x.numel() > 100_000  # a million in all cases
    theirs = lambda v: torch.fake_quantize_per_tensor_affine(v, scale, zero, low, high)  # noqa: E731
    agree(lambda v: fake_quantize_affine(v, scale, zero, low, high), theirs, x)
    agree(lambda v: fake_quantize_affine(v, torch.tensor([scale]), torch.tensor([zero]), low, high), theirs, x)


@pytest.mark.parametrize(("scale", "low", "high", "zero"), CASES[:3])
def test_nan_becomes_the_smallest_code_without_a_gradient_as_in_torch(scale, low, high, zero):
    x = torch.cat([values(scale, low, high), torch.full((37,), math.nan)])
    theirs = lambda v: torch.fake_quantize_per_tensor_affine(v, scale, zero, low, high)  # noqa: E731
    agree(lambda v: fake_quantize_affine(v, scale, zero, low, high), theirs, x)
    assert fake_quantize_affine(x, scale, zero, low, high)[-1] == (low - zero) * torch.tensor(scale)


def test_the_ends_of_the_range_are_exact_for_any_scale():
    """Where the gradient ends is found from the scale's reciprocal; here at the last float32 on either side."""
    scales = torch.rand(400, generator=seeded(2)) * 2.0 ** torch.randint(-12, 9, (400,), generator=seeded(3))
    for scale in scales.tolist():
        for low, high in ((-128, 127), (-4, 4), (0, 7)):
            x = torch.tensor([low - 0.5, high + 0.5]) * scale
            steps = [x]
            for end in (math.inf, -math.inf):
                y = x
                for _ in range(3):
                    y = torch.nextafter(y, torch.tensor(end))
                    steps.append(y)
            assert fast(scale, low, high) is not None
            agree(
                lambda v, a=(scale, 0, low, high): fake_quantize_affine(v, *a),
                lambda v, a=(scale, 0, low, high): torch.fake_quantize_per_tensor_affine(v, *a),
                torch.cat(steps),
            )


@pytest.mark.parametrize("divisor", [3, 5, 7, 9, 15])
def test_products_halfway_between_two_numbers_end_the_range_exactly(divisor):
    """With short reciprocals, products hit the middle of two float32 next to a tie."""
    scale = torch.tensor(1.0 / divisor).item()
    met = 0
    for end in range(1, 200):
        x = torch.tensor([end + 0.5]) * scale
        x = torch.cat([x + k * x * 2.0**-24 for k in range(-6, 7)])
        met += bool((x.double() * divisor == end + 0.5 - 2.0 ** (math.frexp(end + 0.5)[1] - 25)).any())
        x = torch.cat([x, -x])
        agree(
            lambda v, end=end: fake_quantize_affine(v, scale, 0, -end, end),
            lambda v, end=end: torch.fake_quantize_per_tensor_affine(v, scale, 0, -end, end),
            x,
        )
    assert met > 10


def channels():
    scale = torch.rand(16, generator=seeded(4)) * 0.2 + 1e-3
    x = torch.cat(
        [
            torch.randn(3, 16, 2000, generator=seeded(5)) * 10,
            torch.randint(-300, 300, (3, 16, 2000), generator=seeded(6)) / 2 * scale[:, None],
            torch.tensor([-math.inf, math.nan, 0.0, -0.0, 2.0**-149]).expand(3, 16, 5),
        ],
        2,
    )
    return x, scale, torch.randint(-100, 100, (16,), generator=seeded(7), dtype=torch.int32)


LAYOUTS = {
    "middle": (lambda x: x, 1),
    "first": (lambda x: x.transpose(0, 1).contiguous(), 0),
    "not contiguous": (lambda x: x.transpose(0, 1), 0),
    "last": (lambda x: x.transpose(1, 2).contiguous(), 2),
}


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
def test_a_scale_for_each_channel_equals_torch(layout, dtype, zeros):
    x, scale, zero = channels()
    zero = zero * zeros
    arrange, axis = LAYOUTS[layout]
    shape = [16 if k == axis else 1 for k in range(3)]
    agree(
        lambda v: fake_quantize_affine(v, scale.reshape(shape), zero.reshape(shape) if zeros else 0),
        lambda v: torch.fake_quantize_per_channel_affine(v, scale, zero, axis, -128, 127),
        arrange(x).to(dtype),
    )


def test_channels_saturate_where_torch_wraps():
    x, scale = torch.tensor([[math.inf, 1e30]]), torch.tensor([0.5])
    theirs = torch.fake_quantize_per_channel_affine(x, scale, torch.zeros(1, dtype=torch.int32), 0, -8, 7)
    assert theirs.tolist() == [[-4.0, -4.0]]
    assert fake_quantize_affine(x, scale.reshape(1, 1), 0, -8, 7).tolist() == [[3.5, 3.5]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_equals_torch(dtype):
    agree(
        lambda v: fake_quantize_affine(v, 0.37, 3),
        lambda v: torch.fake_quantize_per_tensor_affine(v, 0.37, 3, -128, 127),
        values(0.37, -128, 127).to(dtype),
    )


def test_float64_is_not_rounded_to_float32():
    x = torch.linspace(-3, 3, 1001, dtype=torch.float64)
    ours, theirs = fake_quantize_affine(x, 0.1), torch.fake_quantize_per_tensor_affine(x, 0.1, 0, -128, 127)
    assert torch.equal(ours, torch.round(theirs / 0.1) * 0.1)
    assert not torch.equal(ours, theirs)


@pytest.mark.parametrize("masked", [False, True])
def test_large_tensors_equal_torch(masked):
    x = torch.randn(3, 100_003, generator=seeded(8))
    for y in (x, x.t()):
        ours = fake_quantize_affine(y.clone().requires_grad_(masked), 0.02, 0, -64, 63).detach()
        assert torch.equal(ours, torch.fake_quantize_per_tensor_affine(y, 0.02, 0, -64, 63))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize(("scale", "low", "high", "zero"), [(0.1, -8, 7, 3), (0.25, 0, 15, 5), (0.3, -7, 7, 0)])
def test_every_rounding_in_value_and_gradient(scale, low, high, zero, rounding):
    x = torch.cat([torch.arange(-100, 100) * scale / 8, torch.randn(300, generator=seeded(9)) * 10 * scale])
    y, grad = with_gradient(lambda v: fake_quantize_affine(v, scale, zero, low, high, rounding), x)
    units = (x * torch.tensor(scale).reciprocal()).tolist()
    codes = [rounded(Fraction(u), rounding) + zero for u in units]
    limited = torch.tensor([min(max(code, low), high) for code in codes])
    assert torch.equal(y, (limited - zero) * torch.tensor(scale))
    assert torch.equal(to_codes(x, scale, zero, low, high, rounding), limited.float())
    assert ((grad != 0).tolist()) == [low <= code <= high for code in codes]


def test_identity_passes_the_gradient_everywhere_and_infinite_gradients_are_masked():
    x = torch.tensor([100.0, 1.0, -100.0, math.nan])
    _, grad = with_gradient(lambda v: fake_quantize_affine(v, 0.5, 0, -8, 7, ste=StraightThrough.IDENTITY), x)
    assert grad.tolist() == [1.0, 2.0, 3.0, 4.0]
    for scale in (0.5, torch.full((4,), 0.5)):
        x = x.detach().clone().requires_grad_()
        fake_quantize_affine(x, scale, 0, -8, 7).backward(torch.full((4,), math.inf))
        assert x.grad.tolist() == [0.0, math.inf, 0.0, 0.0]


def test_stochastic_rounding_is_unbiased_and_reproducible():
    x = torch.full((40_000,), 0.1 * 2.25)
    draw = lambda seed: fake_quantize_affine(x, 0.1, 0, rounding="stochastic", generator=seeded(seed))  # noqa: E731
    codes = torch.round(draw(3) / 0.1)
    assert set(codes.tolist()) == {2.0, 3.0}
    # Five standard deviations: wrong once in 1.7 million seeds.
    assert abs((codes == 3).double().mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 40_000)
    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_shape_and_argument_stay(shape, rounding):
    x = torch.randn(shape, generator=seeded(10))
    before = x.clone()
    assert fake_quantize_affine(x, 0.1, 0, rounding=rounding).shape == shape
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0,), "not between 2.*use 1"), ((-1.0,), "not between"), ((math.nan,), "not between"), ((math.inf,), "not between"),
        ((torch.tensor([[0.1], [0.0], [1.0]]),), "not between"), ((torch.ones(2),), r"shape \(2,\) does not fit"),
        ((torch.ones(2, 1, 1),), "does not fit"), ((1.0, 200), "zero_point=200 is outside -128"),
        ((1.0, torch.tensor([0, -200, 1])), "is outside"), ((1.0, 0, 3, 3), "is not below"),
        ((1.0, 0, -(2**31), 2**31 - 1), "too wide for exact float32"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(CreatorError, match=message):
        fake_quantize_affine(torch.zeros(3, 3), *arguments)


def test_integers_are_refused():
    with pytest.raises(CreatorError, match="expected floating-point"):
        fake_quantize_affine(torch.zeros(3, dtype=torch.int32), 1.0)


def test_wide_codes_are_exact_in_float64():
    x = torch.tensor([2.0**31 - 1.4, -(2.0**31), 5.5], dtype=torch.float64)
    assert fake_quantize_affine(x, 1.0, 0, -(2**31), 2**31 - 1).tolist() == [2.0**31 - 1, -(2.0**31), 6.0]


# --- integers


def torch_integers(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's quantized tensors are deprecated
        q = call(*arguments)
        return q.int_repr(), q.dequantize()


@pytest.mark.parametrize(("scale", "zero"), [(0.1, 7), (0.5, 1), (0.0123, 0), (1 / 3, 101), (1.7e-5, 64)])
@pytest.mark.parametrize(
    ("dtype", "low", "high"), [(torch.qint8, -128, 127), (torch.quint8, 0, 255), (torch.qint32, -(2**31), 2**31 - 1)], ids=str
)
def test_integers_equal_torch(scale, zero, dtype, low, high):
    x = values(scale, -128, 255)
    x = x[x.abs() < 1e37]
    integers, numbers = torch_integers(torch.quantize_per_tensor, x, scale, zero, dtype)
    narrow = dtype is not torch.qint32
    ours = to_integers(x, scale, zero, low, high, fused=narrow)
    assert torch.equal(ours, integers.float())
    if narrow:
        assert torch.equal(from_integers(ours, scale, zero), numbers)
        assert torch.equal(to_integers(torch.tensor(SPECIAL[:2]), scale, zero, low, high), torch.tensor([high, low]).float())


def test_one_rounding_of_product_and_sum_differs_from_two():
    x = values(0.1, -128, 127)
    assert not torch.equal(to_integers(x, 0.1, 7, -128, 127), to_integers(x, 0.1, 7, -128, 127, fused=True))


@pytest.mark.parametrize(("x", "scale"), [("0x1.7a8ad4p-1", "0x1.b09ea8p+0"), ("0x1.2bd708p-1", "0x1.56ac9cp+0")])
def test_one_rounding_is_not_two_through_float64(x, scale):
    """In float64 the sum is halfway between two float32; exactly it is a little less."""
    x, scale, zero = torch.tensor(float.fromhex(x)), float.fromhex(scale), 2**20 + 1
    product = Fraction(x.item()) * Fraction(torch.tensor(scale).reciprocal().item())
    assert 0 < Fraction(7, 16) - product < Fraction(1, 2**34)
    assert float(product + zero) == zero + 7 / 16
    assert to_integers(x, scale, zero, -(2**23), 2**23 - 1, fused=True).item() == zero
    assert to_integers(-x, scale, -zero, -(2**23), 2**23 - 1, fused=True).item() == -zero


@pytest.mark.parametrize("layout", ["first", "middle", "last"])
@pytest.mark.parametrize(("dtype", "low", "high"), [(torch.qint8, -128, 127), (torch.qint32, -(2**31), 2**31 - 1)], ids=str)
def test_integers_of_channels_equal_torch(layout, dtype, low, high):
    x, scale, zero = channels()
    arrange, axis = LAYOUTS[layout]
    x = arrange(x.nan_to_num(0.0, 0.0, 0.0))
    shape = [16 if k == axis else 1 for k in range(3)]
    integers, numbers = torch_integers(torch.quantize_per_channel, x, scale, zero, axis, dtype)
    ours = to_integers(x, scale.reshape(shape), zero.reshape(shape), low, high)
    assert torch.equal(ours, integers.float())
    assert torch.equal(from_integers(ours, scale.reshape(shape), zero.reshape(shape)), numbers)


def test_ties_differ_between_integers_and_fake_quantization_if_the_zero_point_is_odd():
    x = torch.tensor([0.5, 1.5, 2.5, -0.5])
    assert to_integers(x, 1.0, 1, -8, 7).tolist() == [2, 2, 4, 0]
    assert to_codes(x, 1.0, 1, -8, 7).tolist() == [1, 3, 3, 1]
    assert torch.equal(to_integers(x, 1.0, 2, -8, 7), to_codes(x, 1.0, 2, -8, 7))


def test_nan_stays_nan_as_an_integer_for_the_caller_to_refuse():
    assert math.isnan(to_integers(torch.tensor(math.nan), 1.0, 0, -8, 7))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("scale", "low", "high", "zero"), CASES)
def test_fake_quantization_is_what_its_codes_stand_for(scale, low, high, zero, dtype):
    x = torch.cat([values(scale, low, high)[::5], torch.tensor([math.nan])]).to(dtype)
    codes = to_codes(x, scale, zero, low, high)
    assert bool(((codes >= low) & (codes <= high) & (codes == codes.round())).all())
    assert torch.equal(from_integers(codes, scale, zero), fake_quantize_affine(x, scale, zero, low, high))


# --- properties

numbers = st.floats(-1e6, 1e6, width=32)
scales = st.floats(2.0**-20, 2.0**10, width=32)
zeros = st.integers(-128, 127)
modes = st.sampled_from(ROUNDINGS)


@settings(derandomize=True, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=20), scales, zeros)
def test_quantizing_twice_changes_nothing(x, scale, zero):
    once = fake_quantize_affine(torch.tensor(x), scale, zero)
    assert torch.equal(fake_quantize_affine(once, scale, zero), once)


@settings(derandomize=True, deadline=None)
@given(st.lists(numbers, min_size=2, max_size=20), scales, zeros, modes)
def test_order_is_kept_and_the_range_holds(x, scale, zero, rounding):
    y = fake_quantize_affine(torch.tensor(sorted(x)), scale, zero, rounding=rounding)
    assert bool((y.diff() >= 0).all())
    low, high = ((code - zero) * torch.tensor(scale) for code in (-128, 127))
    assert bool(((y >= low) & (y <= high)).all())


@settings(derandomize=True, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=20), scales, st.sampled_from(["half_even", "half_away", "toward_zero"]))
def test_symmetric_codes_are_symmetric(x, scale, rounding):
    x = torch.tensor(x)
    y = fake_quantize_affine(x, scale, 0, -127, 127, rounding)
    assert torch.equal(fake_quantize_affine(-x, scale, 0, -127, 127, rounding), -y)
