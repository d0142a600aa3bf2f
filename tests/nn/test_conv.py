import itertools
from fractions import Fraction

import numpy as np
import pytest
import torch

from creator import CreatorError, FixedPoint, nn
from tests.nn.helpers import codes_of, nearest_codes, random_codes, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS, limited, power, rounded

INPUT = FixedPoint(6, 3)
SHAPES = [
    # in, out, kernel, stride, padding, dilation, groups, size
    (1, 1, 1, 1, 0, 1, 1, (1, 1)),
    (2, 3, 3, 1, 1, 1, 1, (5, 4)),
    (4, 4, (3, 2), (2, 1), (0, 1), 1, 4, (6, 5)),
    (4, 6, 2, 2, 1, 2, 2, (7, 7)),
    (3, 2, 3, 1, "same", 2, 1, (5, 5)),
]


def convolve(x, weight, bias, stride, padding, dilation, groups):
    """The definition, on integers: output (n, o, i, j) is the sum over its window; padding inserts zeros."""
    stride, dilation = (v if isinstance(v, tuple) else (v, v) for v in (stride, dilation))
    kernel = weight.shape[2:]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = [(t // 2, t - t // 2) for t in total]
    else:
        pads = [(p, p) for p in (padding if isinstance(padding, tuple) else (padding, padding))]
    x = np.pad(x, [(0, 0), (0, 0), *pads])
    size = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(x.shape[2:], dilation, kernel, stride, strict=True)]
    y = np.zeros((x.shape[0], weight.shape[0], *size), dtype=object)
    each = weight.shape[0] // groups
    for o, i, j in itertools.product(range(weight.shape[0]), *map(range, size)):
        first = (o // each) * weight.shape[1]
        for c, a, b in itertools.product(*map(range, weight.shape[1:])):
            value = x[:, first + c, i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]]
            y[:, o, i, j] += value.astype(object) * int(weight[o, c, a, b])
    return y + bias.astype(object)[:, None, None]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_eval_is_an_integer_convolution(shape, overflow, rounding):
    inputs, outputs, kernel, stride, padding, dilation, groups, size = shape
    weight, bias, output = FixedPoint(5, 3), FixedPoint(9, 6), FixedPoint(6, 2)
    layer = nn.Conv2d(
        inputs, outputs, kernel, stride, padding, dilation, groups, bias, weight=weight, output=output,
        rounding=rounding, overflow=overflow,
    ).eval()  # fmt: skip
    with torch.no_grad():
        layer.weight.uniform_(-2.5, 2.5, generator=seeded(1))
        layer.bias.uniform_(-4.5, 4.5, generator=seeded(2))
    codes = random_codes((2, inputs, *size), INPUT, 3)
    numbers = [nearest_codes(p.detach().double().numpy(), f) for p, f in ((layer.weight, weight), (layer.bias, bias))]
    sums = convolve(codes, *numbers, stride, padding, dilation, groups)  # products and bias both on 2**-6
    expected = [limited(rounded(Fraction(s) * power(2 - 6), rounding), output, overflow) for s in sums.reshape(-1)]
    y = layer(torch.from_numpy(INPUT.from_integers(codes)).float())
    assert codes_of(y, output).reshape(-1).tolist() == expected
    assert y.shape == sums.shape


def test_conv1d_is_conv2d_of_height_one():
    one = nn.Conv1d(2, 3, 3, stride=2, padding=1, dilation=2).eval()
    two = nn.Conv2d(2, 3, (1, 3), (1, 2), (0, 1), (1, 2)).eval()
    two.load_state_dict({"weight": one.weight.detach()[:, :, None], "bias": one.bias.detach()})
    x = torch.from_numpy(INPUT.from_integers(random_codes((2, 2, 9), INPUT, 4)))
    assert torch.equal(one(x), two(x[:, :, None])[:, :, 0])


@pytest.mark.parametrize("kind", [1, 2])
def test_batch_norm_folds(kind):
    conv, norm = [(nn.Conv1d, nn.BatchNorm1d), (nn.Conv2d, nn.BatchNorm2d)][kind - 1]
    model = torch.nn.Sequential(conv(2, 3, 2), norm(3))
    with torch.no_grad():
        model[1].running_mean.normal_(generator=seeded(1))
        model[1].running_var.uniform_(0.3, 2.0, generator=seeded(2))
        model[1].weight.uniform_(-1.5, 1.5, generator=seeded(3))
        model[1].bias.normal_(generator=seeded(4))
    scale = model[1].weight.double() / (model[1].running_var.double() + model[1].eps).sqrt()
    alone = conv(2, 3, 2, dtype=torch.float64).eval()
    with torch.no_grad():
        alone.weight.copy_(model[0].weight.double() * scale.reshape(3, *[1] * (kind + 1)))
        alone.bias.copy_(model[1].bias.double() + (model[0].bias.double() - model[1].running_mean.double()) * scale)
    x = torch.from_numpy(INPUT.from_integers(random_codes((3, 2, *[6] * kind), INPUT, 5)))
    assert torch.equal(model.eval()(x), alone(x))
    model[0].fuse(model[1])  # computes once instead of twice, and the same
    assert torch.equal(model(x), alone(x))


@pytest.mark.parametrize("fused", [False, True])
def test_batch_norm_trains_on_the_quantized_convolution_as_torch_does(fused):
    output = FixedPoint(16, 10)
    model = torch.nn.Sequential(nn.Conv2d(2, 3, 2, weight=FixedPoint(26, 24), output=output), nn.BatchNorm2d(3))
    with torch.no_grad():
        model[0].weight.uniform_(-0.5, 0.5, generator=seeded(2))
        model[0].bias.uniform_(-0.5, 0.5, generator=seeded(3))
    plain = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.BatchNorm2d(3))
    plain.load_state_dict(model.state_dict())
    if fused:
        model[0].fuse(model[1])
    x = torch.from_numpy(INPUT.from_integers(random_codes((8, 2, 5, 5), INPUT, 1))).float()
    # The output is rounded to half a step; weights on a grid as fine as float32 and sums in another order are the rest.
    torch.testing.assert_close(model(x), plain(x), atol=output.step / 2 + 1e-5, rtol=0)
    torch.testing.assert_close(model[1].running_var, plain[1].running_var, atol=1e-6, rtol=0)
    assert model[1].num_batches_tracked == 1
    model[1].freeze_stats()
    before = model[1].running_mean.clone()
    frozen = model(x)
    assert torch.equal(model[1].running_mean, before)
    torch.testing.assert_close(frozen, model.eval()(x), atol=output.step, rtol=0)  # float32 may be on a tie's other side
    model.train()[1].freeze_stats(False)
    model(x)
    assert not torch.equal(model[1].running_mean, before)


def test_a_convolution_trains():
    conv = nn.Conv2d(1, 4, 3, output=FixedPoint(8, 4, signed=False))
    model = torch.nn.Sequential(nn.Quantize(INPUT), conv, nn.Flatten(), nn.Linear(16, 2))
    generator = seeded(7)
    x = torch.randn(64, 1, 4, 4, generator=generator)
    label = (x[:, 0, 1:3, 1:3].sum((1, 2)) > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), label).backward()
        optimizer.step()
    assert (model.eval()(x).argmax(1) == label).float().mean() > 0.9


def test_padding_of_another_kind_is_refused():
    with pytest.raises(CreatorError, match="padding_mode"):
        nn.Conv2d(1, 1, 1, padding_mode="circular")
