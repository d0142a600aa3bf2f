"""Against ``torch.ao.quantization``, by exact equality."""

import copy
import io
import math
import warnings
from fractions import Fraction
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator import CreatorError
from creator.quantize import observer as observer_module
from creator.quantize import observers as obs
from creator.quantize.granularity import PerAxis, PerBlock, PerGroup, PerTensor, PerToken

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.ao import quantization as ao

QSCHEMES = {
    ("symmetric", False): torch.per_tensor_symmetric, ("affine", False): torch.per_tensor_affine,
    ("symmetric", True): torch.per_channel_symmetric, ("affine", True): torch.per_channel_affine,
}  # fmt: skip
RANGED = [
    obs.MinMaxObserver, obs.MovingAverageMinMaxObserver, obs.PerChannelMinMaxObserver,
    obs.MovingAveragePerChannelMinMaxObserver, obs.HistogramObserver,
]  # fmt: skip
CODES = [
    ({"signed": True}, torch.qint8, {}), ({"signed": False}, torch.quint8, {}),
    ({"signed": True, "symmetric": True}, torch.qint8, {"quant_min": -127, "quant_max": 127}),
    ({"signed": False, "quant_max": 127}, torch.quint8, {"quant_min": 0, "quant_max": 127}),
    ({"signed": False, "quant_min": 0, "quant_max": 14}, torch.quint8, {"quant_min": 0, "quant_max": 14}),
    ({"quant_min": -8, "quant_max": 7, "eps": 2.0**-12}, torch.qint8, {"quant_min": -8, "quant_max": 7, "eps": 2.0**-12}),
    ({"bits": 16, "signed": False}, torch.uint16, {}), ({"bits": 16}, torch.int16, {}),
]  # fmt: skip


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def batches(kind):
    generator = seeded(5)
    if kind == "zero":
        return [torch.zeros(3, 4, 5)] * 2
    if kind == "tiny":
        return [torch.randn(3, 4, 5, generator=generator) * 1e-9]
    if kind == "positive":
        return [torch.rand(3, 4, 5, generator=generator) + k for k in range(3)]
    if kind == "negative":
        return [-torch.rand(3, 4, 5, generator=generator) - 0.5]
    return [torch.randn(3, 4, 50, generator=generator) * (1 + k % 5) + 0.3 * k for k in range(40)]


def quiet(call, *arguments, **choices):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*arguments, **choices)


@pytest.mark.parametrize("kind", ["normal", "positive", "negative", "zero", "tiny"])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize(("ours", "dtype", "theirs"), CODES)
@pytest.mark.parametrize("observer", RANGED[:4])
def test_ranges_and_parameters_equal_torch(observer, ours, dtype, theirs, scheme, kind):
    channels = "PerChannel" in observer.__name__
    axes = [{"ch_axis": axis} for axis in (0, 1, 2)] if channels else [{}]
    for axis in axes:
        own = observer(scheme=scheme, **axis, **ours)
        oracle = quiet(getattr(ao, observer.__name__), dtype=dtype, qscheme=QSCHEMES[scheme, channels], **axis, **theirs)
        for x in batches(kind):
            assert own(x) is x
            quiet(oracle, x)
            assert torch.equal(own.min_val, oracle.min_val)
            assert torch.equal(own.max_val, oracle.max_val)
            scale, zero_point = own.calculate_qparams()
            expected = quiet(oracle.calculate_qparams)
            assert scale.dtype == torch.float32
            assert zero_point.dtype == torch.int32
            assert scale.shape == zero_point.shape == own.min_val.shape
            assert torch.equal(scale.reshape(-1), expected[0])
            assert torch.equal(zero_point.reshape(-1), expected[1].to(torch.int32))


def test_the_averaging_constant_equals_torch():
    own, oracle = obs.MovingAverageMinMaxObserver(0.3), quiet(ao.MovingAverageMinMaxObserver, 0.3)
    for x in batches("normal"):
        own(x)
        oracle(x)
    assert torch.equal(own.min_val, oracle.min_val)
    assert torch.equal(own.max_val, oracle.max_val)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_other_dtypes_are_observed_in_float32_as_in_torch(dtype):
    for observer in RANGED[:4]:
        axis = {"ch_axis": 1} if "PerChannel" in observer.__name__ else {}
        own, oracle = observer(**axis), quiet(getattr(ao, observer.__name__), **axis)
        for k in range(5):
            x = torch.randn(4, 300, 2, generator=seeded(k), dtype=torch.float64).to(dtype)
            own(x)
            quiet(oracle, x)
        assert torch.equal(own.min_val, oracle.min_val)
        assert torch.equal(own.max_val, oracle.max_val)


@pytest.mark.parametrize("power_of_two", [False, True])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("observer", [*RANGED[:2], RANGED[4]])
def test_numbers_and_tensors_follow_the_same_rules(observer, scheme, power_of_two, monkeypatch):
    """On another device than a CPU a range of one number stays a tensor."""
    numbers, tensors = (observer(scheme=scheme, power_of_two=power_of_two) for _ in range(2))
    for x in batches("normal")[:9]:
        numbers(x)
    expected = numbers.calculate_qparams()
    monkeypatch.setattr(observer_module, "number", lambda part: part)
    for x in batches("normal")[:9]:
        tensors(x)
    assert isinstance(tensors.qparams()[0], torch.Tensor)
    assert tensors.calculate_qparams() == expected


@pytest.mark.parametrize("granularity", [PerTensor(), PerAxis(1)])
@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
def test_a_power_of_two_is_the_next_not_below(scheme, granularity):
    for exponent in range(-20, 20):
        for factor in (1.0, 1.0 + 2.0**-23, 1.3, 2.0 - 2.0**-23):
            x = torch.tensor([[0.0, 0.0], [127.5, 255.0]]) * factor * 2.0**exponent
            choices = {"scheme": scheme, "granularity": granularity, "signed": scheme == "symmetric"}
            plain, power = (obs.MinMaxObserver(power_of_two=choice, **choices) for choice in (False, True))
            plain(x)
            power(x)
            scales = zip(
                plain.calculate_qparams()[0].reshape(-1).tolist(),
                power.calculate_qparams()[0].reshape(-1).tolist(),
                strict=True,
            )
            for scale, rounded in scales:
                numerator, denominator = Fraction(rounded).as_integer_ratio()
                assert (numerator & (numerator - 1)) == (denominator & (denominator - 1)) == 0
                assert rounded / 2 < scale <= rounded


def test_a_zero_point_follows_from_the_power_of_two():
    observer = obs.MinMaxObserver(signed=False, scheme="affine", power_of_two=True)
    observer(torch.tensor([-1.0, 2.0]))
    scale, zero_point = observer.calculate_qparams()
    assert (scale.item(), zero_point.item()) == (2.0**-6, 64)


def test_zero_points_of_wide_codes_are_codes():
    """In float32 the quotient of the range and its scale can exceed the number of codes."""
    for seed in range(200):
        observer = obs.MinMaxObserver(bits=23, signed=False, scheme="affine")
        observer(-100 * torch.rand(9, generator=seeded(seed)))
        assert observer.calculate_qparams()[1] in (2**23 - 1, 2**23 - 2)


def test_groups_and_blocks_have_ranges_of_their_own():
    x = torch.randn(4, 8, generator=seeded(7))
    for granularity, shape in ((PerGroup(4), (4, 2)), (PerBlock((2, 8)), (2, 1)), (PerToken(), (4, 1))):
        observer = obs.MinMaxObserver(granularity=granularity)
        observer(x)
        scale, _ = observer.calculate_qparams()
        assert scale.shape == shape
        blocks = x.reshape(shape[0], 4 // shape[0], shape[1], 8 // shape[1])
        assert torch.equal(scale, blocks.abs().amax((1, 3)) / 127.5)


# --- what has no range


def test_fixed_parameters_equal_torch():
    for own, oracle in (
        (obs.default_fixed_qparams_range_0to1_observer(), ao.default_fixed_qparams_range_0to1_observer()),
        (obs.default_fixed_qparams_range_neg1to1_observer(), ao.default_fixed_qparams_range_neg1to1_observer()),
    ):
        own(torch.full((3,), 1e9))
        scale, zero_point = own.calculate_qparams()
        assert (scale, zero_point) == quiet(oracle.calculate_qparams)
        assert (own.quant_min, own.quant_max) == (oracle.quant_min, oracle.quant_max) == (0, 255)
    assert (scale.item(), zero_point.item()) == (2 / 256, 128)


def test_recordings_are_copies_without_gradients():
    observer = obs.RecordingObserver()
    x = torch.ones(2, requires_grad=True)
    y = 2 * x
    assert observer(y) is y
    with torch.no_grad():
        y.zero_()
    assert [record.tolist() for record in observer.get_tensor_value()] == [[2.0, 2.0]]
    assert not observer.tensor_val[0].requires_grad
    observer.reset()
    assert observer.get_tensor_value() == []


@pytest.mark.parametrize("observer", [obs.NoopObserver(), obs.PlaceholderObserver(), obs.RecordingObserver()])
def test_what_observes_no_range_has_no_parameters(observer):
    x = torch.full((2,), math.nan)
    assert observer(x) is x
    assert not observer.observed
    assert not observer.has_range
    with pytest.raises(CreatorError, match=r"Observer observes no range.*MinMaxObserver"):
        observer.calculate_qparams()


def test_dynamic_ranges_have_no_hardware():
    with pytest.raises(CreatorError, match="dynamic ranges have no static hardware"):
        obs.PlaceholderObserver(is_dynamic=True).calculate_qparams()


# --- bad input


@pytest.mark.parametrize("observer", RANGED)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 2.0**127])
def test_nan_infinite_and_huge_values_are_refused_and_change_nothing(observer, bad):
    own = observer()
    x = torch.randn(4, 6, generator=seeded(8))
    own(x)
    before = copy.deepcopy(own.state_dict())
    x[1, 2] = bad
    with pytest.raises(CreatorError, match="NaN, infinite or huge"):
        own(x)
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())


@pytest.mark.parametrize("observer", RANGED)
def test_nothing_observed_has_no_parameters(observer):
    own = observer()
    assert own.has_range
    for x in (torch.zeros(0), torch.zeros(2, 0)):
        assert own(x) is x
    assert not own.observed
    with pytest.raises(CreatorError, match=r"nothing observed yet.*calibrate"):
        own.calculate_qparams()
    own(torch.ones(2, 3))
    assert own.observed
    own.reset()
    assert not own.observed
    with pytest.raises(CreatorError, match="nothing observed yet"):
        own.calculate_qparams()
    own(torch.ones(4, 3))  # another shape than before
    assert own.min_val.tolist() in (1.0, [1.0] * 4)


def test_a_shape_that_changes_is_refused():
    for own in (obs.PerChannelMinMaxObserver(), obs.MinMaxObserver(granularity=PerToken())):
        own(torch.ones(2, 3))
        with pytest.raises(CreatorError, match=r"observed ranges of shape \(2.*and now \(4"):
            own(torch.ones(4, 3))
        with pytest.raises(CreatorError, match="axes"):
            obs.PerChannelMinMaxObserver(2)(torch.ones(2, 3))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(obs.MinMaxObserver, bits=25), "bits=25 is more than"), (partial(obs.MinMaxObserver, bits=0), "total_bits=0"),
        (partial(obs.MinMaxObserver, quant_min=1), "do not enclose 0"),
        (partial(obs.MinMaxObserver, quant_max=128), "do not enclose 0"),
        (partial(obs.MinMaxObserver, quant_min=0, quant_max=0), "do not enclose"),
        (partial(obs.MinMaxObserver, quant_max=6.5), "do not enclose"),
        (partial(obs.MinMaxObserver, eps=0.0), "eps=0.0"), (partial(obs.MinMaxObserver, eps=math.nan), "eps=nan"),
        (partial(obs.MinMaxObserver, scheme="uneven"), "unknown scheme.*'affine'"),
        (partial(obs.MinMaxObserver, granularity=0), "granularity=0"),
        (partial(obs.MovingAverageMinMaxObserver, 0.0), "averaging_constant=0.0"),
        (partial(obs.MovingAverageMinMaxObserver, 1.5), "averaging_constant=1.5"),
        (partial(obs.FixedQParamsObserver, 0.0), "scale=0.0"), (partial(obs.FixedQParamsObserver, math.nan), "scale=nan"),
        (partial(obs.FixedQParamsObserver, 1.0, 256), "zero_point=256 is no code"),
    ],
)  # fmt: skip
def test_bad_choices_are_refused(make, message):
    with pytest.raises(CreatorError, match=message):
        make()


# --- state


@pytest.mark.parametrize("observer", [*RANGED, obs.default_fixed_qparams_range_neg1to1_observer])
def test_state_copies_and_saving(observer):
    own = observer()
    x = torch.randn(5, 4, generator=seeded(9))
    own(x)
    file = io.BytesIO()
    torch.save(own.state_dict(), file)
    file.seek(0)
    loaded = observer()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    copied = copy.deepcopy(own)
    own(2 * x)
    for other in (loaded, copied):
        assert other.observed
        assert other(2 * x) is not None
        assert all(torch.equal(a, b) for a, b in zip(other.calculate_qparams(), own.calculate_qparams(), strict=True))


def test_the_state_of_nothing_observed_makes_an_observer_new():
    own = obs.MovingAverageMinMaxObserver()
    own(torch.ones(3))
    own.load_state_dict(obs.MovingAverageMinMaxObserver().state_dict())
    assert not own.observed
    own(torch.full((3,), 7.0))
    assert own.max_val == 7.0


def test_the_state_of_a_floating_point_model_changes_nothing():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), obs.MinMaxObserver())
    model[1](torch.ones(3))
    model.load_state_dict(torch.nn.Sequential(torch.nn.Linear(2, 2)).state_dict())
    assert model[1].max_val == 1.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_ranges_stay_float32(dtype):
    own = obs.PerChannelMinMaxObserver()
    own(torch.tensor([[0.1], [0.7]]))
    before = own.calculate_qparams()[0]
    own.to(dtype)
    assert own.min_val.dtype == torch.float32
    assert torch.equal(own.calculate_qparams()[0], before)


def test_observing_in_inference_mode_spoils_nothing():
    for own in (obs.MinMaxObserver(), obs.PerChannelMinMaxObserver()):
        with torch.inference_mode():
            own(torch.ones(2, 3))
        own(torch.full((2, 3), 2.0))
        assert own.max_val.max() == 2.0


def test_arguments_make_factories():
    make = obs.MinMaxObserver.with_args(bits=4, signed=False)
    assert (make().quant_max, make(bits=5).quant_max) == (15, 31)
    assert "0 ... 15, symmetric, PerTensor()" in repr(make())
    assert "min_val" in repr(make())
    assert "scale=0.5, zero_point=3" in repr(obs.FixedQParamsObserver(0.5, 3))
    assert "is_dynamic=True" in repr(obs.PlaceholderObserver(True))


# --- properties


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.floats(-(2.0**66), 2.0**66, width=32), min_size=1, max_size=9),
    st.sampled_from(["symmetric", "affine"]), st.booleans(), st.booleans(), st.integers(2, 16),
)  # fmt: skip
def test_every_value_has_a_code_near(x, scheme, signed, power_of_two, bits):
    """Within half a step, and half a code more at the ends for the symmetric range, which is one code wider than even."""
    observer = obs.MinMaxObserver(bits=bits, signed=signed, scheme=scheme, power_of_two=power_of_two)
    observer(torch.tensor(x))
    scale, zero_point = (part.item() for part in observer.calculate_qparams())
    low, high = ((code - zero_point) * scale for code in (observer.quant_min, observer.quant_max))
    assert observer.quant_min <= zero_point <= observer.quant_max
    slack = max(map(abs, x)) * 2.0**-22  # what float32 rounds off in the scale, and in the range that it is made from
    for value in x:
        assert low - scale / 2 - slack <= value <= high + scale / 2 + slack
