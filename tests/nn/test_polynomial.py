"""Functions of wide inputs: eval mode computes the integers that the graph has, near the function."""

import copy
import math

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.nn import elementary
from tests.nn.helpers import codes_of, seeded

INPUT, OUTPUT = FixedPoint(14, 10), FixedPoint(12, 8)
CODES = np.arange(INPUT.min_code, INPUT.max_code + 1)
ALL = torch.from_numpy(INPUT.from_integers(CODES)).float()
LAYERS = {
    "silu": (lambda **rules: nn.SiLU(OUTPUT, **rules), elementary.silu),
    "gelu": (lambda **rules: nn.GELU(output=OUTPUT, **rules), elementary.gelu),
    "math.sin": (lambda **rules: nn.Lookup(math.sin, OUTPUT, **rules), math.sin),
    "elu": (lambda **rules: nn.ELU(0.5, OUTPUT, **rules), lambda x: elementary.elu(x, 0.5)),
}
each_layer = pytest.mark.parametrize(("make", "truth"), LAYERS.values(), ids=LAYERS)


@each_layer
@pytest.mark.parametrize("rounding", ["half_even", "half_up", "half_away"])
def test_eval_errs_by_one_step_at_most_and_is_what_the_graph_computes(make, truth, rounding):
    layer = make(input=INPUT, rounding=rounding).eval()
    y = codes_of(layer(ALL), OUTPUT)
    exact = np.array([min(max(math.ldexp(truth(x), 8), -2048), 2047) for x in ALL.tolist()])
    assert np.abs(y - exact).max() <= 1
    graph = creator.trace(torch.nn.Sequential(nn.Quantize(INPUT), layer), (1,))
    assert [node.op.name for node in graph.nodes] == ["polynomial"]
    assert np.array_equal(graph.run(CODES[:, None])[:, 0], y)
    assert codes_of(layer(ALL.clone().requires_grad_()), OUTPUT).tolist() == y.tolist()


@each_layer
def test_training_is_that_of_a_table(make, truth):
    x, y = (torch.randn(50, generator=seeded(1)).requires_grad_() for _ in range(2))
    layer, table = make(input=INPUT), make()
    assert torch.equal(layer(x), table(y))
    layer(x).sum().backward()
    table(y).sum().backward()
    assert torch.equal(x.grad, y.grad)


def test_an_input_of_up_to_12_bits_keeps_its_table():
    narrow = FixedPoint(12, 8)
    x = torch.from_numpy(narrow.from_integers(range(-2048, 2048)))
    assert nn.SiLU(input=narrow).polynomial() is None
    assert torch.equal(nn.SiLU(input=narrow).eval()(x), nn.SiLU().eval()(x))


def test_convert_tells_functions_their_wide_input():
    model = torch.nn.Sequential(
        nn.Quantize(FixedPoint(8, 4)), nn.Linear(3, 2, output=INPUT), nn.SiLU(OUTPUT), nn.Quantize(FixedPoint(8, 4)), nn.Tanh()
    )
    converted = creator.convert(model)
    assert (converted[2].input_format, converted[4].input_format, model[2].input_format) == (INPUT, None, None)
    assert [node.op.name for node in creator.trace(converted, (3,)).nodes] == ["linear", "polynomial", "quantize", "lookup"]
    with pytest.raises(CreatorError, match=r"^2: a table of 14 input bits .*pass input=FixedPoint\(14, 10\)"):
        creator.trace(model, (3,))


def test_a_function_called_with_two_formats_is_not_told():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.entry, self.other, self.act = nn.Quantize(INPUT), nn.Quantize(FixedPoint(13, 9)), nn.SiLU(OUTPUT)

        def forward(self, x):
            return self.act(self.other(self.act(self.entry(x))))

    assert creator.convert(Twice()).act.input_format is None


@pytest.mark.parametrize(
    ("entry", "layer", "message"),
    [
        (FixedPoint(14, 9), nn.SiLU(input=INPUT), r"given input=fixed<14,10>, and its input is fixed<14,9>"),
        (FixedPoint(8, 4), nn.SiLU(input=INPUT), "and its input is fixed<8,4>"),
        (INPUT, nn.SiLU(input=INPUT, overflow="wrap"), "needs an output with a power-of-two scale that saturates"),
        (INPUT, nn.SiLU(creator.Affine(0.1), input=INPUT), "needs an output with a power-of-two scale that saturates"),
        (INPUT, nn.SiLU(input=INPUT, rounding="floor"), "cannot round by floor"),
        (FixedPoint(14, 10, signed=False), nn.SiLU(), r"pass input=FixedPoint\(14, 10, signed=False\)"),
        (creator.Affine(0.1, 0, 14), nn.SiLU(), "a table of 14 input bits is too large .hint: put nn.Quantize"),
    ],
)
def test_tracing_refuses_what_does_not_fit(entry, layer, message):
    with pytest.raises(CreatorError, match=message):
        creator.trace(torch.nn.Sequential(nn.Quantize(entry), layer), (2,))


def test_inputs_off_the_grid_are_refused():
    layer = nn.SiLU(OUTPUT, input=INPUT).eval()
    for x in (2.0**-11, 8.0, -8.001, float("nan"), float("inf")):
        with pytest.raises(CreatorError, match=r"SiLU: its input is not on the grid of fixed<14,10>"):
            layer(torch.tensor([0.0, x]))
    assert layer(torch.tensor([-8.0, 8.0 - 2.0**-10])).shape == (2,)
    with pytest.raises(CreatorError, match="input=8 is not a number format"):
        nn.SiLU(input=8)


def test_copies_compute_the_same_and_what_changes_is_fitted_anew():
    layer = nn.SiLU(OUTPUT, input=INPUT).eval()
    y = layer(ALL)
    assert torch.equal(copy.deepcopy(layer)(ALL), y)
    assert torch.equal(layer(ALL.reshape(2, -1, 4)).reshape(-1), y)
    layer.input_format = FixedPoint(14, 11)
    assert torch.equal(layer(ALL / 2), nn.SiLU(OUTPUT, input=FixedPoint(14, 11)).eval()(ALL / 2))
