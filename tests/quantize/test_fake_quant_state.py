"""What a FakeQuant keeps, saves, loads and copies."""

import copy
import io

import pytest
import torch

from creator.quantize import observers as obs
from creator.quantize.fake_quant import FakeQuant
from tests.quantize.test_fake_quant import CASES, batches, observed, seeded


@pytest.mark.parametrize("choices", [{}, {"power_of_two": True}, {"observer": obs.PerChannelMinMaxObserver}])
def test_every_change_of_the_state_is_seen(choices):
    x = torch.randn(4, 6, generator=seeded(4))
    quantizer = FakeQuant(**choices)
    quantizer(x)
    quantizer.freeze()
    before = quantizer(x)
    other = FakeQuant(**choices)
    other(8 * x)
    state = {name: value for name, value in other.state_dict().items() if name.startswith("observer.")}
    quantizer.load_state_dict(state, strict=False)
    assert torch.equal(quantizer(x), other.eval()(x))
    assert not torch.equal(quantizer(x), before)
    quantizer.observer.max_val.div_(64)
    quantizer.observer.min_val.div_(64)
    assert quantizer(x).abs().max() < before.abs().max() / 2
    for name in ("min_val", "max_val"):  # put in their place something that has changed as often
        buffer = getattr(quantizer.observer, name)
        new = (buffer * 8).detach()
        while new._version < buffer._version:
            new.add_(0)
        setattr(quantizer.observer, name, new)
    assert quantizer(x).abs().max() > before.abs().max() / 2
    quantizer.fake_quant_enabled = torch.zeros(1, dtype=torch.uint8)
    assert quantizer(x) is x
    quantizer.enable_fake_quant()
    assert quantizer(x) is not x
    quantizer.fake_quant_enabled.zero_()
    assert quantizer(x) is x
    quantizer.load_state_dict(other.state_dict(), assign=True)
    assert torch.equal(quantizer(x), other(x))


@pytest.mark.parametrize("case", CASES)
def test_state_copies_and_saving(case):
    quantizer = CASES[case][0]()
    x = batches(1)[0]
    quantizer(x)
    quantizer.freeze()
    file = io.BytesIO()
    torch.save(quantizer.state_dict(), file)
    file.seek(0)
    loaded = CASES[case][0]()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (loaded, copy.deepcopy(quantizer)):
        assert torch.equal(other(2 * x), quantizer(2 * x))
        assert not other.observer_enabled.any()
        other.enable_observer()
        if case != "fixed":
            assert not torch.equal(other(2 * x), quantizer(2 * x))


def test_a_floating_point_state_changes_nothing():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), FakeQuant())
    model(torch.ones(1, 2))
    fmt = model[1].format
    model.load_state_dict(torch.nn.Sequential(torch.nn.Linear(2, 2)).state_dict())
    assert model[1].format == fmt


def test_a_model_in_another_dtype_has_the_same_scale():
    quantizer = observed()
    fmt = quantizer.format
    for dtype in (torch.bfloat16, torch.float64):
        assert quantizer.to(dtype).format == fmt
        assert quantizer.eval()(torch.ones(3, dtype=dtype)).dtype == dtype


def test_inference_mode_spoils_nothing():
    """What is made in it counts no changes, and torch lets nobody change it outside: it can only be evaluated."""
    x = torch.randn(9, generator=seeded(5))
    with torch.inference_mode():
        made = FakeQuant(obs.default_fixed_qparams_range_0to1_observer).eval()
    first = made(x)
    with torch.inference_mode():
        made.observer.scale.mul_(2)
    assert not torch.equal(made(x), first)
    other = FakeQuant()
    with torch.inference_mode():
        first = other(x)
    assert torch.equal(other.eval()(x), first)
    assert not torch.equal(other.train()(x * 100), first)
