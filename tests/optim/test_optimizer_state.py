"""Saving, loading, copying, and parameters that change between steps."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch

from creator import CreatorError, FixedPoint, Rounding
from creator.optim import QuantizedOptimizer
from creator.quantize import fake_quantize
from creator.quantize.on_grid import is_on_grid
from tests.optim.models import OPTIMIZERS, WEIGHT, batches, model, train

STOCHASTIC = Rounding.STOCHASTIC


class Halves:
    """A source with a state, in place of an LFSR."""

    def __init__(self) -> None:
        self.state = 1

    def draw(self, like: torch.Tensor) -> torch.Tensor:
        self.state = self.state * 5 % 64
        return torch.full_like(like, self.state / 64)


SOURCES: dict[str, Any] = {
    "none": lambda: None,
    "torch": lambda: torch.Generator().manual_seed(5),
    "lfsr": Halves,
}


def build(name: str, source: str, master: bool, seed: int = 0, momentum: Any = None) -> tuple[Any, QuantizedOptimizer]:
    net = model(seed=seed)
    rounding = Rounding.HALF_EVEN if source == "none" else STOCHASTIC
    inner = OPTIMIZERS[name](net.parameters())
    return net, QuantizedOptimizer(
        inner, net, rounding=rounding, generator=SOURCES[source](), momentum=momentum, master=master
    )  # fmt: skip


def reread(state: Any) -> Any:
    """``state`` by way of a file of weights."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def same(net: torch.nn.Module, optimizer: QuantizedOptimizer, other: torch.nn.Module, second: QuantizedOptimizer) -> None:
    assert all(torch.equal(a, b) for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True))
    assert len(optimizer._masters) == len(second._masters) == 3
    assert all(torch.equal(a, b) for a, b in zip(optimizer._masters, second._masters, strict=True))


@pytest.mark.parametrize("order", ["model first", "optimizer first"])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("master", [False, True])
@pytest.mark.parametrize("name", ["momentum", "adam fused", "lbfgs"])
def test_training_resumes_bit_for_bit(name: str, master: bool, source: str, order: str) -> None:
    data, momentum = batches(12), FixedPoint(12, 8)
    net, optimizer = build(name, source, master, momentum=momentum)
    train(net, optimizer, data[:5], closure=True)
    states = reread([net.state_dict(), optimizer.state_dict()])
    other, second = build(name, source, master, seed=1, momentum=momentum)
    train(other, second, data[:2], closure=True)
    parts = [(other, states[0]), (second, states[1])]
    for part, state in parts if order == "model first" else parts[::-1]:
        part.load_state_dict(state)
    losses = train(net, optimizer, data[5:], closure=True)
    assert train(other, second, data[5:], closure=True) == losses
    same(net, optimizer, other, second)


def test_the_generator_matters() -> None:
    net, optimizer = build("sgd", "torch", True)
    other, second = build("sgd", "torch", True)
    torch.rand(1, generator=second.generator)
    train(net, optimizer, batches(3))
    train(other, second, batches(3))
    assert not torch.equal(net[0].weight, other[0].weight)


def test_a_state_is_a_snapshot_and_the_optimizers_own_state_loads() -> None:
    net, optimizer = build("momentum", "none", True)
    state = optimizer.state_dict()
    kept = copy.deepcopy(state["quantized"])
    train(net, optimizer, batches(2))
    assert all(torch.equal(state["quantized"]["masters"][i], kept["masters"][i]) for i in kept["masters"])
    masters = [m.clone() for m in optimizer._masters]
    float_state = optimizer.inner.state_dict()
    float_state["param_groups"][0]["lr"] = 0.25
    optimizer.load_state_dict(float_state)
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert all(torch.equal(a, b) for a, b in zip(masters, optimizer._masters, strict=True))


def test_only_the_optimizers_state_restores_the_parameters_too() -> None:
    net, optimizer = build("sgd", "none", True)
    train(net, optimizer, batches(3))
    other, second = build("sgd", "none", True, seed=1)
    second.load_state_dict(optimizer.state_dict())
    assert torch.equal(other[0].weight, net[0].weight)
    assert is_on_grid(other[0].weight, WEIGHT)


def test_hooks_of_states() -> None:
    _, optimizer = build("sgd", "none", True)
    calls: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda each: calls.append("before saving"))
    optimizer.register_state_dict_post_hook(lambda each, state: {**state, "more": 1})
    optimizer.register_load_state_dict_pre_hook(lambda each, state: calls.append(f"before loading {state.pop('more')}"))
    optimizer.register_load_state_dict_post_hook(lambda each: calls.append("after loading"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert calls == ["before saving", "before loading 1", "after loading"]


def test_states_that_do_not_match_are_refused() -> None:
    _, masters = build("sgd", "none", True)
    _, none = build("sgd", "none", False)
    with pytest.raises(CreatorError, match="the state has 3 masters, the optimizer 0"):
        none.load_state_dict(masters.state_dict())
    with pytest.raises(CreatorError, match="the state has 0 masters, the optimizer 3"):
        masters.load_state_dict(none.state_dict())
    state = masters.state_dict()
    state["quantized"]["masters"][0] = torch.zeros(1)
    with pytest.raises(CreatorError, match=r"0\.weight: its master in the state has shape \(1,\), not \(8, 6\)"):
        masters.load_state_dict(state)
    state["quantized"]["masters"][0] = torch.full((8, 6), float("nan"))
    with pytest.raises(CreatorError, match=r"0\.weight: is NaN or infinite"):
        masters.load_state_dict(state)
    _, drawing = build("sgd", "torch", False)
    with pytest.raises(CreatorError, match="the state is that of a generator, too"):
        none.load_state_dict(drawing.state_dict())


@pytest.mark.parametrize("source", ["none", "torch", "lfsr"])
@pytest.mark.parametrize("master", [False, True])
@pytest.mark.parametrize("name", ["momentum", "adam", "lbfgs"])
def test_copies_train_alike_and_apart(name: str, master: bool, source: str) -> None:
    data = batches(8)
    net, optimizer = build(name, source, master)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)  # patches optimizer.step
    train(net, optimizer, data[:3], closure=True)
    scheduler.step()
    other, second = copy.deepcopy((net, optimizer))
    assert second.param_groups[0]["params"][0] is other[0].weight is not net[0].weight
    assert second.step.__self__ is second
    assert not is_on_grid(other[0].weight, WEIGHT)
    before = [p.detach().clone() for p in net.parameters()]
    losses = train(other, second, data[3:], closure=True)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert train(net, optimizer, data[3:], closure=True) == losses
    same(net, optimizer, other, second)
    assert is_on_grid(net[0].weight, WEIGHT)
    assert is_on_grid(other[0].weight, WEIGHT)


@pytest.mark.parametrize("master", [False, True])
def test_a_copy_made_between_a_change_and_a_step(master: bool) -> None:
    net, optimizer = build("sgd", "none", master)
    with torch.no_grad():
        net[0].weight.add_(0.001)
    other, second = copy.deepcopy((net, optimizer))
    train(net, optimizer, batches(2))
    train(other, second, batches(2))
    same(net, optimizer, other, second)


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, STOCHASTIC])
def test_what_is_written_into_a_parameter_goes_to_its_master(rounding: Rounding) -> None:
    parameter = torch.nn.Parameter(torch.full((4,), 0.3))
    inner = torch.optim.SGD([parameter], lr=1.0)
    generator = torch.Generator().manual_seed(0)
    optimizer = QuantizedOptimizer(inner, FixedPoint(6, 2), rounding=rounding, generator=generator, master=True)
    with torch.no_grad():
        parameter[1] = 1.3
        parameter[2] = 9.0
        parameter[3] = 0.5
    parameter.grad = torch.zeros(4)
    optimizer.step()
    # 0.3 rounds to 0.25, or by chance to 0.5: then what was written is no news.
    third = 0.5 if rounding is Rounding.HALF_EVEN else 0.3
    assert optimizer._masters[0].tolist() == pytest.approx([0.3, 1.3, 7.75, third])
    assert torch.equal(parameter, fake_quantize(parameter, FixedPoint(6, 2)))


def test_load_state_dict_of_the_model_reaches_the_masters() -> None:
    net, optimizer = build("sgd", "none", True)
    train(net, optimizer, batches(2))
    other = model(seed=3)
    net.load_state_dict(other.state_dict())
    assert not is_on_grid(net[0].weight, WEIGHT)
    state = optimizer.state_dict()["quantized"]["masters"]
    assert torch.equal(state[0], other[0].weight.clamp(WEIGHT.min_value, WEIGHT.max_value))
    optimizer.zero_grad()
    optimizer.step()
    assert torch.equal(net[0].weight, fake_quantize(other[0].weight, WEIGHT))


@pytest.mark.parametrize("master", [False, True])
def test_a_model_that_moves_keeps_its_masters(master: bool) -> None:
    net, optimizer = build("sgd", "none", master)
    train(net, optimizer, batches(2))
    masters = [m.double() for m in optimizer._masters]
    net.double()
    assert not is_on_grid(net[0].weight, WEIGHT)
    optimizer.zero_grad()
    optimizer.step()
    assert [m.dtype for m in optimizer._masters] == [torch.float64] * 3
    assert all(torch.equal(a, b) for a, b in zip(masters, optimizer._masters, strict=True))
    train(net, optimizer, batches(2, torch.float64))
    assert torch.equal(net[0].weight, fake_quantize(net[0].weight, WEIGHT))


def test_a_half_precision_model_keeps_its_masters_as_well_as_it_can() -> None:
    parameter = torch.nn.Parameter(torch.tensor([0.3, -0.7, 1.9]))
    net = torch.nn.Module()
    net.register_parameter("p", parameter)
    optimizer = QuantizedOptimizer(torch.optim.SGD([parameter], lr=1.0), FixedPoint(12, 8), master=True)
    net.to(torch.bfloat16)
    optimizer.step()
    assert optimizer._masters[0].dtype is torch.bfloat16
    assert torch.equal(parameter, fake_quantize(parameter.float(), FixedPoint(12, 8)).bfloat16())
    assert (parameter.detach().float() - torch.tensor([0.3, -0.7, 1.9])).abs().max() < 2**-7


@pytest.mark.parametrize("master", [False, True])
def test_the_meta_device(master: bool) -> None:
    net = model().to("meta")
    optimizer = QuantizedOptimizer(torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), net, master=master)
    net(torch.zeros(4, 6, device="meta")).sum().backward()
    optimizer.step()
    optimizer.check()
    assert optimizer._masters[0].is_meta
