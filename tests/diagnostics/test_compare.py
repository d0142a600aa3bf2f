"""PyTorch, graph and floating-point model, node by node."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.diagnostics import Comparison, compare
from creator.diagnostics.comparison import NodeRow
from tests.conftest import small_model
from tests.diagnostics.models import pair

F = FixedPoint
X = torch.randn(300, 10, generator=torch.Generator().manual_seed(1))


def rows(found: Comparison) -> dict[str, NodeRow]:
    return {row.node: row for row in found.rows}


def test_pytorch_and_the_graph_agree() -> None:
    model, _ = pair()
    found = compare(model, X)
    assert found.exact
    assert found.first_mismatch is None
    assert [(row.path, row.torch_lsb) for row in found.rows] == [
        ("entry", 0.0), ("fc1 + norm + relu", 0.0), ("fc2 + relu", 0.0), ("fc3", 0.0), ("tanh", 0.0)
    ]  # fmt: skip
    assert all(row.reference_lsb is None and row.sqnr_db is None for row in found.rows)
    assert [row.elements for row in found.rows] == [3000, 2400, 1800, 1200, 1200]
    assert "agree in every code" in str(found)


def test_arbitrary_scales_show_their_outputs_but_not_their_sums() -> None:
    torch.manual_seed(0)
    weight = Affine(tuple(0.001 * (k + 1) for k in range(6)), 0, 8, axis=0)
    model = torch.nn.Sequential(
        nn.Quantize(Affine(0.03, 10, 8)),
        nn.Linear(10, 6, weight=weight, output=Affine(0.0231, -128, 8)),
        nn.ReLU(),
        nn.Linear(6, 3, weight=F(3, 1), output=F(6, 3)),
    ).eval()
    model[1].input_format, model[3].input_format = model[0].output_format, model[1].output_format
    found = compare(model, X)
    assert [row.torch_lsb for row in found.rows] == [0.0, None, 0.0, None, 0.0]
    assert found.exact


@pytest.mark.parametrize("layer", ["fc1", "fc2", "fc3"])
def test_a_difference_is_found_where_it_begins(layer: str) -> None:
    model, _ = pair()
    graph = creator.trace(model, 10)
    with torch.no_grad():
        model.get_submodule(layer).bias[0] += 4 / 16  # four units of the outputs
    found = compare(model, X, graph=graph)
    assert not found.exact
    assert found.first_mismatch is not None
    assert found.first_mismatch.node == layer
    assert found.first_mismatch.torch_lsb == (4.0 if layer != "fc1" else pytest.approx(4, abs=2))
    assert f"part at {found.first_mismatch.path}" in str(found)


class Hidden(torch.nn.Module):
    """Computes something else than torch.fx sees."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.model(x)
        return y if isinstance(x, torch.fx.Proxy) else y + 1 / 64


def test_the_output_is_that_of_the_model_itself() -> None:
    model, _ = pair()
    found = compare(Hidden(model).eval(), X, graph=creator.trace(torch.nn.ModuleDict({"model": model})["model"], 10))
    assert [row.torch_lsb for row in found.rows[:-1]] == [0.0, None, None, None]  # the paths are others
    assert found.rows[-1].torch_lsb == 2.0
    assert not found.exact
    with pytest.raises(CreatorError, match="does not reproduce the model's outputs"):
        compare(Hidden(model).eval(), X)


def test_the_table_of_a_node_that_has_changed() -> None:
    model, _ = pair()
    graph = creator.trace(model, 10)
    nodes = [
        dataclasses.replace(node, op=dataclasses.replace(node.op, table=node.op.table ^ 1)) if node.name == "tanh" else node
        for node in graph.nodes
    ]
    found = compare(model, X, graph=dataclasses.replace(graph, nodes=tuple(nodes)))
    assert found.first_mismatch is not None
    assert (found.first_mismatch.node, found.first_mismatch.torch_lsb) == ("tanh", 1.0)
    assert found.rows[-1].torch_lsb == 1.0


def expected(graph: creator.Graph, model: torch.nn.Module, node: str, floating: torch.Tensor) -> tuple[float, float]:
    """Largest difference in LSB and SQNR of a node, from the definitions."""
    with torch.no_grad():
        codes = graph.run_all(graph.input_format.to_integers(model.entry(X).numpy()))[node]
    fmt = graph.type_of(node).format
    value, r = codes * fmt.step, floating.detach().double().numpy()
    return float(np.abs(r - value).max() / fmt.step), 10 * math.log10((r**2).sum() / ((r - value) ** 2).sum())


@pytest.mark.parametrize("unsigned", [False, True])
def test_the_floating_point_model_beside_it(unsigned: bool) -> None:
    model, reference = pair(unsigned)
    graph = creator.trace(model, 10)
    found = rows(compare(model, X, reference))
    with torch.no_grad():
        first = torch.relu(reference.norm(reference.fc1(X)))
        second = torch.relu(reference.fc2(first))
        third = reference.fc3(second)
    for node, value in (("input", X), ("fc1", first), ("fc2", second), ("fc3", third), ("tanh", torch.tanh(third))):
        row = found[node]
        assert (row.reference_lsb, row.sqnr_db) == pytest.approx(expected(graph, model, node, value), rel=1e-9), node
    assert found["input"].reference_lsb is not None
    assert found["input"].reference_lsb <= 0.5  # it rounds to nearest, and does not saturate
    assert found["fc1"].path == ("fc1 + norm" if unsigned else "fc1 + norm + relu")
    assert all(row.torch_lsb == 0 for row in found.values())


def test_activations_in_place_do_not_change_what_was_seen() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(F(8, 5)), nn.Linear(10, 4), torch.nn.Identity(), nn.HardTanh()).eval()
    reference = torch.nn.Sequential(
        torch.nn.Identity(), torch.nn.Linear(10, 4), torch.nn.Identity(), torch.nn.Hardtanh(inplace=True)
    ).eval()
    reference.load_state_dict(model.state_dict())
    with torch.no_grad():
        clamped = reference[1](X).clamp(-1, 1)
    (row,) = [row for row in compare(model, X, reference).rows if row.node == "linear_1"]
    assert row.path == "1 + 3"
    assert row.reference_lsb == pytest.approx(float((clamped - model(X).detach()).abs().max()) * 16)
    shorter = reference[:2]
    (row,) = [row for row in compare(model, X, shorter).rows if row.node == "linear_1"]
    assert (row.torch_lsb, row.reference_lsb, row.sqnr_db) == (0.0, None, None)  # it has no HardTanh


def test_values_of_the_model_that_change_in_place() -> None:
    torch.manual_seed(0)
    layers = nn.Quantize(F(8, 5)), nn.Linear(10, 4), nn.Tanh(F(8, 7)), nn.HardTanh(-0.25, 0.25, inplace=True)
    found = compare(torch.nn.Sequential(*layers).eval(), X)
    assert [row.path for row in found.rows] == ["0", "1", "2", "3"]
    assert found.exact


def test_an_output_that_cannot_be_negative_needs_a_relu_beside_it() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(nn.Quantize(F(8, 5)), nn.Linear(10, 4, output=F(8, 4, signed=False))).eval()
    reference = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(10, 4)).eval()
    assert compare(model, X, reference).rows[-1].reference_lsb is None
    rectified = torch.nn.Sequential(*reference, torch.nn.ReLU(inplace=True))
    rectified.load_state_dict(model.state_dict())
    assert compare(model, X, rectified).rows[-1].reference_lsb < 3
    shared = torch.nn.Sequential(*reference, torch.nn.Dropout(), torch.nn.ReLU())
    assert compare(model, X, shared.eval()).rows[-1].reference_lsb is None  # not right after


class Skipping(torch.nn.Module):
    """A ReLU that is not the only one to read the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(10, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.fc(x)
        return torch.relu(y) + 0 * y


def test_a_relu_beside_another_reader_is_not_the_layers_own() -> None:
    model = torch.nn.Sequential()
    model.add_module("entry", nn.Quantize(F(8, 5)))
    model.add_module("fc", nn.Linear(10, 4, output=F(8, 4, signed=False)))
    assert compare(model.eval(), X, Skipping()).rows[-1].reference_lsb is None


class Missing(torch.nn.Module):
    """Has, in floating point, one activation less."""

    def __init__(self, quantized: bool) -> None:
        super().__init__()
        own: Any = nn if quantized else torch.nn
        self.quantized = quantized
        self.entry = nn.Quantize(F(8, 5)) if quantized else torch.nn.Identity()
        self.fc1, self.fc2 = own.Linear(10, 4), own.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.fc1(self.entry(x))
        return torch.relu(self.fc2(torch.relu(x) if self.quantized else x))


def test_a_function_of_another_node_does_not_stand_in() -> None:
    found = rows(compare(Missing(True).eval(), X, Missing(False)))
    assert found["fc1"].path == "fc1 + relu"
    assert found["fc1"].reference_lsb is None
    assert found["fc2"].reference_lsb is not None


class Repeated(torch.nn.Module):
    """Functions of one name, the first of which becomes no node."""

    def __init__(self, quantized: bool) -> None:
        super().__init__()
        self.q = nn.Quantize(F(6, 3, signed=False)) if quantized else torch.nn.ReLU()
        self.fc = nn.Linear(10, 10, output=F(8, 4)) if quantized else torch.nn.Linear(10, 10)
        self.tanh = nn.Tanh(F(8, 7)) if quantized else torch.nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.q(x))
        x = torch.relu(self.fc(x))
        x = self.tanh(self.fc(x))
        return torch.relu(x)


def test_functions_and_modules_that_are_called_again() -> None:
    torch.manual_seed(0)
    model, reference = Repeated(True).eval(), Repeated(False).eval()
    reference.load_state_dict(model.state_dict())
    found = compare(model, X, reference)
    assert [row.path for row in found.rows] == ["q", "fc + relu", "fc", "tanh", "relu"]
    assert found.exact
    assert all(row.torch_lsb == 0 for row in found.rows)
    with torch.no_grad():
        first = torch.relu(reference.fc(torch.relu(X)))
        second = reference.fc(first)
    values = (torch.relu(X), first, second, torch.tanh(second), torch.relu(torch.tanh(second)))
    for row, value in list(zip(found.rows, values, strict=True))[1:]:
        assert row.sqnr_db is not None
        own = {"fc + relu": 20, "fc": 15, "tanh": 15, "relu": 15}[row.path]
        assert row.sqnr_db > own, row
        assert value.shape == (300, 10)


def test_a_layer_alone_and_a_reshaped_input() -> None:
    torch.manual_seed(0)
    flat = torch.nn.Sequential(torch.nn.Flatten(), nn.Quantize(F(8, 5)), nn.Linear(10, 3)).eval()
    found = compare(flat, X.reshape(300, 2, 5))
    assert found.exact
    assert [row.path for row in found.rows] == ["1", "0", "2"]
    assert compare(nn.Quantize(F(8, 5)).eval(), X).exact


def test_every_operation_of_the_small_model() -> None:
    found = compare(small_model(), 3 * torch.randn(50, 6))
    assert found.exact
    assert all(row.torch_lsb == 0 for row in found.rows)


def test_modes_and_state_stay() -> None:
    model, reference = pair()
    model.train()
    reference.train()
    model.norm.eval()
    before = {key: value.clone() for key, value in {**model.state_dict(), **reference.state_dict(prefix="r.")}.items()}
    compare(model, X, reference)
    assert model.training
    assert reference.training
    assert not model.norm.training
    assert reference.norm.training
    after = {**model.state_dict(), **reference.state_dict(prefix="r.")}
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_it_can_be_printed_and_stored() -> None:
    model, reference = pair()
    found = compare(model, X, reference)
    text = str(found)
    assert max(map(len, text.splitlines())) <= 120
    assert "fc1 + norm + relu  fc1    fixed<8,4>" in text
    stored = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert stored["exact"] is True
    assert stored["rows"][1]["reference_lsb"] == found.rows[1].reference_lsb
    exact = compare(model, torch.zeros(1, 10), reference)
    assert exact.rows[0].sqnr_db == math.inf
    assert json.dumps(exact.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, X), "model is int, not a torch.nn.Module"),
        ((small_model(), X, 3), "reference is int"),
        ((small_model(), [1.0]), "x is not a batch"),
        ((small_model(), torch.ones(0, 6)), "x is not a batch"),
        ((small_model(), torch.full((2, 6), math.nan)), "x contains NaN"),
        ((small_model(), torch.ones(2, 7)), "takes 6 inputs, but gets shape"),
        ((torch.nn.Sequential(nn.Linear(6, 2)), torch.ones(2, 6)), "no nn.Quantize|no number format"),
        ((small_model(), torch.ones(2, 6), torch.nn.Sequential(torch.nn.Linear(7, 2))), "0: fails on the batch"),
    ],
)
def test_what_cannot_be_compared_is_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        compare(*arguments)  # type: ignore[arg-type]


def test_a_graph_of_another_model_is_refused() -> None:
    model, _ = pair()
    graph = creator.trace(small_model(), 6)
    with pytest.raises(CreatorError, match="x gives 10 values a sample, the graph takes"):
        compare(model, X, graph=graph)
    with pytest.raises(CreatorError, match=r"no nn\.Quantize"):
        compare(torch.nn.Sequential(torch.nn.Linear(6, 2)), torch.ones(2, 6), graph=graph)
