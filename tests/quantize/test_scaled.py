from pathlib import Path

import numpy as np
import pytest
import torch

from creator import CreatorError, Rounding
from creator.quantize.float8 import FLOAT8, DequantE4M3Function, DequantE5M2Function, QuantE4M3Function, QuantE5M2Function
from creator.quantize.float_format import E4M3, E5M2
from creator.quantize.minifloat import fake_quantize_float
from creator.quantize.scaled import FLOATS, DeQuantizeFunction, ScaledFakeQuantizeFunction, ScaledRealQuantizeFunction
from tests.quantize.test_minifloat import bit_patterns, seeded

GOLDEN = np.load(Path(__file__).with_name("golden") / "quark.npz")
RANGES = {"int4": (-8, 7), "uint4": (0, 15), "int8": (-128, 127), "uint8": (0, 255)}
SCALED = sorted({key.rsplit("/", 1)[0] for key in GOLDEN.files if key.startswith("scaled/")})

fake_apply, real_apply, back_apply = (
    kind.apply for kind in (ScaledFakeQuantizeFunction, ScaledRealQuantizeFunction, DeQuantizeFunction)
)


def golden(key):
    return torch.from_numpy(GOLDEN[key])


def equal(a, b):
    return a.shape == b.shape and torch.equal(a.double().nan_to_num(12345.0), b.double().nan_to_num(12345.0))


# --- against Quark


@pytest.mark.parametrize("key", SCALED)
def test_scaled_functions_give_what_quark_gives(key):
    _, qscheme, name = key.split("/")
    low, high = RANGES.get(name, (0, 0))
    x, scale = golden("x"), golden(f"{qscheme}/scale")
    zero = golden(f"{qscheme}/zero_point").clamp(low, high)
    group = 8 if qscheme == "per_group" else None
    fake = fake_apply(name, x, scale, zero, 1, group, low, high, 8, qscheme, None)
    real = real_apply(name, x, scale, zero, 1, group, low, high, 8, qscheme)
    assert fake.dtype == torch.float32
    assert equal(fake, golden(f"{key}/fake"))
    expected = golden(f"{key}/real")
    if FLOATS.get(name) in FLOAT8:
        assert real.dtype == FLOAT8[FLOATS[name]]
        assert torch.equal(real.view(torch.uint8), expected)
    else:
        assert real.dtype == (torch.bfloat16 if name == "bfloat16" else expected.dtype)
        assert equal(real, expected)
    assert equal(back_apply(name, real, scale, zero, 1, group, qscheme), golden(f"{key}/back"))


def test_every_family_of_golden_vectors_is_there():
    assert len(SCALED) == 2 * 8 + 9
    assert {key.split("/")[1] for key in SCALED} == {"per_tensor", "per_channel", "per_group"}


@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(
    ("name", "there", "back"),
    [("e4m3", QuantE4M3Function, DequantE4M3Function), ("e5m2", QuantE5M2Function, DequantE5M2Function)],
    ids=["e4m3", "e5m2"],
)
def test_float8_functions_give_what_quark_gives(name, there, back, scale):
    codes = there.apply(golden("wide"), scale)
    assert torch.equal(codes.view(torch.uint8), golden(f"{name}/{scale}/codes"))
    assert equal(back.apply(codes, scale), golden(f"{name}/{scale}/values"))


# --- against torch and the formulas


def tie_values(scale, count):
    """Every half step around the range and its neighbours, in shuffled copies; the sizes of real data beside them."""
    halves = torch.arange(-700, 701) / 2 * scale
    near = torch.cat(
        [halves, torch.nextafter(halves, torch.tensor(torch.inf)), torch.nextafter(halves, torch.tensor(-torch.inf))]
    )
    noise = torch.randn(count - len(near), generator=seeded(1)) * 60 * scale
    return torch.cat([near, noise])


@pytest.mark.parametrize("scale", [1.0, 0.0625, 0.1, 0.37])
@pytest.mark.parametrize(
    ("name", "low", "high"), [("int8", -128, 127), ("uint8", 0, 255), ("int4", -7, 7), ("int16", -300, 300)]
)
def test_integers_equal_torch_fake_quantize_without_a_zero_point(scale, name, low, high):
    x = torch.cat([tie_values(scale, 250_000), torch.tensor([torch.inf, -torch.inf, 0.0, -0.0, 1e-40])])
    expected = torch.fake_quantize_per_tensor_affine(x, scale, 0, low, high)
    assert torch.equal(fake_apply(name, x, torch.tensor(scale), None, None, None, low, high, 8, "per_tensor", None), expected)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.parametrize("zero", [0, 3, 128])
@pytest.mark.parametrize("scale", [0.25, 2.0, 0.1])
def test_real_integers_equal_the_formula_and_torch(scale, zero):
    x = tie_values(scale, 250_000)
    result = real_apply("uint8", x, torch.tensor(scale), torch.tensor(zero), None, None, 0, 255, 8, "per_tensor")
    assert result.dtype == torch.int32
    assert torch.equal(result, torch.round(x * (1 / torch.tensor(scale)) + zero).clamp(0, 255).int())
    # torch multiplies and adds with one rounding, which shows at ties of products that are not exact.
    differ = result != torch.quantize_per_tensor(x, scale, zero, torch.quint8).int_repr()
    assert differ.sum() == 0 if scale != 0.1 or zero == 0 else differ.sum() < 50


ROUND_MODES = {2: Rounding.HALF_UP, 3: Rounding.HALF_AWAY, 8: Rounding.HALF_EVEN, None: Rounding.HALF_EVEN}


@pytest.mark.parametrize("mode", ROUND_MODES)
def test_round_modes_count_for_integers_and_for_numbers(mode):
    x = torch.tensor([0.5, 1.5, -0.5, -1.5, 2.5, -2.5, 0.49999997, -0.49999997])
    expected = {2: [1, 2, 0, -1, 3, -2, 0, 0], 3: [1, 2, -1, -2, 3, -3, 0, 0], 8: [0, 2, 0, -2, 2, -2, 0, 0]}[mode or 8]
    one = torch.tensor(1.0)
    assert fake_apply("int8", x, one, None, None, None, -128, 127, mode).tolist() == expected
    assert real_apply("int8", x, one, None, None, None, -128, 127, mode).tolist() == expected
    y = torch.tensor([2.5, -2.5, 3.5, 5.0, -5.0, 0.25, -0.25])
    assert equal(
        fake_apply("fp4", y, one, None, None, None, None, None, mode), fake_quantize_float(y, FLOATS["fp4"], ROUND_MODES[mode])
    )
    assert real_apply("int8", x, one, None, None, None, -128, 127, Rounding.FLOOR).tolist() == [0, 1, -1, -2, 2, -3, 0, -1]


ARRANGEMENTS = [("per_tensor", None, None, ()), ("per_channel", 0, None, (6,)), ("per_channel", -2, None, (5,)),
                ("per_channel", None, None, (5,)), ("per_group", -1, 4, (6, 5, 2)), ("per_group", 0, 3, (2, 5, 8)),
                ("per_group", -1, 8, (30, 1)), ("per_group", 1, 5, (6, 1, 8)), ("per_group", 0, 2, (3, 1, 5, 8))]  # fmt: skip


@pytest.mark.parametrize(("qscheme", "axis", "group", "shape"), ARRANGEMENTS)
@pytest.mark.parametrize("name", ["int3", "uint4", "int8", "uint16", "int32", *FLOATS])
def test_fake_is_real_and_back_with_any_zero_point_at_ties_too(name, qscheme, axis, group, shape):
    scale = torch.exp2(torch.randint(-2, 2, shape, generator=seeded(3)).float())
    arguments = scale, torch.randint(0, 4, shape, generator=seeded(4)), axis, group
    for mode in (2, 3, 8):
        for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
            x = (torch.randint(-80, 80, (6, 5, 8), generator=seeded(2)) / 4.0).to(dtype)
            fake = fake_apply(name, x, *arguments, None, None, mode, qscheme, None)
            real = real_apply(name, x, *arguments, None, None, mode, qscheme)
            assert fake.shape == real.shape == x.shape
            assert fake.dtype == dtype
            assert torch.equal(back_apply(name, real, *arguments, qscheme).to(dtype), fake)


@pytest.mark.parametrize(("qscheme", "axis", "group", "shape"), ARRANGEMENTS)
def test_each_number_meets_the_scale_and_zero_point_of_its_place(qscheme, axis, group, shape):
    x = torch.randn(6, 5, 8, generator=seeded(5)) * 9
    scale, zero = torch.rand(shape, generator=seeded(6)) + 0.05, torch.randint(-5, 6, shape, generator=seeded(7))
    real = real_apply("int8", x, scale, zero, axis, group, -20, 20, 8, qscheme)
    place = 1 if axis is None else axis % 3
    natural = [n // group if k == place else n for k, n in enumerate(x.shape)] if group else list(shape)
    s, z = scale.reshape(natural), zero.reshape(natural)
    for index in np.ndindex(*x.shape):
        where = () if not shape else (index[place],) if group is None else tuple(
            i // group if k == place else i for k, i in enumerate(index)
        )  # fmt: skip
        exact = torch.round(x[index] * (1 / s[where]) + z[where]).clamp(-20, 20)
        assert real[index] == exact


# --- gradients


@pytest.mark.parametrize(("ste", "expected"), [("identity", [1, 1, 1, 1, 1]), ("masked", [1, 1, 0, 1, 0])])
def test_the_gradient_passes_or_is_masked(ste, expected):
    one, nothing = torch.tensor(1.0), [None] * 3
    x = torch.tensor([0.3, 7.4, 7.5, -8.5, -8.6], requires_grad=True)
    fake_apply("int4", x, one, *nothing, -8, 7, 8, "per_tensor", None, ste).sum().backward()
    assert x.grad.tolist() == expected
    y = torch.tensor([[0.3, 448.0, 465.0, -464.0, -1e9]], requires_grad=True)
    fake_apply("fp8_e4m3", y, torch.ones(5), None, 1, None, None, None, 8, "per_channel", None, ste).sum().backward()
    assert y.grad.tolist() == [expected]
    z = torch.tensor([0.3, 448.0, 465.0, -464.0, -1e9], requires_grad=True)
    codes = real_apply("fp8_e4m3", z, one, *nothing, None, None, 8, "per_tensor", ste)
    back_apply("fp8_e4m3", codes, one, *nothing, "per_tensor").sum().backward()
    assert z.grad.tolist() == expected
    for short in (fake_apply, real_apply):
        w = torch.ones(2, requires_grad=True)
        short("fp4", w, one).sum().backward()
        assert w.grad.tolist() == [1, 1]


def test_two_bytes_ignore_the_scale_and_come_back_as_they_are():
    x = bit_patterns(20_000, 1)
    for name, dtype in (("bfloat16", torch.bfloat16), ("float16", torch.float16)):
        assert equal(fake_apply(name, x, torch.tensor(7.0)), x.to(dtype).float())
        real = real_apply(name, x, torch.tensor(7.0))
        assert equal(real, x.to(dtype))
        assert back_apply(name, real, torch.tensor(7.0)).dtype == dtype


# --- bad input


def test_wide_integers_are_exact():
    x = torch.tensor([2.0**31, -(2.0**31), 3e9, 16777216.0, 1.5])
    assert real_apply("int32", x, torch.tensor(1.0)).tolist() == [2**31 - 1, -(2**31), 2**31 - 1, 16777216, 2]
    assert real_apply("int32", torch.tensor([100.0]), torch.tensor(2.0**-20), torch.tensor(1)).tolist() == [100 * 2**20 + 1]
    assert torch.equal(
        fake_apply("int32", x.double(), 1.0), torch.tensor([2**31 - 1, -(2**31), 2**31 - 1, 16777216, 2]).double()
    )


def test_nan_stays_in_fake_and_is_refused_as_an_integer():
    x = torch.tensor([1.0, torch.nan, torch.inf])
    for name in ("int8", "fp4", "fp8_e5m2"):
        y = fake_apply(name, x, torch.tensor(1.0))
        assert y.isnan().tolist() == [False, True, False]
        assert y[2] == {"int8": 127, "fp4": 6, "fp8_e5m2": 57344}[name]
    with pytest.raises(CreatorError, match="NaN has no integer"):
        real_apply("int8", x, torch.tensor(1.0))


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (0, 0, 4)])
@pytest.mark.parametrize("name", ["int8", "fp8_e4m3", "fp4", "float16"])
def test_empty_tensors(shape, name):
    x = torch.ones(shape)
    groups = (*shape[:-1], shape[-1] // 4)
    for qscheme, scale in (("per_tensor", ()), ("per_channel", shape[-1]), ("per_group", groups)):
        arguments = torch.ones(scale), None, -1, 4
        real = real_apply(name, x, *arguments, None, None, 8, qscheme)
        assert fake_apply(name, x, *arguments, None, None, 8, qscheme).shape == real.shape == shape
        assert back_apply(name, real, *arguments, qscheme).shape == shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quant_dtype": "int5"}, "unknown quant_dtype"), ({"quant_dtype": "mx"}, "unknown quant_dtype"),
        ({"qscheme": "per_row"}, "unknown qscheme"), ({"qscheme": None}, "unknown qscheme"), ({"round_mode": 4}, "mode 4"),
        ({"round_mode": "up"}, "unknown rounding"), ({"scale": torch.tensor(0.0)}, "scale"), ({"scale": -1.0}, "scale"),
        ({"scale": torch.nan}, "scale"), ({"scale": torch.tensor(1e-39)}, "scale"), ({"scale": torch.ones(2)}, "scale"),
        ({"zero_point": torch.ones(2)}, "zero_point"), ({"quant_min": -129}, "no range"), ({"quant_max": 128}, "no range"),
        ({"quant_min": 5, "quant_max": 5}, "no range"), ({"quant_min": 0.5}, "no range"),
        ({"qscheme": "per_channel", "axis": 2}, "axis 2"),
        ({"qscheme": "per_channel", "scale": torch.ones(3), "zero_point": None}, "scale"),
        ({"qscheme": "per_group", "group_size": 3}, "does not divide"), ({"qscheme": "per_group", "group_size": 0}, "size=0"),
        ({"qscheme": "per_group", "group_size": None}, "group_size=None"),
        ({"qscheme": "per_group", "group_size": 2, "axis": 0, "scale": torch.ones(8, 2), "zero_point": None}, "does not fit"),
        ({"inputs": torch.ones(4, 8, dtype=torch.int32)}, "floating-point"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(changes, message):
    arguments = {
        "quant_dtype": "int8", "inputs": torch.ones(4, 8), "scale": torch.tensor(1.0), "zero_point": torch.tensor(0), "axis": 1,
        "group_size": 4, "quant_min": -128, "quant_max": 127, "round_mode": 8, "qscheme": "per_tensor",
    } | changes  # fmt: skip
    for function in (fake_apply, real_apply):
        with pytest.raises(CreatorError, match=message):
            function(*arguments.values())


def test_formats_of_the_names():
    assert (FLOATS["fp8_e4m3"], FLOATS["fp8_e5m2"]) == (E4M3, E5M2)
