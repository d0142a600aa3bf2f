"""Convolutions: kernels, strides, padding, dilation, groups, lanes, one and two dimensions, scales, and what is beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

import creator
from creator import Affine, FixedPoint, Overflow, Rounding, nn
from creator.quantize import E2M1, E4M3, BlockQuantizer, FloatQuantizer, Microscaling
from tests.cases import Case, constants, sequential

F = FixedPoint
EIGHT = F(8, 4)
ROUNDINGS = [rounding for rounding in Rounding if rounding is not Rounding.STOCHASTIC]


def conv(name: str, shape: tuple[int, ...], channels: int, kernel: Any, entry: FixedPoint = EIGHT, **arguments: Any) -> Case:
    """A single convolution; ``lanes`` and ``packing`` are those of ``translate``."""
    options: dict[str, Any] = {"lanes": {"1": arguments.pop("lanes")}} if "lanes" in arguments else {}
    options |= {key: arguments.pop(key) for key in ("packing", "pipelining", "target") if key in arguments}
    kind = nn.Conv1d if len(shape) == 2 else nn.Conv2d
    settings = {"weight": F(6, 5), "output": F(8, 4)} | arguments
    return Case(name, lambda: sequential(nn.Quantize(entry), kind(shape[0], channels, kernel, **settings)), shape, options)


def normalised() -> torch.nn.Module:
    """A small network with normalisations whose statistics are not trivial."""
    model = sequential(
        nn.Quantize(F(8, 4)),
        nn.Conv2d(1, 4, 3, padding=1, weight=F(6, 5)),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2, groups=2, weight=F(6, 5)),
        nn.ReLU(),
        nn.Conv2d(6, 4, 1, weight=F(6, 5)),
        torch.nn.Flatten(),
        nn.Linear(36, 3, weight=F(6, 5)),
    )
    model.train()
    for _ in range(3):
        model(2 * torch.randn(8, 1, 7, 8) + 0.5)
    return model


def trained(shape: tuple[int, ...], *layers: torch.nn.Module) -> torch.nn.Module:
    """Layers behind a format, their normalisations with statistics that are not trivial."""
    model = sequential(nn.Quantize(EIGHT), *layers).train()
    for _ in range(3):
        model(2 * torch.randn(8, *shape) + 0.5)
    return model


def alone(name: str, shape: tuple[int, ...], layers: Callable[[], list[torch.nn.Module]], **options: Any) -> Case:
    """Normalisations that do not fold."""
    return Case(f"normalisation {name}", lambda: trained(shape, *layers()), shape, options)


class Twice(torch.nn.Module):
    """A convolution that a normalisation and something else read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 3, padding=1, weight=F(6, 5)), nn.BatchNorm2d(2, output=EIGHT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        return self.norm(y) + y  # type: ignore[no-any-return]


def scaled(
    entry: Affine, weight: Affine, output: Affine | FixedPoint, kind: Callable[..., torch.nn.Module], shape: tuple[int, ...]
) -> Callable[[], torch.nn.Module]:
    """A convolution between arbitrary scales, as ``creator.convert`` would leave it."""

    def make() -> torch.nn.Module:
        layer: Any = kind(shape[0], 3, 3, padding=1, weight=weight, output=output)
        layer.input_format = entry
        return sequential(nn.Quantize(entry), layer)

    return make


def rowwise() -> torch.nn.Module:
    """A fully connected layer over the last axis, as many rows as outputs, between arbitrary scales."""
    entry = Affine(0.05, -3, 8)
    layer = nn.Linear(4, 2, weight=Affine((0.02, 0.17), 0, 6, axis=0), output=Affine(0.11, 2, 8))
    layer.input_format = entry
    return sequential(nn.Quantize(entry), layer)


CASES = [
    conv("3 x 3", (2, 5, 6), 3, 3),
    conv("3 x 3, padded", (2, 5, 4), 3, 3, padding=1),
    conv("one pixel", (1, 1, 1), 1, 1),
    conv("one pixel, padded", (2, 1, 1), 1, 3, padding=1),
    conv("one pixel, padded as far as it goes", (1, 1, 2), 1, (3, 2), padding=(2, 1)),
    conv("one window", (2, 3, 4), 2, (3, 4)),
    conv("padded as far as it goes", (1, 3, 2), 2, (3, 2), padding=(2, 1)),
    conv("wide stride that leaves pixels over", (2, 8, 7), 2, 2, stride=(3, 4)),
    conv("stride beyond the kernel", (2, 7, 7), 3, 1, stride=3),
    conv("stride, padding, lanes", (4, 6, 7), 4, (3, 2), stride=2, padding=(1, 0), lanes=(2, 4)),
    conv("same, even kernel", (2, 5, 5), 2, (2, 4), padding="same"),
    conv("valid", (2, 4, 5), 2, 2, padding="valid"),
    conv("dilated", (2, 7, 6), 2, 3, dilation=(2, 1), padding=(2, 0)),
    conv("dilated, same", (1, 6, 5), 2, 3, dilation=2, padding="same"),
    conv("groups", (4, 5, 4), 6, 3, groups=2, padding=1),
    conv("groups, lanes", (4, 5, 4), 8, 3, groups=2, padding=1, lanes=(2, 4)),
    conv("depthwise", (4, 5, 4), 4, 3, groups=4, padding=1),
    conv("depthwise, two outputs a channel", (3, 4, 4), 6, 3, groups=3),
    conv("depthwise, some channels side by side", (4, 4, 3), 4, 3, groups=4, padding=1, lanes=(2, 2)),
    conv("depthwise, all channels", (3, 5, 4), 3, (3, 2), groups=3, stride=2, lanes=(3, 3)),
    conv("depthwise, eight channels", (8, 3, 3), 8, 2, groups=8, lanes=(8, 8)),
    conv("depthwise, two-bit weights", (4, 3, 3), 4, 2, groups=4, lanes=(2, 2), weight=F(2, 1)),
    conv("depthwise, all channels, two outputs each", (3, 4, 4), 6, 3, groups=3, lanes=(3, 6)),
    conv("groups side by side", (6, 3, 4), 6, 2, groups=3, padding=1, lanes=(6, 6)),
    conv("some groups side by side", (8, 3, 3), 12, 2, groups=4, lanes=(4, 6), packing=True, target="ecp5-25k", weight=F(4, 3)),
    conv("1-D, depthwise, a scale of its own for each channel", (4, 6), 4, 1, groups=4, lanes=(2, 2)),
    conv("pointwise", (5, 3, 4), 4, 1),
    conv("pointwise, all lanes", (4, 3, 4), 4, 1, lanes=(4, 4)),
    conv("all lanes, padded", (4, 4, 4), 4, 3, padding=1, lanes=(4, 4)),
    conv("all outputs of one input", (1, 5, 5), 4, 3, padding=1, lanes=(1, 4)),
    conv("packed products", (2, 5, 4), 4, 3, padding=1, lanes=(1, 2), packing=True, target="ecp5-25k", weight=F(4, 3)),
    conv("pipelined", (2, 4, 4), 2, 2, pipelining=True),
    conv("two-bit weights", (2, 5, 4), 3, 3, weight=F(2, 1)),
    conv("weights in E4M3", (2, 4, 4), 3, 3, padding=1, weight=FloatQuantizer(E4M3)),
    conv("weights in MXFP4, lanes", (6, 4, 4), 4, 2, lanes=(3, 2), weight=BlockQuantizer(Microscaling(E2M1, 4), 1)),
    conv("no bias", (2, 4, 4), 3, 2, bias=False),
    conv("one filter", (3, 4, 4), 1, 3),
    conv("deep weights", (17, 3, 2), 64, 1, weight=F(4, 3)),
    conv("deep weights, padded", (16, 2, 2), 24, (2, 2), padding=1, weight=F(4, 3)),
    conv("unsigned input, padded", (2, 4, 5), 2, 3, F(7, 7, signed=False), padding=1),
    conv("symmetric", (2, 4, 4), 2, 3, F(6, 3, symmetric=True), output=F(6, 3, symmetric=True), padding=1),
    *(conv(f"{rounding}", (2, 4, 4), 2, 3, padding=1, rounding=rounding) for rounding in ROUNDINGS),
    conv("wrapping", (2, 4, 4), 2, 3, padding=1, output=F(6, 4), overflow=Overflow.WRAP),
    conv("1-D", (3, 9), 4, 3),
    conv("1-D, everything", (4, 11), 4, 3, stride=2, padding=3, dilation=2, groups=2, lanes=(2, 1)),
    conv("1-D, same", (2, 6), 3, 4, padding="same"),
    conv("1-D, one element", (1, 1), 2, 1),
    Case("transposed, one pixel", lambda: sequential(nn.Quantize(EIGHT), nn.ConvTranspose2d(2, 3, 3, stride=3)), (2, 1, 1)),
    Case("linear layers over the last axis", lambda: sequential(nn.Quantize(F(8, 4)), nn.Linear(4, 3, weight=F(6, 5)),
         nn.ReLU(), nn.Linear(3, 2, weight=F(6, 5))), (2, 3, 4)),
    Case("normalised, strided, grouped, flattened", normalised, (1, 7, 8)),
    alone("first", (3, 4, 3), lambda: [nn.BatchNorm2d(3), nn.Conv2d(3, 2, 2, weight=F(6, 5)), nn.ReLU()]),
    alone("first, 1-D", (3, 5), lambda: [nn.BatchNorm1d(3, output=F(6, 2))]),
    alone("of features, first", (6,), lambda: [nn.BatchNorm1d(6), nn.Linear(6, 3, weight=F(6, 5))]),
    alone("of features, behind an activation", (4,), lambda: [nn.Linear(4, 5), nn.ReLU(), nn.BatchNorm1d(5, affine=False)]),
    alone("of one feature", (1,), lambda: [nn.BatchNorm1d(1)]),
    alone("of flattened pixels", (2, 3, 3),
          lambda: [nn.Conv2d(2, 2, 2, weight=F(6, 5)), torch.nn.Flatten(), nn.BatchNorm1d(8), nn.Linear(8, 2)]),
    alone("behind a pool", (2, 4, 4), lambda: [torch.nn.MaxPool2d(2), nn.BatchNorm2d(2), nn.ReLU()]),
    alone("twice in a row", (2, 3, 3),
          lambda: [nn.Conv2d(2, 3, 1, weight=F(6, 5)), nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.BatchNorm2d(3)]),
    alone("of a layer that is read elsewhere", (2, 4, 3), lambda: [Twice(), nn.Quantize(F(8, 3))]),
    alone("of rows", (3, 4), lambda: [nn.Linear(4, 2, weight=F(6, 5)), nn.BatchNorm1d(3)]),
    *(alone(f"{rounding}", (3, 3), lambda rounding=rounding: [nn.BatchNorm1d(3, rounding=rounding, output=F(6, 2))])
      for rounding in ROUNDINGS),
    alone("wrapping", (3, 3), lambda: [nn.BatchNorm1d(3, output=F(5, 4), overflow=Overflow.WRAP, weight=F(5, 2))]),
    alone("in E4M3", (2, 3), lambda: [nn.BatchNorm1d(2, weight=FloatQuantizer(E4M3), output=FloatQuantizer(E4M3))]),
    alone("pipelined", (2, 3, 3), lambda: [nn.BatchNorm2d(2, bias=F(10, 6), output=F(6, 3))], pipelining=True),
    Case("normalisation between arbitrary scales", lambda: creator.convert(sequential(nn.Quantize(Affine(0.1, 3)),
         nn.BatchNorm2d(2, weight=Affine((0.011, 0.02), axis=0), output=Affine(0.06, -5)))), (2, 3, 2)),
    constants("a number for each feature more", lambda s, x: x + s.three, parallelism="full-lanes"),
    constants("numbers for each feature less it", lambda s, x: s.three - x),
    constants("a number for each channel less it", lambda s, x: s.pair - x * s.pair, (2, 2, 3)),
    *(constants(f"a term for each, rounded {mode}", lambda s, x: s.out(x, s.three[None]),
                layers=lambda mode=mode: {"out": nn.Subtract(F(6, 2), mode)}) for mode in ROUNDINGS),
    Case("affine, zero point in the padding", scaled(Affine(0.05, 7, 8, signed=False), Affine(0.02, 0, 6),
         Affine(0.11, 3, 8, signed=False), nn.Conv2d, (2, 4, 3)), (2, 4, 3)),
    Case("affine, a scale for each output over the last axis", rowwise, (2, 3, 4)),
    Case("affine, a scale for each channel, 1-D", scaled(Affine(0.05, -3, 8), Affine((0.02, 0.011, 0.3), 0, 6, axis=0),
         Affine(0.11, 0, 8), nn.Conv1d, (2, 6)), (2, 6)),
]  # fmt: skip
