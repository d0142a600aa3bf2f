"""What cannot be taken over exactly is refused in one line that names the module."""

import numpy as np
import pytest
import torch

import creator
from creator import Affine, CreatorError
from creator.importing import compare_torch_ao
from creator.importing.formats import Weight, range_of
from tests.importing.models import batch, eager, graph_mode, qconfig, quantization, quantized, wrapped

pytestmark = pytest.mark.filterwarnings("ignore")


class Stubs(torch.nn.Module):
    """A body between stubs; ``after`` is called on the result of the dequantization."""

    def __init__(self, body, before=None, after=None):
        super().__init__()
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.body, self.before, self.after = body, before, after

    def forward(self, x):
        x = x if self.before is None else self.before(x)
        x = self.dequant(self.body(self.quant(x)))
        return x if self.after is None else self.after(x)


def converted(body, x=None, config=None, **around):
    return eager(lambda: Stubs(body, **around), batch(30, 6) if x is None else x, config)


def linear():
    return torch.nn.Linear(6, 6)


class Sums(torch.nn.Module):
    """Arithmetic on the quantized values."""

    def __init__(self, function):
        super().__init__()
        self.first, self.function = linear(), function

    def forward(self, x):
        return self.function(self.first(x))


class Two(torch.nn.Module):
    """Two inputs."""

    def forward(self, x, y):
        return x + y


def prepared():
    model = wrapped(linear())().eval()
    model.qconfig = qconfig()
    return quantization.prepare(model)


def trained():
    model = wrapped(linear())().train()
    model.qconfig = quantization.get_default_qat_qconfig("x86")
    return quantization.prepare_qat(model).eval()


def dynamic():
    return quantization.quantize_dynamic(torch.nn.Sequential(linear()), {torch.nn.Linear})


def unquantized():
    model = wrapped(linear(), torch.nn.LayerNorm(6))().eval()
    model.qconfig = qconfig()
    model.module[1].qconfig = None
    prepared = quantization.prepare(model)
    prepared(batch(30, 6))
    return quantization.convert(prepared)


def float_layer():
    model = wrapped(linear(), linear())().eval()
    model.qconfig = qconfig()
    model.module[1].qconfig = None
    prepared = quantization.prepare(model)
    prepared(batch(30, 6))
    return quantization.convert(prepared)


def hooked():
    model = converted(linear())
    model.body.register_forward_hook(lambda *_: None)
    return model


def axis_one():
    weight = torch._make_per_channel_quantized_tensor(
        torch.ones(3, 3, dtype=torch.int8), torch.tensor([0.1, 0.2, 0.3]).double(), torch.zeros(3, dtype=torch.int64), 0
    )
    layer = quantized.Linear(3, 3)
    layer.set_weight_bias(weight, None)
    layer.weight = lambda: torch.quantize_per_channel(
        torch.ones(3, 3), torch.tensor([0.1, 0.2, 0.3]), torch.zeros(3, dtype=torch.int64), 1, torch.qint8
    )
    return torch.nn.Sequential(quantized.Quantize(0.1, 0, torch.quint8), layer)


def no_bias(value):
    model = converted(linear())
    model.body.set_weight_bias(model.body.weight(), torch.full((6,), value))
    return model


def late():
    return torch.nn.Sequential(quantized.DeQuantize(), quantized.Linear(6, 6))


class Branching(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


MODELS = {
    "no module": (lambda: 3, r"^from_torch_ao: expected a torch\.nn\.Module, got int$"),
    "prepared, not converted": (
        prepared,
        r"^quant\.activation_post_process: MinMaxObserver: it is not converted \(hint: call torch\.ao",
    ),
    "QAT, not converted": (trained, r"^quant\.activation_post_process: \w+: it is not converted"),
    "dynamic": (dynamic, r"^0: Linear: its scales depend on the data of each call"),
    "a normalisation": (unquantized, r"^module\.1: LayerNorm: it is not quantized"),
    "a layer in floating point": (float_layer, r"^module\.1: Linear: it is not quantized"),
    "floating point alone": (lambda: torch.nn.Sequential(linear()), r"^0: Linear: it is not quantized"),
    "hooks": (hooked, r"^body: it has forward hooks"),
    "layer norm": (
        lambda: converted(torch.nn.Sequential(linear(), torch.nn.LayerNorm(6))),
        r"^body\.1: LayerNorm: .*supported",
    ),
    "batch norm": (
        lambda: converted(torch.nn.Sequential(torch.nn.Unflatten(1, (6, 1, 1)), torch.nn.BatchNorm2d(6))),
        r"^body\.1: BatchNorm2d: it is not supported",
    ),
    "Softmax": (
        lambda: converted(torch.nn.Sequential(linear(), torch.nn.Softmax(1))),
        r"^body\.1: Softmax: it is not quantized",
    ),
    "arithmetic after it": (lambda: converted(linear(), after=torch.sin), r"^sin: the operation sin .* is not supported"),
    "arithmetic on its result": (lambda: converted(linear(), after=lambda x: x * 2), r"^mul: arithmetic with a number"),
    "a layer before it": (lambda: converted(linear(), before=torch.relu), r"^relu: reads values in floating point"),
    "a layer after the end": (lambda: late(), r"^0: reads values in floating point"),
    "abs": (lambda: converted(Sums(torch.abs)), r"^body\.abs_1: the operation abs .*is not supported"),
    "reduction": (lambda: converted(Sums(lambda x: x.sum(1))), r"^body\.sum_1: the operation sum is not supported"),
    "clamp to tensors": (lambda: converted(Sums(lambda x: x.clamp(torch.zeros(1)))), r"limits must be numbers"),
    "a change of type": (lambda: converted(linear(), after=lambda x: x.to(torch.float64)), r"^to: the operation to is not"),
    "two inputs": (lambda: Two(), r"^Two: forward takes 2 inputs"),
    "control flow": (lambda: Branching(), r"^Branching: its forward cannot be traced"),
    "scales along the inputs": (axis_one, r"^1: its weights have scales along axis 1"),
    "bias NaN": (lambda: no_bias(float("nan")), r"^body: its bias is NaN or infinite"),
    "bias infinite": (lambda: no_bias(float("inf")), r"^body: its bias is NaN or infinite"),
    "half precision": (
        lambda: torch.nn.Sequential(quantized.Quantize(0.1, 0, torch.qint32)),
        r"^0: torch\.qint32 is not supported",
    ),
    "no value": (lambda: torch.nn.Sequential(torch.nn.Identity()), r"^output: the model must return one quantized value"),
    "scale of zero": (lambda: torch.nn.Sequential(quantized.Quantize(0.0, 0, torch.quint8)), r"^0: scale=0\.0 is not between"),
    "zero point outside": (
        lambda: torch.nn.Sequential(quantized.Quantize(0.1, 300, torch.quint8)),
        r"^0: its zero point: code 300",
    ),
    "scales too far apart": (
        lambda: torch.nn.Sequential(quantized.Quantize(1e-30, 0, torch.quint8), quantized.Quantize(1e30, 0, torch.quint8)),
        r"^1: the ratio .*too extreme",
    ),
    "training in a graph": (
        lambda: graph_mode(lambda: Sums(lambda x: torch.nn.functional.dropout(x, 0.5, True)), batch(9, 6), "decomposed"),
        r"^dropout: drops elements",
    ),
    "a gap in a graph": (
        lambda: graph_mode(lambda: Sums(torch.sin), batch(9, 6)),
        r"^sin: the operation sin .*is not supported",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_refused(name, record_property):
    make, message = MODELS[name]
    model = make()
    with pytest.raises(CreatorError, match=message) as refused:
        creator.from_torch_ao(model)
    assert "\n" not in str(refused.value)
    assert refused.value.where
    record_property("bad inputs: imports", 1)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"multiplier_bits": 0}, "multiplier_bits=0 is not 1 to 31 bits"),
        ({"multiplier_bits": True}, "multiplier_bits=True is not 1 to 31 bits"),
        ({"multiplier_bits": 32}, "multiplier_bits=32 is not 1 to 31 bits"),
        ({"output": 8}, "output=8 is not a number format"),
        ({"example_input": 3}, "the example is not a batch"),
        ({"example_input": torch.tensor(3.0)}, "the example is not a batch"),
        ({"example_input": torch.zeros(0, 6)}, "the example is not a batch"),
        ({"example_input": torch.zeros(2, 7)}, "the model fails on the example"),
    ],
)
def test_bad_choices_are_refused(choices, message, record_property):
    with pytest.raises(CreatorError, match=f"^from_torch_ao: {message}"):
        creator.from_torch_ao(converted(linear()), **choices)
    record_property("bad inputs: imports", 1)


def test_an_example_shows_a_layer_that_is_not_what_it_seems():
    model = converted(torch.nn.Sequential(linear(), linear()))
    x = batch(20, 6)
    creator.from_torch_ao(model, x)
    weight, bias = model.body[1].weight(), model.body[1].bias()
    model.body[1].weight = lambda: torch.quantize_per_channel(
        -weight.dequantize(), weight.q_per_channel_scales(), weight.q_per_channel_zero_points(), 0, torch.qint8
    )
    assert bias is not None
    with pytest.raises(CreatorError, match=r"^body\.1: it differs from torch's by \d+ codes on the same input"):
        creator.from_torch_ao(model, x)


def test_a_result_in_floating_point_needs_a_format():
    model = graph_mode(lambda: torch.nn.Sequential(linear()), batch(30, 6), "decomposed")
    last = [node for node in model.graph.nodes if "linear" in str(node.target) or node.target == "0"][-1]
    next(node for node in model.graph.nodes if node.op == "output").args = (last,)
    model.graph.eliminate_dead_code()
    model.recompile()
    with pytest.raises(CreatorError, match=r"^0: its result stays in floating point .*output="):
        creator.from_torch_ao(model)
    output = Affine(0.02, 100, 8, signed=False)
    imported = creator.from_torch_ao(model, batch(20, 6), output=output)
    difference = (imported(batch(50, 6)) - model(batch(50, 6))).abs().max()
    assert difference <= 0.5 * 0.02 + 1e-3
    assert creator.trace(imported, 6).output_format == output


def test_weights_of_other_types_are_refused():
    with pytest.raises(CreatorError, match=r"torch\.float32 is not supported"):
        range_of(torch.float32)
    rows = torch.rand(2, 4)
    floats = torch.quantize_per_channel(rows, torch.tensor([0.1, 0.2]), torch.tensor([0.1, 0.0]), 0, torch.quint8)
    if floats.qscheme() not in (torch.per_tensor_affine, torch.per_channel_affine):
        with pytest.raises(CreatorError, match="are not supported"):
            Weight.of_tensor(floats)


def test_weights_keep_every_code_and_scale():
    rng = np.random.default_rng(3)
    for axis, zero in ((0, 0), (0, 3), (None, 0), (None, -100)):
        codes = torch.from_numpy(rng.integers(-128, 128, (5, 7)).astype(np.int8))
        scale = torch.from_numpy(rng.uniform(0.001, 0.1, 5)) if axis == 0 else 0.0123
        zeros = torch.full((5,), zero) if axis == 0 else zero
        weight = Weight.of_codes(codes, scale, zeros, axis, -128, 127)
        assert np.array_equal(weight.codes, codes.numpy().astype(np.int64) - zero)
        assert np.array_equal(weight.format.to_integers(weight.values.double().numpy()), weight.codes)
        assert weight.bits == (8 if zero == 0 else 9)
        values = np.asarray(scale).reshape(-1, 1) * weight.codes
        assert np.allclose(weight.format.from_integers(weight.codes), values, rtol=1e-15)


def test_a_comparison_refuses_what_the_import_refuses():
    with pytest.raises(CreatorError, match=r"^body: its bias is NaN"):
        compare_torch_ao(no_bias(float("nan")), batch(3, 6))
