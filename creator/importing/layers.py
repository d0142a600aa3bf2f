"""creator's layers from quantized weights and torch's arguments."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import torch

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import MAX_TOTAL_BITS, FixedPoint, bits_for
from creator.importing.formats import Weight
from creator.nn.weighted import Weighted

Layer = TypeVar("Layer", bound=Weighted)


def linear(weight: Weight, bias: torch.Tensor | None, source: Format, output: Format, multiplier_bits: int) -> nn.Linear:
    """A linear layer that computes with these very codes."""
    rows, columns = weight.codes.shape
    layer = nn.Linear(
        columns, rows, _bias_format(weight, bias, source, output), weight=weight.format, output=output,
        multiplier_bits=multiplier_bits, device="meta",
    )  # fmt: skip
    return _filled(layer, weight, bias, source)


def convolution(
    weight: Weight, bias: torch.Tensor | None, source: Format, output: Format, multiplier_bits: int, **sizes: Any
) -> Weighted:
    """A convolution over as many axes as the kernel has; ``sizes``: stride, padding, dilation and groups, as in torch."""
    channels, per_group, *kernel = weight.codes.shape
    kinds: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}
    if len(kernel) not in kinds:
        raise CreatorError(f"a convolution over {len(kernel)} axes is not supported", hint="use one or two")
    layer: Weighted = kinds[len(kernel)](
        per_group * int(sizes.get("groups", 1)), channels, tuple(kernel), **sizes,
        bias=_bias_format(weight, bias, source, output), weight=weight.format, output=output,
        multiplier_bits=multiplier_bits, device="meta",
    )  # fmt: skip
    return _filled(layer, weight, bias, source)


def transposed(
    weight: Weight, bias: torch.Tensor | None, source: Format, output: Format, multiplier_bits: int, **sizes: Any
) -> Weighted:
    """A transposed convolution; ``sizes``: stride, padding, output_padding, groups and dilation, as in torch."""
    channels, per_group, *kernel = weight.codes.shape
    kinds: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}
    if len(kernel) not in kinds:
        raise CreatorError(f"a transposed convolution over {len(kernel)} axes is not supported", hint="use one or two")
    if weight.scales.ndim:
        hint = "give it one scale: torch's axis 0 are its inputs"
        raise CreatorError("a transposed convolution with a scale for each channel is not supported", hint=hint)
    layer: Weighted = kinds[len(kernel)](
        channels, per_group * int(sizes.get("groups", 1)), tuple(kernel), **sizes,
        bias=_bias_format(weight, bias, source, output), weight=weight.format, output=output,
        multiplier_bits=multiplier_bits, device="meta",
    )  # fmt: skip
    return _filled(layer, weight, bias, source)


def _bias_format(weight: Weight, bias: torch.Tensor | None, source: Format, output: Format) -> bool | FixedPoint:
    """The grid of the sums: layers with an arbitrary scale take it by themselves, others are told."""
    if bias is None:
        return False
    if not bool(torch.isfinite(bias).all()):
        raise CreatorError("its bias is NaN or infinite", hint="training diverged; restore an earlier state")
    formats = (source, weight.format, output)
    if not all(isinstance(fmt, FixedPoint) for fmt in formats):
        return True
    frac_bits = source.frac_bits + weight.format.frac_bits
    units = np.rint(np.ldexp(bias.detach().double().cpu().numpy(), frac_bits))
    bits = bits_for(int(units.min()), int(units.max()))
    if bits > MAX_TOTAL_BITS:
        raise CreatorError("its bias is far larger than its sums", hint="check the scales: one is off")
    return FixedPoint(bits, frac_bits)


def _filled(layer: Layer, weight: Weight, bias: torch.Tensor | None, source: Format) -> Layer:
    layer.weight = torch.nn.Parameter(weight.values)
    if bias is not None:
        layer.bias = torch.nn.Parameter(bias.detach().float().cpu().clone())
    layer.input_format = source
    layer.check_formats()
    layer.eval()
    return layer
