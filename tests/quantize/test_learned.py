"""What all quantizers with a learned scale do alike: they start from data exactly once."""

import copy
import math

import pytest
import torch

from creator import CreatorError
from creator.quantize.lsq import LSQ
from creator.quantize.tqt import TQT

MODULES = {
    "tqt": lambda: TQT(4),
    "lsq": lambda: LSQ(4),
    "lsq power of two": lambda: LSQ(4, power_of_two=True),
    "lsq channels": lambda: LSQ(4, axis=1),
    "lsq channels power of two": lambda: LSQ(4, axis=1, power_of_two=True),
}


@pytest.fixture(params=MODULES)
def make(request):
    return MODULES[request.param]


def batch(seed, size=1.0):
    return size * torch.randn(20, 3, generator=torch.Generator().manual_seed(seed))


def state_of(module):
    return module.format, [parameter.detach().clone() for parameter in module.parameters()]


def alike(a, b):
    return a[0] == b[0] and all(torch.equal(p, q) for p, q in zip(a[1], b[1], strict=True))


def test_the_first_batch_in_training_starts_it_and_no_later_one_does(make):
    module = make()
    module(batch(1))
    start = state_of(module)
    module(batch(2, 50.0))
    module.calibrate(batch(3, 50.0))
    module.eval()(batch(4, 50.0))
    assert alike(state_of(module), start)
    other = make()
    other(batch(2, 50.0))
    assert not alike(state_of(other), start)


def test_calibration_starts_it_and_training_ends_calibration(make):
    module = make()
    module.calibrate(batch(1))
    started = state_of(module)
    module.calibrate(batch(1))
    assert alike(state_of(module), started)
    module.calibrate(batch(2, 50.0))
    refined = state_of(module)
    assert not alike(refined, started)
    module.eval()(batch(3))
    module.train()(batch(3, 900.0))
    module.calibrate(batch(4, 900.0))
    assert alike(state_of(module), refined)


def test_the_order_of_calibration_does_not_matter(make):
    first, second = make(), make()
    batches = [batch(1), batch(2, 4.0), batch(3, 2.0)]
    for x in batches:
        first.calibrate(x)
    for x in reversed(batches):
        second.calibrate(x)
    for p, q in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.allclose(p, q, rtol=1e-6)


def test_a_saved_or_copied_start_is_not_started_again(make):
    module = make()
    module(batch(1))
    loaded = make()
    loaded.load_state_dict(module.state_dict())
    for twin in (loaded, copy.deepcopy(module), copy.deepcopy(loaded)):
        assert torch.equal(twin(batch(2, 50.0)), module(batch(2, 50.0)))
        assert alike(state_of(twin), state_of(module))
    calibrated = make()
    calibrated.calibrate(batch(1))
    copied = copy.deepcopy(calibrated)
    copied.calibrate(batch(2, 50.0))
    reloaded = make()
    reloaded.load_state_dict(calibrated.state_dict())
    reloaded.calibrate(batch(2, 50.0))
    assert alike(state_of(copied), state_of(reloaded))
    assert not alike(state_of(copied), state_of(calibrated))


def test_a_float_models_state_leaves_it_alone(make):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), make())
    model(batch(1))
    start = state_of(model[1])
    model.load_state_dict(torch.nn.Sequential(torch.nn.Linear(3, 3)).state_dict())
    assert alike(state_of(model[1]), start)


def test_the_parameter_stays_the_same_object(make):
    module = make()
    before = list(module.parameters())
    optimizer = torch.optim.Adam(module.parameters(), 0.1)
    (module(batch(1)) * batch(2)).sum().backward()
    values = state_of(module)[1]
    optimizer.step()
    assert [id(p) for p in module.parameters()] == [id(p) for p in before]
    assert not torch.equal(state_of(module)[1][0], values[0])


def test_zeros_start_nothing_and_pass(make):
    module, zeros = make(), torch.zeros(20, 3, requires_grad=True)
    y = module(zeros)
    y.sum().backward()
    assert torch.equal(y, zeros)
    assert (zeros.grad == 1).all()
    module.calibrate(zeros.detach())
    with pytest.raises(CreatorError, match="has seen no values other than zero"):
        _ = module.format
    module(batch(1))
    other = make()
    other(batch(1))
    assert alike(state_of(module), state_of(other))


def test_unstarted_it_refuses_evaluation_and_freezing(make):
    module = make().eval()
    for call in (lambda: module(batch(1)), lambda: module.format, module.freeze):
        with pytest.raises(CreatorError, match=r"has not started.*creator\.calibrate"):
            call()


def test_bad_values_start_nothing(make):
    module = make()
    nan, inf = batch(1), batch(1)
    nan[3, 1], inf[2, 2] = math.nan, -math.inf
    for bad in (nan, inf, torch.empty(0, 3)):
        for call in (module, module.calibrate):
            with pytest.raises(CreatorError, match="no values, or from NaN or infinite"):
                call(bad)
    module(batch(1))
    assert module(torch.empty(0, 3)).shape == (0, 3)
    assert torch.equal(module(nan).isnan(), nan.isnan())  # so that the loss shows it
    assert module(inf).isfinite().all()


def test_frozen_it_learns_no_more(make):
    module = make()
    module.calibrate(batch(1))
    module.freeze()
    start = state_of(module)
    x = batch(2).requires_grad_()
    module(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in module.parameters())
    module.calibrate(batch(3, 50.0))
    assert alike(state_of(module), start)


def test_channels_of_another_number_are_refused():
    module = LSQ(4, axis=1)
    module.calibrate(batch(1))
    with pytest.raises(CreatorError, match="batches have 3 and 5 channels"):
        module.calibrate(torch.ones(2, 5))
    module.where = "deep.inside"
    with pytest.raises(CreatorError, match=r"^deep\.inside: 3 learned steps do not fit axis 1"):
        module(torch.ones(2, 5))
    with pytest.raises(CreatorError, match="axis 1 of learned steps is not one of 1"):
        LSQ(4, axis=1)(torch.ones(5))


def test_widths_and_signs_are_shown(make):
    assert "signed, 4 bits, half_even" in repr(make())
