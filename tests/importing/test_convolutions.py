"""Imported convolutions, in every way that torch.ao converts them, down to the VHDL."""

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError
from creator.importing import compare_torch_ao
from tests.importing.models import (
    ENGINES,
    Engine,
    batch,
    codes_of,
    eager,
    graph_mode,
    qconfig,
    quantization,
    quantized,
    wrapped,
)

pytestmark = pytest.mark.filterwarnings("ignore")


class Separable(torch.nn.Module):
    """A strided convolution with a normalisation, a depthwise, dilated one, a pointwise one, and a linear layer."""

    def __init__(self, stubs=True):
        super().__init__()
        self.quant = quantization.QuantStub() if stubs else torch.nn.Identity()
        self.dequant = quantization.DeQuantStub() if stubs else torch.nn.Identity()
        self.conv, self.norm, self.relu = torch.nn.Conv2d(2, 4, 3, 2, 1), torch.nn.BatchNorm2d(4), torch.nn.ReLU()
        self.depth = torch.nn.Conv2d(4, 4, 3, padding=(0, 1), groups=4, dilation=(1, 2), bias=False)
        self.point, self.swish = torch.nn.Conv2d(4, 3, 1), torch.nn.Hardswish()
        self.fc = torch.nn.Linear(12, 5)
        self.norm.running_mean.uniform_(-0.2, 0.2)
        self.norm.running_var.uniform_(0.5, 1.5)

    def forward(self, x):
        x = self.relu(self.norm(self.conv(self.quant(x))))
        x = self.swish(self.point(self.depth(x)))
        return self.dequant(self.fc(torch.flatten(x, 1)))


class Functional(torch.nn.Module):
    """Convolutions as functions of their own parameters, over one axis."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(4, 1, 3))
        self.bias = torch.nn.Parameter(torch.randn(4))
        self.last = torch.nn.Conv1d(4, 2, 2, stride=2)

    def forward(self, x):
        x = torch.nn.functional.conv1d(x, self.weight, self.bias, 1, 2, 2, groups=2)
        return self.last(torch.nn.functional.relu(x))


MODELS = {
    "eager": lambda x: eager(Separable, x, fuse=[["conv", "norm", "relu"]]),
    "eager, zero points of weights": lambda x: eager(
        Separable, x, qconfig(weight="tensor", zero=True), [["conv", "norm", "relu"]]
    ),
    "FX": lambda x: graph_mode(lambda: Separable(stubs=False), x),
    "reference": lambda x: graph_mode(lambda: Separable(stubs=False), x, "reference"),
    "decomposed": lambda x: graph_mode(lambda: Separable(stubs=False), x, "decomposed"),
    "FX, functions": lambda x: graph_mode(Functional, x[:, :, 0]),
    "decomposed, functions": lambda x: graph_mode(Functional, x[:, :, 0], "decomposed"),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_network_runs_in_hardware(name, tmp_path):
    x = batch(40, 2, 8, 8)
    model = MODELS[name](x)
    x = x[:, :, 0] if "functions" in name else x
    imported = creator.from_torch_ao(model, x)
    rows = compare_torch_ao(model, x)
    assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
    graph = creator.trace(imported, x.shape[1:])
    assert [node.op.name for node in graph.nodes].count("conv") == (2 if "functions" in name else 3)
    codes = graph.input_format.to_integers(x[:5].double().numpy())
    assert np.array_equal(graph.run(codes).ravel(), codes_of(imported(x[:5]), graph.output_format).ravel())
    if name in ("eager", "decomposed", "FX, functions"):  # the others have the same layers
        creator.translate(graph).write(tmp_path / "build")
        run = creator.simulate(tmp_path / "build", codes[:2], bench="vhdl")
        assert run.mismatches == 0
        assert run.compared >= 2 * graph.output_type.size


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_pads_with_the_zero_point(engine):
    with Engine(engine):
        x = batch(60, 2, 5, 5) + 0.7  # so that the zero point is not in the middle
        model = eager(wrapped(torch.nn.Conv2d(2, 3, 3, padding=2), torch.nn.Conv2d(3, 2, 3, padding=1)), x)
        rows = compare_torch_ao(model, x)
        assert [row.path for row in rows] == ["quant", "module.0", "module.1"]
        assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)


def test_one_axis_and_every_argument():
    x = batch(50, 4, 9)
    model = eager(wrapped(torch.nn.Conv1d(4, 6, 3, 2, 1, 2, 2), torch.nn.ReLU()), x, fuse=[["module.0", "module.1"]])
    layer = creator.from_torch_ao(model, x).get_submodule("module.0")
    assert (layer.stride, layer.padding, layer.dilation, layer.groups) == ((2,), (1,), (2,), 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: wrapped(torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")), r"^module\.0: padding_mode='reflect'"),
        (lambda: wrapped(torch.nn.Conv3d(1, 1, 3)), r"^module\.0: Conv3d: it is not supported"),
    ],
)
def test_other_convolutions_are_refused(make, message, record_property):
    model = eager(make(), batch(9, 1, 6, 6) if "padding" in message else batch(9, 1, 6, 6, 6))
    with pytest.raises(CreatorError, match=message):
        creator.from_torch_ao(model)
    record_property("bad inputs: imports", 1)


TRANSPOSED = {
    "two axes": (lambda: torch.nn.ConvTranspose2d(2, 4, 3, 2, 1, 1), (2, 4, 4)),
    "groups and dilation": (lambda: torch.nn.ConvTranspose2d(4, 2, (2, 3), (1, 2), 0, (0, 1), 2, False, (1, 2)), (4, 3, 4)),
    "one axis": (lambda: torch.nn.ConvTranspose1d(2, 3, 4, 3), (2, 5)),
}


@pytest.mark.parametrize("kind", ["eager", "reference", "decomposed"])
@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions_run_in_hardware(name, kind, tmp_path):
    make, shape = TRANSPOSED[name]
    x = batch(40, *shape)
    with Engine("qnnpack"):
        if kind == "eager":
            model = eager(lambda: quantization.QuantWrapper(make()), x, qconfig(weight="tensor"))
        else:
            mapping = quantization.QConfigMapping().set_global(qconfig(weight="tensor"))
            model = graph_mode(lambda: torch.nn.Sequential(make()), x, kind, mapping)
        rows = compare_torch_ao(model, x)
        assert len(rows) == 2
        assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
        imported = creator.from_torch_ao(model, x)
    graph = creator.trace(imported, shape)
    codes = graph.input_format.to_integers(x[:2].double().numpy())
    assert np.array_equal(graph.run(codes).ravel(), codes_of(imported(x[:2]), graph.output_format).ravel())
    if kind == "eager":
        creator.translate(graph).write(tmp_path / "build")
        run = creator.simulate(tmp_path / "build", codes, bench="vhdl")
        assert run.mismatches == 0
        assert run.compared >= 2 * graph.output_type.size


def test_a_scale_for_each_input_of_a_transposed_convolution_is_refused():
    weight = torch._make_per_channel_quantized_tensor(
        torch.ones(2, 3, 3, 3, dtype=torch.int8), torch.tensor([0.1, 0.2]).double(), torch.zeros(2, dtype=torch.int64), 0
    )
    layer = quantized.ConvTranspose2d(2, 3, 3)
    layer.weight = lambda: weight
    model = torch.nn.Sequential(quantized.Quantize(0.1, 0, torch.quint8), layer)
    with pytest.raises(CreatorError, match=r"^1: a transposed convolution with a scale for each channel is not supported"):
        creator.from_torch_ao(model)
