import copy

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, QConfig, QConfigMapping, Target, nn
from creator.preparation import default_qconfig
from creator.preparation.config import observed_qconfig
from creator.quantize.fake_quant import FakeQuant
from tests.preparation.models import Functional, batch, convnet, images, mlp, settle

FIXED = QConfig(FixedPoint(16, 8), FixedPoint(16, 12))


def kinds(model):
    return {path: type(module).__name__ for path, module in model.named_modules() if path and "quantizer" not in path}


def test_layers_are_swapped_and_paths_stay():
    model = mlp(norm=True)
    prepared = creator.prepare(model, batch())
    layers = {path: type(module) for path, module in prepared.named_modules()}
    assert layers["first"] is nn.Linear
    assert layers["norm"] is nn.BatchNorm1d
    assert layers["second"] is layers["last"] is nn.Linear
    assert layers["quantize"] is nn.Quantize
    assert "relu" not in layers  # the ReLU is an unsigned output
    assert set(dict(model.named_parameters())) == set(dict(prepared.named_parameters()))
    assert type(model.first) is torch.nn.Linear  # the model itself is left alone
    assert prepared.training == model.training


def test_parameters_are_copies_with_the_same_values():
    model = mlp()
    prepared = creator.prepare(model, batch())
    assert torch.equal(prepared.get_parameter("first.weight"), model.first.weight)
    with torch.no_grad():
        prepared.get_parameter("first.weight").zero_()
    assert model.first.weight.abs().sum() > 0


def test_a_relu_makes_the_output_unsigned_and_the_last_layer_stays_signed():
    prepared = creator.prepare(mlp(norm=True), batch())
    creator.calibrate(prepared, [batch()])
    assert not prepared.get_submodule("first").output_format.signed
    assert not prepared.get_submodule("second").output_format.signed
    assert prepared.get_submodule("last").output_format.signed
    assert prepared.get_submodule("quantize").output_format.signed


def test_a_fixed_format_keeps_its_relu():
    prepared = creator.prepare(mlp(), batch(), FIXED)
    assert kinds(prepared)["relu"] == "ReLU"
    assert prepared.get_submodule("first").output_format == FixedPoint(16, 8)


@pytest.mark.parametrize(
    ("make", "data"), [(mlp, batch), (lambda: mlp(norm=True), batch), (Functional, batch), (convnet, images)]
)
def test_with_fine_formats_it_computes_what_the_model_computes(make, data):
    model = settle(make(), data())
    prepared = creator.prepare(model, data(), FIXED)
    torch.testing.assert_close(prepared.eval()(data(5)), model(data(5)), atol=0.02, rtol=0)
    assert not torch.equal(prepared(data(5)), model(data(5)))


@pytest.mark.parametrize(
    ("make", "data"), [(mlp, batch), (lambda: mlp(norm=True), batch), (Functional, batch), (convnet, images)]
)
def test_observed_formats_come_close_too(make, data):
    model = settle(make(), data())
    prepared = creator.calibrate(creator.prepare(model, data(), observed_qconfig(10)), [data(1), data(2)])
    difference = (prepared.eval()(data(1)) - model(data(1))).abs()
    assert difference.max() < 0.1
    assert difference.max() > 0


def test_functions_become_layers():
    prepared = creator.prepare(Functional(), batch())
    found = kinds(prepared)
    assert found["sigmoid"] == "Sigmoid"
    assert found["head.last"] == "Linear"
    assert found["body.1"] == "BatchNorm1d"


def test_a_fused_normalisation_computes_once(monkeypatch):
    prepared = creator.prepare(mlp(norm=True), batch(), FIXED)
    calls = []
    original = nn.Linear.product
    monkeypatch.setattr(nn.Linear, "product", lambda self, *rest: calls.append(self) or original(self, *rest))
    monkeypatch.setattr(nn.Linear, "_constants", lambda self, dtype: None)
    prepared.train()(batch())
    assert len(calls) == 3
    copied = copy.deepcopy(prepared)
    assert copied.get_submodule("first")._norm[0] is copied.get_submodule("norm")


def test_float_state_loads_and_own_state_round_trips():
    model = settle(mlp(norm=True), batch())
    prepared = creator.prepare(mlp(norm=True), batch())
    creator.calibrate(prepared, [batch()])
    formats = [module.output_format for module in prepared.modules() if isinstance(module, (nn.Linear, nn.Quantize))]
    prepared.load_state_dict(model.state_dict())  # strict
    assert torch.equal(prepared.get_parameter("first.weight"), model.first.weight)
    assert torch.equal(prepared.get_buffer("norm.running_mean"), model.norm.running_mean)
    assert formats == [module.output_format for module in prepared.modules() if isinstance(module, (nn.Linear, nn.Quantize))]
    fresh = creator.prepare(mlp(norm=True), batch())
    fresh.load_state_dict(prepared.state_dict())
    assert torch.equal(fresh.eval()(batch(4)), prepared.eval()(batch(4)))


def test_a_prepared_model_trains_and_copies():
    prepared = creator.prepare(mlp(norm=True), batch()).train()
    optimizer = torch.optim.Adam(prepared.parameters(), 0.01)
    label = (batch().sum((1, 2)) > 0).long()
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(prepared(batch()), label)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert torch.equal(copy.deepcopy(prepared).eval()(batch()), prepared.eval()(batch()))


def test_nan_in_training_is_named():
    prepared = creator.prepare(mlp(), batch()).train()
    with pytest.raises(CreatorError, match=r"^quantize\.output_quantizer: .*NaN"):
        prepared(torch.full((2, 3, 4), float("nan")))
    with torch.no_grad():
        prepared.get_parameter("second.weight")[0, 0] = float("inf")
    with pytest.raises(CreatorError, match=r"^second\.weight_quantizer: .*(NaN|infinit)"):
        prepared(batch())


def test_stubs_mark_the_boundary():
    prepared = creator.prepare(nn.QuantWrapper(mlp()), batch(), FIXED)
    found = kinds(prepared)
    assert found["quant"] == "Quantize"
    assert found["dequant"] == "Identity"
    assert "quantize" not in found


def test_layers_that_are_quantized_already_stay():
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(6, 3)), nn.Linear(12, 4, output=FixedPoint(7, 3)), torch.nn.Linear(4, 2))
    prepared = creator.prepare(model, torch.zeros(1, 12), FIXED)
    assert prepared.get_submodule("0").output_format == FixedPoint(6, 3)
    assert prepared.get_submodule("1").output_format == FixedPoint(7, 3)
    assert prepared.get_submodule("2").output_format == FixedPoint(16, 8)
    assert "quantize" not in kinds(prepared)


def test_a_single_layer_is_a_model():
    prepared = creator.prepare(torch.nn.Linear(3, 2), torch.zeros(1, 3), FIXED)
    assert sorted(kinds(prepared).values()) == ["Linear", "Quantize"]


# Mapping.


def test_what_is_more_specific_wins():
    def bits(count):
        return QConfig(FixedPoint(count, 2), FixedPoint(count, 2))

    mapping = (
        QConfigMapping()
        .set_global(bits(8))
        .set_object_type(torch.nn.Linear, bits(7))
        .set_module_name_regex("body.*", bits(6))
        .set_module_name_regex(r"body\.[01]", bits(16))
        .set_module_name("body.1", bits(5))
        .set_module_name_object_type_order("body", torch.nn.Linear, 2, bits(4))
    )
    model = torch.nn.ModuleDict(
        {"body": torch.nn.Sequential(*(torch.nn.Linear(2, 2) for _ in range(3))), "head": torch.nn.Linear(2, 2)}
    )

    class Chain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head, self.conv = model["body"], model["head"], torch.nn.Conv1d(1, 1, 1)

        def forward(self, x):
            return self.conv(self.head(self.body(x)).reshape(-1, 1, 2))

    prepared = creator.prepare(Chain(), torch.zeros(1, 2), mapping)
    found = {
        path: module.weight_format.total_bits for path, module in prepared.named_modules() if hasattr(module, "weight_format")
    }
    assert found == {"body.0": 6, "body.1": 5, "body.2": 4, "head": 7, "conv": 8}


@pytest.mark.parametrize(("name", "index", "count"), [("", 3, 3), ("last", 0, 0)])
def test_an_order_beyond_the_model_is_refused(name, index, count):
    mapping = QConfigMapping(FIXED).set_module_name_object_type_order(name, torch.nn.Linear, index, FIXED)
    named = f"Linear {index} in {name or 'the model'}, which has {count}"
    message = f"^prepare: the configuration names {named} .hint: count from 0"
    with pytest.raises(CreatorError, match=message):
        creator.prepare(mlp(), batch(), mapping)


def test_a_normalisation_of_a_layer_in_floating_point_is_a_layer():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    prepared = creator.prepare(model, torch.zeros(2, 4), QConfigMapping(FIXED).set_module_name("0", None))
    assert prepared.get_submodule("1").alone
    assert prepared.get_submodule("1").output_format == FIXED.activation


def test_none_leaves_a_layer_in_floating_point():
    prepared = creator.prepare(mlp(), batch(), QConfigMapping(FIXED).set_module_name("last", None))
    assert [path for path, module in prepared.named_modules() if type(module) is torch.nn.Linear] == ["last"]


def test_all_parts_of_a_qconfig_arrive():
    config = QConfig(FixedPoint(8, 4), FixedPoint(6, 5), FixedPoint(12, 8), 20, FixedPoint(16, 12))
    layer = creator.prepare(torch.nn.Linear(3, 2), torch.zeros(1, 3), config).get_submodule("0")
    assert (layer.weight_format, layer.output_format, layer.bias_format) == (
        FixedPoint(6, 5),
        FixedPoint(8, 4),
        FixedPoint(12, 8),
    )
    assert layer.accumulator == 20
    assert layer.gradient.weight == FixedPoint(16, 12)


def test_every_layer_gets_a_quantizer_of_its_own():
    prepared = creator.prepare(mlp(), batch())
    quantizers = [module for module in prepared.modules() if isinstance(module, FakeQuant)]
    assert len(quantizers) == len(set(map(id, quantizers))) == 7


# Refusals.


class Branching(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class Adds(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = mlp()
        self.shift = torch.nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return torch.cumsum(self.inner(x), 1) + self.shift


class Made(Adds):
    def forward(self, x):
        return self.inner(x) + torch.tensor([1.0, 2.0, 3.0])


SHARED = torch.nn.Linear(3, 3)


@pytest.mark.parametrize(
    ("model", "x", "message"),
    [
        (torch.nn.Sequential(torch.nn.Linear(12, 4), torch.nn.RReLU(), torch.nn.LayerNorm(4)), torch.zeros(1, 12),
         r"1 \(RReLU\), 2 \(LayerNorm\)"),
        (torch.nn.Sequential(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LSTM(4, 4))), torch.zeros(1, 4),
         r"0\.1 \(LSTM\)"),
        (Adds(), batch(), r"cumsum.*shift \(used outside a layer\).*add"),
        (Made(), batch(), "cannot be prepared: a tensor made in forward"),
        (Branching(), torch.zeros(1, 3), "cannot be traced"),
        (mlp(), torch.zeros(1, 5), "fails on the example input"),
        (mlp(), torch.zeros(0, 12), "not a tensor with elements"),
        (mlp(), "x", "not a tensor"),
        ("model", batch(), "expected a torch.nn.Module"),
        (torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2, track_running_stats=False)), torch.zeros(4, 3),
         "^1: it has no running statistics"),
        (torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect")), torch.zeros(1, 1, 4, 4),
         "padding_mode"),
    ],
)  # fmt: skip
def test_what_cannot_be_prepared_is_named(model, x, message):
    with pytest.raises(CreatorError, match=message):
        creator.prepare(model, x, FIXED)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (QConfigMapping(FIXED).set_module_name("nothing", FIXED), "names nothing"),
        (QConfigMapping(FIXED).set_module_name_regex("x.*", FIXED), r"names x\.\*"),
        (QConfigMapping(FIXED).set_object_type(torch.nn.Conv2d, FIXED), "names Conv2d"),
        ("8 bits", "is not a configuration"),
        (QConfig(FixedPoint(8, 4), lambda: 3), "makes int, which is no Quantizer"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(config, message):
    with pytest.raises(CreatorError, match=message):
        creator.prepare(mlp(), batch(), config)


def test_bad_configurations_are_refused():
    with pytest.raises(CreatorError, match="layers share no quantizer"):
        QConfig(FakeQuant(), FixedPoint(8, 4))
    with pytest.raises(CreatorError, match="neither a format nor"):
        QConfig(8, FixedPoint(8, 4))
    with pytest.raises(CreatorError, match="not a regular expression"):
        QConfigMapping().set_module_name_regex("(", FIXED)


@pytest.mark.parametrize(
    ("target", "config", "message"),
    [
        (Target(weight_bits=8), FIXED, "^first: weight has 16 bits"),
        (Target(activation_bits=8), FIXED, "^first: activation has 16 bits"),
        (Target(activation_bits=6), default_qconfig, "^first: activation has 8 bits"),
        (Target(multipliers=False), observed_qconfig(power_of_two=False), "^first: weight has a scale that is no power of two"),
        (Target(per_channel=False), observed_qconfig(per_channel=True), "^first: weight has a scale for each channel"),
        (Target(accumulator_bits=16), QConfig(FixedPoint(8, 4), FixedPoint(8, 4), accumulator=20), "accumulator=20"),
    ],
)
def test_a_target_refuses_what_it_cannot_honour(target, config, message):
    with pytest.raises(CreatorError, match=message):
        creator.prepare(mlp(), batch(), config, target)


def test_arguments_that_a_quantizer_does_not_take_are_refused():
    from functools import partial

    from creator.quantize import TQT

    with pytest.raises(CreatorError, match=r"^first: activation makes no quantizer: .*axis"):
        creator.prepare(mlp(), batch(), QConfig(partial(TQT, axis=0), FixedPoint(8, 4)))


def test_dropout_that_evaluation_does_not_switch_off_is_refused():
    class Always(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = mlp()

        def forward(self, x):
            return torch.nn.functional.dropout(self.inner(x))

    with pytest.raises(CreatorError, match="dropout is on in evaluation"):
        creator.prepare(Always(), batch(), FIXED)
