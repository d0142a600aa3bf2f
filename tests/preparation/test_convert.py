"""From a floating-point model to hardware: every family that translates, bit for bit."""

import copy
from functools import partial

import numpy as np
import pytest
import torch

import creator
from creator import Affine, CreatorError, FixedPoint, QConfig, nn, preparation
from creator.preparation.config import observed_qconfig
from creator.quantize import observers as obs
from creator.quantize.fake_quant import FakeQuant
from creator.quantize.fxp import FixedPointQuantizer
from creator.quantize.lsq import LSQ
from creator.quantize.min_max import MinMaxQuant
from creator.quantize.tqt import TQT
from tests.preparation.models import Functional, batch, mlp, seeded

AFFINE = partial(FakeQuant, observer=obs.MovingAverageMinMaxObserver, bits=8, signed=False, scheme="affine")

FAMILIES = {
    "fixed": QConfig(FixedPoint(8, 4), FixedPoint(6, 5)),
    "fixed point quantizer": QConfig(
        partial(FixedPointQuantizer, FixedPoint(8, 4)), partial(FixedPointQuantizer, FixedPoint(6, 5))
    ),
    "observed": observed_qconfig(),
    "observed 5 bits": observed_qconfig(5, 4),
    "observed, any scale": observed_qconfig(power_of_two=False),
    "observed, any scale, per channel": observed_qconfig(6, 4, power_of_two=False, per_channel=True),
    "observed per channel power of two": observed_qconfig(per_channel=True),
    "histogram": QConfig(partial(FakeQuant, observer=obs.HistogramObserver, bits=8, power_of_two=True), partial(TQT, bits=6)),
    "affine": QConfig(AFFINE, partial(FakeQuant, observer=obs.MinMaxObserver, bits=8)),
    "tqt": QConfig(partial(TQT, bits=8), partial(TQT, bits=5)),
    "lsq power of two": QConfig(partial(LSQ, bits=8, power_of_two=True), partial(LSQ, bits=5, power_of_two=True)),
    "lsq": QConfig(partial(LSQ, bits=8), partial(LSQ, bits=5)),
    "lsq per channel": QConfig(partial(LSQ, bits=8), partial(LSQ, bits=4, axis=0)),
    "min max": QConfig(partial(MinMaxQuant, 8), partial(MinMaxQuant, 6)),
}


def trained(config, model=None, steps=12):
    """Prepared, calibrated, trained a little and frozen."""
    torch.manual_seed(4)
    prepared = creator.prepare(model or mlp(norm=True), batch(), config).train()
    creator.calibrate(prepared, [batch()])
    optimizer = torch.optim.SGD(prepared.parameters(), 0.05)
    label = (batch().sum((1, 2)) > 0).long()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(prepared(batch()), label).backward()
        optimizer.step()
    for module in prepared.modules():
        if isinstance(module, MinMaxQuant):
            module.freeze()
    return prepared.eval()


def agree(model, graph, x):
    """The codes of the model in eval mode and those of its graph."""
    with torch.no_grad():
        y = model(x).double().numpy()
    fmt = graph.output_format
    codes = fmt.to_integers(y)
    assert np.array_equal(fmt.from_integers(codes), y)
    assert np.array_equal(graph.run(graph.input_format.to_integers(x.double().numpy())), codes)
    return codes


@pytest.mark.parametrize("family", FAMILIES)
def test_a_trained_model_of_every_family_is_its_hardware_bit_for_bit(family, tmp_path):
    prepared = trained(FAMILIES[family])
    converted = creator.convert(prepared).eval()
    graph = creator.trace(converted, (3, 4))
    x = 2 * batch(9, 50)
    codes = agree(converted, graph, x)
    assert len(np.unique(codes)) > 3
    creator.translate(graph).write(tmp_path / "build")
    run = creator.simulate(tmp_path / "build", graph.input_format.to_integers(x[:6].double().numpy()), bench="vhdl")
    assert run.mismatches == 0
    assert np.array_equal(run.outputs, codes[:6])


POWERS = [name for name in FAMILIES if "any" not in name and name not in ("affine", "lsq", "lsq per channel", "min max",
                                                                          "observed per channel power of two")]  # fmt: skip


@pytest.mark.parametrize("family", POWERS)
def test_power_of_two_scales_evaluate_alike_before_and_after(family):
    prepared = trained(FAMILIES[family])
    converted = creator.convert(prepared)
    assert torch.equal(prepared(batch(5)), converted.eval()(batch(5)))
    assert creator.trace(prepared, (3, 4)).text() == creator.trace(converted, (3, 4)).text()


@pytest.mark.parametrize("family", ["observed, any scale", "observed, any scale, per channel", "affine", "lsq", "min max"])
def test_arbitrary_scales_change_little(family):
    prepared = trained(FAMILIES[family])
    converted = creator.convert(prepared).eval()
    step = float(getattr(converted.get_submodule("last").output_format, "scale", 0))
    assert step > 0
    difference = (prepared(batch(5)) - converted(batch(5))).abs() / step
    assert difference.max() < 2.5  # a code in one layer moves sums in the next
    assert (difference > 0.5).double().mean() < 0.1


def test_an_unconverted_arbitrary_scale_is_refused():
    with pytest.raises(CreatorError, match=r"creator\.convert"):
        creator.trace(trained(FAMILIES["lsq"]), (3, 4))


def test_convert_copies_unless_told_otherwise():
    prepared = trained(FAMILIES["tqt"])
    before = copy.deepcopy(prepared.state_dict())
    converted = creator.convert(prepared)
    assert prepared.get_submodule("first").weight_quantizer is not None
    assert converted.get_submodule("first").weight_quantizer is None
    assert all(torch.equal(value, before[name]) for name, value in prepared.state_dict().items())
    assert creator.convert(prepared, inplace=True) is prepared
    assert prepared.get_submodule("first").weight_quantizer is None


def test_converted_models_train_on_and_convert_again():
    converted = creator.convert(trained(FAMILIES["lsq"])).train()
    loss = converted(batch()).square().sum()
    loss.backward()
    assert converted.get_parameter("first.weight").grad.abs().sum() > 0
    again = creator.convert(converted).eval()
    assert torch.equal(again(batch(5)), converted.eval()(batch(5)))


def test_nested_and_functional_models_convert():
    prepared = trained(FAMILIES["lsq"], Functional())
    converted = creator.convert(prepared).eval()
    graph = creator.trace(converted, (3, 4))
    agree(converted, graph, batch(6))
    assert any("head.last" in node.paths for node in graph.nodes)


def test_a_hand_made_model_converts():
    model = torch.nn.Sequential(
        nn.Quantize(LSQ(bits=8)), nn.Linear(12, 6, weight=LSQ(bits=6, axis=0), output=TQT(bits=8, signed=False)),
        nn.Linear(6, 3, weight=TQT(bits=6), output=FixedPoint(8, 3)), nn.Tanh(),
    )  # fmt: skip
    creator.calibrate(model, [batch().reshape(-1, 12)])
    model.train()(batch().reshape(-1, 12))
    converted = creator.convert(model).eval()
    assert isinstance(converted[1].weight_format, Affine)
    assert isinstance(converted[1].output_format, FixedPoint)
    agree(converted, creator.trace(converted, 12), batch(6).reshape(-1, 12))


def test_zero_points_reach_the_hardware():
    converted = creator.convert(trained(FAMILIES["affine"]))
    assert converted.get_submodule("quantize").output_format.zero_point != 0


@pytest.mark.parametrize(
    "name", [name for name in dir(preparation) if name.startswith("default_") and name.endswith("_qconfig")]
)
def test_the_default_configurations_translate_or_say_why_not(name):
    prepared = trained(getattr(preparation, name), mlp())
    if name in ("default_dynamic_qconfig", "default_debug_qconfig"):
        with pytest.raises(
            CreatorError,
            match=r"^first(\.\w+)?: (dynamic ranges have no static hardware|RecordingObserver observes no range)",
        ):
            creator.convert(prepared)
        return
    converted = creator.convert(prepared).eval()
    agree(converted, creator.trace(converted, (3, 4)), batch(6))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (QConfig(partial(MinMaxQuant, 8), FixedPoint(6, 5)), r"^(quantize|first)(\.\w+)?: .*freeze"),
        (QConfig(partial(FakeQuant, observer=obs.PlaceholderObserver), FixedPoint(6, 5)), r"^(quantize|first)(\.\w+)?: "),
        (observed_qconfig(), r"^(quantize|first)(\.\w+)?: .*"),
    ],
)
def test_what_has_no_fixed_range_is_refused(config, message):
    prepared = creator.prepare(mlp(), batch(), config)
    with pytest.raises(CreatorError, match=message):
        creator.convert(prepared)
    with pytest.raises(CreatorError, match=message):
        creator.trace(prepared, (3, 4))


def test_a_quantizer_that_is_switched_off_is_refused():
    prepared = creator.calibrate(creator.prepare(mlp(), batch(), observed_qconfig()), [batch()])
    prepared.first.output_quantizer.disable_fake_quant()
    with pytest.raises(CreatorError, match=r"^first: its fake quantization is off"):
        creator.convert(prepared)
    prepared.first.output_quantizer.enable_fake_quant()
    creator.convert(prepared)


def test_the_accumulator_is_honoured():
    x = torch.zeros(1, 12)
    tight = QConfig(FixedPoint(8, 4), FixedPoint(6, 5), accumulator=10)
    with pytest.raises(CreatorError, match=r"^0: its sums need \d+ bits, and accumulator=10"):
        creator.trace(creator.prepare(torch.nn.Linear(12, 2), x, tight), 12)
    creator.trace(creator.prepare(torch.nn.Linear(12, 2), x, QConfig(FixedPoint(8, 4), FixedPoint(6, 5), accumulator=18)), 12)


def test_one_layer_with_inputs_of_two_formats_is_refused():
    shared = nn.Linear(4, 4, weight=LSQ(bits=8), output=LSQ(bits=8))
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(8, 4)), shared, shared)
    x = torch.randn(8, 4, generator=seeded(1))
    creator.calibrate(model, [x])
    model.train()(x)
    with pytest.raises(CreatorError, match="called with inputs of two formats"):
        creator.convert(model)


@pytest.mark.parametrize("norm", [False, True])
def test_a_default_bias_format_holds_the_bias_that_training_did_not_round(norm):
    """An input far from zero makes a bias far beyond the output's range."""
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), *([torch.nn.BatchNorm1d(1)] if norm else []))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.fill_(0.0 if norm else -100.0)
        if norm:
            model[1].running_mean.fill_(100.0)
    x = torch.linspace(99, 101, 64)[:, None]
    prepared = creator.calibrate(creator.prepare(model.eval(), x, observed_qconfig(12)), [x]).eval()
    converted = creator.convert(prepared).eval()
    assert torch.equal(prepared(x), converted(x))
    assert (converted(x) - model(x)).abs().max() < 0.1
    agree(converted, creator.trace(converted, 1), x)


SIGNED = partial(FakeQuant, observer=partial(obs.FixedQParamsObserver, scale=2 / 256, zero_point=128))


@pytest.mark.parametrize("activation", [SIGNED, lambda **_: TQT(bits=8, signed=True), lambda **_: FakeQuant()])
def test_a_relu_stays_where_the_output_has_negative_values(activation):
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU())
    x = torch.randn(64, 6, generator=seeded(2))
    prepared = creator.prepare(model, x, QConfig(activation, FixedPoint(8, 6)))
    converted = creator.convert(creator.calibrate(prepared, [x])).eval()
    codes = agree(converted, creator.trace(converted, 6), x)
    assert converted(x).min() == 0
    assert len(np.unique(codes)) > 3


def test_a_folded_relu_refuses_an_output_with_negative_values():
    x = torch.randn(64, 6, generator=seeded(2))
    prepared = creator.prepare(torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU()), x)
    creator.calibrate(prepared, [x])
    with pytest.raises(CreatorError, match="a ReLU is part of it"):
        prepared.get_submodule("0").set_formats(output=FixedPoint(8, 5))
    prepared.get_submodule("0").set_formats(output=FixedPoint(8, 5, signed=False))
