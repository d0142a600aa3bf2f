from pathlib import Path

import numpy as np
import pytest
import torch

from creator import CreatorError
from creator.quantize.block_floating_point import BFP16, MX6, MX9
from creator.quantize.blocks import fake_quantize_blocks
from creator.quantize.microscaling import MXFP4, Microscaling
from creator.quantize.non_scaled import ELEMENTS, NonScaledFakeQuantizeFunction, NonScaledRealQuantizeFunction, block_format
from tests.quantize.block_oracle import trial_matrix
from tests.quantize.test_minifloat import seeded

GOLDEN = np.load(Path(__file__).with_name("golden") / "quark.npz")
FAKES = [key for key in GOLDEN.files if key.startswith("blocks/") and key.endswith("/fake")]
REALS = [key for key in GOLDEN.files if key.startswith("blocks/") and key.endswith("/real")]
FORMATS = [
    *(("mx", element, 32) for element in ELEMENTS),
    ("mx6", None, 16),
    ("mx9", None, 16),
    ("bfp16", None, 8),
    ("mx", "fp4", 5),
]

fake_apply, real_apply = NonScaledFakeQuantizeFunction.apply, NonScaledRealQuantizeFunction.apply


def golden(key):
    return torch.from_numpy(GOLDEN[key])


def equal(a, b):
    return torch.equal(a.nan_to_num(12345.0), b.nan_to_num(12345.0))


@pytest.mark.parametrize("key", FAKES)
def test_fake_gives_what_quark_gives(key):
    _, name, *rest, axis, _ = key.split("/")
    element, mode = rest or ("", "even")
    block = {"mx": 32, "bfp16": 8}.get(name, 16)
    assert torch.equal(fake_apply(golden("y"), name, element, int(axis), block, mode), golden(key))


@pytest.mark.parametrize("key", REALS)
def test_real_gives_what_quark_gives(key):
    name, element = key.split("/")[1:3]
    y = golden("y")
    if name == "mx":
        assert torch.equal(real_apply(y[:, :32], "mx", element, 1, 32, "floor"), golden(key))
    else:
        assert torch.equal(real_apply(y[:16], name, None, 0, 16), golden(key))


def test_every_family_of_golden_vectors_is_there():
    assert (len(FAKES), len(REALS)) == (3 * 2 + 6 * 4, 2 + 3)


@pytest.mark.parametrize("mode", ["floor", "ceil", "even"])
@pytest.mark.parametrize(("name", "element", "block"), FORMATS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_fake_follows_from_the_layout_of_real(name, element, block, mode, dtype):
    x = trial_matrix(38, dtype)
    x = x if name == "mx" else x.nan_to_num(1.0)
    for axis in (0, 1):
        real = real_apply(x, name, element, axis, block, mode).movedim(axis, 1)
        fake = fake_apply(x, name, element, axis, block, mode).movedim(axis, 1)
        header = 2 if name in ("mx6", "mx9") else 1
        parts = real.unflatten(1, (-1, header + block)).double()
        shared, elements = parts[:, :, :header], parts[:, :, header:]
        if name == "mx":
            values = shared * elements
        else:
            exponent = shared[:, :, :1]
            if header == 2:
                shifts = (shared[:, :, 1:].long() >> torch.arange(block // 2)) & 1
                exponent = exponent - shifts.repeat_interleave(2, -1)
            values = elements * torch.exp2(exponent - {"mx6": 3, "mx9": 6, "bfp16": 6}[name])
        assert equal(values.flatten(1)[:, : fake.shape[1]].to(dtype), fake)
        assert (elements.flatten(1)[:, fake.shape[1] :] == 0).all()


def test_names_mean_formats_and_the_mode_is_even_unless_given():
    x = torch.randn(3, 50, generator=seeded(1))
    assert block_format("mx6", None, None, "even") == MX6
    assert block_format("mx9", "", 16, "even") == MX9
    assert block_format("bfp16", None, 8, "even") == block_format("bfp16", None, None, "floor") == BFP16
    assert block_format("mx", "fp4", None, "floor") == MXFP4
    even = Microscaling(MXFP4.element, 16, "even")
    assert torch.equal(fake_apply(x, "mx", "fp4", -1, 16), fake_quantize_blocks(x, even))


@pytest.mark.parametrize(("ste", "expected"), [("identity", [1, 1, 1]), ("masked", [0, 1, 1])])
def test_the_gradient_passes_or_is_masked_and_real_has_none(ste, expected):
    x = torch.tensor([7.9, 1.0, 0.1], requires_grad=True)
    fake_apply(x, "mx", "fp4", 0, 32, "floor", ste).sum().backward()
    assert x.grad.tolist() == expected
    assert not real_apply(x, "mx", "fp4", 0, 32).requires_grad


@pytest.mark.parametrize(("name", "element", "block"), FORMATS)
def test_empty_tensors(name, element, block):
    for shape, axis in (((0, 3), 0), ((0, 3), 1), ((3, 0), 1)):
        x = torch.ones(shape)
        assert fake_apply(x, name, element, axis, block).shape == shape
        assert real_apply(x, name, element, axis, block).numel() == 0


def test_nan_in_a_microscaling_block_is_a_nan_scale_and_elsewhere_refused():
    x = torch.tensor([torch.nan, 1.0])
    real = real_apply(x, "mx", "fp4", 0, 2)
    assert real[0].isnan()
    assert real[1:].tolist() == [0, 0]
    for name in ("mx6", "mx9", "bfp16"):
        assert fake_apply(x, name).isnan().tolist() == [True, False]
        with pytest.raises(CreatorError, match="NaN has no code"):
            real_apply(x, name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mx4", None, 0, 32), "unknown quant_dtype"), (("mx", "fp5", 0, 32), "unknown mx_element_dtype"),
        (("mx", None, 0, 32), "unknown mx_element_dtype"), (("mx", "fp4", 0, 32, "round"), "unknown sharedexponent"),
        (("mx", "fp4", 0, 0), "block=0"), (("mx", "fp4", 2, 32), "axis 2"), (("mx6", None, 0, 15), "does not divide"),
        (("bfp16", None, 0, 16), "blocks of 8"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments, message):
    for function in (fake_apply, real_apply):
        with pytest.raises(CreatorError, match=message):
            function(torch.ones(4, 8), *arguments)


def test_more_shifts_than_a_number_holds_are_refused():
    with pytest.raises(CreatorError, match="32 shifts do not fit"):
        real_apply(torch.ones(64), "mx6", None, 0, 64)
