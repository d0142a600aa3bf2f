"""Average pooling against sums over windows on Python's integers; torch says only how many elements a window divides by."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as functional

import creator
from creator import CreatorError, FixedPoint, Rounding, nn
from creator.affine import Affine
from tests.nn.helpers import codes_of, random_codes, seeded
from tests.oracle import ROUNDINGS, code_range, power, rounded

F = FixedPoint
IN = F(8, 4)


def divisor_grid(reference: torch.nn.Module, sizes: tuple[int, ...], covered: np.ndarray) -> np.ndarray:
    """What torch divides each window's sum by: the average of ones is how many of them there are over that."""
    averages = reference(torch.ones(1, 1, *sizes, dtype=torch.float64))[0, 0].numpy()
    return np.rint(covered / averages).astype(int)


def window_sums(codes: np.ndarray, kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...],
                counts: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Sums, and numbers of elements, of windows over the last axes of ``codes`` (batch, channels, ...)."""
    sizes = codes.shape[2:]
    sums, covered = np.zeros((*codes.shape[:2], *counts), dtype=object), np.zeros(counts, dtype=int)
    for window in itertools.product(*map(range, counts)):
        for offset in itertools.product(*map(range, kernel)):
            place = tuple(w * s - p + o for w, s, p, o in zip(window, stride, padding, offset, strict=True))
            if all(0 <= at < size for at, size in zip(place, sizes, strict=True)):
                covered[window] += 1
                sums[(..., *window)] += codes[(..., *place)].astype(object)
    return sums, covered


def expected(sums: np.ndarray, divisors: np.ndarray, source: FixedPoint, output: FixedPoint, rounding: Rounding,
             bits: int = 16) -> np.ndarray:  # fmt: skip
    """Output codes, by the definition: the largest reciprocal has ``bits`` bits, all share its shift."""
    ratios = [Fraction(1, int(d)) for d in divisors.ravel()]
    shift = next(n for n in itertools.count(-99) if round(max(ratios) * power(n + 1)) >= 1 << bits)
    factors = np.array([round(ratio * power(shift)) for ratio in ratios], dtype=object).reshape(divisors.shape)
    low, high = code_range(output)
    grid = power(output.frac_bits - source.frac_bits - shift)
    flat = [min(max(rounded(s * grid, rounding), low), high) for s in (sums * factors).ravel()]
    return np.array(flat, dtype=np.int64).reshape(sums.shape)


WINDOWS_2D = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (2, 3)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "stride": 1, "padding": (1, 0), "count_include_pad": False},
    {"kernel_size": (3, 4), "stride": (2, 3), "padding": (1, 2), "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True, "count_include_pad": False},
    {"kernel_size": 3, "divisor_override": 5},
    {"kernel_size": (1, 5), "stride": (3, 1)},
]


@pytest.mark.parametrize("arguments", WINDOWS_2D, ids=str)
@pytest.mark.parametrize("output", [IN, F(12, 9), F(6, 1, signed=False), F(9, 4, symmetric=True)], ids=str)
def test_average_is_the_sum_times_an_integer_and_a_shift(arguments, output):
    reference = torch.nn.AvgPool2d(**arguments)
    layer = nn.AvgPool2d(**arguments, output=output).eval()
    codes = random_codes((3, 2, 8, 7), IN, 1)
    y = layer(torch.from_numpy(IN.from_integers(codes)).float())
    kernel, stride, padding = ((n, n) if isinstance(n, int) else n
                               for n in (reference.kernel_size, reference.stride, reference.padding))  # fmt: skip
    sums, covered = window_sums(codes, kernel, stride, padding, tuple(y.shape[2:]))
    divisors = divisor_grid(reference, (8, 7), covered)
    assert np.array_equal(codes_of(y, output), expected(sums, divisors, IN, output, Rounding.HALF_EVEN))


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("bits", [1, 4, 16, 31])
def test_rounding_and_width_of_the_multiplier(rounding, bits):
    layer = nn.AvgPool1d(3, 2, 1, output=F(7, 2), rounding=rounding, multiplier_bits=bits).eval()
    codes = random_codes((40, 2, 9), IN, 2)
    y = layer(torch.from_numpy(IN.from_integers(codes)).double())
    sums, covered = window_sums(codes, (3,), (2,), (1,), (5,))
    divisors = np.full_like(covered, 3)
    assert np.array_equal(codes_of(y, F(7, 2)), expected(sums, divisors, IN, F(7, 2), rounding, bits))


@pytest.mark.parametrize(
    ("layer", "reference", "shape"),
    [
        (nn.AdaptiveAvgPool2d(1, output=F(16, 9)), torch.nn.AdaptiveAvgPool2d(1), (2, 3, 8, 7)),
        (nn.AdaptiveAvgPool2d((4, None), output=F(16, 9)), torch.nn.AdaptiveAvgPool2d((4, None)), (2, 3, 8, 7)),
        (nn.AdaptiveAvgPool1d(3, output=F(16, 9)), torch.nn.AdaptiveAvgPool1d(3), (2, 3, 9)),
        (nn.AdaptiveAvgPool1d(1, output=F(16, 9)), torch.nn.AdaptiveAvgPool1d(1), (3, 9)),
        (nn.AvgPool1d(4, 3, 2, True, output=F(16, 9)), torch.nn.AvgPool1d(4, 3, 2, True), (2, 3, 9)),
    ],
    ids=str,
)
def test_shapes_are_those_of_torch_and_values_near(layer, reference, shape):
    x = torch.from_numpy(IN.from_integers(random_codes(shape, IN, 3))).float()
    y, wanted = layer.eval()(x), reference(x)
    assert y.shape == wanted.shape
    # The multiplier has 16 bits of the reciprocal, and the result is rounded to 2**-9.
    assert float((y - wanted).abs().max()) <= 8 * 2.0**-16 + 2.0**-10
    assert torch.equal(y, y.mul(2**9).round().div(2**9))


def test_a_power_of_two_needs_no_multiplier():
    layer = nn.AvgPool2d(4)
    windows = layer.geometry((8, 8))
    assert layer.multiplier(layer.divisors(windows)) == ((1,) * 4, 4)
    assert nn.AvgPool1d(3).multiplier(np.array([3])) == ((43691,), 17)


@pytest.mark.parametrize("fmt", [Affine(0.07, -30, 8), Affine(0.11, 3, 6, signed=False), IN], ids=str)
@pytest.mark.parametrize("output", [Affine(0.05, 20, 8), F(7, 3)], ids=str)
def test_between_arbitrary_scales(fmt, output):
    layer = nn.AvgPool2d(3, 2, 1, output=output, count_include_pad=False).eval()
    layer.input_format = fmt
    codes = np.random.default_rng(4).integers(fmt.min_code, fmt.max_code, (2, 3, 6, 5), endpoint=True)
    y = layer(torch.from_numpy(fmt.from_integers(codes)))
    zero, zero_out = getattr(fmt, "zero_point", 0), getattr(output, "zero_point", 0)
    sums, covered = window_sums(codes - zero, (3, 3), (2, 2), (1, 1), (3, 3))
    scales = [Fraction(f.scale if isinstance(f, Affine) else f.step) for f in (fmt, output)]
    ratios = [float(scales[0] / scales[1]) / int(d) for d in covered.ravel()]
    shift = 16 - math.frexp(max(ratios))[1]
    factors = np.array([round(math.ldexp(ratio, shift)) for ratio in ratios], dtype=object).reshape(covered.shape)
    flat = [rounded(Fraction(int(s), 2**shift), Rounding.HALF_EVEN) + zero_out for s in (sums * factors).ravel()]
    wanted = np.clip(np.array(flat), output.min_code, output.max_code).reshape(sums.shape)
    assert np.array_equal(output.to_integers(y.numpy()), wanted)


def test_training_has_the_gradient_of_an_average_where_nothing_saturates():
    layer = nn.AvgPool1d(2, output=F(5, 2))
    x = torch.tensor([[[1.0, 2.0, 30.0, 40.0]]], requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [[[0.5, 0.5, 0.0, 0.0]]]
    x.grad = None
    layer.eval()(x).sum().backward()
    assert x.grad.tolist() == [[[0.5, 0.5, 0.0, 0.0]]]


def test_training_and_eval_give_the_same():
    layer = nn.AvgPool2d(3, 2, 1, output=F(8, 5))
    x = torch.from_numpy(IN.from_integers(random_codes((4, 2, 8, 7), IN, 5))).float()
    assert torch.equal(layer(x), layer.eval()(x))


def test_prepared_calibrated_and_converted():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2), torch.nn.ZeroPad2d(1), torch.nn.AvgPool2d(2),
        torch.nn.Upsample(scale_factor=2), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(2, 3),
    )  # fmt: skip
    x = torch.rand(8, 1, 8, 8, generator=seeded(1))
    prepared = creator.prepare(model, x[:1])
    creator.calibrate(prepared, [x])
    assert isinstance(prepared.get_submodule("3"), nn.AvgPool2d)
    assert isinstance(prepared.get_submodule("5"), nn.AdaptiveAvgPool2d)
    converted = creator.convert(prepared).eval()
    assert isinstance(converted.get_submodule("3").output_format, FixedPoint)
    assert torch.equal(prepared.eval()(x), converted(x))
    assert float((converted(x) - model.eval()(x)).detach().abs().max()) < 0.05


class Functions(torch.nn.Module):
    """Averages and maxima in forward."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.conv(functional.pad(x, (0, 0, 1, 1)))), 2)
        x = functional.interpolate(functional.avg_pool2d(x, 3, 1), scale_factor=2)
        return self.fc(functional.adaptive_avg_pool2d(x, (2, 1)).mean((2, 3)))


def test_functions_that_average_are_prepared_as_layers():
    x = torch.rand(8, 1, 8, 8, generator=seeded(1))
    torch.manual_seed(1)
    model = Functions().eval()
    prepared = creator.prepare(model, x[:1])
    creator.calibrate(prepared, [x])
    kinds = [type(module).__name__ for module in prepared.modules() if isinstance(module, nn.pool.Averaging)]
    assert sorted(kinds) == ["AdaptiveAvgPool2d", "AvgPool2d", "AvgPool2d"]
    graph = creator.trace(creator.convert(prepared).eval(), (1, 8, 8))
    names = [node.op.name for node in graph.nodes if node.op.name not in ("reshape", "permute")]
    assert names == ["pad", "conv", "maxpool", *["sumpool", "rescale"], "upsample", *["sumpool", "rescale"] * 2, "linear"]
    y = graph.output_format.from_integers(graph.run(graph.input_format.to_integers(x.numpy())))
    assert float(np.abs(y - model(x).detach().numpy()).max()) < 0.05


def test_an_arbitrary_scale_is_known_after_convert():
    layer = nn.AvgPool1d(2, output=Affine(0.3, 1, 8)).eval()
    x = torch.tensor([[[0.5, 1.0]]])
    assert layer(x).item() == pytest.approx(0.6)  # in floating point until then
    layer.input_format = F(8, 1)
    assert round(layer(x).item() / 0.3) == 2  # 0.75 / 0.3 = 2.5; the multiplier is a little less than its ratio
    layer.input_format = F(8, 0)
    with pytest.raises(CreatorError, match="its input is not on the grid of fixed<8,0>"):
        layer(x)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.AvgPool2d(0), "AvgPool2d: kernel_size=0 is not 1 or more"),
        (lambda: nn.AvgPool1d(2, 0), r"AvgPool1d: stride=\(0,\) is not 1 or more"),
        (lambda: nn.AvgPool2d(2, padding=-1), "AvgPool2d: padding=-1 is not 0 or more"),
        (lambda: nn.AvgPool2d(2, padding=2), "AvgPool2d: padding=2 is more than half of kernel_size=2"),
        (lambda: nn.AvgPool2d(True), "AvgPool2d: kernel_size=True is not 1 or more"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), "AvgPool2d: divisor_override=0 is not 1 or more"),
        (lambda: nn.AdaptiveAvgPool2d((1, 0)), r"AdaptiveAvgPool2d: output_size=\(1, 0\) is not 1 or more"),
        (lambda: nn.AvgPool2d(2, output="fixed"), "AvgPool2d: output='fixed' is not a number format"),
        (lambda: nn.AvgPool2d(2, multiplier_bits=32), "AvgPool2d: multiplier_bits=32 is not 1 to 31 bits"),
        (lambda: nn.AvgPool2d(2, overflow="wrap"), "overflow"),
        (lambda: nn.AdaptiveAvgPool1d(2).eval()(torch.zeros(1, 1, 3)), "2 windows over 3 positions differ in size"),
        (lambda: nn.AvgPool1d(4).eval()(torch.zeros(1, 1, 3)), "windows of 4 positions do not fit an axis of 3"),
        (lambda: nn.AvgPool1d(2).eval()(torch.zeros(3)), "an input of 1 axes has no batch, channels and 1 more"),
        (lambda: nn.AvgPool1d(2).eval()(torch.tensor([[[math.nan, 1.0]]])), "NaN"),
        (lambda: nn.AvgPool1d(2, rounding="stochastic").eval()(torch.zeros(1, 1, 2)), "stochastic"),
        (lambda: nn.AvgPool1d(3).eval()(torch.tensor([[[2.0**40, 1.0, 2.0**-8]]]).double()), "more than 52 bits"),
    ],
)  # fmt: skip
def test_refusals(make, message):
    with pytest.raises((CreatorError, TypeError), match=message):
        make()
