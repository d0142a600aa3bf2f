"""Graphs of torch.export with the operators that PT2E writes; torchao itself is not needed."""

import numpy as np
import pytest
import torch
import torch.export

import creator
from creator import CreatorError
from creator.importing import compare_torch_ao
from tests.importing.models import batch, graph_mode

pytestmark = pytest.mark.filterwarnings("ignore")

OPS = torch.ops.quantized_decomposed
ENTRY, MIDDLE, LAST = (0.02, 3, -128, 127, torch.int8), (0.05, -128, -128, 127, torch.int8), (0.04, 7, -128, 127, torch.int8)


class Folded(torch.nn.Module):
    """Integer weights as PT2E folds them: per channel in the first layer, per tensor in the second, of 127 codes."""

    def __init__(self, between=lambda x: x, exit=LAST, again=MIDDLE, axis=0):
        super().__init__()
        rng = np.random.default_rng(5)
        self.register_buffer("first", torch.from_numpy(rng.integers(-128, 128, (6, 4)).astype(np.int8)))
        self.register_buffer("scales", torch.from_numpy(rng.uniform(0.001, 0.01, 6 if axis == 0 else 4).astype(np.float32)))
        self.register_buffer("zeros", torch.zeros(6 if axis == 0 else 4, dtype=torch.int64))
        self.register_buffer("second", torch.from_numpy(rng.integers(-127, 128, (3, 6)).astype(np.int8)))
        self.fc = torch.nn.Linear(4, 6)
        self.between, self.exit, self.again, self.axis = between, exit, again, axis

    def forward(self, x):
        x = OPS.dequantize_per_tensor(OPS.quantize_per_tensor(x, *ENTRY), *ENTRY)
        weight = OPS.dequantize_per_channel(self.first, self.scales, self.zeros, self.axis, -128, 127, torch.int8)
        x = self.between(torch.relu(torch.nn.functional.linear(x, weight, self.fc.bias)))
        x = OPS.dequantize_per_tensor(OPS.quantize_per_tensor(x, *MIDDLE), *self.again)
        weight = OPS.dequantize_per_tensor(self.second, 0.006, 0, -127, 127, torch.int8)
        x = torch.nn.functional.linear(x, weight)
        return x if self.exit is None else OPS.dequantize_per_tensor(OPS.quantize_per_tensor(x, *self.exit), *self.exit)


def exported(model, x):
    torch.manual_seed(3)
    return torch.export.export(model.eval(), (x,))


def test_a_folded_graph_runs_in_hardware(tmp_path):
    x = batch(50, 4)
    torch.manual_seed(3)
    program = exported(Folded(), x)
    for model in (program, program.module()):
        imported = creator.from_torch_ao(model, x)
        rows = compare_torch_ao(model, x)
        assert [row.values for row in rows] == [200, 300, 150]
        assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
    graph = creator.trace(imported, 4)
    assert graph.output_format == creator.Affine(0.04, 7)
    creator.translate(graph).write(tmp_path / "build")
    run = creator.simulate(tmp_path / "build", graph.input_format.to_integers(x[:9].double().numpy()), bench="vhdl")
    assert run.mismatches == 0
    assert run.compared == 27


@pytest.mark.parametrize(
    "between",
    [
        lambda x: torch.flatten(x.view(x.size(0), 2, 3), 1),
        lambda x: x.reshape(-1, 3, 2).flatten(1),
        lambda x: torch.nn.functional.hardtanh(x, 0.1, 0.73),
        lambda x: torch.nn.functional.dropout(x.clamp(max=0.5), 0.5, False),
        lambda x: torch.nn.functional.max_pool1d(x.unsqueeze(1), 1).squeeze(1),
    ],
    ids=["view", "reshape", "hardtanh", "clamp", "max pool"],
)
def test_what_changes_places_with_a_rounding_may_come_before_it(between):
    x = batch(50, 4)
    program = exported(Folded(between), x)
    rows = compare_torch_ao(program, x)
    assert all(row.alone_largest <= 1 and row.alone <= 0.02 * row.values for row in rows)
    imported = creator.from_torch_ao(program, x)
    assert torch.equal(imported(x[:7]), imported(x)[:7])  # the size of the example's batch is not in it


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"between": torch.sin}, r"^sin: the operation sin is not supported"),
        ({"between": lambda x: x * 2}, r"^mul: arithmetic with a number"),
        ({"between": torch.sigmoid}, r"^sigmoid: reads the result of \w+ in floating point .*quantize that result too"),
        ({"again": (0.06, -128, -128, 127, torch.int8)}, r"it reads affine<8,0\.05,-128> as affine<8,0\.06,-128>"),
        ({"exit": None}, r"its result stays in floating point and is the network's output .*output="),
        ({"axis": 1}, r"its weights have scales along axis 1"),
        ({"exit": (0.04, 7, -100, 100, torch.int8)}, r"codes -100 \.\.\. 100 are not the range of a whole number of bits"),
    ],
)
def test_what_is_refused(choices, message, record_property):
    x = batch(9, 4)
    with pytest.raises(CreatorError, match=message):
        creator.from_torch_ao(exported(Folded(**choices), x))
    record_property("bad inputs: imports", 1)


def test_weights_that_are_quantized_in_the_graph():
    """What PT2E leaves with ``fold_quantize=False``."""
    x = batch(50, 6)
    model = graph_mode(
        lambda: torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)), x, "decomposed"
    )
    program = exported(model, x)
    assert any("quantize_per_channel" in str(node.target) for node in program.graph.nodes)
    direct, through = creator.from_torch_ao(model, x), creator.from_torch_ao(program, x)
    assert torch.equal(direct(x), through(x))
