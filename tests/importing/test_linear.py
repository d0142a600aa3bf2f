"""Imported linear networks: the codes of torch's weights, the integer formula, the graph and the VHDL."""

from fractions import Fraction

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Rounding, nn
from creator.affine import Affine, multiplier
from creator.cli import main
from creator.importing import compare_torch_ao
from tests.importing.models import ENGINES, Engine, batch, codes_of, eager, graph_mode, qconfig, quantized, trained, wrapped
from tests.oracle import rounded

pytestmark = pytest.mark.filterwarnings("ignore")

LAYERS = (torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 4), torch.nn.ReLU6(), torch.nn.Linear(4, 3))
CONFIGS = {
    "quint8, per channel": qconfig(),
    "quint8, per tensor": qconfig(weight="tensor"),
    "quint8, per tensor, zero points of weights": qconfig(weight="tensor", zero=True),
    "quint8, per channel, zero points of weights": qconfig(zero=True),
    "reduced range": qconfig(bits=7),
}
each_config = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)


def by_definition(module, codes, zero, scale):
    """A quantized linear layer of torch on codes, by docs/numerics.md, in fractions."""
    weight = module.weight()
    scales = np.array(weight.q_per_channel_scales() if weight.qscheme() == torch.per_channel_affine else [weight.q_scale()])
    zeros = weight.q_per_channel_zero_points() if weight.qscheme() == torch.per_channel_affine else [weight.q_zero_point()]
    rows = weight.int_repr().long().numpy() - np.array(zeros).reshape(-1, 1).astype(np.int64)
    factors, shift = multiplier(scales * scale / module.scale)
    result = np.zeros((len(codes), len(rows)), dtype=np.int64)
    for o, row in enumerate(rows):
        grid = scale * scales[o % len(scales)]
        bias = 0 if module.bias() is None else rounded(Fraction(module.bias()[o].item() / grid), Rounding.HALF_EVEN)
        for n, q in enumerate(codes):
            total = sum(int(a) * (int(b) - zero) for a, b in zip(row, q, strict=True)) + bias
            units = rounded(Fraction(total * factors[o % len(factors)], 1 << shift), Rounding.HALF_EVEN)
            result[n, o] = min(max(units + module.zero_point, 0), 255)
    return result


@each_config
@pytest.mark.parametrize("bias", [True, False])
def test_a_layer_is_the_integer_formula_on_torchs_codes(config, bias):
    model = eager(wrapped(torch.nn.Linear(6, 5, bias=bias)), batch(100, 6), config)
    imported = creator.from_torch_ao(model)
    quant, module = model.quant, model.module[0]
    x = batch(60, 6, seed=1)
    codes = torch.quantize_per_tensor(x, float(quant.scale), int(quant.zero_point), torch.quint8).int_repr().numpy()
    expected = by_definition(module, codes, int(quant.zero_point), float(quant.scale))
    y = imported(x)
    assert np.array_equal(codes_of(y, imported.get_submodule("module.0").output_format), expected)
    graph = creator.trace(imported, 6)
    assert np.array_equal(graph.run(codes.astype(np.int64)), expected)


@each_config
def test_a_network_runs_in_hardware(config, tmp_path):
    x = batch(100, 6)
    model = eager(wrapped(*LAYERS), x, config, fuse=[["module.0", "module.1"]])
    imported = creator.from_torch_ao(model, x)
    graph = creator.trace(imported, 6)
    assert {path for node in graph.nodes for path in node.paths} == {"module.0", "module.2", "module.3", "module.4"}
    creator.translate(graph).write(tmp_path / "build")
    codes = graph.input_format.to_integers(x[:12].double().numpy())
    run = creator.simulate(tmp_path / "build", codes, bench="vhdl")
    assert run.mismatches == 0
    assert run.compared == 36
    assert np.array_equal(run.outputs, codes_of(imported(x[:12]), graph.output_format))


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_of_torch_differs_by_roundings_only(engine):
    with Engine(engine):
        x = batch(200, 6)
        for config in (qconfig(), qconfig(weight="tensor")):
            model = eager(wrapped(*LAYERS), x, config, fuse=[["module.0", "module.1"]])
            rows = compare_torch_ao(model, batch(400, 6, seed=3))
            assert [row.path for row in rows] == ["quant", "module.0", "module.2", "module.3", "module.4"]
            assert rows[0].alone == 0
            assert all(row.alone_largest <= 1 for row in rows)
            assert all(row.alone <= row.values * 0.02 for row in rows)
            assert [row.values for row in rows] == [2400, 2000, 1600, 1600, 1200]


def test_a_network_whose_biases_are_codes_is_torchs_to_the_bit():
    """Then only the multiplier and torch's float32 remain, and with 31 bits only the latter."""
    model = eager(wrapped(*LAYERS), batch(200, 6), qconfig(weight="tensor"))
    scale = float(model.quant.scale)
    for layer in (model.module[0], model.module[2], model.module[4]):
        grid = scale * layer.weight().q_scale()
        layer.set_weight_bias(layer.weight(), (layer.bias() / grid).round() * grid)
        scale = layer.scale
    x = batch(500, 6, seed=4)
    assert sum(row.alone for row in compare_torch_ao(model, x, multiplier_bits=31)) == 0


def test_zero_points_of_weights_take_a_bit_more():
    imported = creator.from_torch_ao(eager(wrapped(torch.nn.Linear(6, 5)), batch(50, 6), qconfig(weight="tensor", zero=True)))
    plain = creator.from_torch_ao(eager(wrapped(torch.nn.Linear(6, 5)), batch(50, 6), qconfig(weight="tensor")))
    assert imported.get_submodule("module.0").weight_format.total_bits == 9
    assert plain.get_submodule("module.0").weight_format.total_bits == 8


def quantized_linear(scale, zero_point, weight_scale, bias, rows=((3, -5, 7), (0, 0, 0), (-128, 127, 1))):
    """A quantized model with chosen numbers."""
    codes = torch.tensor(rows, dtype=torch.int8)
    scales = torch.tensor(weight_scale, dtype=torch.float64)
    if scales.ndim:
        weight = torch._make_per_channel_quantized_tensor(codes, scales, torch.zeros(len(codes), dtype=torch.int64), 0)
    else:
        weight = torch._make_per_tensor_quantized_tensor(codes, float(scales), 0)
    layer = quantized.Linear(3, len(codes))
    layer.set_weight_bias(weight, torch.tensor(bias))
    layer.scale, layer.zero_point = scale, zero_point
    return torch.nn.Sequential(quantized.Quantize(0.5, 3, torch.quint8), layer, quantized.DeQuantize()).eval()


def test_powers_of_two_become_fixed_point():
    model = torch.nn.Sequential(
        quantized.Quantize(0.25, 0, torch.quint8), quantized_linear(0.5, 0, 0.125, [0.31, 2.0, -4.0])[1]
    )
    imported = creator.from_torch_ao(model)
    layer = imported.get_submodule("1")
    assert layer.weight_format == FixedPoint(8, 3)
    assert layer.output_format == FixedPoint(8, 1, signed=False)
    assert layer.bias_format.frac_bits == 5  # the grid of the sum, as with any other scale
    graph = creator.trace(imported, 3)
    assert [node.op.name for node in graph.nodes] == ["linear"]
    assert graph.nodes[0].op.bias.tolist() == [10, 64, -128]
    x = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) * 60
    assert all(row.alone == row.network == 0 for row in compare_torch_ao(model, x))


def test_channels_whose_weights_are_all_zero_keep_their_bias():
    """Observers give them a scale of 2**-23, on which a bias has 30 bits and a factor none."""
    model = quantized_linear(0.05, 10, [0.01, 2.0**-23, 0.02], [0.5, 3.0, -1.0])
    imported = creator.from_torch_ao(model)
    assert imported.get_submodule("1").weight_format == Affine(tuple(torch.tensor([0.01, 0.02, 0.02]).tolist()), axis=0)
    x = torch.rand(20, 3, generator=torch.Generator().manual_seed(1)) * 20
    assert imported(x)[:, 1].tolist() == pytest.approx([3.0] * 20)
    assert all(row.alone_largest <= 1 for row in compare_torch_ao(model, x))


def test_the_import_takes_no_random_numbers_and_leaves_the_model_alone():
    model = eager(wrapped(*LAYERS), batch(50, 6))
    x = batch(20, 6, seed=2)
    before, y = torch.get_rng_state(), model(x)
    creator.from_torch_ao(model, x)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(model(x), y)


def test_the_imported_model_is_one_of_creators():
    imported = creator.from_torch_ao(eager(wrapped(*LAYERS), batch(50, 6)))
    assert not imported.training
    assert isinstance(imported.get_submodule("module.0"), nn.Linear)
    x = batch(20, 6, seed=2)
    converted = creator.convert(imported)  # which changes nothing: all formats are fixed already
    assert torch.equal(converted(x), imported(x))
    assert creator.trace(converted, 6).text() == creator.trace(imported, 6).text()
    imported.train()(x).square().sum().backward()
    assert imported.get_parameter("module.4.weight").grad.abs().sum() > 0


@pytest.mark.parametrize("bits", [4, 8, 12, 24, 31])
def test_fewer_bits_of_the_multiplier_differ_more(bits):
    model = eager(wrapped(torch.nn.Linear(6, 5)), batch(200, 6), qconfig(weight="tensor"))
    rows = compare_torch_ao(model, batch(400, 6, seed=3), multiplier_bits=bits)
    share = rows[1].alone / rows[1].values
    assert share < {4: 1.0, 8: 0.2, 12: 0.02, 24: 0.004, 31: 0.004}[bits]
    if bits == 4:
        assert rows[1].alone_largest > 1
        with pytest.raises(CreatorError, match=r"^module\.0: it differs from torch's by \d+ codes .*multiplier_bits"):
            creator.from_torch_ao(model, batch(400, 6, seed=3), multiplier_bits=bits)


@pytest.mark.parametrize("kind", ["quantized", "reference", "decomposed"])
def test_the_graph_modes_agree(kind, tmp_path):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = torch.nn.Linear(6, 6), torch.nn.Linear(6, 4)
            self.weight, self.bias = torch.nn.Parameter(torch.randn(3, 4)), torch.nn.Parameter(torch.randn(3))
            self.dropout = torch.nn.Dropout()

        def forward(self, x):
            x = torch.nn.functional.relu(self.first(x)).view(x.size(0), 2, 3)
            x = self.dropout(torch.relu(self.second(torch.flatten(x, 1))))
            return torch.nn.functional.linear(x, self.weight, self.bias)

    x = batch(100, 6)
    model = graph_mode(Net, x, kind)
    imported = creator.from_torch_ao(model, x)
    graph = creator.trace(imported, 6)
    layers = [path for path, module in imported.named_modules() if isinstance(module, nn.Linear)]
    assert layers == ["first", "second", "linear"]
    rows = compare_torch_ao(model, batch(300, 6, seed=5))
    assert {"first", "linear"} <= {row.path for row in rows}
    assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
    creator.translate(graph).write(tmp_path / "build")
    run = creator.simulate(tmp_path / "build", graph.input_format.to_integers(x[:10].double().numpy()), bench="vhdl")
    assert run.mismatches == 0
    assert run.compared == 30


@pytest.mark.parametrize("engine", [engine for engine in ENGINES if engine in ("x86", "qnnpack")])
def test_a_network_that_was_trained_with_fake_quantization(engine):
    with Engine(engine):
        x = batch(100, 6)
        layers = torch.nn.Linear(6, 5), torch.nn.BatchNorm1d(5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
        model = trained(wrapped(*layers), x, engine, [["module.0", "module.1"]])
        imported = creator.from_torch_ao(model, x)
        graph = creator.trace(imported, 6)
    assert {path for node in graph.nodes for path in node.paths} == {"module.0", "module.2", "module.3"}


def test_a_quantized_part_inside_a_module():
    class Inner(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.weight = torch.nn.Linear(6, 5), torch.nn.Parameter(torch.randn(4, 5))

        def forward(self, x):
            return torch.nn.functional.linear(torch.relu(self.fc(x)), self.weight)

    x = batch(100, 6)
    inner = graph_mode(Inner, x)
    direct, nested = creator.from_torch_ao(inner, x), creator.from_torch_ao(torch.nn.Sequential(inner), x)
    assert torch.equal(direct(x), nested(x))
    assert {path for path, _ in nested.named_modules()} >= {"0.quantize", "0.fc", "0.linear"}


def test_the_command_line_takes_a_factory(tmp_path, monkeypatch, capfd):
    (tmp_path / "model.py").write_text("from tests.importing.test_linear import imported as make\n")
    monkeypatch.chdir(tmp_path)
    assert main(["translate", "model.py:make", "--input-shape", "6", "-o", "build", "--quiet"]) == 0
    assert main(["simulate", "build", "--bench", "vhdl", "--quiet"]) == 0


def imported():
    """A factory."""
    return creator.from_torch_ao(eager(wrapped(torch.nn.Linear(6, 3)), batch(50, 6)))
