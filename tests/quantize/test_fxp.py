"""Fixed point under the names of elasticai.creator and QTorch / XBTorch."""

import copy
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, FixedPoint, Overflow, Rounding
from creator.quantize import StraightThrough, fake_quantize
from creator.quantize.fxp import (
    FixedPointQuantF,
    FixedPointQuantizer,
    fixed_point_quantize_wrapper,
    get_range_fixed_point,
    quantize_to_fxp_hte,
    quantize_to_fxp_stochastic,
)

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "fxp.npz"))
FORMATS = [(int(wl), int(fl), bool(symmetric)) for wl, fl, symmetric in GOLDEN["formats"]]
WIDE_ROUNDINGS = [rounding for rounding in Rounding if rounding is not Rounding.STOCHASTIC]

each_format = pytest.mark.parametrize("fmt", FORMATS, ids=str)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def golden(name, fmt):
    return torch.from_numpy(GOLDEN[f"{name}_{fmt[0]}_{fmt[1]}_{int(fmt[2])}"])


def same(a, b):
    return torch.equal(a.nan_to_num(12345.0), b.nan_to_num(12345.0)) and torch.equal(a.isnan(), b.isnan())


def elastic_arguments(fmt):
    low, high = get_range_fixed_point(SimpleNamespace(wl=fmt[0], fl=fmt[1], symmetric=fmt[2]))
    return [torch.tensor([value]) for value in (2.0 ** fmt[1], low, high)]


class Replay:
    """A source that draws what it is told."""

    def __init__(self, u):
        self.u = u

    def draw(self, like):
        return self.u.reshape(like.shape).to(like)


@each_format
def test_nearest_is_qtorch(fmt):
    x, expected = golden("x", fmt), golden("nearest", fmt).clone()
    # qtorch computes nearbyint(x + 0.5f - 0.5), whose first sum rounds the float32 just above one half down: it gives 0.
    above = x * 2.0 ** fmt[1] == 0.5 + 2.0**-24
    assert above.any()
    if fmt[0] > 1:
        assert (expected[above] == 0).all()
        expected[above] = 2.0 ** -fmt[1]
    assert same(fixed_point_quantize_wrapper(x, *fmt), expected)
    assert same(fixed_point_quantize_wrapper(x, *fmt, rounding="nearest"), expected)


@each_format
def test_stochastic_is_qtorch_with_the_same_random_numbers(fmt):
    x, expected = golden("x", fmt), golden("stochastic", fmt)
    replay = Replay(torch.from_numpy(GOLDEN["u"]))
    assert same(fixed_point_quantize_wrapper(x, *fmt, rounding="stochastic", generator=replay), expected)
    assert not same(fixed_point_quantize_wrapper(x, *fmt), expected)
    torch.manual_seed(int(GOLDEN["seed"]))
    assert same(fixed_point_quantize_wrapper(x, *fmt, rounding="stochastic"), expected)


@each_format
def test_elasticai_creator_to_the_bit_with_its_gradients(fmt):
    replay = Replay(torch.from_numpy(GOLDEN["u"]))
    for name, function in (
        ("hte", quantize_to_fxp_hte),
        ("elastic_stochastic", lambda *arguments: quantize_to_fxp_stochastic(*arguments, generator=replay)),
    ):
        x = golden("x", fmt).requires_grad_()
        y = function(x, *elastic_arguments(fmt))
        y.backward(torch.ones_like(y))
        assert same(y.detach(), golden(name, fmt))
        assert torch.equal(x.grad.bool(), golden(f"{name}_grad", fmt))


def test_hte_masks_where_the_rounded_value_lies_outside():
    x = torch.tensor([3.74, 3.75, -4.25, -4.26], requires_grad=True)
    quantize_to_fxp_hte(x, 2.0, -4.0, 3.5).sum().backward()
    assert x.grad.tolist() == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(("wl", "fl"), [(8, 4), (16, 12), (4, -3), (12, 20), (24, 11)])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_million_values_follow_the_formula(wl, fl, symmetric):
    units = torch.randn(1_000_000, generator=seeded(wl)) * 2.0 ** (wl - 1)
    units[: 1 << 16] = torch.arange(-(1 << 15), 1 << 15) / 2  # ties
    x = units * 2.0**-fl
    exact = np.rint(x.double().numpy() * 2.0**fl)
    expected = np.clip(exact, -(2.0 ** (wl - 1)) + symmetric, 2.0 ** (wl - 1) - 1) * 2.0**-fl
    assert np.array_equal(fixed_point_quantize_wrapper(x, wl, fl, symmetric).numpy(), expected)
    low, high = float(expected.min()), float(expected.max())
    assert (low, high) == get_range_fixed_point(SimpleNamespace(wl=wl, fl=fl, symmetric=symmetric))
    assert np.array_equal(quantize_to_fxp_hte(x, 2.0**fl, low, torch.tensor(high)).numpy(), expected)


@pytest.mark.parametrize("rounding", WIDE_ROUNDINGS)
def test_the_wrapper_honours_the_rounding(rounding):
    x = torch.arange(-300, 300) / 32
    fmt = FixedPoint(7, 2, symmetric=True)
    expected = fmt.from_integers(fmt.to_integers(x.numpy(), rounding))
    assert fixed_point_quantize_wrapper(x, 7, 2, rounding=str(rounding)).tolist() == expected.tolist()


def test_the_gradient_of_the_autograd_function_is_the_identity():
    for rounding in ("nearest", "stochastic", "floor"):
        x = torch.tensor([0.3, 100.0, -100.0], requires_grad=True)
        grad = torch.tensor([0.1, 0.2, 0.3])
        FixedPointQuantF.apply(x, 4, 1, True, rounding).backward(grad)
        assert torch.equal(x.grad, grad)


@pytest.mark.parametrize(
    ("wl", "fl", "symmetric", "low", "high"),
    [
        (4, 1, False, -4.0, 3.5), (4, 1, True, -3.5, 3.5), (4, -2, False, -32.0, 28.0), (4, 6, True, -7 / 64, 7 / 64),
        (8, 0, False, -128, 127),
    ],
)  # fmt: skip
def test_ranges(wl, fl, symmetric, low, high):
    assert get_range_fixed_point(SimpleNamespace(wl=wl, fl=fl, symmetric=symmetric)) == (low, high)


@pytest.mark.parametrize(
    ("dtype", "widest"), [(torch.float32, 24), (torch.float64, 53), (torch.float16, 11), (torch.bfloat16, 8)], ids=str
)
def test_formats_wider_than_the_dtype_are_refused(dtype, widest):
    x = torch.tensor([0.25, 1e4, -1e4], dtype=dtype)
    y = fixed_point_quantize_wrapper(x, widest, widest - 2, symmetric=False)
    assert y.dtype == dtype
    assert y.tolist() == [0.25, 2.0 - 2.0 ** (2 - widest), -2.0]
    with pytest.raises(CreatorError, match=f"does not hold all values .* at most {widest} bits"):
        fixed_point_quantize_wrapper(x, widest + 1, 4)


def test_bad_arguments_are_refused():
    x = torch.ones(2)
    with pytest.raises(CreatorError, match="float16 does not hold"):
        fixed_point_quantize_wrapper(x.half(), 8, -12)
    with pytest.raises(CreatorError, match="float16 does not hold"):
        fixed_point_quantize_wrapper(x.half(), 8, 25)
    with pytest.raises(CreatorError, match=r"torch\.int64"):
        fixed_point_quantize_wrapper(x.long(), 8, 4)
    with pytest.raises(CreatorError, match="unknown rounding 'up'"):
        fixed_point_quantize_wrapper(x, 8, 4, rounding="up")
    for bad in ((0.0, -1.0, 1.0), (-2.0, -1.0, 1.0), (math.inf, -1.0, 1.0), (math.nan, -1.0, 1.0), (2.0, 1.0, -1.0)):
        for function in (quantize_to_fxp_hte, quantize_to_fxp_stochastic):
            with pytest.raises(CreatorError, match="resolution_per_int > 0"):
                function(x, *bad)
            with pytest.raises(CreatorError, match="resolution_per_int > 0"):
                function(x, *(torch.tensor([value]) for value in bad))


def test_stochastic_at_the_very_threshold():
    # 0.25 goes up where u > 0.75, and at 0.75, a tie, to even. The last one shows what upstream does in float32: it can move a
    # value on the grid, as 3 + (u - 0.5) is rounded to 3.5.
    least = 2.0**-24
    for x, u, expected in (
        (0.25, 0.75 + least, 1), (0.25, 0.75, 0), (0.25, 0.75 - least, 0), (1.25, 0.75 + 2 * least, 2), (1.25, 0.75, 2),
        (1.25, 0.75 - 2 * least, 1), (-0.25, 0.25 - least, -1), (-0.25, 0.25, 0), (-0.25, 0.25 + least, 0), (0.0, 0.0, 0),
        (3.0, 1 - 4 * least, 3), (3.0, 1 - least, 4),
    ):  # fmt: skip
        replay = Replay(torch.tensor([u]))
        assert quantize_to_fxp_stochastic(torch.tensor([x / 4]), 4.0, -2.0, 1.75, replay).item() * 4 == expected


def test_stochastic_goes_up_with_the_probability_of_the_fraction():
    # 15 means of 40000 draws within 5 standard deviations each: a false alarm has a probability below 15 * 6e-7.
    for sixteenths in range(1, 16):
        x = torch.full((40000,), sixteenths / 64 - 1.0)
        y = quantize_to_fxp_stochastic(x, 4.0, -2.0, 1.75, generator=seeded(sixteenths))
        p = sixteenths / 16
        assert set(y.tolist()) == {-1.0, -0.75}
        assert abs((y == -0.75).double().mean() - p) < 5 * math.sqrt(p * (1 - p) / 40000)


@pytest.mark.parametrize("ste", list(StraightThrough))
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.FLOOR])
def test_the_module_quantizes_values_and_gradients(ste, rounding):
    values, gradients = FixedPoint(4, 1), FixedPoint(5, 3)
    module = FixedPointQuantizer(values, gradients, rounding, ste=ste)
    x = torch.linspace(-6, 6, 501).requires_grad_()
    grad = torch.linspace(-5, 5, 501)
    y = module(x)
    y.backward(grad)
    assert y.tolist() == values.from_integers(values.to_integers(x.detach().numpy(), rounding)).tolist()
    unclipped = FixedPoint(20, 1).to_integers(x.detach().numpy(), rounding)
    inside = torch.from_numpy((unclipped >= -8) & (unclipped <= 7))
    expected = torch.from_numpy(gradients.from_integers(gradients.to_integers(grad.numpy()))).float()
    assert torch.equal(x.grad, expected * inside if ste is StraightThrough.MASKED else expected)
    assert module.format == values
    assert module.values(x).tolist() == y.tolist()


def test_stochastic_gradients_are_reproducible_and_on_their_grid():
    def run(seed):
        module = FixedPointQuantizer(
            FixedPoint(8, 4), FixedPoint(4, 2), gradient_rounding=Rounding.STOCHASTIC, generator=seeded(seed),
            ste=StraightThrough.IDENTITY,
        )  # fmt: skip
        x = torch.zeros(1000, requires_grad=True)
        module(x).backward(torch.full((1000,), 0.3))
        return x.grad

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
    assert set(run(1).tolist()) == {0.25, 0.5}


def test_the_module_copies_and_prints_and_passes_without_a_gradient_format():
    module = FixedPointQuantizer(FixedPoint(6, 2), rounding=Rounding.STOCHASTIC, generator=seeded(3))
    twin = copy.deepcopy(module)
    x = torch.randn(50, generator=seeded(4))
    assert torch.equal(module(x), twin(x))
    assert "fixed<6,2>, stochastic" in repr(module)
    wrapping = FixedPointQuantizer(FixedPoint(4, 1), overflow=Overflow.WRAP)
    assert torch.equal(wrapping(x * 9), fake_quantize(x * 9, FixedPoint(4, 1), overflow=Overflow.WRAP))


def test_the_module_refuses_what_is_no_format():
    with pytest.raises(CreatorError, match="fmt=8 is not a number format"):
        FixedPointQuantizer(8)
    with pytest.raises(CreatorError, match="gradient=8 is not a number format"):
        FixedPointQuantizer(FixedPoint(8, 4), 8)
    with pytest.raises(CreatorError, match="cannot wrap"):
        FixedPointQuantizer(FixedPoint(8, 4, symmetric=True), overflow=Overflow.WRAP)


@settings(derandomize=True, deadline=None)
@given(
    st.integers(2, 24),
    st.integers(-30, 30),
    st.lists(st.floats(-4, 4, width=32), min_size=2, max_size=30),
    st.sampled_from([str(rounding) for rounding in WIDE_ROUNDINGS]),
)
def test_idempotent_monotone_symmetric_and_in_range(wl, fl, numbers, rounding):
    x = torch.tensor(sorted(numbers)) * 2.0 ** (wl - fl - 2)
    y = fixed_point_quantize_wrapper(x, wl, fl, True, rounding)
    assert torch.equal(fixed_point_quantize_wrapper(y, wl, fl, True, rounding), y)
    assert (y.diff() >= 0).all()
    low, high = get_range_fixed_point(SimpleNamespace(wl=wl, fl=fl, symmetric=True))
    assert low <= y.min()
    assert y.max() <= high
    if rounding in ("half_even", "half_away", "toward_zero"):
        assert torch.equal(fixed_point_quantize_wrapper(-x, wl, fl, True, rounding), -y)
