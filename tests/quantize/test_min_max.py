"""Quantization by the largest magnitude of each call."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import Affine, CreatorError, FixedPoint
from creator.quantize.min_max import MinMaxQuant

WIDTHS = [2, 4, 8, 16, 22]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def formula(x, bitwidth):
    """Integers and scale factor as the definition has them."""
    int_max = 2 ** (bitwidth - 1) - 1
    m = x.abs().max()
    factor = int_max / m
    return torch.round(torch.clamp(x, -m, m) * factor), factor


@pytest.mark.parametrize("bitwidth", WIDTHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_million_integers_follow_the_formula(bitwidth, dtype):
    for seed, size in ((1, 1.0), (2, 1e-20), (3, 1e20)):
        x = torch.randn(1_000_000 // 3 + 1, generator=seeded(seed), dtype=dtype) * size
        x[:5] = torch.tensor([0.0, -0.0, 1e-45, float(x.abs().max()), -float(x.abs().max())], dtype=dtype)
        module = MinMaxQuant(bitwidth)
        integers, factor = formula(x, bitwidth)
        assert torch.equal(module(x), integers)
        assert torch.equal(module.quantize(x), integers)
        assert torch.equal(module.scale_factor, factor)
        assert integers.abs().max() == 2 ** (bitwidth - 1) - 1
        assert torch.equal(module.values(x), integers / factor)


def test_ties_go_to_even():
    x = torch.tensor([127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5])
    assert MinMaxQuant(8)(x).tolist() == [127, 0, 2, 2, 0, -2, -2]


def test_the_gradient_is_scaled_and_through_values_it_is_the_identity():
    x = torch.tensor([0.3, -2.0, 1.0], requires_grad=True)
    module, grad = MinMaxQuant(4), torch.tensor([1.0, 10.0, -3.0])
    module(x).backward(grad)
    assert torch.equal(x.grad, grad * 3.5)
    x.grad = None
    module.values(x).backward(grad)
    assert torch.allclose(x.grad, grad, rtol=2.0**-22, atol=0)
    module.freeze()
    x.grad = None
    module(3 * x).backward(grad)
    assert torch.equal(x.grad, 3 * 3.5 * grad)


def test_a_layer_divides_by_the_scale_factors():
    x, w = torch.randn(5, 8, generator=seeded(1)), torch.randn(3, 8, generator=seeded(2))
    activation, weight = MinMaxQuant(8), MinMaxQuant(6)
    y = activation(x) @ weight(w).T / (activation.scale_factor * weight.scale_factor)
    assert torch.allclose(y, activation.values(x) @ weight.values(w).T, rtol=1e-5, atol=1e-6)
    assert (y - x @ w.T).abs().max() < 0.4


def test_zeros_have_scale_factor_one_and_tiny_values_a_finite_one():
    module = MinMaxQuant(8)
    zeros = torch.zeros(4, requires_grad=True)
    y = module(zeros)
    y.sum().backward()
    assert y.tolist() == [0.0] * 4
    assert module.scale_factor == 1
    assert zeros.grad.tolist() == [1.0] * 4
    assert module(torch.tensor([1e-45, -1e-40, 0.0])).tolist() == [0, -0.0, 0]
    assert module.scale_factor == 2.0**126
    assert module(torch.tensor([1e-36, 0.0])).tolist() == [85, 0]


def test_narrow_types_are_computed_in_float32():
    x = torch.randn(1000, generator=seeded(1)).bfloat16()
    y = MinMaxQuant(8)(x)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y.float(), formula(x.float(), 8)[0])


def test_bad_values_are_refused():
    module = MinMaxQuant()
    for bad in (torch.tensor([1.0, math.nan]), torch.tensor([math.inf]), torch.tensor([-math.inf]), torch.empty(0)):
        for call in (module, module.values, module.calibrate):
            with pytest.raises(CreatorError, match="no values, or from NaN or infinite"):
                call(bad)
    module(torch.ones(1))
    module.freeze()
    assert module(torch.tensor([math.nan, math.inf])).tolist()[1] == 127
    assert module(torch.tensor([math.nan])).isnan().all()
    assert module(torch.empty(0)).shape == (0,)


def test_bad_widths_are_refused():
    for bitwidth in (1, 23, 8.0, True):
        with pytest.raises(CreatorError, match=f"bitwidth={bitwidth} is not 2 to 22"):
            MinMaxQuant(bitwidth)


def test_the_scale_follows_every_call_until_frozen():
    module = MinMaxQuant(8).eval()
    small, large = torch.tensor([0.5, -1.0]), torch.tensor([4.0, -8.0])
    assert module(small).tolist() == [64, -127]  # 63.5 goes to even
    assert module(large).tolist() == [64, -127]
    with pytest.raises(CreatorError, match=r"depends on each batch.*call freeze\(\)"):
        _ = module.format
    module.freeze()
    assert module(small).tolist() == [8, -16]
    assert module(100 * large).tolist() == [127, -127]
    assert module.scale_factor == 127 / 8
    assert module.format == Affine(1 / (127 / 8), 0, 8, symmetric=True)


@pytest.mark.parametrize("bitwidth", WIDTHS)
def test_a_frozen_range_is_its_format(bitwidth):
    x = torch.randn(2000, generator=seeded(bitwidth)) * 5
    module = MinMaxQuant(bitwidth)
    module(x)
    module.freeze()
    wide = torch.cat([x, 3 * x])
    codes = module.format.to_integers(wide.numpy())
    # The format divides in float64, the module multiplies in float32: they may differ by one where that is nearly a tie.
    assert (module(wide) - torch.from_numpy(codes)).abs().max() <= (1 if bitwidth > 2 else 0)
    assert ((module(wide) != torch.from_numpy(codes)).double().mean()) < 2.0 ** (bitwidth - 20)


@pytest.mark.parametrize("bitwidth", WIDTHS)
@pytest.mark.parametrize("m", [1.0, 127 / 128, 1.0001, 0.75, 3e-5, 1e20, 2.0**22 - 2, 2.0**21 - 1, 127.0, 127.00001])
def test_the_power_of_two_is_the_next_one_and_its_format_exact(bitwidth, m):
    x = torch.linspace(-m, m, 999)
    module = MinMaxQuant(bitwidth)
    module(x)
    module.freeze(power_of_two=True)
    step, int_max = 1 / module.scale_factor.item(), 2 ** (bitwidth - 1) - 1
    assert math.frexp(step)[0] == 0.5
    assert step * int_max >= x.max() > step / 2 * int_max
    assert isinstance(module.format, FixedPoint)
    assert module.format.symmetric
    assert module.format.step == step
    wide = torch.cat([x, 1.5 * x, torch.tensor([math.inf, -math.inf])])
    assert module(wide).tolist() == module.format.to_integers(wide.numpy()).tolist()
    assert module.values(wide).tolist() == module.format.from_integers(module.format.to_integers(wide.numpy())).tolist()


def test_freezing_takes_the_last_call_and_all_calibration_since():
    module = MinMaxQuant(8)
    with pytest.raises(CreatorError, match="no range to freeze"):
        module.freeze()
    module.calibrate(torch.zeros(3))
    with pytest.raises(CreatorError, match="no range to freeze"):
        module.freeze()
    module.calibrate(torch.tensor([9.0]))
    module(torch.tensor([2.0]))
    module.calibrate(torch.tensor([-4.0, 1.0]))
    module.calibrate(torch.tensor([3.0]))
    assert module.scale_factor == 127 / 2
    module.freeze()
    assert module.scale_factor == 127 / 4
    module.calibrate(torch.tensor([100.0]))
    module.freeze()
    assert module.scale_factor == 127 / 4
    fresh = MinMaxQuant(8)
    fresh.calibrate(torch.tensor([-4.0]))
    fresh.freeze()
    assert fresh.scale_factor == 127 / 4


def test_state_is_saved_and_copied():
    module = MinMaxQuant(8)
    module(torch.tensor([3.0]))
    module.freeze(power_of_two=True)
    other = MinMaxQuant(8)
    other.load_state_dict(module.state_dict())
    for twin in (other, copy.deepcopy(module)):
        assert twin.format == module.format
        assert twin(torch.tensor([1.0, 50.0])).tolist() == module(torch.tensor([1.0, 50.0])).tolist()
    assert "8 bits, frozen" in repr(other)


@settings(derandomize=True, deadline=None)
@given(st.integers(2, 22), st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=30))
def test_range_symmetry_monotonicity_idempotence(bitwidth, numbers):
    x = torch.tensor(sorted(numbers))
    module = MinMaxQuant(bitwidth)
    y = module(x)
    assert torch.isfinite(y).all()
    assert y.abs().max() <= module.int_max
    assert (y.diff() >= 0).all()
    assert torch.equal(module(-x), -y)
    if y.abs().max() == module.int_max:
        assert torch.equal(module(y), y)
