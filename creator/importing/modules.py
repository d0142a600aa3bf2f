"""What each known module of a converted model becomes: the explicit list, by the names that their classes have.

torch.ao is never imported here: whoever has such a module has imported it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.fx

from creator import nn
from creator.errors import CreatorError
from creator.importing import activations, functions, layers, pools, shapes
from creator.importing.formats import Weight, activation, range_of, same_range
from creator.importing.reader import Handler as Function
from creator.importing.reader import Reader, Value

Handler = Callable[[Reader, Any, Any], Any]


def quantize(r: Reader, module: Any, x: Any) -> Value:
    """Where the quantized part begins, or a change of scale."""
    return r.quantize(x, activation(module.scale, module.zero_point, *range_of(module.dtype)))


def _linear(r: Reader, module: Any, x: Any) -> Value:
    node, fmt = r.formatted(x)
    output = activation(module.scale, module.zero_point, *same_range(fmt))
    layer = layers.linear(Weight.of_tensor(module.weight()), module.bias(), fmt, output, r.multiplier_bits)
    return Value(r.place(layer, node), output)


def _convolution(r: Reader, module: Any, x: Any) -> Value:
    node, fmt = r.formatted(x)
    if module.padding_mode != "zeros":
        raise CreatorError(f"padding_mode={module.padding_mode!r} is not supported", hint='use "zeros"')
    weight = Weight.of_tensor(module.weight())
    axes = weight.codes.ndim - 2
    sizes = {name: functions.each(getattr(module, name), axes) for name in ("stride", "padding", "dilation")}
    output = activation(module.scale, module.zero_point, *same_range(fmt))
    layer = layers.convolution(weight, module.bias(), fmt, output, r.multiplier_bits, **sizes, groups=module.groups)
    return Value(r.place(layer, node), output)


def _transposed(r: Reader, module: Any, x: Any) -> Value:
    node, fmt = r.formatted(x)
    names = ("stride", "padding", "output_padding", "dilation")
    weight = Weight.of_tensor(module.weight())
    sizes = {name: functions.each(getattr(module, name), weight.codes.ndim - 2) for name in names}
    output = activation(module.scale, module.zero_point, *same_range(fmt))
    layer = layers.transposed(weight, module.bias(), fmt, output, r.multiplier_bits, **sizes, groups=module.groups)
    return Value(r.place(layer, node), output)


def rectified(handler: Handler) -> Handler:
    """A layer with a ReLU in it."""
    return lambda r, module, x: activations.relu(r, handler(r, module, x))


def reference(handler: Function, *more: str) -> Handler:
    """A layer that computes in floating point with its quantized weights, between a dequantization and a quantization."""

    def of(r: Reader, module: Any, x: Any) -> Any:
        names = ("stride", "padding", "dilation", "groups", *more) if hasattr(module, "kernel_size") else ()
        if getattr(module, "padding_mode", "zeros") != "zeros":
            raise CreatorError(f"padding_mode={module.padding_mode!r} is not supported", hint='use "zeros"')
        return handler(r, x, _reference_weight(module), module.bias, **{name: getattr(module, name) for name in names})

    return of


def _reference_weight(module: Any) -> Weight:
    tensor = module.get_quantized_weight()
    if tensor.is_quantized:
        return Weight.of_tensor(tensor)
    low, high = range_of(tensor.dtype)
    axis = None if "tensor" in str(module.weight_qscheme) else module.weight_axis_int
    return Weight.of_codes(tensor, module.weight_scale, module.weight_zero_point, axis, low, high)


def called(handler: Function, *names: str) -> Handler:
    """A module that calls a function, with those of its attributes as arguments."""
    return lambda r, module, x: handler(r, x, **{name: getattr(module, name) for name in names})


def scaled(make: Callable[[Any], Callable[..., torch.nn.Module]]) -> Handler:
    """An activation with the scale of its result."""
    return lambda r, module, x: activations.scaled(r, x, make(module), module.scale, module.zero_point)


def sigmoid(r: Reader, module: Any, x: Any) -> Any:
    """``torch.ao.nn.quantized.Sigmoid``."""
    return activations.scaled(r, x, nn.Sigmoid, module.output_scale, module.output_zero_point)


def elu(r: Reader, module: Any, x: Any) -> Any:
    """``torch.ao.nn.quantized.ELU``."""
    return activations.scaled(r, x, activations.of(nn.ELU, alpha=float(module.alpha)), module.scale, module.zero_point)


def in_a_row(r: Reader, module: Any, x: Any) -> Any:
    """A reference layer and what it was fused with."""
    for part in module:
        x = _handler(part)(r, part, x)
    return x


def identity(r: Reader, module: Any, x: Any) -> Any:
    """A module that does nothing outside training."""
    return x


def dequantize(r: Reader, module: Any, x: Any) -> Any:
    """Where the quantized part ends."""
    return functions.dequantize(r, x)


_QUANTIZED, _INTRINSIC = "torch.ao.nn.quantized.modules", "torch.ao.nn.intrinsic.quantized.modules"
_REFERENCE = "torch.ao.nn.quantized.reference.modules"

MODULES: dict[str, Handler] = {
    f"{_QUANTIZED}.Quantize": quantize,
    f"{_QUANTIZED}.DeQuantize": dequantize,
    f"{_QUANTIZED}.linear.Linear": _linear,
    f"{_INTRINSIC}.linear_relu.LinearReLU": rectified(_linear),
    f"{_QUANTIZED}.conv.Conv1d": _convolution,
    f"{_QUANTIZED}.conv.Conv2d": _convolution,
    f"{_QUANTIZED}.conv.ConvTranspose1d": _transposed,
    f"{_QUANTIZED}.conv.ConvTranspose2d": _transposed,
    f"{_INTRINSIC}.conv_relu.ConvReLU1d": rectified(_convolution),
    f"{_INTRINSIC}.conv_relu.ConvReLU2d": rectified(_convolution),
    f"{_QUANTIZED}.activation.ReLU6": called(activations.relu6),
    f"{_QUANTIZED}.activation.Sigmoid": sigmoid,
    f"{_QUANTIZED}.activation.Hardswish": scaled(lambda module: activations.of(nn.HardSwish)),
    f"{_QUANTIZED}.activation.LeakyReLU": scaled(
        lambda module: activations.of(nn.LeakyReLU, negative_slope=float(module.negative_slope))
    ),
    f"{_QUANTIZED}.activation.ELU": elu,
    f"{_QUANTIZED}.dropout.Dropout": identity,
    "torch.ao.nn.intrinsic.modules.fused.LinearReLU": in_a_row,
    "torch.ao.nn.intrinsic.modules.fused.ConvReLU1d": in_a_row,
    "torch.ao.nn.intrinsic.modules.fused.ConvReLU2d": in_a_row,
    f"{_REFERENCE}.linear.Linear": reference(functions.linear),
    f"{_REFERENCE}.conv.Conv1d": reference(functions.convolution),
    f"{_REFERENCE}.conv.Conv2d": reference(functions.convolution),
    f"{_REFERENCE}.conv.ConvTranspose1d": reference(functions.transposed, "output_padding"),
    f"{_REFERENCE}.conv.ConvTranspose2d": reference(functions.transposed, "output_padding"),
}
MODULES |= {f"torch.nn.modules.{name}": handler for name, handler in {
    "linear.Identity": identity,
    "dropout.Dropout": identity,
    "dropout.Dropout1d": identity,
    "dropout.Dropout2d": identity,
    "flatten.Flatten": called(shapes.reshaping("flatten"), "start_dim", "end_dim"),
    "flatten.Unflatten": lambda r, module, x: shapes.reshaping("unflatten")(r, x, module.dim, module.unflattened_size),
    "pooling.MaxPool1d": called(pools.maxima(1), *pools.WINDOW, "dilation", "ceil_mode", "return_indices"),
    "pooling.MaxPool2d": called(pools.maxima(2), *pools.WINDOW, "dilation", "ceil_mode", "return_indices"),
    "pooling.AvgPool1d": called(pools.averages(1), *pools.WINDOW, "ceil_mode", "count_include_pad"),
    "pooling.AvgPool2d": called(pools.averages(2), *pools.WINDOW, "ceil_mode", "count_include_pad", "divisor_override"),
    "pooling.AdaptiveAvgPool1d": called(pools.adaptive_averages(1), "output_size"),
    "pooling.AdaptiveAvgPool2d": called(pools.adaptive_averages(2), "output_size"),
    "padding.ZeroPad1d": lambda r, module, x: pools.zeros(r, x, module.padding),
    "padding.ZeroPad2d": lambda r, module, x: pools.zeros(r, x, module.padding),
    "padding.ConstantPad1d": lambda r, module, x: pools.constants(r, x, module.padding, module.value),
    "padding.ConstantPad2d": lambda r, module, x: pools.constants(r, x, module.padding, module.value),
    "upsampling.Upsample": called(pools.upsampled, "size", "scale_factor", "mode", "align_corners", "recompute_scale_factor"),
    "upsampling.UpsamplingNearest2d": called(pools.upsampled, "size", "scale_factor", "mode"),
    "activation.ReLU": called(activations.relu),
    "activation.ReLU6": called(activations.relu6),
    "activation.Hardtanh": called(activations.hardtanh, "min_val", "max_val"),
    "activation.Sigmoid": called(activations.sigmoid),
    "activation.Tanh": called(activations.tanh),
    "activation.Hardsigmoid": called(activations.hardsigmoid),
    "activation.LeakyReLU": called(activations.leaky_relu, "negative_slope"),
    "activation.ELU": called(activations.elu, "alpha"),
    "activation.GELU": called(activations.gelu, "approximate"),
    "activation.Softplus": called(activations.softplus, "beta", "threshold"),
    "activation.SiLU": called(functions.FUNCTIONS["silu"]),
    "activation.Mish": called(functions.FUNCTIONS["mish"]),
    "activation.Hardswish": called(functions.FUNCTIONS["hardswish"]),
}.items()}  # fmt: skip

_PREPARED = ("it is not converted", "call torch.ao.quantization.convert first")
_PREFIXES = {
    "torch.ao.nn.quantized.dynamic.": ("its scales depend on the data of each call", "quantize its activations statically"),
    "torch.ao.nn.qat.": _PREPARED,
    "torch.ao.nn.intrinsic.qat.": _PREPARED,
    "torch.ao.nn.intrinsic.modules.": ("it is not converted", "prepare, calibrate and convert the model"),
    "torch.ao.quantization.observer.": _PREPARED,
    "torch.ao.quantization.fake_quantize.": _PREPARED,
    "torch.ao.": ("it is not supported", "docs/torch-ao.md lists what is"),
    "torch.nn.": ("it is not quantized", "give it a qconfig and convert it, or leave it outside of the quantized part"),
}


def class_name(module: torch.nn.Module) -> str:
    """The full name of a module's class."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def check_converted(path: str, module: torch.nn.Module) -> None:
    """Refuses a module that observes or trains: a model with one is prepared, but not converted."""
    prefix = next((prefix for prefix in _PREFIXES if class_name(module).startswith(prefix)), "")
    if _PREFIXES.get(prefix) is _PREPARED:
        raise CreatorError(f"{type(module).__name__}: {_PREPARED[0]}", path, _PREPARED[1])


def _handler(module: torch.nn.Module) -> Handler:
    name = class_name(module)
    if name not in MODULES:
        what, hint = next((text for prefix, text in _PREFIXES.items() if name.startswith(prefix)), ("it is not supported", ""))
        raise CreatorError(f"{type(module).__name__}: {what}", hint=hint or "use layers of torch.ao.nn.quantized")
    return MODULES[name]


def call(r: Reader, node: torch.fx.Node) -> Any:
    """The value of a call of a module."""
    module = r.model.get_submodule(str(node.target))
    args, kwargs = r.arguments(node.args), r.arguments(node.kwargs)
    handler = _handler(module)
    if len(args) != 1 or kwargs:
        raise CreatorError("must be called with the one value that comes before it")
    return handler(r, module, args[0])


def handle(r: Reader, node: torch.fx.Node) -> Any:
    """The value of a call of a module, a function or a method."""
    return call(r, node) if node.op == "call_module" else functions.call(r, node)
