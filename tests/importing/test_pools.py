"""Imported pools beside torch's kernels, and a network with all of them in hardware."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import creator
from creator import CreatorError, nn
from creator.importing import compare_torch_ao
from tests.importing.models import ENGINES, Engine, batch, codes_of, eager, graph_mode, quantization, quantized, wrapped

pytestmark = pytest.mark.filterwarnings("ignore")


def quantize(scale=0.05, zero_point=30):
    return quantized.Quantize(scale, zero_point, torch.quint8)


def compared(layer, *shape, zero_point=30):
    """The row of a layer on random codes."""
    rows = compare_torch_ao(torch.nn.Sequential(quantize(zero_point=zero_point), layer).eval(), batch(40, *shape) * 3)
    assert rows[0].alone == 0
    return rows[-1]


MAXIMA = {
    "2": (torch.nn.MaxPool2d(2), (3, 6, 6)),
    "3, stride 2, padded": (torch.nn.MaxPool2d(3, 2, 1), (2, 7, 6)),
    "ceil": (torch.nn.MaxPool2d(3, 2, ceil_mode=True), (2, 6, 6)),
    "two sizes": (torch.nn.MaxPool2d((3, 1), (1, 2), (1, 0)), (2, 5, 5)),
    "one axis": (torch.nn.MaxPool1d(3, 2, 1), (2, 9)),
}
AVERAGES = {
    "2": (torch.nn.AvgPool2d(2), (3, 6, 6), 4),
    "3, stride 2, padded": (torch.nn.AvgPool2d(3, 2, 1), (2, 7, 7), 9),
    "3, padding not counted": (torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False), (2, 7, 7), 9),
    "divided by another number": (torch.nn.AvgPool2d(2, divisor_override=3), (2, 6, 6), 3),
    "all": (torch.nn.AdaptiveAvgPool2d(1), (4, 6, 5), 30),
    "all, of a power of two": (torch.nn.AdaptiveAvgPool2d(1), (4, 4, 4), 16),
    "parts": (torch.nn.AdaptiveAvgPool2d((2, 1)), (2, 4, 3), 6),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MAXIMA)
def test_maxima_are_torchs(name, engine):
    layer, shape = MAXIMA[name]
    with Engine(engine):
        assert compared(layer, *shape).alone == 0


class Framed(torch.nn.Module):
    def forward(self, x):
        return F.interpolate(F.pad(x, (1, 0, 0, 2)), scale_factor=(2.0, 1.0))


MOVES = {
    "zeros": (torch.nn.ZeroPad2d((1, 2, 0, 3)), (2, 3, 4)),
    "zeros, one axis": (torch.nn.ZeroPad1d(2), (2, 4)),
    "a constant that is zero": (torch.nn.ConstantPad2d(1, 0.0), (2, 3, 4)),
    "upsampling": (torch.nn.Upsample(scale_factor=2), (2, 3, 4)),
    "nearest": (torch.nn.UpsamplingNearest2d(size=(6, 4)), (2, 3, 4)),
    "functions": (Framed(), (2, 3, 4)),
}


@pytest.mark.parametrize("name", MOVES)
def test_padding_and_upsampling_are_torchs(name):
    layer, shape = MOVES[name]
    model = torch.nn.Sequential(quantize(), layer).eval()
    x = batch(40, *shape) * 3
    imported = creator.from_torch_ao(model, x)
    assert torch.equal(imported(x).float(), model(x).dequantize())
    assert creator.trace(imported, shape).nodes


def test_padding_with_another_number_is_refused():
    with pytest.raises(CreatorError, match=r"^1: padding with anything but zeros"):
        creator.from_torch_ao(torch.nn.Sequential(quantize(), torch.nn.ConstantPad2d(1, 0.5)).eval())


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("zero_point", [30, 31])
def test_averages_differ_at_ties_only(name, engine, zero_point):
    """A sum is a tie with a probability of 1 in the divisor, or never: an odd zero point takes torch's the other way."""
    layer, shape, divisor = AVERAGES[name]
    with Engine(engine):
        row = compared(layer, *shape, zero_point=zero_point)
    if engine == "qnnpack" and name in ("3, padding not counted", "divided by another number"):
        assert row.alone_largest > 10  # torch's kernel divides by the size of the window nevertheless
        return
    assert row.alone_largest <= 1
    assert row.alone <= row.values * (1.5 / divisor + 0.02)


class Net(torch.nn.Module):
    """Convolution, maxima, averages, the average of an image."""

    def __init__(self, mean):
        super().__init__()
        self.conv, self.relu, self.pool = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)
        self.average, self.mean, self.fc = torch.nn.AvgPool2d(3, 1, 1), mean, torch.nn.Linear(3, 4)

    def forward(self, x):
        x = self.average(self.pool(self.relu(self.conv(x))))
        return self.fc(torch.flatten(self.mean(x), 1))


class Function(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


MEANS = {
    "adaptive": torch.nn.AdaptiveAvgPool2d(1),
    "function": Function(lambda x: F.adaptive_avg_pool2d(x, (1, 1))),
    "mean": Function(lambda x: x.mean([2, 3])),
    "mean from the end": Function(lambda x: torch.mean(x, (-1, -2), keepdim=True)),
    "functions": Function(lambda x: F.avg_pool2d(F.max_pool2d(x, 2), 2)),
}


@pytest.mark.parametrize("kind", ["eager", "quantized", "reference", "decomposed"])
@pytest.mark.parametrize("name", MEANS)
def test_a_network_runs_in_hardware(name, kind, tmp_path):
    x = batch(40, 1, 8, 8)
    if kind == "eager":
        model = eager(lambda: quantization.QuantWrapper(Net(MEANS[name])), x, fuse=[["module.conv", "module.relu"]])
    else:
        model = graph_mode(lambda: Net(MEANS[name]), x, kind)
    rows = compare_torch_ao(model, x)
    assert all(row.alone_largest <= 1 for row in rows)
    imported = creator.from_torch_ao(model, x)
    graph = creator.trace(imported, (1, 8, 8))
    codes = graph.input_format.to_integers(x[:2].double().numpy())
    assert np.array_equal(graph.run(codes), codes_of(imported(x[:2]), graph.output_format))
    if name == "adaptive" and kind in ("eager", "decomposed"):
        creator.translate(graph).write(tmp_path / "build")
        run = creator.simulate(tmp_path / "build", codes, bench="vhdl")
        assert run.mismatches == 0
        assert run.compared >= 8


def test_pools_stay_where_they_were():
    imported = creator.from_torch_ao(eager(wrapped(torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2)), batch(20, 1, 8, 8)))
    assert isinstance(imported.get_submodule("module.1"), nn.MaxPool2d)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (torch.nn.MaxPool2d(2, return_indices=True), "return_indices=True is not supported"),
        (torch.nn.AdaptiveMaxPool2d(1), "AdaptiveMaxPool2d: it is not quantized"),
        (torch.nn.LPPool2d(2, 2), "LPPool2d: it is not quantized"),
        (Function(lambda x: x.mean(1)), "a mean over the axes 1 is not supported"),
        (Function(lambda x: x.mean((0, 2))), r"a mean over the axes \(0, 2\) is not supported"),
    ],
)
def test_other_pools_are_refused(layer, message, record_property):
    model = torch.nn.Sequential(quantize(), layer).eval()
    with pytest.raises(CreatorError, match=f"^1.*: {message}"):
        creator.from_torch_ao(model)
    record_property("bad inputs: imports", 1)
