import copy

import pytest
import torch

from creator import CreatorError, FixedPoint
from creator.quantize.block_floating_point import BFP16, MX6, MX9
from creator.quantize.blocks import fake_quantize_blocks
from creator.quantize.float_format import BF16, E2M1, E4M3, Float
from creator.quantize.float_quantizer import BlockQuantizer, FloatQuantizer
from creator.quantize.microscaling import MXFP4, MXFP8_E4M3, MXINT8
from creator.quantize.minifloat import fake_quantize_float
from creator.quantize.quantizer import Quantizer
from tests.quantize.test_minifloat import seeded


def samples():
    return torch.randn(6, 40, generator=seeded(1)) * 3


def test_values_are_those_of_the_functions():
    x = samples()
    assert torch.equal(FloatQuantizer(E4M3)(x), fake_quantize_float(x, E4M3))
    assert torch.equal(FloatQuantizer(E2M1, 0.3, "half_up").values(x), fake_quantize_float(x, E2M1, "half_up", scale=0.3))
    rows = torch.rand(6, 1, generator=seeded(2)) + 0.1
    assert torch.equal(FloatQuantizer(E2M1, rows)(x), fake_quantize_float(x, E2M1, scale=rows))
    assert torch.equal(BlockQuantizer(MXFP4)(x), fake_quantize_blocks(x, MXFP4))
    assert torch.equal(BlockQuantizer(MX9, 0, "floor").values(x), fake_quantize_blocks(x, MX9, 0, "floor"))
    drawn = BlockQuantizer(BFP16, rounding="stochastic", generator=seeded(3))(x)
    assert torch.equal(drawn, fake_quantize_blocks(x, BFP16, -1, "stochastic", generator=seeded(3)))


def test_gradients_are_as_chosen():
    for quantizer, expected in (
        (FloatQuantizer(E2M1), [1, 0]), (FloatQuantizer(E2M1, ste="identity"), [1, 1]), (FloatQuantizer(E2M1, 2.0), [1, 1]),
        (BlockQuantizer(MXFP4), [1, 1]), (BlockQuantizer(MXFP4, ste="masked"), [1, 0]),
    ):  # fmt: skip
        x = torch.tensor([1.0, 7.9], requires_grad=True)
        quantizer(x).sum().backward()
        assert x.grad.tolist() == expected


def test_a_model_with_them_learns():
    model = torch.nn.Sequential(torch.nn.Linear(40, 16), FloatQuantizer(E4M3), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    torch.nn.utils.parametrize.register_parametrization(model[0], "weight", BlockQuantizer(MXFP8_E4M3))
    torch.manual_seed(0)
    x = samples()
    target = x[:, :1] - x[:, 1:2]
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (model(x) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_state_and_copies():
    first, second = FloatQuantizer(E4M3, torch.tensor([0.5, 2.0])), FloatQuantizer(E4M3, torch.ones(2))
    second.load_state_dict(first.state_dict())
    assert second.scale.tolist() == [0.5, 2.0]
    assert FloatQuantizer(E4M3).state_dict() == {}
    for quantizer in (first, BlockQuantizer(MX6, rounding="stochastic", generator=seeded(1))):
        assert isinstance(quantizer, Quantizer)
        again = copy.deepcopy(quantizer)
        x = torch.randn(3, 2, generator=seeded(4))
        assert torch.equal(again(x), quantizer(x))
    assert first.double().scale.dtype == torch.float64
    assert "float<4,3,nan>" in repr(first)
    assert "axis=0" in repr(BlockQuantizer(BFP16, 0))
    first.calibrate(torch.ones(2))
    first.freeze()
    assert first.scale.tolist() == [0.5, 2.0]


@pytest.mark.parametrize(
    ("quantizer", "width"),
    [
        (FloatQuantizer(E4M3), "37 bits"), (FloatQuantizer(E2M1), "9 bits"), (FloatQuantizer(Float(3, 2)), "19 bits"),
        (FloatQuantizer(BF16), "523 bits"), (BlockQuantizer(MXFP4), "9 bits"), (BlockQuantizer(MXINT8), "15 bits"),
        (BlockQuantizer(BFP16), "16 bits"), (BlockQuantizer(MX6), "11 bits"),
    ],
)  # fmt: skip
def test_the_format_is_refused_with_the_width_that_a_product_needs_and_what_to_use_instead(quantizer, width):
    with pytest.raises(CreatorError, match=f"has no hardware here: .* {width}.*FixedPoint") as caught:
        _ = quantizer.format
    assert caught.value.where == type(quantizer).__name__


def test_the_stated_width_of_a_product_is_the_smallest_that_holds_all():
    largest = round(Float(3, 2).max_value / Float(3, 2).step)
    assert FixedPoint(19, 8).max_code >= largest**2 > FixedPoint(18, 8).max_code
    assert FixedPoint(11, 0).max_code >= 30**2 > FixedPoint(10, 0).max_code  # MX6: 15, or 30 of a shifted block's units


@pytest.mark.parametrize("fmt", [FixedPoint(8, 4), "e4m3", None])
def test_what_is_no_format_is_refused(fmt):
    with pytest.raises(CreatorError, match="not a floating-point format"):
        FloatQuantizer(fmt)
    with pytest.raises(CreatorError, match="not a block format"):
        BlockQuantizer(fmt)


@pytest.mark.parametrize("scale", [0.0, -1.0, torch.nan, torch.tensor([1.0, 0.0])])
def test_a_scale_that_is_not_positive_is_refused(scale):
    with pytest.raises(CreatorError, match="scale"):
        FloatQuantizer(E4M3, scale)
