"""Against ``torch.ao.quantization.HistogramObserver``, by exact equality."""

import warnings

import pytest
import torch

from creator import CreatorError
from creator.quantize.granularity import PerAxis
from creator.quantize.observers import HistogramObserver

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.ao import quantization as ao


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def noise(seed, count=3000):
    return torch.randn(count, generator=seeded(seed))


def on_an_edge(seed):
    """A constant next to an edge between bins of the range that comes after it."""
    generator = seeded(seed)
    low, high = (torch.randn(2, generator=generator) * 3).sort().values
    edges = torch.linspace(low, high, 2049)
    value = edges[torch.randint(1, 2047, (), generator=generator)]
    return [torch.nextafter(value, value + (seed % 3 - 1)).repeat(5), torch.stack([low, high])]


STREAMS = {
    "normal, widening": [noise(k) * (1 + k) for k in range(4)],
    "normal, narrowing": [noise(k) / (1 + k) for k in range(4)],
    "shifted": [noise(k) + 3 * k for k in range(4)],
    "positive": [noise(k).abs() for k in range(3)],
    "heavy tails": [noise(k) ** 5 for k in range(3)],
    "one outlier": [torch.cat([noise(1) * 0.01, torch.tensor([30.0])]), noise(2) * 0.01],
    "outliers below": [torch.cat([noise(1).abs(), -50 * torch.rand(5, generator=seeded(2))])],
    "uniform": [torch.rand(500, generator=seeded(k)) - 0.2 * k for k in range(4)],
    "constant": [torch.full((10,), 0.7)],
    "constant, then others": [torch.full((10,), 0.7), torch.full((10,), 0.7), noise(1)],
    "two constants": [torch.full((10,), 0.7), torch.full((5,), -0.3)],
    **{f"constant on an edge {seed}": on_an_edge(seed) for seed in (1, 4, 9, 18, 25, 33)},
    "far from zero": [torch.tensor([1e8, 1e8 + 8]), torch.tensor([1e8 - 8])],
    "zero": [torch.zeros(10)] * 2,
    "the same again": [noise(1)] * 3,
    "few": [torch.tensor([0.1]), torch.tensor([0.1, 4.0]), torch.tensor([-2.0])],
    "shape": [noise(1, 240).reshape(2, 3, 40), noise(2, 24).reshape(1, 24)],
}
CODES = [
    ({"signed": True}, torch.qint8, torch.per_tensor_symmetric, {}),
    ({"signed": False, "scheme": "affine"}, torch.quint8, torch.per_tensor_affine, {}),
    ({"signed": False, "scheme": "affine", "quant_max": 127}, torch.quint8, torch.per_tensor_affine,
     {"quant_min": 0, "quant_max": 127}),
]  # fmt: skip


# The search for the range does not depend on the codes; for signed ones it is made with every stream.
@pytest.mark.parametrize(
    ("stream", "ours", "dtype", "qscheme", "theirs"),
    [
        pytest.param(stream, *codes, id=f"{stream}, {k}", marks=[pytest.mark.extended] if k and place % 3 != k else [])
        for place, stream in enumerate(STREAMS)
        for k, codes in enumerate(CODES)
    ],
)
def test_histogram_range_and_parameters_equal_torch(stream, ours, dtype, qscheme, theirs):
    own, oracle = HistogramObserver(**ours), ao.HistogramObserver(dtype=dtype, qscheme=qscheme, **theirs)
    for x in STREAMS[stream]:
        assert own(x) is x
        oracle(x)
        assert torch.equal(own.histogram, oracle.histogram)
        assert (own.min_val, own.max_val) == (oracle.min_val, oracle.max_val)
    scale, zero_point = own.calculate_qparams()
    expected = oracle.calculate_qparams()
    assert (scale, zero_point) == (expected[0][0], expected[1][0])
    assert own.limits() == oracle._non_linear_param_search()


@pytest.mark.parametrize("bins", [1, 7, 256])
def test_other_numbers_of_bins_equal_torch(bins):
    own, oracle = HistogramObserver(bins, signed=False), ao.HistogramObserver(bins, qscheme=torch.per_tensor_symmetric)
    for x in STREAMS["heavy tails"]:
        own(x)
        oracle(x)
    assert own.calculate_qparams() == tuple(part[0] for part in oracle.calculate_qparams())


def test_many_batches_equal_torch():
    own, oracle = HistogramObserver(), ao.HistogramObserver(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric)
    for k in range(50):
        x = noise(k, 20_000) * (1 + torch.rand((), generator=seeded(k)))
        own(x)
        oracle(x)
    assert torch.equal(own.histogram, oracle.histogram)
    assert own.calculate_qparams()[0] == oracle.calculate_qparams()[0][0]


@pytest.mark.parametrize("bits", [2, 4])
def test_other_widths_equal_torch(bits):
    for seed in (1, 5, 7):
        own, oracle = HistogramObserver(bits=bits), ao.HistogramObserver()
        oracle.dst_nbins = 2**bits
        for observer in (own, oracle):
            observer(noise(seed, 100_000) ** 3)
        assert own.limits() == oracle._non_linear_param_search()


def test_outliers_are_cut_off():
    own = HistogramObserver(bits=4)
    own(torch.cat([noise(1, 100_000), torch.full((3,), 12.0)]))
    assert own.limits()[1] < 4 < own.max_val
    assert own.calculate_qparams()[0] < 4 / 7.5


def test_width_of_the_codes_counts():
    scales = []
    for bits in (3, 8):
        own = HistogramObserver(bits=bits)
        own(STREAMS["heavy tails"][0])
        scales.append(own.limits()[1].item())
    assert scales[0] < scales[1]


def test_reset_forgets():
    own, new = HistogramObserver(), HistogramObserver()
    own(noise(1) * 100)
    own.reset()
    assert own.histogram.sum() == 0
    for observer in (own, new):
        observer(noise(2))
    assert torch.equal(own.histogram, new.histogram)
    assert own.calculate_qparams() == new.calculate_qparams()


def test_a_power_of_two_scale_holds_the_range_found():
    own, power = HistogramObserver(), HistogramObserver(power_of_two=True)
    for observer in (own, power):
        observer(noise(3))
    scale, larger = own.calculate_qparams()[0].item(), power.calculate_qparams()[0].item()
    assert larger == 2.0**-5
    assert larger / 2 < scale <= larger


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"bins": 0}, "bins=0"),
        ({"bins": 2.5}, "bins=2.5"),
        ({"granularity": PerAxis(0)}, r"PerAxis\(axis=0\) needs a histogram"),
    ],
)
def test_bad_choices_are_refused(choices, message):
    with pytest.raises(CreatorError, match=message):
        HistogramObserver(**choices)
