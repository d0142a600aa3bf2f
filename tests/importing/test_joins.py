"""Imported sums, products and concatenations beside torch's kernels, and a residual network in hardware."""

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError
from creator.importing import compare_torch_ao
from tests.importing.models import ENGINES, Engine, batch, codes_of, eager, graph_mode, qconfig, quantization, quantized

pytestmark = pytest.mark.filterwarnings("ignore")


class Eager(torch.nn.Module):
    """Two layers whose results are joined by a FloatFunctional."""

    def __init__(self, kind):
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.first, self.second = torch.nn.Linear(6, 5), torch.nn.Linear(6, 5)
        self.join, self.last, self.kind = quantized.FloatFunctional(), None, kind
        self.last = torch.nn.Linear(10 if kind == "cat" else 5, 3)

    def forward(self, x):
        x = self.quant(x)
        a, b = self.first(x), self.second(x)
        joined = self.join.cat([a, b], 1) if self.kind == "cat" else getattr(self.join, self.kind)(a, b)
        return self.dequant(self.last(joined))


class Graph(torch.nn.Module):
    """The same by functions."""

    def __init__(self, kind):
        super().__init__()
        self.first, self.second, self.kind = torch.nn.Linear(6, 5), torch.nn.Linear(6, 5), kind
        self.last = torch.nn.Linear(10 if kind == "cat" else 5, 3)

    def forward(self, x):
        a, b = self.first(x), self.second(x)
        joined = {
            "add": lambda: a + b,
            "add_relu": lambda: torch.relu(torch.add(a, b)),
            "mul": lambda: a * b,
            "cat": lambda: torch.cat([a, b], 1),
        }
        return self.last(joined[self.kind]())


KINDS = ["add", "add_relu", "mul", "cat"]


def check(model, x, tmp_path):
    """Compares with torch, traces, and simulates."""
    rows = compare_torch_ao(model, x)
    assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
    imported = creator.from_torch_ao(model, x)
    graph = creator.trace(imported, x.shape[1:])
    codes = graph.input_format.to_integers(x[:4].double().numpy())
    assert np.array_equal(graph.run(codes), codes_of(imported(x[:4]), graph.output_format))
    converted = creator.convert(imported)  # finds the same formats of the operands
    assert torch.equal(converted(x), imported(x))
    if tmp_path is not None:
        creator.translate(graph).write(tmp_path / "build")
        run = creator.simulate(tmp_path / "build", codes, bench="vhdl")
        assert run.mismatches == 0
        assert run.compared >= codes.shape[0] * graph.output_type.size
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_eager_mode(kind, tmp_path):
    x = batch(100, 6)
    rows = check(eager(lambda: Eager(kind), x), x, tmp_path)
    assert {"quant", "first", "second", "last"} < {row.path for row in rows}


@pytest.mark.parametrize("form", ["quantized", "reference", "decomposed"])
@pytest.mark.parametrize("kind", KINDS)
def test_graph_modes(kind, form):
    x = batch(100, 6)
    check(graph_mode(lambda: Graph(kind), x, form), x, None)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_engine(kind, engine):
    with Engine(engine):
        x = batch(200, 6)
        check(eager(lambda: Eager(kind), x, qconfig(weight="tensor")), x, None)


class Residual(torch.nn.Module):
    """Two convolutions around which the input goes, and the average of the image."""

    def __init__(self):
        super().__init__()
        self.entry, self.first = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Conv2d(3, 3, 3, padding=1)
        self.second, self.fc = torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.Linear(3, 4)

    def forward(self, x):
        x = torch.relu(self.entry(x))
        x = torch.relu(x + self.second(torch.relu(self.first(x))))
        return self.fc(torch.flatten(torch.nn.functional.adaptive_avg_pool2d(x, 1), 1))


@pytest.mark.parametrize("form", ["quantized", "decomposed"])
def test_a_residual_network_runs_in_hardware(form, tmp_path):
    x = batch(30, 1, 5, 5)
    model = graph_mode(Residual, x, form)
    imported = creator.from_torch_ao(model)
    graph = creator.trace(imported, (1, 5, 5))
    assert "add" in {node.op.name for node in graph.nodes}
    rows = compare_torch_ao(model, x)
    assert all(row.alone_largest <= 1 for row in rows)
    if form == "quantized":
        creator.translate(graph).write(tmp_path / "build")
        codes = graph.input_format.to_integers(x[:2].double().numpy())
        run = creator.simulate(tmp_path / "build", codes, bench="vhdl")
        assert run.mismatches == 0


class Body(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.layer, self.function = torch.nn.Linear(6, 6), function

    def forward(self, x):
        return self.function(self.layer(x))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x + 1.0, "arithmetic with a number|add_scalar"),
        (lambda x: x * 0.5, "arithmetic with a number|mul_scalar"),
        (lambda x: torch.add(x, x, alpha=2), "alpha other than 1"),
        (lambda x: x / x, "truediv"),
    ],
)
def test_other_arithmetic_is_refused(function, message, record_property):
    model = graph_mode(lambda: torch.nn.Sequential(Body(function), torch.nn.Linear(6, 2)), batch(30, 6), "decomposed")
    with pytest.raises(CreatorError, match=message):
        creator.from_torch_ao(model)
    record_property("bad inputs: imports", 1)
