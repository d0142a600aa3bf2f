import copy
import math

import pytest
import torch

from creator import CreatorError, FixedPoint, nn
from tests.nn.helpers import codes_of, seeded

FMT = FixedPoint(8, 4)
ALL = torch.from_numpy(FMT.from_integers(range(-128, 128))).float()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("inplace", [True, False])
def test_relu_is_the_larger_of_code_and_zero(training, inplace):
    torch_relu = nn.ReLU(inplace=inplace).train(training)
    assert codes_of(torch_relu(ALL.clone()), FMT).tolist() == [max(code, 0) for code in range(-128, 128)]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 6.0), (-8.0, -0.0625), (2.5, 3.0), (-100.0, 100.0)])
def test_hardtanh_limits_codes(training, low, high):
    layer = nn.HardTanh(low, high).train(training)
    expected = [int(min(max(code, low * 16), high * 16)) for code in range(-128, 128)]
    assert codes_of(layer(ALL), FMT).tolist() == expected


def test_hardtanh_defaults_to_one_either_side():
    layer = nn.HardTanh()
    assert (layer.min_val, layer.max_val) == (-1.0, 1.0)
    assert layer(torch.tensor([-3.0, 0.5, 3.0])).tolist() == [-1.0, 0.5, 1.0]


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3, 4)])
@pytest.mark.parametrize("layer", [nn.ReLU(), nn.HardTanh()])
def test_any_shape_is_kept(layer, shape):
    assert layer(torch.randn(shape, generator=seeded(1))).shape == shape


def test_gradient_is_one_inside_and_zero_outside():
    x = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
    nn.HardTanh()(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
    x = torch.tensor([-2.0, 2.0], requires_grad=True)
    nn.ReLU()(x).sum().backward()
    assert x.grad.tolist() == [0, 1]


@pytest.mark.parametrize(
    "bounds", [(1.0, 1.0), (2.0, 1.0), (math.nan, 1.0), (0.0, math.nan), (-math.inf, 1.0), (0.0, math.inf)], ids=str
)
def test_hardtanh_needs_finite_bounds_in_order(bounds):
    with pytest.raises(CreatorError, match="HardTanh: needs min_val < max_val, got"):
        nn.HardTanh(*bounds)


def test_clamps_are_torch_layers_without_state_and_copy():
    assert isinstance(nn.ReLU(), torch.nn.ReLU)
    assert isinstance(nn.HardTanh(), torch.nn.Hardtanh)
    layer = copy.deepcopy(nn.HardTanh(0, 6))
    assert (layer.min_val, layer.max_val, layer.state_dict()) == (0.0, 6.0, {})
