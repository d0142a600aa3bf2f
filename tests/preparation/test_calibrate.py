import copy
import functools

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.preparation.config import observed_qconfig
from creator.quantize import MinMaxObserver
from creator.quantize.fake_quant import FakeQuant
from tests.preparation.models import batch, mlp, settle


def formats(model):
    return {
        path: module.output_format for path, module in model.named_modules() if isinstance(module, (nn.Linear, nn.Quantize))
    }


def test_formats_hold_what_was_seen():
    prepared = creator.prepare(settle(mlp(norm=True), batch()), batch())
    x = batch()
    creator.calibrate(prepared, [x])
    assert (
        prepared.get_submodule("quantize").output_format.max_value
        >= x.abs().max() - prepared.get_submodule("quantize").output_format.step
    )
    assert prepared.get_submodule("quantize").output_format.max_value < 2 * x.abs().max()


def test_only_quantizers_change():
    prepared = creator.prepare(settle(mlp(norm=True), batch()), batch()).train()
    before = copy.deepcopy(dict(prepared.named_parameters()))
    statistics = prepared.get_buffer("norm.running_mean").clone()
    modes = {path: module.training for path, module in prepared.named_modules()}
    rng = torch.get_rng_state()
    assert creator.calibrate(prepared, [batch(1), batch(2)]) is prepared
    assert all(torch.equal(parameter, before[name]) for name, parameter in prepared.named_parameters())
    assert torch.equal(prepared.get_buffer("norm.running_mean"), statistics)
    assert {path: module.training for path, module in prepared.named_modules()} == modes
    assert torch.equal(torch.get_rng_state(), rng)  # no dropout
    assert not any(module.calibrating for module in prepared.modules() if isinstance(module, FakeQuant))


def test_layers_see_values_before_quantization():
    """With 2 bits everywhere, what later layers see would differ if earlier ones quantized already."""
    model = settle(mlp(), batch())
    prepared = creator.calibrate(creator.prepare(model, batch(), observed_qconfig(2)), [batch()])
    with torch.no_grad():
        last = model(batch()).abs().max()
    fmt = prepared.get_submodule("last").output_format
    assert 0.5 * last <= fmt.step * 2 <= 4 * last


class Gated(torch.nn.Module):
    """A product, an average and a softmax, which in eval mode take quantized values only."""

    def __init__(self):
        super().__init__()
        self.value, self.gate = torch.nn.Conv2d(2, 3, 2), torch.nn.Conv2d(2, 3, 2)
        self.after = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.AvgPool2d(2))

    def forward(self, x):
        return torch.softmax(self.after(self.value(x) * self.gate(x)).flatten(1), 1)


@pytest.mark.parametrize("affine", [False, True])
def test_every_batch_reaches_every_layer(affine):
    """The order of batches is nothing to minimum and maximum."""
    scheme = {"scheme": "affine"} if affine else {"power_of_two": True}
    config = creator.QConfig(functools.partial(FakeQuant, observer=MinMaxObserver, **scheme), FixedPoint(8, 6))
    x, found = torch.randn(8, 2, 4, 4, generator=torch.Generator().manual_seed(0)), []
    for batches in ([x, 8 * x], [8 * x, x]):
        torch.manual_seed(0)
        prepared = creator.prepare(Gated(), x, config)
        creator.calibrate(prepared, batches)
        found.append([module.format for module in prepared.modules() if isinstance(module, FakeQuant)])
    assert len(found[0]) == 6
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "wrap", [lambda x: x, lambda x: (x, torch.zeros(1)), lambda x: [x], lambda x: {"image": x, "label": 0}]
)
def test_batches_as_loaders_give_them(wrap):
    expected = formats(creator.calibrate(creator.prepare(mlp(), batch()), [batch(1), batch(2)]))
    found = formats(
        creator.calibrate(
            creator.prepare(mlp(), batch()), iter([wrap(batch(1)), wrap(batch(2)), wrap(9 * batch(1))]), batches=2
        )
    )
    assert found == expected
    assert found != formats(creator.calibrate(creator.prepare(mlp(), batch()), [9 * batch(1)]))


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        ([], "no batch to calibrate with"),
        ([torch.tensor([[float("nan")] * 12])], "batch 0 contains NaN"),
        ([torch.zeros(1, 12), torch.full((1, 12), float("inf"))], "batch 1 contains NaN or inf"),
        ([torch.zeros(0, 12)], "batch 0 is empty"),
        (["text"], "a batch is str"),
    ],
)
def test_bad_data_is_refused(loader, message):
    prepared = creator.prepare(mlp(), batch())
    with pytest.raises(CreatorError, match=message):
        creator.calibrate(prepared, loader)
    assert not any(module.calibrating for module in prepared.modules() if isinstance(module, FakeQuant))


def test_nan_inside_the_network_is_named():
    prepared = creator.prepare(mlp(), batch())
    with torch.no_grad():
        prepared.get_parameter("second.weight")[0, 0] = float("nan")
    with pytest.raises(CreatorError, match=r"^second\.weight_quantizer: .*NaN"):
        creator.calibrate(prepared, [batch()])
