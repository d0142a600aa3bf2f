"""Trained thresholds."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError, FixedPoint, Rounding
from creator.quantize.tqt import TQT, TQTQuantize
from tests.quantize.learned_oracle import closed_form, seeded, trial_values


def run(x, log2_threshold, grad, *choices):
    x, threshold = x.clone().requires_grad_(), torch.tensor(log2_threshold, requires_grad=True)
    y = TQTQuantize.apply(x, threshold, *choices)
    y.backward(grad)
    return y.detach(), x.grad, threshold.grad


@pytest.mark.parametrize(("bits", "signed"), [(8, True), (4, True), (8, False), (3, False), (16, True)])
@pytest.mark.parametrize("log2_threshold", [0.0, 0.3, -2.0, -2.7, 5.01, -30.5])
def test_values_and_gradients_are_those_of_torch(bits, signed, log2_threshold):
    domain = 2 ** (bits - signed)
    low, high, step = -domain if signed else 0, domain - 1, 2.0 ** math.ceil(log2_threshold) / domain
    x = trial_values(step, low, high, 1_000_000 if (bits, log2_threshold) == (8, 0.3) else 50_000)
    x = torch.cat([x, torch.tensor([math.nan])])
    grad = torch.randn(x.numel(), generator=seeded(1))
    y, grad_x, grad_t = run(x, log2_threshold, grad, 0, domain, 8, signed)
    leaf = x.clone().requires_grad_()
    theirs = torch.fake_quantize_per_tensor_affine(leaf, step, 0, low, high)
    theirs.backward(grad)
    assert torch.equal(y, theirs.detach())
    assert torch.equal(grad_x, leaf.grad)
    # NaN counts as the smallest code, and infinities as the ends, in the gradient of the threshold as well.
    finite = x.nan_to_num(low * step - step).clamp(3 * low * step - 3 * step, 3 * high * step)
    _, _, exact, size = closed_form(finite, grad, torch.tensor(step), low, high)
    assert (grad_t - exact * step * math.log(2)).abs() < 1e-7 * size * step


@pytest.mark.parametrize(
    ("mode", "rounding"), [(2, Rounding.HALF_UP), (3, Rounding.HALF_AWAY), (8, Rounding.HALF_EVEN), ("floor", Rounding.FLOOR)]
)
@pytest.mark.parametrize("zero", [0, -2, 3])
def test_one_rounding_in_both_directions(mode, rounding, zero):
    x = trial_values(0.25, -8, 7, 3000)
    x = x[x.abs() < 1e30]
    grad = torch.randn(x.numel(), generator=seeded(2))
    y, grad_x, grad_t = run(x, 1.0, grad, zero, 8, mode)
    values, expected, exact, size = closed_form(x, grad, torch.tensor(0.25), -8, 7, zero, rounding)
    assert torch.equal(y.double(), values)
    assert torch.equal(grad_x.double(), expected)
    assert (grad_t - exact * 0.25 * math.log(2)).abs() < 1e-7 * size


def test_by_hand():
    x = torch.tensor([0.5, 1.5, 2.5, 3.5, 4.5, -4.5, -4.6, 100.0])
    y, grad_x, grad_t = run(x, 1.5, torch.ones(8), 0, 4, 8)
    assert y.tolist() == [0, 2, 2, 3, 3, -4, -4, 3]
    assert grad_x.tolist() == [1, 1, 1, 0, 0, 1, 0, 0]
    assert grad_t.item() == pytest.approx(math.log(2) * (-0.5 + 0.5 - 0.5 + 3 + 3 + 0.5 - 4 + 3))


def test_arguments_may_be_tensors_of_one_element():
    x, grad = torch.randn(100, generator=seeded(3)), torch.randn(100, generator=seeded(4))
    expected = run(x, 0.5, grad, 0, 8, 8)
    ours = run(x, [0.5], grad, torch.tensor(0), torch.tensor([8]), 8)
    assert torch.equal(ours[0], expected[0])
    assert torch.equal(ours[2], expected[2].reshape(1))


def test_bad_arguments_are_refused():
    x = torch.ones(3)
    for domain in (0, -8, 12, 1 << 25):
        with pytest.raises(CreatorError, match=f"domain={domain} is not a power of two"):
            TQTQuantize.apply(x, torch.zeros(()), 0, domain, 8)
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(CreatorError, match="the log2 of a learned threshold is"):
            TQTQuantize.apply(x, torch.tensor(bad), 0, 8, 8)
    for bad in (130.5, -124.5):
        with pytest.raises(CreatorError, match="makes the step leave"):
            TQTQuantize.apply(x, torch.tensor(bad), 0, 8, 8)
    with pytest.raises(CreatorError, match="unknown round mode 1"):
        TQTQuantize.apply(x, torch.zeros(()), 0, 8, 1)
    for bits, signed in ((1, True), (0, False), (25, True)):
        with pytest.raises(CreatorError, match="bits"):
            TQT(bits, signed)


@pytest.mark.parametrize(("bits", "signed"), [(8, True), (4, False), (2, True), (24, True)])
@pytest.mark.parametrize("size", [1.0, 1.01, 0.99, 3e-5, 7e20, 1e-45])
def test_the_start_holds_the_largest_magnitude_and_the_format_follows(bits, signed, size):
    module = TQT(bits, signed)
    x = torch.linspace(-1, 1, 41) * size
    y = module(x)
    fmt = module.format
    assert isinstance(fmt, FixedPoint)
    assert (fmt.total_bits, fmt.signed) == (bits, signed)
    wide = torch.cat([x, 1.7 * x, torch.tensor([math.inf, -math.inf])])
    assert module(wide).tolist() == fmt.from_integers(fmt.to_integers(wide.numpy())).tolist()
    assert (y - (x if signed else x.relu())).abs().max() <= fmt.step  # half a step, or one at a power of two
    top = 2.0 ** math.ceil(math.log2(float(x.abs().max())))
    assert fmt.step == max(top / 2 ** (bits - signed), 2.0**-126)
    assert (module.power_of_two, module.bits) == (True, bits)


def test_negative_values_count_in_the_start():
    module = TQT(8)
    module.calibrate(torch.tensor([1.0, -3.0]))
    assert module.format == FixedPoint(8, 5)


def test_the_threshold_moves_the_format_in_steps():
    module = TQT(4)
    module(torch.ones(1))
    for log2_threshold, frac_bits in ((0.0, 3), (0.01, 2), (1.0, 2), (-0.99, 3), (-1.0, 4), (-1.01, 4)):
        with torch.no_grad():
            module.log2_threshold.fill_(log2_threshold)
        assert module.format == FixedPoint(4, frac_bits)


def test_training_trades_range_for_precision():
    # 4 bits for a normal distribution with one value far outside: the threshold leaves that value and comes down.
    x = torch.randn(4000, generator=seeded(5))
    x[0] = 60.0
    module = TQT(4)
    module.calibrate(x)
    assert module.format.frac_bits == -3
    optimizer = torch.optim.Adam(module.parameters(), 0.05)
    for _ in range(200):
        optimizer.zero_grad()
        (module(x) - x).clamp(-1, 1).square().mean().backward()
        optimizer.step()
    assert module.format.frac_bits in (1, 2)


def test_a_threshold_that_diverged_is_refused():
    module = TQT(8)
    module(torch.ones(1))
    for bad in (math.nan, 200.0):
        with torch.no_grad():
            module.log2_threshold.fill_(bad)
        for call in (lambda: module(torch.ones(1)), lambda: module.format):
            with pytest.raises(CreatorError, match=r"learned threshold .*learning rate"):
                call()


@settings(derandomize=True, deadline=None)
@given(st.integers(2, 24), st.booleans(), st.floats(-60, 60), st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=30))
def test_idempotent_monotone_and_in_range(bits, signed, log2_threshold, numbers):
    threshold = torch.tensor(log2_threshold)
    x = torch.tensor(sorted(numbers)) * 2.0**log2_threshold
    domain = 2 ** (bits - signed)

    def quantize(values):
        return TQTQuantize.apply(values, threshold, 0, domain, 8, signed)

    y = quantize(x)
    assert torch.equal(quantize(y), y)
    assert (y.diff() >= 0).all()
    step = 2.0 ** math.ceil(threshold.item()) / domain
    assert (y >= (-domain if signed else 0) * step).all()
    assert (y <= (domain - 1) * step).all()
    inside = (x >= y.min()) & (x <= y.max())
    if inside.any():
        assert (y - x)[inside].abs().max() <= step / 2
    if signed and (y.abs() < domain * step).all():
        assert torch.equal(quantize(-x)[y.abs() < (domain - 1) * step], -y[y.abs() < (domain - 1) * step])
