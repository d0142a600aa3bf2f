"""Imported activations: limits are torch's codes, tables are at most one code from them."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import creator
from creator import nn
from creator.importing import compare_torch_ao
from tests.importing.models import ENGINES, Engine, eager, graph_mode, qconfig, quantized, wrapped

pytestmark = pytest.mark.filterwarnings("ignore")

ALL = torch.arange(256).reshape(-1, 1)
LAYERS = {
    "relu": torch.nn.ReLU(),
    "relu6": torch.nn.ReLU6(),
    "hardtanh": torch.nn.Hardtanh(-0.33, 1.77),
    "sigmoid": torch.nn.Sigmoid(),
    "tanh": torch.nn.Tanh(),
    "hardsigmoid": torch.nn.Hardsigmoid(),
    "hardswish": torch.nn.Hardswish(),
    "leaky relu": torch.nn.LeakyReLU(0.07),
    "elu": torch.nn.ELU(0.7),
}
LIMITS = ("relu", "relu6", "hardtanh")


class Layer(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


def every_code(model):
    """Values that torch quantizes to each of its codes, for a model that begins with a Quantize."""
    return (ALL - int(model.quant.zero_point)) * float(model.quant.scale)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", LAYERS)
def test_every_code_of_a_layer(name, engine):
    with Engine(engine):
        model = eager(wrapped(LAYERS[name]), torch.linspace(-4.1, 7.3, 100).reshape(-1, 1))
        rows = compare_torch_ao(model, every_code(model))
    assert rows[0].alone == 0
    assert rows[1].values == 256
    assert rows[1].alone <= (0 if name in LIMITS else 3)
    assert rows[1].alone_largest <= (0 if name in LIMITS else 1)


@pytest.mark.parametrize("name", ["relu", "relu6", "hardtanh", "sigmoid", "tanh", "hardsigmoid"])
def test_every_code_of_a_signed_layer(name):
    model = torch.nn.Sequential(quantized.Quantize(0.05, 17, torch.qint8), LAYERS[name]).eval()
    rows = compare_torch_ao(model, (ALL - 128 - 17) * 0.05)
    assert rows[1].alone <= (0 if name in LIMITS else 3)
    assert creator.from_torch_ao(model).get_submodule("1") is not None


FUNCTIONS = {
    "relu": F.relu,
    "method": lambda x: x.relu(),
    "relu6": F.relu6,
    "hardtanh": lambda x: F.hardtanh(x, -0.5, 0.9),
    "clamp": lambda x: torch.clamp(x, -0.31, 0.44),
    "clamp below": lambda x: x.clamp(min=-0.31),
    "clip above": lambda x: torch.clip(x, max=0.44),
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "leaky relu": lambda x: F.leaky_relu(x, 0.2),
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
}


@pytest.mark.parametrize("kind", ["quantized", "reference", "decomposed"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_in_every_kind_of_graph(name, kind):
    x = torch.linspace(-2.2, 3.1, 400).reshape(-1, 4)

    def make():
        return torch.nn.Sequential(torch.nn.Linear(4, 4), Layer(FUNCTIONS[name]), torch.nn.Linear(4, 4))

    model = graph_mode(make, x, kind)
    rows = compare_torch_ao(model, x)
    assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
    graph = creator.trace(creator.from_torch_ao(model), 4)
    assert graph.output_format.total_bits in (7, 8)


def test_activations_between_layers_run_in_hardware(tmp_path):
    x = torch.randn(100, 5, generator=torch.Generator().manual_seed(1))
    layers = [torch.nn.Linear(5, 4), torch.nn.Sigmoid(), torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.Linear(4, 4),
              torch.nn.LeakyReLU(0.1), torch.nn.Linear(4, 3), torch.nn.Hardswish()]  # fmt: skip
    imported = creator.from_torch_ao(eager(wrapped(*layers), x, qconfig()), x)
    assert isinstance(imported.get_submodule("module.1"), nn.Sigmoid)
    graph = creator.trace(imported, 5)
    creator.translate(graph).write(tmp_path / "build")
    codes = graph.input_format.to_integers(x[:10].double().numpy())
    run = creator.simulate(tmp_path / "build", codes, bench="vhdl")
    assert run.mismatches == 0
    assert run.compared == 30
    assert np.array_equal(run.outputs, graph.output_format.to_integers(imported(x[:10]).detach().numpy()))
