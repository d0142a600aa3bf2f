"""The figures of gradients, and that looking at a model changes nothing of it."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import creator
from creator import CreatorError, nn
from creator.diagnostics import summarize
from creator.formats import Rounding
from creator.quantize import Gradients, StraightThrough
from tests.diagnostics.models import (
    IMAGES,
    POINTS,
    TARGETS,
    G,
    Learned,
    P,
    check,
    cross_entropy,
    find,
    network,
    trained,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*saturate in:UserWarning")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("ste", list(StraightThrough))
def test_the_gradients_before_they_are_rounded(ste: StraightThrough, training: bool) -> None:
    grads = Gradients(P(8, 9), P(8, 4), P(7, 5))
    model = trained(gradient=grads, ste=ste).train(training)
    summary = summarize(model, POINTS, cross_entropy)
    # By hand, from the last layer, in float64.
    last, double = model[3], copy.deepcopy(model).double()
    x = double[:3](POINTS.double()).detach()
    sums = double[3].product(x, *double[3].quantized(double[3].weight, double[3].bias, False)).detach().requires_grad_()
    y = creator.quantize.fake_quantize(sums, P(6, 4), ste=ste)
    # A loss function gets the model's own type.
    (gradient,) = torch.autograd.grad(cross_entropy(y.float()), sums)
    check(find(summary, "3", "gradient activation"), gradient, P(8, 9))
    rounded = creator.quantize.fake_quantize(gradient, P(8, 9))
    check(find(summary, "3", "gradient weight"), rounded.T @ x, P(8, 4))
    check(find(summary, "3", "gradient bias"), rounded.sum(0), P(7, 5))
    into = rounded @ creator.quantize.fake_quantize(last.weight.double(), P(8, 6))
    check(find(summary, "2", "gradient activation"), into, P(9, 10))
    slots = [row.slot for row in summary.rows if row.module == "1"]
    assert slots == ["output", "weight", "bias", "gradient activation", "gradient weight", "gradient bias"]


def test_the_gradients_of_the_first_layers_against_autograd() -> None:
    # With formats so fine that they change nothing, the gradients are those that training has.
    fine = P(40, 30)
    model = trained(gradient=Gradients(fine, fine, fine)).double()
    model[0] = nn.Quantize(P(8, 5), gradient=fine)
    model[2] = nn.Tanh(P(8, 7), gradient=fine)
    summary = summarize(model, POINTS.double(), cross_entropy)
    plain = copy.deepcopy(model)
    F.cross_entropy(plain(POINTS.double().detach()).float(), TARGETS).mul(8).backward()
    for name, slot in (("weight", "gradient weight"), ("bias", "gradient bias")):
        row, grad = find(summary, "1", slot), getattr(plain[1], name).grad
        assert (row.low, row.high) == pytest.approx((float(grad.min()), float(grad.max())), abs=1e-6)
    assert not [row for row in summary.rows if row.module == "0" and row.slot != "output"]  # nothing before it trains


def test_gradients_behind_a_normalisation() -> None:
    for fused in (False, True):
        model = network("fused" if fused else "plain")
        model[1].gradient = Gradients(G, G, G)
        loss = lambda y: y.square().mean()  # noqa: E731
        training = summarize(model.train(), IMAGES, loss)
        assert [row.slot for row in training.rows if row.module == "1"][3:] == ["gradient activation", "gradient weight"]
        model[2].freeze_stats()
        assert "gradient bias" in {row.slot for row in summarize(model.train(), IMAGES, loss).rows}
        model[2].freeze_stats(False)
        frozen = summarize(model.eval(), IMAGES, loss)
        assert [row.slot for row in frozen.rows if row.module == "1"][3:] == [
            "gradient activation", "gradient weight", "gradient bias"
        ]  # fmt: skip
        twin = copy.deepcopy(model).double()  # in evaluation the bias of the normalisation is that of the whole layer
        twin[1].gradient = Gradients(G, None, None)
        loss(twin(IMAGES.double())).backward()
        row = find(frozen, "1", "gradient bias")
        assert (row.low, row.high) == pytest.approx((float(twin[2].bias.grad.min()), float(twin[2].bias.grad.max())), rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda y: y, "loss does not return a scalar"),
        (lambda y: 3.0, "loss does not return a scalar"),
        (lambda y: y.sum() * math.nan, "the loss is NaN"),
        (lambda y: y.detach().sum(), "depends on no parameter"),
        (lambda y: (y * torch.where(y > 9, 1.0, torch.nan).nan_to_num(0.0).sqrt()).sum(), "gradient activation is NaN"),
        (lambda y: F.cross_entropy(y, TARGETS[:3]), "loss: fails on the batch"),
    ],
)
def test_losses_that_do_not_do(loss: Any, message: str) -> None:
    class Root(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
            return grads[0] * math.nan

    if "gradient" in message:
        loss = lambda y: Root.apply(y).sum()  # noqa: E731
    with pytest.raises(CreatorError, match=message):
        summarize(trained(gradient=G), POINTS, loss)


def test_frozen_layers_have_no_gradient() -> None:
    model = trained(gradient=G)
    model[1].weight.requires_grad_(False)
    slots = [row.slot for row in summarize(model, POINTS, cross_entropy).rows if row.module == "1"]
    assert slots == ["output", "weight", "bias", "gradient activation", "gradient bias"]
    model.requires_grad_(False)
    with pytest.raises(CreatorError, match="depends on no parameter that trains"):
        summarize(model, POINTS, cross_entropy)


def everything() -> torch.nn.Sequential:
    torch.manual_seed(8)
    generator = torch.Generator().manual_seed(9)
    stochastic = Gradients(G, G, G, Rounding.STOCHASTIC, generator)
    model = torch.nn.Sequential(
        nn.Quantize(Learned()),
        nn.Linear(6, 5, weight=Learned(), output=Learned(), gradient=stochastic),
        nn.BatchNorm1d(5),
        torch.nn.Dropout(0.5),
        nn.Linear(5, 4, weight=P(8, 6), output=P(8, 4), rounding=Rounding.STOCHASTIC, gradient=stochastic),
    )
    model[3].eval()
    return model


def state(model: torch.nn.Module) -> dict[str, Any]:
    generator = model[1].gradient.generator
    found: dict[str, Any] = {f"state {key}": value.clone() for key, value in model.state_dict().items()}
    found |= {f"version {key}": value._version for key, value in model.state_dict().items()}
    found |= {f"grad {key}": None if p.grad is None else p.grad.clone() for key, p in model.named_parameters()}
    found |= {f"mode {key}": module.training for key, module in model.named_modules()}
    found |= {f"hooks {key}": len(m._forward_hooks) + len(m._forward_pre_hooks) for key, m in model.named_modules()}
    found |= {f"format {key}": repr(module) for key, module in model.named_modules()}
    return found | {"random": torch.get_rng_state(), "generator": generator.get_state()}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("loss", [None, lambda y: y.square().sum()])
def test_nothing_of_the_model_changes(training: bool, loss: Any) -> None:
    model = everything()
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model.train(training)
    before = state(model)
    total = summarize(model, POINTS, None if loss is None else lambda y: loss(y) + sum(p.sum() for p in model.parameters()))
    after = state(model)
    assert before.keys() == after.keys()
    for key, value in before.items():
        same = torch.equal(value, after[key]) if isinstance(value, torch.Tensor) else value == after[key]
        assert same, key
    assert POINTS.grad is None
    assert summarize(model, POINTS, loss).rows == total.rows  # the same random numbers as well
    names = {row.format for row in total.rows if row.module in "01" and not row.slot.startswith("gradient")}
    assert names == {"Learned", "grid of the sum"}


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_whatever_the_caller_has_switched_off(context: Any) -> None:
    expected = summarize(trained(gradient=G), POINTS, cross_entropy)
    with context():
        x = POINTS.detach().clone()
        assert summarize(trained(gradient=G), x, cross_entropy).rows == expected.rows


@pytest.mark.parametrize("training", [False, True])
def test_activations_in_place(training: bool) -> None:
    def model(inplace: bool) -> torch.nn.Sequential:
        torch.manual_seed(0)
        layers = [nn.Quantize(P(8, 5)), nn.Linear(6, 5, gradient=G), torch.nn.ReLU(inplace), nn.Linear(5, 2, gradient=G)]
        return torch.nn.Sequential(*layers).train(training)

    assert (
        summarize(model(True), POINTS, cross_entropy_of_two).rows == summarize(model(False), POINTS, cross_entropy_of_two).rows
    )


def cross_entropy_of_two(y: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(y, TARGETS % 2)
