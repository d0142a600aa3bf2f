"""What each known function and method of torch becomes: the explicit list. The names are those of torch."""

from __future__ import annotations

import dataclasses
import inspect
import operator
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F

from creator import nn
from creator.errors import CreatorError
from creator.importing import activations, joins, layers, pools, shapes
from creator.importing.formats import Weight, activation, range_of, same_range
from creator.importing.reader import Handler, Pending, Reader, Value

# Quantization.


def quantize(r: Reader, input: Any, scale: Any, zero_point: Any, dtype: Any) -> Value:
    """``torch.quantize_per_tensor``."""
    return r.quantize(input, activation(scale, zero_point, *range_of(dtype)))


def dequantize(r: Reader, input: Any) -> Value | Weight:
    """From a quantized tensor to floating point."""
    if isinstance(input, torch.Tensor) and input.is_quantized:
        return Weight.of_tensor(input)
    node, fmt = r.formatted(input)
    return Value(node, fmt, floating=True)


def decomposed_quantize(
    r: Reader, input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: Any = None
) -> Value:
    """``quantized_decomposed.quantize_per_tensor``, whose result is a tensor of integers."""
    return r.quantize(input, activation(scale, zero_point, quant_min, quant_max))


def decomposed_dequantize(
    r: Reader, input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: Any = None, *,
    out_dtype: Any = None,
) -> Value | Weight:  # fmt: skip
    """``quantized_decomposed.dequantize_per_tensor``; of a constant it gives weights."""
    if isinstance(input, torch.Tensor):
        return Weight.of_codes(input, scale, zero_point, None, quant_min, quant_max)
    node, fmt = r.formatted(input)
    read = activation(scale, zero_point, quant_min, quant_max)
    if read != fmt:
        raise CreatorError(f"it reads {fmt} as {read}", hint="quantize and dequantize with the same scale")
    return Value(node, fmt, floating=True)


def decomposed_dequantize_channels(
    r: Reader, input: Any, scales: Any, zero_points: Any, axis: int, quant_min: int, quant_max: int, dtype: Any = None, *,
    out_dtype: Any = None,
) -> Weight:  # fmt: skip
    """``quantized_decomposed.dequantize_per_channel`` of constant weights."""
    if not isinstance(input, torch.Tensor):
        raise CreatorError("has a scale for each channel of an activation", hint="use one scale for activations")
    zeros = torch.zeros_like(scales, dtype=torch.int64) if zero_points is None else zero_points
    return Weight.of_codes(input, scales, zeros, axis, quant_min, quant_max)


# Layers with weights.


def linear(r: Reader, input: Any, weight: Any, bias: Any = None) -> Pending:
    """A linear layer between a dequantization and a quantization."""
    node, fmt = r.formatted(input)
    quantized, shift = _weight(weight), _bias(bias)
    return r.pending(lambda output: layers.linear(quantized, shift, fmt, output, r.multiplier_bits), node)


def convolution(
    r: Reader, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Pending:
    """A convolution between a dequantization and a quantization."""
    node, fmt = r.formatted(input)
    quantized, shift = _weight(weight), _bias(bias)
    axes = quantized.codes.ndim - 2
    given = {"stride": stride, "padding": padding, "dilation": dilation}
    sizes = {name: size if isinstance(size, str) else each(size, axes) for name, size in given.items()}
    return r.pending(
        lambda output: layers.convolution(quantized, shift, fmt, output, r.multiplier_bits, **sizes, groups=groups), node
    )


def transposed(
    r: Reader, input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
    groups: int = 1, dilation: Any = 1,
) -> Pending:  # fmt: skip
    """A transposed convolution between a dequantization and a quantization."""
    node, fmt = r.formatted(input)
    quantized, shift = _weight(weight), _bias(bias)
    given = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    sizes = {name: each(size, quantized.codes.ndim - 2) for name, size in given.items()}
    return r.pending(
        lambda output: layers.transposed(quantized, shift, fmt, output, r.multiplier_bits, **sizes, groups=groups), node
    )


def each(size: Any, axes: int) -> tuple[int, ...]:
    """A number for each axis, from one for all or a list of them."""
    sizes = tuple(size) if isinstance(size, (tuple, list)) else (size,)
    return sizes * axes if len(sizes) == 1 else sizes


def _weight(weight: Any) -> Weight:
    if not isinstance(weight, Weight):
        raise CreatorError("its weights are not quantized constants", hint="quantize the weights, and convert")
    return weight


def _bias(bias: Any) -> torch.Tensor | None:
    if bias is not None and not (isinstance(bias, torch.Tensor) and bias.is_floating_point()):
        raise CreatorError("its bias is not a constant in floating point", hint="leave the bias unquantized")
    return bias


def packed(axes: int, rectified: bool) -> Handler:
    """``torch.ops.quantized.linear`` and the like, whose weights are packed with the bias; over no axes, one or two."""

    def handler(r: Reader, input: Any, weights: Any, scale: Any, zero_point: Any) -> Value:
        node, fmt = r.formatted(input)
        weight, bias = (weights.unpack() if axes else torch.ops.quantized.linear_unpack(weights))[:2]
        output = activation(scale, zero_point, *same_range(fmt))
        quantized = Weight.of_tensor(weight)
        if not axes:
            layer: torch.nn.Module = layers.linear(quantized, bias, fmt, output, r.multiplier_bits)
        else:
            if axes == 1:  # torch packs it as one over two axes
                quantized = dataclasses.replace(quantized, codes=quantized.codes.squeeze(2))
            sizes = {name: tuple(getattr(weights, name)())[-axes:] for name in ("stride", "padding", "dilation")}
            layer = layers.convolution(quantized, bias, fmt, output, r.multiplier_bits, **sizes, groups=int(weights.groups()))
        node = r.place(layer, node)
        return Value(activations.limited(r, r.where, 0.0, None)(node, output) if rectified else node, output)

    return handler


FUNCTIONS: dict[str, Handler] = {
    "quantize_per_tensor": quantize,
    "dequantize": dequantize,
    "quantized_decomposed.quantize_per_tensor": decomposed_quantize,
    "quantized_decomposed.dequantize_per_tensor": decomposed_dequantize,
    "quantized_decomposed.dequantize_per_channel": decomposed_dequantize_channels,
    "linear": linear,
    "conv1d": convolution,
    "conv2d": convolution,
    "conv_transpose1d": transposed,
    "conv_transpose2d": transposed,
    "quantized.linear": packed(0, False),
    "quantized.linear_relu": packed(0, True),
    "quantized.conv1d": packed(1, False),
    "quantized.conv1d_relu": packed(1, True),
    "quantized.conv2d": packed(2, False),
    "quantized.conv2d_relu": packed(2, True),
    "relu": activations.relu,
    "relu_": activations.relu,
    "relu6": activations.relu6,
    "quantized.relu6": activations.relu6,
    "hardtanh": activations.hardtanh,
    "hardtanh_": activations.hardtanh,
    "clamp": activations.clamp,
    "clip": activations.clamp,
    "sigmoid": activations.sigmoid,
    "tanh": activations.tanh,
    "hardsigmoid": activations.hardsigmoid,
    "leaky_relu": activations.leaky_relu,
    "elu": activations.elu,
    "gelu": activations.gelu,
    "silu": activations.in_floating_point(nn.SiLU),
    "mish": activations.in_floating_point(nn.Mish),
    "hardswish": activations.in_floating_point(nn.HardSwish),
    "hardswish_": activations.in_floating_point(nn.HardSwish),
    "softplus": activations.softplus,
    "quantized.sigmoid": activations.quantized_sigmoid,
    "quantized.hardswish": activations.quantized_hardswish,
    "quantized.leaky_relu": activations.quantized_leaky_relu,
    "quantized.elu": activations.quantized_elu,
    "max_pool1d": pools.maxima(1),
    "max_pool2d": pools.maxima(2),
    "avg_pool1d": pools.averages(1),
    "avg_pool2d": pools.averages(2),
    "adaptive_avg_pool1d": pools.adaptive_averages(1),
    "adaptive_avg_pool2d": pools.adaptive_averages(2),
    "mean": pools.mean,
    "pad": pools.zeros,
    "constant_pad_nd": pools.constants,
    "interpolate": pools.upsampled,
    "flatten": shapes.reshaping("flatten"),
    "reshape": shapes.reshaping("reshape"),
    "view": shapes.reshaping("reshape"),
    "unsqueeze": shapes.reshaping("unsqueeze"),
    "squeeze": shapes.reshaping("squeeze"),
    "unflatten": shapes.reshaping("unflatten"),
    "ravel": shapes.reshaping("ravel"),
    "permute": shapes.reshaping("permute"),
    "transpose": shapes.reshaping("transpose"),
    "contiguous": shapes.same,
    "clone": shapes.same,
    "dropout": shapes.dropout,
    "size": shapes.size,
    "getattr": shapes.attribute,
    "getitem": shapes.arithmetic(operator.getitem),
    "mul": joins.in_floating_point(nn.Multiply, operator.mul),
    "sub": joins.in_floating_point(nn.Subtract, operator.sub),
    "floordiv": shapes.arithmetic(operator.floordiv),
    "add": joins.in_floating_point(nn.Add, operator.add),
    "iadd": joins.in_floating_point(nn.Add, operator.add),
    "add_": joins.in_floating_point(nn.Add, operator.add),
    "cat": joins.concatenated,
    "quantized.add": joins.quantized(nn.Add),
    "quantized.add_relu": joins.quantized(nn.Add, rectified=True),
    "quantized.mul": joins.quantized(nn.Multiply),
    "quantized.mul_relu": joins.quantized(nn.Multiply, rectified=True),
    "quantized.cat": joins.quantized_concatenation,
}
"""By the name of the function, of the method, or of the operator; ``aten`` is left out of the latter."""

FOLDED = {"quantize_per_tensor", "quantize_per_channel", "quantized_decomposed.quantize_per_tensor",
          "quantized_decomposed.quantize_per_channel"}  # fmt: skip
"""Functions of constants that are called: with them reference models quantize their weights."""

_CALLABLES: dict[Any, str] = {getattr: "getattr"}
for _name in sorted({*FUNCTIONS, *FOLDED}):
    for _place in (torch, F, operator):
        if hasattr(_place, _name):
            _CALLABLES[getattr(_place, _name)] = _name


def function_name(target: Any) -> str:
    """The name under which :data:`FUNCTIONS` has a function, a method or an operator; that of another one as torch says it."""
    if isinstance(target, str):
        return target
    if isinstance(target, torch._ops.OpOverload):
        return str(target._schema.name).replace("::", ".").removeprefix("aten.")
    if isinstance(target, torch._ops.OpOverloadPacket):
        return str(target._qualified_op_name).replace("::", ".").removeprefix("aten.")
    return _CALLABLES.get(target, f"{getattr(target, '__name__', target)} of {getattr(target, '__module__', 'Python')}")


def call(r: Reader, node: torch.fx.Node) -> Any:
    """The value of a call of a function or a method."""
    name = function_name(node.target)
    args, kwargs = r.arguments(node.args), r.arguments(node.kwargs)
    if name in FOLDED and not any(isinstance(r.values[n], (Value, Pending)) for n in node.all_input_nodes):
        return node.target(*args, **kwargs) if callable(node.target) else getattr(args[0], name)(*args[1:], **kwargs)
    handler = FUNCTIONS.get(name)
    if handler is None:
        raise CreatorError(f"the operation {name} is not supported", hint="docs/torch-ao.md lists what is")
    if name in ("view", "reshape"):
        args = _any_batch(node, args)
    try:
        bound = inspect.signature(handler).bind(r, *args, **kwargs)
    except TypeError as error:
        raise CreatorError(f"these arguments of {name} are not supported: {error}") from None
    return handler(*bound.args, **bound.kwargs)


def _any_batch(node: torch.fx.Node, args: Any) -> Any:
    """An exported graph writes the batch size of its example into every shape: -1 in its place, if no other size is."""
    first = next((n.meta.get("val") for n in node.graph.nodes if n.op == "placeholder"), None)
    shapes = [arg for arg in args[1:2] if isinstance(arg, (tuple, list))]
    if not isinstance(first, torch.Tensor) or not shapes or not shapes[0] or -1 in shapes[0] or shapes[0][0] != first.shape[0]:
        return args
    return (args[0], (-1, *shapes[0][1:]), *args[2:])
