"""Activations: clamps of codes, and tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.fx

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError
from creator.importing.formats import activation, same_range
from creator.importing.reader import After, Handler, Pending, Reader, Value


def limited(r: Reader, where: str, low: float | None, high: float | None) -> After:
    """A clamp of codes: of the bounds it takes the nearest codes, as torch does."""

    def then(node: torch.fx.Node, fmt: Format) -> torch.fx.Node:
        bounds = [bound if code is None else code for code, bound in zip(codes(fmt), (fmt.min_code, fmt.max_code), strict=True)]
        if bounds == [fmt.min_code, fmt.max_code]:
            return node
        if low == 0.0 and bounds[1] == fmt.max_code:
            return r.place(nn.ReLU(), node, where=f"{where}_relu" if where in r.paths else where)
        least, most = (float(end) for end in fmt.from_integers(bounds))
        return r.place(nn.HardTanh(least, most), node, where=f"{where}_clamp" if where in r.paths else where)

    def codes(fmt: Format) -> list[int | None]:
        return [None if bound is None else int(fmt.to_integers([bound])[0]) for bound in (low, high)]

    return then


def clamp(r: Reader, input: Any, min: float | None = None, max: float | None = None) -> Value | Pending:
    """A clamp; in floating point its bounds need not be codes, so it waits for the format that comes next."""
    if not all(bound is None or isinstance(bound, (int, float)) for bound in (min, max)):
        raise CreatorError("limits must be numbers")
    then = limited(r, r.where, min, max)
    if isinstance(input, Pending):
        return input.followed(then)
    node, fmt = r.formatted(input)
    if input.floating and not (min == 0.0 and max is None):
        return _unchanged(r, input).followed(then)
    return Value(then(node, fmt), fmt, input.floating)


def _unchanged(r: Reader, x: Value) -> Pending:
    return Pending(lambda output: r.quantize(x, output).node, r.where)


def relu(r: Reader, input: Any, inplace: bool = False) -> Value | Pending:
    """max(x, 0)."""
    return clamp(r, input, 0.0)


def relu6(r: Reader, input: Any, inplace: bool = False) -> Value | Pending:
    """min(max(x, 0), 6)."""
    return clamp(r, input, 0.0, 6.0)


def hardtanh(r: Reader, input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Value | Pending:
    """A clamp to two bounds."""
    return clamp(r, input, min_val, max_val)


def table(r: Reader, x: Any, make: Callable[[Format], torch.nn.Module], output: Format | None = None) -> Value | Pending:
    """An activation that becomes a table; on a quantized tensor with the format ``output``."""
    node, _ = r.formatted(x)
    if x.floating:
        return r.pending(make, node)
    if output is None:
        raise CreatorError("torch has no such operation on quantized tensors", hint="use the one that gives a scale")
    return Value(r.place(make(output).eval(), node), output)


def of(layer: Callable[..., torch.nn.Module], **arguments: Any) -> Callable[[Format], torch.nn.Module]:
    """How to make ``layer`` once its output's format is known."""
    return lambda output: layer(**arguments, output=output)


def unit_range(fmt: Format) -> Format:
    """What torch's kernels give for values from 0 to 1: steps of 1/256."""
    low, high = same_range(fmt)
    return activation(2.0**-8, low, low, high)


def both_signs(fmt: Format) -> Format:
    """What torch's kernels give for values from -1 to 1: steps of 2/256."""
    low, high = same_range(fmt)
    return activation(2.0**-7, low + 128, low, high)


def sigmoid(r: Reader, input: Any) -> Value | Pending:
    """A sigmoid, whose format is always the same on quantized tensors."""
    return table(r, input, nn.Sigmoid, None if _floating(input) else unit_range(r.formatted(input)[1]))


def tanh(r: Reader, input: Any) -> Value | Pending:
    """The same for tanh."""
    return table(r, input, nn.Tanh, None if _floating(input) else both_signs(r.formatted(input)[1]))


def hardsigmoid(r: Reader, input: Any, inplace: bool = False) -> Value | Pending:
    """The same for min(max(x + 3, 0), 6) / 6."""
    return table(r, input, of(nn.HardSigmoid), None if _floating(input) else unit_range(r.formatted(input)[1]))


def _floating(x: Any) -> bool:
    return not isinstance(x, Value) or x.floating


def leaky_relu(r: Reader, input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Value | Pending:
    """With the input's own format on quantized tensors."""
    output = None if _floating(input) else r.formatted(input)[1]
    return table(r, input, of(nn.LeakyReLU, negative_slope=float(negative_slope)), output)


def elu(r: Reader, input: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0, inplace: bool = False) -> Any:
    """In floating point only."""
    if (scale, input_scale) != (1, 1):
        raise CreatorError("scales of an ELU are not supported", hint="use torch.nn.ELU")
    return table(r, input, of(nn.ELU, alpha=float(alpha)))


def gelu(r: Reader, input: Any, approximate: str = "none") -> Value | Pending:
    """With the input's own scale on quantized tensors."""
    output = None if _floating(input) else r.formatted(input)[1]
    return table(r, input, of(nn.GELU, approximate=approximate), output)


def softplus(r: Reader, input: Any, beta: float = 1.0, threshold: float = 20.0) -> Value | Pending:
    """In floating point only."""
    return table(r, input, of(nn.Softplus, beta=float(beta), threshold=float(threshold)))


def in_floating_point(layer: Callable[..., torch.nn.Module]) -> Handler:
    """An activation without arguments, between a dequantization and a quantization."""
    return lambda r, input, inplace=False: table(r, input, of(layer))


def scaled(r: Reader, x: Any, make: Callable[[Format], torch.nn.Module], scale: Any, zero_point: Any) -> Value | Pending:
    """An activation of a quantized tensor that is given the scale of its result."""
    return table(r, x, make, activation(scale, zero_point, *same_range(r.formatted(x)[1])))


def quantized_sigmoid(r: Reader, input: Any, output_scale: Any, output_zero_point: Any) -> Any:
    """``torch.ops.quantized.sigmoid``."""
    return scaled(r, input, nn.Sigmoid, output_scale, output_zero_point)


def quantized_hardswish(r: Reader, input: Any, output_scale: Any, output_zero_point: Any) -> Any:
    """``torch.ops.quantized.hardswish``."""
    return scaled(r, input, of(nn.HardSwish), output_scale, output_zero_point)


def quantized_leaky_relu(
    r: Reader, input: Any, negative_slope: float, inplace: bool, output_scale: Any, output_zero_point: Any
) -> Any:
    """``torch.ops.quantized.leaky_relu``."""
    return scaled(r, input, of(nn.LeakyReLU, negative_slope=float(negative_slope)), output_scale, output_zero_point)


def quantized_elu(
    r: Reader, input: Any, output_scale: Any, output_zero_point: Any, alpha: float = 1.0, scale: float = 1.0,
    input_scale: float = 1.0,
) -> Any:  # fmt: skip
    """``torch.ops.quantized.elu``."""
    if (scale, input_scale) != (1, 1):
        raise CreatorError("scales of an ELU are not supported", hint="use torch.nn.ELU")
    return scaled(r, input, of(nn.ELU, alpha=float(alpha)), output_scale, output_zero_point)
