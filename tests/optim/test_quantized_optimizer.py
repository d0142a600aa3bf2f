"""The optimizer against an explicit straight-through loop, and what it shares with torch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.func import functional_call
from torch.optim.optimizer import register_optimizer_step_post_hook

from creator import CreatorError, FixedPoint, Rounding
from creator.optim import QuantizedOptimizer
from creator.quantize import StraightThrough, fake_quantize
from creator.quantize.on_grid import is_on_grid
from tests.optim.models import BIAS, OPTIMIZERS, WEIGHT, OnGrid, batches, loss_of, model, train

BY_NAME = {"0.weight": WEIGHT, "0.bias": BIAS, "3.weight": WEIGHT}


class Reference:
    """The float model, its parameters quantized in each forward pass, clamped to the range after each step."""

    def __init__(self, make: Any, dtype: torch.dtype = torch.float32, rounding: Rounding = Rounding.HALF_EVEN) -> None:
        self.net, self.rounding = model(dtype), rounding
        self.masters = dict(self.net.named_parameters())
        self.clamp()
        self.optimizer = make(list(self.masters.values()))

    def clamp(self) -> None:
        with torch.no_grad():
            for name, fmt in BY_NAME.items():
                self.masters[name].clamp_(fmt.min_value, fmt.max_value)

    def values(self) -> dict[str, torch.Tensor]:
        ste = StraightThrough.IDENTITY
        return {
            name: fake_quantize(master, BY_NAME[name], self.rounding, ste=ste) if name in BY_NAME else master
            for name, master in self.masters.items()
        }

    def step(self, batch: Any) -> float:
        def evaluate() -> torch.Tensor:
            self.optimizer.zero_grad()
            output = functional_call(self.net, self.values(), (batch[0],))
            loss = torch.nn.functional.mse_loss(output, batch[1])
            loss.backward()
            return loss

        loss = float(self.optimizer.step(evaluate).detach())
        self.clamp()
        return loss


def agree(optimizer: QuantizedOptimizer, net: torch.nn.Module, reference: Reference) -> None:
    expected = reference.values()
    for name, parameter in net.named_parameters():
        assert torch.equal(parameter, expected[name]), name
    names = {parameter: name for name, parameter in net.named_parameters()}
    for parameter, master in zip(optimizer._parameters, optimizer._masters, strict=True):
        assert torch.equal(master, reference.masters[names[parameter]])


@pytest.mark.parametrize(("name", "closure"), [(n, c) for n in OPTIMIZERS for c in (True, False) if c or "lbfgs" not in n])
def test_masters_follow_the_straight_through_loop_bit_for_bit(name: str, closure: bool) -> None:
    net, reference = model(), Reference(OPTIMIZERS[name])
    optimizer = QuantizedOptimizer(OPTIMIZERS[name](net.parameters()), net, master=True)
    agree(optimizer, net, reference)
    data = batches(30)
    for batch in data:
        assert train(net, optimizer, [batch], closure) == [reference.step(batch)]
        agree(optimizer, net, reference)
    weights = torch.cat([m.flatten() for m in optimizer._masters])
    assert bool((weights == WEIGHT.max_value).any() | (weights == WEIGHT.min_value).any()), "nothing reached the range's end"
    assert bool((weights != (weights * 128).round() / 128).any()), "the masters have no fractions"


@pytest.mark.parametrize("rounding", [r for r in Rounding if r is not Rounding.STOCHASTIC])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_roundings_and_dtypes(rounding: Rounding, dtype: torch.dtype) -> None:
    net, reference = model(dtype), Reference(OPTIMIZERS["momentum"], dtype, rounding)
    optimizer = QuantizedOptimizer(OPTIMIZERS["momentum"](net.parameters()), net, rounding=rounding, master=True)
    for batch in batches(10, dtype):
        assert train(net, optimizer, [batch]) == [reference.step(batch)]
        agree(optimizer, net, reference)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_without_masters_the_step_is_the_inner_step_rounded(name: str) -> None:
    net, other = model(), model()
    optimizer = QuantizedOptimizer(OPTIMIZERS[name](net.parameters()), net)
    inner = OPTIMIZERS[name](other.parameters())
    for batch in batches(10):
        other.load_state_dict(net.state_dict())
        losses = train(net, optimizer, [batch], closure=True)
        assert losses == train(other, inner, [batch], closure=True)
        for key, parameter in net.named_parameters():
            found = other.get_parameter(key).detach()
            assert torch.equal(parameter, fake_quantize(found, BY_NAME[key]) if key in BY_NAME else found), key


def test_parameters_are_on_their_grids_at_once_and_others_are_left_alone() -> None:
    net, other = model(), model()
    optimizer = QuantizedOptimizer(torch.optim.SGD(net.parameters(), lr=0.0), net)
    for _ in range(2):
        for name, parameter in net.named_parameters():
            expected = other.get_parameter(name)
            assert torch.equal(parameter, fake_quantize(expected, BY_NAME[name]) if name in BY_NAME else expected)
            assert is_on_grid(parameter, BY_NAME.get(name)) == (name in BY_NAME)
        optimizer.step()


@pytest.mark.parametrize("master", [False, True])
def test_small_updates_need_masters(master: bool) -> None:
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = QuantizedOptimizer(torch.optim.SGD([parameter], lr=1.0), FixedPoint(8, 4), master=master)
    for _ in range(10):
        parameter.grad = torch.full((3,), -0.02)
        optimizer.step()
    assert torch.equal(parameter.detach(), torch.full((3,), 0.1875 if master else 0.0))


def test_masters_do_not_drift_outside_the_range() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = QuantizedOptimizer(torch.optim.SGD([parameter], lr=1.0), FixedPoint(4, 0), master=True)
    for grad in [-3.0] * 10 + [1.0]:
        parameter.grad = torch.tensor([grad, -grad])
        optimizer.step()
    assert parameter.tolist() == [6.0, -7.0]


def test_stochastic_rounding_keeps_the_mean_and_small_updates() -> None:
    # 40000 independent sums of 50 steps of 0.02 of a unit: the mean is 1, its deviation below sqrt(50)/2/200 = 0.018. Six of
    # those are missed once in 5e8 seeds.
    parameter = torch.nn.Parameter(torch.zeros(40000))
    generator = torch.Generator().manual_seed(3)
    inner = torch.optim.SGD([parameter], lr=1.0)
    optimizer = QuantizedOptimizer(inner, FixedPoint(8, 0), rounding=Rounding.STOCHASTIC, generator=generator)
    for _ in range(50):
        parameter.grad = torch.full((40000,), -0.02)
        optimizer.step()
    assert torch.equal(parameter.detach(), parameter.detach().round())
    assert abs(float(parameter.detach().mean()) - 1.0) < 0.11
    assert len(parameter.unique()) > 3


def test_stochastic_masters_are_drawn_anew_where_they_changed() -> None:
    moving, still = torch.nn.Parameter(torch.zeros(1000)), torch.nn.Parameter(torch.full((1000,), 0.3))
    inner = torch.optim.SGD([moving, still], lr=1.0)
    generator = torch.Generator().manual_seed(3)
    optimizer = QuantizedOptimizer(
        inner, FixedPoint(8, 0), rounding=Rounding.STOCHASTIC, generator=generator, master=True
    )  # fmt: skip
    assert not bool(still.any()), "to nearest at first"
    shares = []
    for _ in range(5):
        moving.grad = torch.full((1000,), -0.1)
        optimizer.step()
        shares.append(float(moving.detach().mean()))
    # Binomial, 1000 draws: a share is off by less than 0.1 but for 1 in 1e9 cases.
    assert all(abs(share - 0.1 * (step + 1)) < 0.1 for step, share in enumerate(shares))
    assert not bool(still.any())
    still.grad = torch.full((1000,), -0.1)
    optimizer.step()
    assert abs(float(still.detach().mean()) - 0.4) < 0.1


def test_a_closure_sees_quantized_parameters_and_its_first_loss_is_returned() -> None:
    net = model()
    optimizer = QuantizedOptimizer(OPTIMIZERS["lbfgs"](net.parameters()), net, master=True)
    losses: list[float] = []

    def evaluate() -> torch.Tensor:
        optimizer.zero_grad()
        assert torch.is_grad_enabled()
        for name, fmt in BY_NAME.items():
            parameter = net.get_parameter(name)
            assert torch.equal(parameter, fake_quantize(parameter, fmt))
            assert is_on_grid(parameter, fmt)
        loss = loss_of(net, batches(1)[0])
        loss.backward()
        losses.append(float(loss.detach()))
        return loss

    assert float(optimizer.step(evaluate).detach()) == losses[0]
    assert len(losses) > 3
    assert len(set(losses)) > 1


class Forgetful(torch.optim.SGD):
    """Calls the closure without a thought for gradients, and loses the loss."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        closure()
        super().step()


@pytest.mark.parametrize("master", [False, True])
def test_the_loss_is_returned_even_if_the_inner_optimizer_loses_it(master: bool) -> None:
    net, other = model(), model()
    forgetful = QuantizedOptimizer(Forgetful(net.parameters(), lr=0.1), net, master=master)
    usual = QuantizedOptimizer(torch.optim.SGD(other.parameters(), lr=0.1), other, master=master)
    data = batches(3)
    assert train(net, forgetful, data, closure=True) == train(other, usual, data)
    assert torch.equal(net[0].weight, other[0].weight)


class Twice(torch.optim.SGD):
    """Evaluates more than once, and returns nothing."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        assert [closure(), closure()] == [1, 2]


def test_the_loss_is_that_of_the_first_evaluation() -> None:
    parameter, losses = torch.nn.Parameter(torch.zeros(1)), iter([1, 2])
    assert QuantizedOptimizer(Twice([parameter], lr=0.1), WEIGHT, master=True).step(lambda: next(losses)) == 1


@pytest.mark.parametrize("late", [False, True])
def test_an_exception_leaves_the_parameters_on_their_grids(late: bool) -> None:
    net = model()
    optimizer = QuantizedOptimizer(OPTIMIZERS["lbfgs"](net.parameters()), net, master=True)
    calls = []

    def evaluate() -> torch.Tensor:
        calls.append(1)
        if len(calls) == (3 if late else 1):
            raise KeyboardInterrupt
        optimizer.zero_grad()
        loss = loss_of(net, batches(1)[0])
        loss.backward()
        return loss

    before = net[0].weight.detach().clone()
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(evaluate)
    assert torch.equal(net[0].weight, fake_quantize(net[0].weight, WEIGHT))
    assert is_on_grid(net[0].weight, WEIGHT)
    assert torch.equal(net[0].weight, before) != late
    with pytest.raises(TypeError):
        optimizer.step()  # LBFGS needs a closure
    assert torch.equal(net[0].weight, fake_quantize(net[0].weight, WEIGHT))


@pytest.mark.parametrize("momentum", [FixedPoint(10, 8), {"exp_avg": FixedPoint(10, 8)}])
@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.STOCHASTIC])
def test_momentum_lies_on_its_grid(momentum: Any, rounding: Rounding) -> None:
    net = model()
    inner = torch.optim.Adam(net.parameters(), lr=0.01)
    optimizer = QuantizedOptimizer(inner, net, rounding=rounding, momentum=momentum, master=True)
    train(net, optimizer, batches(3))
    for name, parameter in net.named_parameters():
        state = optimizer.state[parameter]
        for key in ("exp_avg", "exp_avg_sq"):
            chosen = name in BY_NAME and (key == "exp_avg" or isinstance(momentum, FixedPoint))
            assert torch.equal(state[key], fake_quantize(state[key], FixedPoint(10, 8))) == chosen, (name, key)
            assert name not in BY_NAME or bool(state["exp_avg"].any())
        assert float(state["step"]) == 3.0


def test_counters_and_state_of_other_shapes_are_no_momentum() -> None:
    coarse = FixedPoint(8, -1)
    number, matrix = torch.nn.Parameter(torch.tensor(0.5)), torch.nn.Parameter(torch.ones(3, 2))
    adam = QuantizedOptimizer(torch.optim.Adam([number]), WEIGHT, momentum=coarse)
    factored = QuantizedOptimizer(torch.optim.Adafactor([matrix]), WEIGHT, momentum=coarse)
    for _ in range(3):
        number.grad, matrix.grad = torch.tensor(3.0), torch.full((3, 2), 3.0)
        adam.step()
        factored.step()
    state = adam.state[number]
    assert (float(state["step"]), float(state["exp_avg"])) == (3.0, 0.0)
    kept = factored.state[matrix]["row_var"]
    assert not torch.equal(kept, fake_quantize(kept, coarse))


def test_schedulers_clipping_and_hooks_work_as_usual() -> None:
    net, reference = model(), Reference(OPTIMIZERS["sgd"])
    optimizer = QuantizedOptimizer(OPTIMIZERS["sgd"](net.parameters()), net, master=True)
    pairs = [(optimizer, net), (reference.optimizer, reference.net)]
    schedulers = [torch.optim.lr_scheduler.StepLR(each, 1, 0.5) for each, _ in pairs]
    clipped: list[float] = []

    def clip(each: Any, args: Any, kwargs: Any) -> None:
        parameters = [p for group in each.param_groups for p in group["params"]]
        clipped.append(float(torch.nn.utils.clip_grad_norm_(parameters, 0.5)))

    calls: list[Any] = []
    optimizer.register_step_pre_hook(clip)
    optimizer.register_step_post_hook(lambda *given: calls.append(given))
    for batch in batches(5):
        train(net, optimizer, [batch])
        reference.optimizer.zero_grad()
        torch.nn.functional.mse_loss(
            functional_call(reference.net, reference.values(), (batch[0],)), batch[1]
        ).backward()  # fmt: skip
        clip(reference.optimizer, (), {})
        reference.optimizer.step()
        reference.clamp()
        agree(optimizer, net, reference)
        assert clipped[-1] == clipped[-2] > 0.5
        for scheduler in schedulers:
            scheduler.step()
    assert calls == [(optimizer, (optimizer,), {})] * 5
    assert optimizer.param_groups[0]["lr"] == optimizer.inner.param_groups[0]["lr"] == pytest.approx(0.1 / 32)
    assert torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10).optimizer is optimizer


def test_a_pre_hook_may_change_the_arguments() -> None:
    net = model()
    optimizer = QuantizedOptimizer(torch.optim.SGD(net.parameters(), lr=0.1), net, master=True)
    optimizer.register_step_pre_hook(lambda each, args, kwargs: ((each, lambda: 5.0), kwargs))
    assert optimizer.step() == 5.0


def test_global_hooks_run_once() -> None:
    net = model()
    optimizer = QuantizedOptimizer(torch.optim.SGD(net.parameters(), lr=0.1), net)
    calls: list[Any] = []
    handle = register_optimizer_step_post_hook(lambda each, *_: calls.append(each))
    train(net, optimizer, batches(2))
    handle.remove()
    assert calls == [optimizer.inner] * 2


def test_gradients_that_are_missing_sparse_or_frozen() -> None:
    table = torch.nn.Parameter(torch.ones(5, 3))
    unused, frozen = torch.nn.Parameter(torch.full((2,), 0.3)), torch.nn.Parameter(torch.full((2,), 0.3), requires_grad=False)
    inner = torch.optim.SGD([table, unused, frozen], lr=0.5)
    optimizer = QuantizedOptimizer(inner, FixedPoint(8, 2), master=True)
    for _ in range(3):
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.embedding(torch.tensor([1, 3]), table, sparse=True).sum().backward()
        assert table.grad is not None
        assert table.grad.is_sparse
        optimizer.step()
    assert table[:, 0].tolist() == [1.0, -0.5, 1.0, -0.5, 1.0]
    assert unused.tolist() == frozen.tolist() == [0.25, 0.25]
    optimizer.zero_grad(set_to_none=False)
    assert not bool(table.grad.to_dense().any())


def test_tied_parameters_and_groups() -> None:
    tied = torch.nn.Sequential(OnGrid(4, 4), OnGrid(4, 4))
    tied[1].weight = tied[0].weight
    inner = torch.optim.SGD([{"params": [tied[0].weight], "lr": 0.0}, {"params": [tied[0].bias]}], lr=0.1)
    optimizer = QuantizedOptimizer(inner, tied, master=True)
    optimizer.add_param_group({"params": [tied[1].bias], "lr": 0.2})
    assert len(optimizer.param_groups) == len(inner.param_groups) == 3
    before = [p.detach().clone() for p in tied.parameters()]
    tied(torch.randn(5, 4)).square().sum().backward()
    optimizer.step()
    assert [torch.equal(a, b) for a, b in zip(before, tied.parameters(), strict=True)] == [True, False, False]
    assert torch.equal(tied[1].bias, fake_quantize(tied[1].bias, BIAS))


def test_a_group_that_is_refused_is_not_added() -> None:
    good, bad = torch.nn.Parameter(torch.full((2,), 0.3)), torch.nn.Parameter(torch.tensor([float("nan")]))
    optimizer = QuantizedOptimizer(torch.optim.SGD([good], lr=0.1), FixedPoint(8, 4), master=True)
    with pytest.raises(CreatorError, match="parameter 0 of group 1: is NaN or infinite"):
        optimizer.add_param_group({"params": [bad]})
    assert len(optimizer.param_groups) == 1
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    assert [master.tolist() for master in optimizer._masters] == [pytest.approx([0.3, 0.3]), [0.0]]
