"""Against ``torch.ao.quantization.FakeQuantize`` in training, by exact equality, and against the formats that it exports."""

import math
import warnings
from functools import partial

import pytest
import torch

from creator import Affine, CreatorError, FixedPoint
from creator.quantize import StraightThrough, fake_quantize
from creator.quantize import fake_quant as module
from creator.quantize import observers as obs
from creator.quantize.affine import fake_quantize_affine
from creator.quantize.fake_quant import FakeQuant
from creator.quantize.granularity import PerAxis, PerBlock, PerGroup

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.ao import quantization as ao

SYMMETRIC, CHANNELS = {"dtype": torch.qint8, "qscheme": torch.per_tensor_symmetric}, torch.per_channel_symmetric
CASES = {
    "moving average": (FakeQuant, partial(ao.FakeQuantize, **SYMMETRIC)),
    "affine": (partial(FakeQuant, signed=False, scheme="affine"), ao.FakeQuantize),
    "extremes": (partial(FakeQuant, obs.MinMaxObserver), partial(ao.FakeQuantize, ao.MinMaxObserver, **SYMMETRIC)),
    "unsigned symmetric": (
        partial(FakeQuant, obs.MinMaxObserver, signed=False),
        partial(ao.FakeQuantize, ao.MinMaxObserver, qscheme=torch.per_tensor_symmetric),
    ),
    "narrow": (
        partial(FakeQuant, obs.MinMaxObserver, symmetric=True),
        partial(ao.FakeQuantize, ao.MinMaxObserver, quant_min=-127, quant_max=127, **SYMMETRIC),
    ),
    "channels": (
        partial(FakeQuant, obs.PerChannelMinMaxObserver, ch_axis=1),
        partial(ao.FakeQuantize, ao.PerChannelMinMaxObserver, dtype=torch.qint8, qscheme=CHANNELS, ch_axis=1),
    ),
    "channels affine": (
        partial(FakeQuant, obs.MovingAveragePerChannelMinMaxObserver, signed=False, scheme="affine"),
        partial(ao.FakeQuantize, ao.MovingAveragePerChannelMinMaxObserver, qscheme=torch.per_channel_affine),
    ),
    "histogram": (partial(FakeQuant, obs.HistogramObserver), partial(ao.FakeQuantize, ao.HistogramObserver, **SYMMETRIC)),
    "fixed": (
        partial(FakeQuant, obs.default_fixed_qparams_range_neg1to1_observer),
        partial(ao.FixedQParamsFakeQuantize, ao.default_fixed_qparams_range_neg1to1_observer),
    ),
}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def batches(count=5, shape=(6, 4, 500)):
    return [torch.randn(shape, generator=seeded(k)) * (1 + k % 3) + 0.2 * k for k in range(count)]


def quiet(call, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments)


def observed(**choices):
    quantizer = FakeQuant(**choices)
    quantizer(torch.randn(8, 6, generator=seeded(1)))
    return quantizer


# --- against torch


@pytest.mark.parametrize("case", CASES)
def test_training_equals_torch(case):
    """A million values in all; the state of the observer, the values and the gradients; then with the observer off."""
    ours, theirs = CASES[case][0](), quiet(CASES[case][1])
    for k, x in enumerate(batches(4 if case == "histogram" else 10)):
        if k == 3:
            ours.disable_observer()
            theirs.disable_observer()
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, expected = ours(a), quiet(theirs, b)
        assert torch.equal(y, expected)
        gradient = torch.randn(x.shape, generator=seeded(100 + k))
        y.backward(gradient)
        expected.backward(gradient)
        assert torch.equal(a.grad, b.grad)
        assert torch.equal(ours.calculate_qparams()[0].reshape(-1), theirs.scale.reshape(-1))
        assert torch.equal(ours.calculate_qparams()[1].reshape(-1), theirs.zero_point.reshape(-1).int())


def test_the_switches_equal_torch():
    ours, theirs = FakeQuant(), ao.FakeQuantize(**SYMMETRIC)
    steps = ["disable_fake_quant", "disable_observer", "enable_fake_quant", "enable_observer", "disable_fake_quant"]
    for step, x in zip(["enable_observer", *steps], batches(6), strict=True):
        for quantizer in (ours, theirs):
            getattr(quantizer, step)()
        assert torch.equal(ours(x), theirs(x))
        assert torch.equal(ours.observer.min_val, theirs.activation_post_process.min_val)


def test_switches_of_a_whole_model():
    model = torch.nn.Sequential(FakeQuant(), torch.nn.Linear(2, 2), torch.nn.Sequential(FakeQuant()))
    quantizers = model[0], model[2][0]
    for name, buffer, value in (
        ("disable_observer", "observer_enabled", 0), ("enable_observer", "observer_enabled", 1),
        ("disable_fake_quant", "fake_quant_enabled", 0), ("enable_fake_quant", "fake_quant_enabled", 1),
    ):  # fmt: skip
        model.apply(getattr(module, name))
        assert [getattr(quantizer, buffer).tolist() for quantizer in quantizers] == [[value]] * 2


# --- one scale


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("case", [case for case in CASES if case != "channels affine"])
def test_training_computes_with_the_scale_that_is_exported(case, power_of_two):
    """torch's fused observers do not: of their outputs about a quarter change when the model is converted."""
    quantizer = CASES[case][0](**({} if case == "fixed" else {"power_of_two": power_of_two}))
    for x in batches(3):
        trained = quantizer(x)
    fmt = quantizer.format
    scale = torch.tensor(fmt.scale if isinstance(fmt, Affine) else fmt.step)
    scale = scale.reshape(1, 4, 1) if scale.dim() else scale
    zero = fmt.zero_point if isinstance(fmt, Affine) else 0
    codes = fmt.to_integers(x.double().numpy())
    exported = torch.from_numpy(codes - zero).float() * scale
    # Hardware's format divides in float64, training multiplies with a rounded reciprocal: apart from ties they agree.
    assert (exported != trained).double().mean() < (1e-12 if isinstance(fmt, FixedPoint) else 1e-4)
    frozen = quantizer.eval()(x)
    assert torch.equal(frozen, trained)
    assert torch.equal(quantizer.from_integers(quantizer.to_integers(x)), trained)


def test_torch_fused_trains_with_another_scale():
    fused = ao.FusedMovingAvgObsFakeQuantize(quant_min=-128, quant_max=127, **SYMMETRIC)
    x = batches(1)[0]
    trained = quiet(fused, x)
    scale, zero = fused.calculate_qparams()
    exported = torch.fake_quantize_per_tensor_affine(x, scale, zero.int(), -128, 127)
    assert (trained != exported).double().mean() > 0.1
    assert torch.equal(FakeQuant()(x), exported)


# --- the format


@pytest.mark.parametrize(
    ("choices", "fmt"),
    [
        ({"power_of_two": True}, FixedPoint(8, 5)),
        ({"power_of_two": True, "symmetric": True}, FixedPoint(8, 5, symmetric=True)),
        ({"power_of_two": True, "bits": 4}, FixedPoint(4, 1)),
        ({"power_of_two": True, "scheme": "affine", "signed": False, "bits": 7}, Affine(2.0**-4, 51, 7, signed=False)),
        ({"observer": obs.MinMaxObserver, "bits": 6, "signed": False}, Affine(3.2 / 31.5, 32, 6, signed=False)),
        ({"observer": obs.default_fixed_qparams_range_0to1_observer}, FixedPoint(8, 8, signed=False)),
        ({"observer": obs.default_fixed_qparams_range_neg1to1_observer}, Affine(2.0**-7, 128, signed=False)),
    ],
)  # fmt: skip
def test_formats(choices, fmt):
    quantizer = FakeQuant(**choices)
    quantizer(torch.tensor([-3.2, 3.0, 0.0]))
    if isinstance(fmt, Affine):
        assert quantizer.format.scale == pytest.approx(fmt.scale, rel=1e-6)
        fmt = Affine(quantizer.format.scale, fmt.zero_point, fmt.bits, fmt.signed)
    assert quantizer.format == fmt


def test_positive_values_get_an_unsigned_fixed_point():
    quantizer = FakeQuant(signed=False, scheme="affine", power_of_two=True)
    quantizer(torch.rand(100, generator=seeded(2)))
    assert quantizer.format == FixedPoint(8, 8, signed=False)


def test_channels_have_scales_along_their_axis():
    quantizer = observed(observer=obs.PerChannelMinMaxObserver, ch_axis=0, bits=5)
    fmt = quantizer.format
    assert (fmt.axis, fmt.bits, len(fmt.scale)) == (0, 5, 8)
    assert list(fmt.scale) == quantizer.calculate_qparams()[0].tolist()


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"granularity": PerGroup(3), "observer": obs.MinMaxObserver}, r"PerGroup\(group_size=3\) has no hardware"),
        ({"granularity": PerBlock((2, 2)), "observer": obs.MinMaxObserver}, "has no hardware.*PerTensor"),
        ({"granularity": PerAxis(0), "scheme": "affine"}, "zero points differ along the axis.*symmetric"),
        ({"quant_min": -100}, "not the range of a whole number of bits"),
        ({"observer": obs.PlaceholderObserver}, "PlaceholderObserver observes no range"),
        ({"observer": partial(obs.PlaceholderObserver, is_dynamic=True)}, "dynamic ranges have no static hardware"),
        ({"observer": obs.NoopObserver}, "observes no range"),
    ],
)
def test_what_has_no_hardware_is_refused(choices, message):
    quantizer = observed(**choices)
    with pytest.raises(CreatorError, match=message):
        _ = quantizer.format


def test_nothing_observed_is_refused():
    quantizer = FakeQuant()
    for use in (
        lambda: quantizer.format,
        lambda: quantizer.eval()(torch.ones(2)),
        lambda: quantizer.to_integers(torch.ones(2)),
    ):
        with pytest.raises(CreatorError, match=r"nothing observed yet.*calibrate"):
            use()
    quantizer.train().disable_observer()
    with pytest.raises(CreatorError, match="nothing observed yet"):
        quantizer(torch.ones(2))
    with pytest.raises(CreatorError, match="nothing observed yet"):
        FakeQuant()(torch.ones(0))


# --- observing


def test_only_training_and_calibration_observe():
    quantizer = FakeQuant(obs.MinMaxObserver)
    quantizer.eval().calibrate(torch.tensor([1.0]))
    quantizer(torch.tensor([5.0]))
    assert quantizer.observer.max_val == 1.0
    quantizer.train()(torch.tensor([2.0]))
    assert quantizer.observer.max_val == 2.0
    quantizer.freeze()
    quantizer(torch.tensor([5.0]))
    quantizer.calibrate(torch.tensor([5.0]))
    assert quantizer.observer.max_val == 2.0


def test_what_has_no_range_passes_values_unchanged():
    x = torch.randn(5, generator=seeded(3))
    quantizer = FakeQuant(obs.RecordingObserver)
    assert quantizer(x) is x
    assert len(quantizer.observer.tensor_val) == 1


# --- quantizing


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("ste", ["masked", "identity"])
@pytest.mark.parametrize("rounding", ["half_even", "half_up", "floor", "stochastic"])
def test_rounding_and_gradient_are_a_choice(rounding, ste, power_of_two):
    quantizer = observed(rounding=rounding, ste=ste, power_of_two=power_of_two, generator=seeded(0)).eval()
    quantizer.generator.manual_seed(6)
    x = (torch.randn(3000, generator=seeded(7)) * 2).requires_grad_()
    y = quantizer(x)
    y.sum().backward()
    z = x.detach().clone().requires_grad_()
    scale = quantizer.calculate_qparams()[0].item()
    expected = fake_quantize_affine(z, scale, 0, rounding=rounding, ste=ste, generator=seeded(6))
    expected.sum().backward()
    assert torch.equal(y, expected)
    assert torch.equal(x.grad, z.grad)
    assert bool((x.grad == 1).all()) == (ste == StraightThrough.IDENTITY)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16], ids=str)
def test_a_power_of_two_gives_the_values_of_its_fixed_point(dtype):
    quantizer = observed(power_of_two=True).eval()
    fmt = quantizer.format
    k = torch.arange(-1200, 1200, dtype=torch.float64) * fmt.step / 4
    x = torch.cat([k.to(dtype), torch.tensor([math.inf, -math.inf, 0.0]).to(dtype)])
    assert torch.equal(quantizer(x), fake_quantize(x.double(), fmt).to(dtype))
    assert torch.equal(quantizer(x), fake_quantize_affine(x, fmt.step, 0))


def test_limited_and_wide_codes_with_a_power_of_two():
    quantizer = observed(power_of_two=True, quant_min=-100).eval()
    scale = quantizer.calculate_qparams()[0].item()
    assert quantizer(torch.tensor([-1e9])).item() == -100 * scale
    x = torch.randn(99, generator=seeded(8)).half()
    wide = observed(power_of_two=True, bits=18).eval()
    assert torch.equal(wide(x), wide(x.float()).half())


def test_nan_is_refused_where_it_is_observed_and_never_a_code():
    x = torch.tensor([1.0, math.nan])
    for choices in ({}, {"power_of_two": True}, {"observer": obs.PerChannelMinMaxObserver}):
        quantizer = FakeQuant(**choices)
        for observe in (quantizer, quantizer.calibrate):
            with pytest.raises(CreatorError, match="NaN"):
                observe(x)
        quantizer(torch.ones(2))
        with pytest.raises(CreatorError, match="NaN has no code"):
            quantizer.to_integers(x)
        quantizer.freeze()
        assert math.isnan(quantizer(x)[1]) == ("power_of_two" in choices)


def test_groups_and_blocks_in_training():
    x = torch.randn(4, 6, generator=seeded(8)).requires_grad_()
    for granularity in (PerGroup(3), PerBlock((2, 3))):
        y = FakeQuant(obs.MinMaxObserver, granularity=granularity)(x)
        rows = 1 if isinstance(granularity, PerGroup) else 2
        blocks = x.detach().reshape(4 // rows, rows, 2, 3)
        scale = blocks.abs().amax((1, 3), keepdim=True) / 127.5
        assert torch.equal(y, fake_quantize_affine(blocks, scale, 0).reshape(4, 6))
        y.sum().backward()


def test_integers_are_narrow_and_go_back():
    quantizer = observed(signed=False, scheme="affine", bits=6)
    x = torch.randn(30, generator=seeded(9)).requires_grad_()
    q = quantizer.to_integers(x)
    assert q.dtype == torch.uint8
    assert q.max() <= 63
    assert torch.equal(quantizer.from_integers(q.int()), quantizer.eval()(x))
    assert quantizer.from_integers(q, torch.float16).dtype == torch.float16


def test_bad_observers_are_refused():
    for bad in (obs.MinMaxObserver(), 8, None, torch.nn.Linear, lambda: 3):
        with pytest.raises((CreatorError, TypeError), match=r"makes no observer|missing"):
            FakeQuant(bad)
    with pytest.raises(CreatorError, match="bits=30"):
        FakeQuant(bits=30)
    with pytest.raises(CreatorError, match="unknown rounding"):
        FakeQuant(rounding="nearest")


def test_arguments_make_factories_and_text():
    make = FakeQuant.with_args(observer=obs.MinMaxObserver, bits=4)
    first, second = make(), make(bits=5)
    assert (first.observer.quant_max, second.observer.quant_max) == (7, 15)
    first.freeze()
    assert "half_even, masked, observer off" in repr(first)
    assert "-8 ... 7, symmetric" in repr(first)
