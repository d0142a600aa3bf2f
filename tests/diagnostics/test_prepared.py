"""Models from creator.prepare: before and after calibration, converted, and beside the floating-point model."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch

import creator
from creator import QConfig, nn
from creator.affine import Affine
from creator.diagnostics import compare, summarize
from creator.quantize.lsq import LSQ
from creator.quantize.tqt import TQT
from tests.diagnostics.models import P, find

pytestmark = pytest.mark.filterwarnings("ignore:.*saturate in:UserWarning")


class Block(torch.nn.Module):
    def __init__(self, inputs: int, outputs: int, norm: bool) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(inputs, outputs)
        self.norm = torch.nn.BatchNorm1d(outputs) if norm else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.fc(x)))


class Floating(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = Block(10, 8, True), Block(8, 8, False)
        self.act = torch.nn.ReLU(inplace=True)
        self.mid, self.out = torch.nn.Linear(8, 8), torch.nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.out(self.act(self.mid(self.two(self.one(x))))))


X = torch.randn(200, 10, generator=torch.Generator().manual_seed(1))
CONFIGS: dict[str, Any] = {
    "default": lambda: None,
    "fixed": lambda: QConfig(P(8, 4), P(8, 6)),
    "tqt": lambda: QConfig(TQT, TQT),
    "lsq": lambda: QConfig(LSQ, LSQ),
    "lsq power of two": lambda: QConfig(*2 * [functools.partial(LSQ, power_of_two=True)]),
}


@pytest.fixture(params=CONFIGS)
def models(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, torch.nn.Module]:
    """A floating-point model and what is prepared of it."""
    torch.manual_seed(0)
    floating = Floating().train()
    for _ in range(20):
        floating(torch.randn(64, 10))
    floating.eval()
    return floating, creator.prepare(floating, X, CONFIGS[request.param]())


def test_before_and_after_calibration(models: tuple[torch.nn.Module, torch.nn.Module]) -> None:
    _, prepared = models
    state = copy.deepcopy(prepared.state_dict())
    before = summarize(prepared, X)
    assert all(torch.equal(value, prepared.state_dict()[key]) for key, value in state.items())
    creator.calibrate(prepared, [X])
    state = copy.deepcopy(prepared.state_dict())
    after = summarize(prepared.train(), X, lambda y: y.square().sum())
    assert all(torch.equal(value, prepared.state_dict()[key]) for key, value in state.items())
    assert [row.module for row in before.rows] == [row.module for row in after.rows]
    modules = list(dict.fromkeys(row.module for row in before.rows))
    assert modules == ["quantize", "one.fc", "two.fc", "mid", "out", "tanh"]
    for row in summarize(prepared.eval(), X).rows:
        if row.slot == "output" and row.module != "tanh":
            assert row.format == str(prepared.get_submodule(row.module).output_format)
            assert row.sqnr_db is not None
            assert row.sqnr_db > 15
            assert find(before, row.module).sqnr_db > 15  # what the first batch gives is sound as well
            assert row.low < 0  # before the ReLU, if there is one


@pytest.mark.parametrize("kind", [LSQ, TQT])
def test_an_unsigned_quantizer_that_has_seen_nothing_is_a_relu_as_well(kind: Any) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(P(8, 5)), nn.Linear(10, 8, output=kind(signed=False)))
    row = find(summarize(model, X), "1")
    assert row.format == kind.__name__
    assert row.rectifies
    assert row.sqnr_db is not None
    assert row.sqnr_db > 15


def test_converted_beside_the_floating_point_model(models: tuple[torch.nn.Module, torch.nn.Module]) -> None:
    floating, prepared = models
    converted = creator.convert(creator.calibrate(prepared, [X]).eval())
    assert str(summarize(converted, X)) == str(summarize(prepared, X))
    found = compare(converted, X, floating)
    assert found.exact
    shown = [row for row in found.rows if row.torch_lsb is not None]
    assert [row.path.split(" + ")[0] for row in shown] == ["quantize", "one.fc", "two.fc", "mid", "out", "tanh"]
    values = {"one.fc": floating.one(X), "two.fc": floating.two(floating.one(X))}
    values["mid"] = torch.relu(floating.mid(values["two.fc"]))
    for row in shown:
        assert row.torch_lsb == 0
        assert row.reference_lsb is not None
        assert row.sqnr_db is not None
        assert row.sqnr_db > 15
        layer = row.path.split(" + ")[0]
        if layer in values and "relu" not in row.path and "act" not in row.path:  # fused, so that no node has its name
            fmt = converted.get_submodule(layer).output_format
            step = fmt.scale if isinstance(fmt, Affine) else fmt.step
            with torch.no_grad():
                y = converted.get_submodule("one.norm" if layer == "one.fc" else layer)
                outputs: list[torch.Tensor] = []
                hook = y.register_forward_hook(lambda _, args, out, seen=outputs: seen.append(out.detach()))
                converted(X)
                hook.remove()
            error = (outputs[0].double() - values[layer].detach().double()).abs().max() / step
            assert row.reference_lsb == pytest.approx(float(error), rel=1e-4)
