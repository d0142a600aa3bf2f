"""Learned step sizes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import Affine, CreatorError, FixedPoint, Rounding
from creator.quantize.lsq import LSQ, LSQQuantize
from tests.quantize.learned_oracle import closed_form, seeded, trial_values

RANGES = [(-128, 127), (-8, 7), (0, 15), (0, 255), (-1, 0), (-4, 3)]


def run(function, x, scale, grad):
    x, scale = x.clone().requires_grad_(), scale.clone().requires_grad_()
    y = function(x, scale)
    y.backward(grad)
    return y.detach(), x.grad, scale.grad


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("scale", [0.037, 0.5, 1 / 3, 7.3e-4])
def test_a_million_values_are_those_of_torch_per_tensor(low, high, scale):
    count = 1_000_000 if (low, high) == (-128, 127) else 100_000
    x, step = trial_values(scale, low, high, count), torch.tensor([scale])
    x = torch.cat([x, torch.tensor([math.nan])])
    grad, factor = torch.randn(x.numel(), generator=seeded(2)), 1 / math.sqrt(x.numel() * max(high, 1))
    grad[x > 1e15] = 0.0  # torch's scale gradient takes what exceeds 2**63 units for the smallest code, its values do not
    theirs = run(
        lambda a, s: torch._fake_quantize_learnable_per_tensor_affine(a, s, torch.zeros(1), low, high, factor), x, step, grad
    )
    ours = run(lambda a, s: LSQQuantize.apply(a, s, 0, factor, low, high, None, 8), x, step, grad)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    # The sum nearly cancels, so its error is measured against the sum of magnitudes.
    usual = x.abs() < 1e15
    size = closed_form(x[usual], grad[usual], step, low, high)[3] * factor
    assert (ours[2] - theirs[2]).abs() < 6e-8 * size
    assert LSQQuantize.apply(torch.tensor([math.inf, 3e38]), step, 0, 1.0, low, high).tolist() == [(high * step).item()] * 2
    assert ours[2].shape == (1,)


@pytest.mark.parametrize("zero", [2, 4, 120])
def test_zero_points_are_those_of_torch(zero):
    # Values where torch's gradient agrees with its own forward pass about what is inside: not with a negative zero point, nor
    # at ties with an odd one, nor next to ties, as it adds the zero point before it rounds.
    x, step = torch.randn(50_000, generator=seeded(2)) * 5, torch.tensor([0.05])
    grad = torch.randn(x.numel(), generator=seeded(3))
    given = torch.tensor([float(zero)])
    theirs = run(lambda a, s: torch._fake_quantize_learnable_per_tensor_affine(a, s, given, -128, 127, 1.0), x, step, grad)
    for same in (zero, given, given[0]):
        ours = run(lambda a, s, z=same: LSQQuantize.apply(a, s, z, 1.0, -128, 127), x, step, grad)
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])
        assert torch.allclose(ours[2], theirs[2], rtol=1e-3)  # to the closed form, below, it is far nearer


@pytest.mark.parametrize("zero", [-3, 0, 5])
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.HALF_AWAY, Rounding.FLOOR])
def test_every_rounding_and_zero_point_follows_the_closed_form(zero, rounding):
    x, step = trial_values(0.25, -8, 7, 2000), torch.tensor([0.25])
    x = x[x.abs() < 1e30]
    grad = torch.randn(x.numel(), generator=seeded(4))
    y, grad_x, grad_s, size = closed_form(x, grad, step, -8, 7, zero, rounding)
    ours = run(lambda a, s: LSQQuantize.apply(a, s, zero, 0.5, -8, 7, None, rounding), x, step, grad)
    assert torch.equal(ours[0].double(), y)
    assert torch.equal(ours[1].double(), grad_x)
    assert (ours[2] - 0.5 * grad_s).abs() < 1e-7 * size


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize(("low", "high"), [(-128, 127), (0, 15)])
def test_channels_are_those_of_torch_on_every_axis(axis, low, high):
    shape = (30, 40, 50)
    x = torch.randn(shape, generator=seeded(5)) * 3
    grad = torch.randn(shape, generator=seeded(6))
    scale = torch.rand(shape[axis], generator=seeded(7)) / 10 + 0.01
    zero = torch.zeros(shape[axis])
    theirs = run(
        lambda a, s: torch._fake_quantize_learnable_per_channel_affine(a, s, zero, axis % 3, low, high, 0.01), x, scale, grad
    )
    ours = run(lambda a, s: LSQQuantize.apply(a, s, zero if axis < 0 else 0, 0.01, low, high, axis), x, scale, grad)
    assert torch.equal(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])
    wide = scale.reshape([-1 if k == axis % 3 else 1 for k in range(3)])
    _, _, exact, size = closed_form(x, grad, wide, low, high, axis=axis)
    for mine in (ours[2], theirs[2]):  # sums in float32, along the last axis one after the other
        assert ((mine - 0.01 * exact.flatten()).abs() < 1e-6 * 0.01 * size).all()
    assert ours[2].shape == scale.shape


def test_a_channel_for_each_value():
    # torch 2.13 returns a gradient of the wrong shape here.
    x, scale, grad = torch.tensor([0.3, 9.0, -9.0, 0.26]), torch.full((4,), 0.5), torch.tensor([1.0, 2.0, 3.0, 4.0])
    y, grad_x, grad_s = run(lambda a, s: LSQQuantize.apply(a, s, 0, 1.0, -8, 7, 0), x, scale, grad)
    assert y.tolist() == [0.5, 3.5, -4.0, 0.5]
    assert grad_x.tolist() == [1.0, 0.0, 0.0, 4.0]
    assert torch.allclose(grad_s, torch.tensor([0.4, 14.0, -24.0, 4 * 0.48]))


def test_by_hand():
    x = torch.tensor([0.5, 1.5, 2.5, 3.5, 4.5, -4.5, -4.6, 100.0])
    y, grad_x, grad_s = run(lambda a, s: LSQQuantize.apply(a, s, 0, 2.0, -4, 3), x, torch.tensor(1.0), torch.ones(8))
    assert y.tolist() == [0, 2, 2, 3, 3, -4, -4, 3]
    assert grad_x.tolist() == [1, 1, 1, 0, 0, 1, 0, 0]
    assert grad_s.item() == 2 * (-0.5 + 0.5 - 0.5 + 3 + 3 + 0.5 - 4 + 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_types_are_computed_in_float32_at_least(dtype):
    x = (torch.randn(500, generator=seeded(8)) * 4).to(dtype)
    grad = torch.randn(500, generator=seeded(9)).to(dtype)
    y, grad_x, grad_s = run(lambda a, s: LSQQuantize.apply(a, s, 0, 1.0, -8, 7), x, torch.tensor([0.5]), grad)
    assert (y.dtype, grad_x.dtype, grad_s.dtype) == (dtype, dtype, torch.float32)
    wide = run(lambda a, s: LSQQuantize.apply(a, s, 0, 1.0, -8, 7), x.float(), torch.tensor([0.5]), grad.float())
    assert torch.equal(y.float(), wide[0])
    assert torch.equal(grad_x.float(), wide[1].to(dtype).float())
    assert torch.allclose(grad_s, wide[2], rtol=1e-6)


def test_bad_arguments_are_refused():
    x = torch.ones(2, 3)
    for bad in (0.0, -0.1, math.nan, math.inf, 1e-39):
        with pytest.raises(CreatorError, match=r"a learned step is .*, not between .*learning rate"):
            LSQQuantize.apply(x, torch.tensor([bad]), 0, 1.0, -8, 7)
        with pytest.raises(CreatorError, match="a learned step is"):
            LSQQuantize.apply(x, torch.tensor([1.0, bad, 2.0]), 0, 1.0, -8, 7, 1)
    with pytest.raises(CreatorError, match="3 learned steps need an axis"):
        LSQQuantize.apply(x, torch.ones(3), 0, 1.0, -8, 7)
    with pytest.raises(CreatorError, match="3 learned steps do not fit axis 0"):
        LSQQuantize.apply(x, torch.ones(3), 0, 1.0, -8, 7, 0)
    for axis in (2, -3):
        with pytest.raises(CreatorError, match=f"axis {axis} of learned steps is not one of 2"):
            LSQQuantize.apply(x, torch.ones(3), 0, 1.0, -8, 7, axis)
    with pytest.raises(CreatorError, match="unknown round mode 4"):
        LSQQuantize.apply(x, torch.ones(1), 0, 1.0, -8, 7, None, 4)
    with pytest.raises(CreatorError, match="expected floating-point"):
        LSQQuantize.apply(x.int(), torch.ones(1), 0, 1.0, -8, 7)
    with pytest.raises(CreatorError, match=r"axis=1\.0 is not an integer"):
        LSQ(axis=1.0)


def test_the_start_and_the_gradient_factor_of_the_paper():
    x = torch.randn(6, 50, generator=seeded(10))
    module = LSQ(bits=4)
    y = module(x)
    step = 2 * x.abs().mean() / math.sqrt(7)
    assert torch.allclose(module.scale, step)
    grad = torch.randn(6, 50, generator=seeded(11))
    y.backward(grad)
    expected = closed_form(x, grad, module.scale.detach(), -8, 7)[2] / math.sqrt(300 * 7)
    assert torch.allclose(module.scale.grad.double(), expected, rtol=1e-5)


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_channels_start_from_their_own_mean_and_zeros_from_the_tensors(axis, power_of_two):
    x = torch.randn(4, 5, 6, generator=seeded(12)) * torch.tensor([0.1, 1, 3, 9, 27]).reshape(1, 5, 1)
    x.select(axis, 2).zero_()
    module = LSQ(bits=6, axis=axis, power_of_two=power_of_two)
    optimizer = torch.optim.SGD(module.parameters(), 0.01)
    module(x).sum().backward()
    means = x.abs().mean([k for k in range(3) if k != axis % 3])
    means[2] = x.abs().mean()
    steps = 2 * means / math.sqrt(31)
    expected = 2.0 ** steps.log2().round() if power_of_two else steps
    assert torch.allclose(module.steps(), expected)
    before = module.steps().detach().clone()
    optimizer.step()
    assert (module.log2_scale if power_of_two else module.scale).grad.shape == steps.shape
    assert power_of_two or not torch.equal(module.steps(), before)
    assert module.per_channel


def test_powers_of_two_are_nearest_in_log2_and_exact():
    for log2_step, step in (
        (-3.49, 2.0**-3),
        (-3.51, 2.0**-4),
        (-3.5, 2.0**-4),
        (-2.5, 2.0**-2),
        (126.4, 2.0**126),
        (-126.5, 2.0**-126),
    ):
        module = LSQ(bits=4, power_of_two=True)
        module(torch.ones(1))
        with torch.no_grad():
            module.log2_scale.fill_(log2_step)
        assert module.steps().item() == step
        assert module.format == FixedPoint(4, -round(math.log2(step)))


def test_the_gradient_of_a_power_of_two():
    x = torch.randn(200, generator=seeded(13)) * 3
    module = LSQ(bits=4, power_of_two=True)
    y = module(x)
    step = module.steps().detach()
    assert math.frexp(step.item())[0] == 0.5
    grad = torch.randn(200, generator=seeded(14))
    y.backward(grad)
    values, _, grad_s, _ = closed_form(x, grad, step, -8, 7)
    assert torch.equal(y.detach().double(), values)
    assert torch.allclose(module.log2_scale.grad.double(), grad_s * step * math.log(2) / math.sqrt(200 * 7), rtol=1e-5)


def test_formats():
    x = torch.randn(3, 40, generator=seeded(15))
    plain, channels, powers, unsigned = LSQ(4), LSQ(4, axis=-2), LSQ(4, power_of_two=True), LSQ(4, signed=False)
    for module in (plain, channels, powers, unsigned):
        y = module(x)
        fmt = module.format
        codes = fmt.to_integers(x.numpy())
        # A product in float32 here, a quotient in float64 there: a tie may fall differently, and none of these is one.
        assert (y.detach().double() - torch.from_numpy(fmt.from_integers(codes))).abs().max() < 1e-6
    assert plain.format == Affine(plain.scale.item(), bits=4)
    assert channels.format == Affine(tuple(channels.scale.tolist()), bits=4, axis=-2)
    assert isinstance(powers.format, FixedPoint)
    assert (unsigned.format.signed, unsigned.format.max_code) == (False, 15)
    with torch.no_grad():
        plain.scale.fill_(0.25)
    assert plain.format == FixedPoint(4, 2)
    assert (plain.power_of_two, powers.power_of_two, plain.bits) == (False, True, 4)


def test_training_finds_a_good_step_and_a_useless_one_is_refused():
    x = torch.randn(4000, generator=seeded(16))
    for module in (LSQ(4), LSQ(4, power_of_two=True)):
        module.calibrate(30 * x)  # far too coarse
        optimizer = torch.optim.Adam(module.parameters(), 0.1)
        for _ in range(150):
            optimizer.zero_grad()
            (module(x) - x).square().mean().backward()
            optimizer.step()
        assert (module(x) - x).square().mean() < 0.03  # the best 4-bit grid of a normal distribution leaves 0.0115
    with torch.no_grad():
        module.log2_scale.fill_(math.nan)
    for bad in (math.nan, 127.0, -126.6):
        with torch.no_grad():
            module.log2_scale.fill_(bad)
        for call in (lambda: module(x), lambda: module.format):
            with pytest.raises(CreatorError, match=r"log2 of a learned step is NaN or outside"):
                call()
    plain = LSQ(4)
    plain(x)
    plain.eval()
    with torch.no_grad():
        plain.scale.neg_()
    for call in (lambda: plain(x), lambda: plain.format):
        with pytest.raises(CreatorError, match=r"a learned step is -.*power_of_two=True"):
            call()


@pytest.mark.parametrize("axis", [None, 0])
def test_the_step_of_an_optimizer_cannot_make_a_learned_step_negative(axis):
    x = torch.randn(3, 4000, generator=seeded(17)) * 0.1
    module = LSQ(8, axis=axis)
    optimizer = torch.optim.Adam(module.parameters(), 0.05)  # many times the learned step itself
    module.calibrate(x)
    held = 0
    for _ in range(60):
        optimizer.zero_grad()
        (module(x) - x).square().mean().backward()
        used = module.scale.detach().clone()
        optimizer.step()
        wanted = module.scale.detach().clone()
        module(x)
        assert torch.equal(module.scale.detach(), torch.maximum(wanted, used / 2))
        held += int((wanted < used / 2).sum())
    assert held  # else nothing was tested


@settings(derandomize=True, deadline=None)
@given(
    st.integers(2, 24),
    st.booleans(),
    st.floats(-20, 20),
    st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=30),
)
def test_idempotent_monotone_symmetric_and_in_range(bits, signed, log2_step, numbers):
    high = 2 ** (bits - signed) - 1
    step = torch.tensor([2.0**log2_step])
    x = torch.tensor(sorted(numbers)) * step * high
    low = -high if signed else 0

    def quantize(values):
        return LSQQuantize.apply(values, step, 0, 1.0, low, high)

    y = quantize(x)
    assert torch.equal(quantize(y), y) or bits > 22  # y * (1 / s) is off by less than half a step up to 22 bits
    assert (y.diff() >= 0).all()
    assert (y >= low * step).all()
    assert (y <= high * step).all()
    if signed:
        assert torch.equal(quantize(-x), -y)
