"""What each ``torch.nn`` module becomes, with its parameters."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from creator import nn
from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.nn.pool import Averaging
from creator.nn.weighted import Weighted
from creator.preparation.config import QConfig
from creator.quantize import Gradients
from creator.quantize.float_quantizer import FloatQuantizer
from creator.quantize.observers import FixedQParamsObserver
from creator.quantize.quantizer import Quantizer


def _formats(qconfig: QConfig, signed: bool | None) -> dict[str, Any]:
    return {
        "weight": qconfig.make("weight"),
        "output": qconfig.make("activation", signed),
        "gradient": qconfig.gradient,
        "accumulator": qconfig.accumulator,
    }


def _with_parameters(made: Any, module: torch.nn.Module) -> Any:
    """``made`` with the very parameters and buffers of ``module``, and in its mode."""
    for name, parameter in module._parameters.items():
        made.register_parameter(name, parameter)
    for name, buffer in module._buffers.items():
        made.register_buffer(name, buffer)
    return made.train(module.training)


def _linear(module: torch.nn.Linear, qconfig: QConfig, signed: bool | None) -> Weighted:
    bias = module.bias is not None and (qconfig.bias or True)
    made = nn.Linear(module.in_features, module.out_features, bias, device="meta", **_formats(qconfig, signed))
    return _with_parameters(made, module)


def _conv(module: Any, qconfig: QConfig, signed: bool | None) -> Weighted:
    kind = nn.Conv2d if isinstance(module, torch.nn.Conv2d) else nn.Conv1d
    made = kind(
        module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding, module.dilation,
        module.groups, module.bias is not None and (qconfig.bias or True), module.padding_mode, device="meta",
        **_formats(qconfig, signed),
    )  # fmt: skip
    return _with_parameters(made, module)


def _conv_transpose(module: Any, qconfig: QConfig, signed: bool | None) -> Weighted:
    kind = nn.ConvTranspose2d if isinstance(module, torch.nn.ConvTranspose2d) else nn.ConvTranspose1d
    made = kind(
        module.in_channels, module.out_channels, module.kernel_size, module.stride, module.padding, module.output_padding,
        module.groups, module.bias is not None and (qconfig.bias or True), module.dilation, module.padding_mode, device="meta",
        **_formats(qconfig, signed),
    )  # fmt: skip
    return _with_parameters(made, module)


def _prelu(module: torch.nn.PReLU) -> nn.PReLU:
    """With 8 bits for the slopes, the finest that hold those that are there."""
    largest = float(module.weight.detach().abs().max()) if not module.weight.is_meta else 0.0
    whole = max(0, math.frexp(largest)[1]) if math.isfinite(largest) else 0
    made = nn.PReLU(module.num_parameters, slope=FixedPoint(8, 7 - whole), device="meta")
    return _with_parameters(made, module)


WEIGHTED: dict[type[torch.nn.Module], Callable[[Any, QConfig, bool | None], Weighted]] = {
    torch.nn.Linear: _linear,
    torch.nn.Conv1d: _conv,
    torch.nn.Conv2d: _conv,
    torch.nn.ConvTranspose1d: _conv_transpose,
    torch.nn.ConvTranspose2d: _conv_transpose,
}
"""Layers with weights."""


def rounded(module: Any, qconfig: QConfig) -> Averaging | nn.GLU:
    """The layer that computes as ``module`` does, one of :data:`ROUNDING`, and rounds its result."""
    gradient = qconfig.gradient.activation if isinstance(qconfig.gradient, Gradients) else qconfig.gradient
    formats: dict[str, Any] = {"output": qconfig.make("activation"), "gradient": gradient}
    made: Averaging | nn.GLU
    match module:
        case torch.nn.GLU():
            made = nn.GLU(module.dim, **formats)
        case torch.nn.AdaptiveAvgPool1d():
            made = nn.AdaptiveAvgPool1d(module.output_size, **formats)
        case torch.nn.AdaptiveAvgPool2d():
            made = nn.AdaptiveAvgPool2d(module.output_size, **formats)
        case _:
            windows = (module.kernel_size, module.stride, module.padding, module.ceil_mode, module.count_include_pad)
            kind = nn.AvgPool2d if isinstance(module, torch.nn.AvgPool2d) else nn.AvgPool1d
            made = kind(*windows, getattr(module, "divisor_override", None), **formats)
    return made.train(module.training)


ROUNDING: tuple[type[torch.nn.Module], ...] = (
    torch.nn.AvgPool1d, torch.nn.AvgPool2d, torch.nn.AdaptiveAvgPool1d, torch.nn.AdaptiveAvgPool2d, torch.nn.GLU,
)  # fmt: skip
"""Average pooling and gated units, which have no weights and round their result."""

NORMS: dict[type[torch.nn.Module], type[Any]] = {
    torch.nn.BatchNorm1d: nn.BatchNorm1d,
    torch.nn.BatchNorm2d: nn.BatchNorm2d,
}
"""Normalisations, which fold into the layer before them, or become a scale and a bias for each channel."""


def dropout_of(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.nn.Module:
    """The module that does what a function does that was traced in training mode."""
    kinds = {F.alpha_dropout: torch.nn.AlphaDropout, F.feature_alpha_dropout: torch.nn.FeatureAlphaDropout}
    rate = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
    training = args[2] if len(args) > 2 else kwargs.get("training", True)
    return kinds.get(target, torch.nn.Dropout)(rate) if training else torch.nn.Identity()


def _softmax(dim: Any = None, _stacklevel: int = 3, dtype: torch.dtype | None = None) -> nn.Softmax:
    """With the arguments of torch's function; another type of the result is a TypeError, as an unknown argument is."""
    if dtype is not None:
        raise TypeError("a type of the result")
    return nn.Softmax(dim)


ACTIVATIONS: dict[type[torch.nn.Module], Callable[[Any], nn.Lookup | nn.PReLU | nn.Softmax]] = {
    torch.nn.Sigmoid: lambda _: nn.Sigmoid(),
    torch.nn.Tanh: lambda _: nn.Tanh(),
    torch.nn.SiLU: lambda _: nn.SiLU(),
    torch.nn.GELU: lambda module: nn.GELU(module.approximate),
    torch.nn.ELU: lambda module: nn.ELU(module.alpha),
    torch.nn.Softplus: lambda module: nn.Softplus(module.beta, module.threshold),
    torch.nn.Mish: lambda _: nn.Mish(),
    torch.nn.SELU: lambda _: nn.SELU(),
    torch.nn.CELU: lambda module: nn.CELU(module.alpha),
    torch.nn.LogSigmoid: lambda _: nn.LogSigmoid(),
    torch.nn.Softsign: lambda _: nn.Softsign(),
    torch.nn.Tanhshrink: lambda _: nn.TanhShrink(),
    torch.nn.Hardshrink: lambda module: nn.HardShrink(module.lambd),
    torch.nn.Softshrink: lambda module: nn.SoftShrink(module.lambd),
    torch.nn.Hardsigmoid: lambda _: nn.HardSigmoid(),
    torch.nn.Hardswish: lambda _: nn.HardSwish(),
    torch.nn.LeakyReLU: lambda module: nn.LeakyReLU(module.negative_slope),
    torch.nn.PReLU: lambda module: _prelu(module),
    torch.nn.Softmax: lambda module: nn.Softmax(module.dim),
    torch.nn.Softmax2d: lambda _: nn.Softmax(-3),
}
"""PReLU, and activations with a fixed range: sigmoid and softmax 0 ... 1, tanh -1 ... 1, other tables up to -8 ... 8."""

FUNCTIONS: dict[Any, Callable[..., nn.Lookup | nn.Softmax]] = {
    **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid"), nn.Sigmoid),
    **dict.fromkeys((torch.tanh, F.tanh, "tanh"), nn.Tanh),
    **dict.fromkeys((torch.exp, "exp"), nn.Exp),
    F.silu: lambda inplace=False: nn.SiLU(),
    F.gelu: lambda approximate="none": nn.GELU(approximate),
    F.elu: lambda alpha=1.0, inplace=False: nn.ELU(alpha),
    F.softplus: lambda beta=1.0, threshold=20.0: nn.Softplus(beta, threshold),
    F.mish: lambda inplace=False: nn.Mish(),
    **dict.fromkeys((torch.selu, F.selu), lambda inplace=False: nn.SELU()),
    **dict.fromkeys((torch.celu, F.celu), lambda alpha=1.0, inplace=False: nn.CELU(alpha)),
    F.logsigmoid: nn.LogSigmoid,
    F.softsign: nn.Softsign,
    F.tanhshrink: nn.TanhShrink,
    **dict.fromkeys((torch.hardshrink, F.hardshrink, "hardshrink"), lambda lambd=0.5: nn.HardShrink(lambd)),
    F.softshrink: lambda lambd=0.5: nn.SoftShrink(lambd),
    F.hardsigmoid: lambda inplace=False: nn.HardSigmoid(),
    F.hardswish: lambda inplace=False: nn.HardSwish(),
    **dict.fromkeys((torch.softmax, F.softmax, "softmax"), _softmax),
    F.leaky_relu: lambda negative_slope=0.01, inplace=False: nn.LeakyReLU(negative_slope),
}
"""The same as functions, with the arguments that follow the input."""

UNCHANGED: tuple[type[torch.nn.Module], ...] = (
    torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Hardtanh, torch.nn.Threshold,
    torch.nn.Flatten, torch.nn.Unflatten, torch.nn.Identity,
    torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d, torch.nn.AlphaDropout,
    torch.nn.FeatureAlphaDropout, torch.nn.MaxPool1d, torch.nn.MaxPool2d, torch.nn.AdaptiveMaxPool1d,
    torch.nn.AdaptiveMaxPool2d, torch.nn.ZeroPad1d, torch.nn.ZeroPad2d, torch.nn.ConstantPad1d, torch.nn.ConstantPad2d,
    torch.nn.Upsample, torch.nn.UpsamplingNearest2d, torch.nn.PixelShuffle, torch.nn.PixelUnshuffle, torch.nn.ChannelShuffle,
)  # fmt: skip
"""Modules that keep their input's format, or vanish in hardware."""


def normalisation(module: torch.nn.Module, qconfig: QConfig | None = None, signed: bool | None = None) -> Any:
    """The layer that normalises as ``module`` does, inside the layer before it; with a ``qconfig`` on its own."""
    assert isinstance(module, torch.nn.modules.batchnorm._BatchNorm)
    if not module.track_running_stats:
        raise CreatorError("it has no running statistics, so its output depends on the batch", hint="track_running_stats=True")
    formats = {} if qconfig is None else _formats(qconfig, signed)
    if qconfig is not None and qconfig.bias is not None:
        formats["bias"] = qconfig.bias
    made = NORMS[type(module)](module.num_features, module.eps, module.momentum, module.affine, device="meta", **formats)
    return _with_parameters(made, module)


def is_unsigned(quantizer: Any) -> bool:
    """Whether the quantizer's codes begin at the value zero, if it sees nothing below that."""
    choice = getattr(quantizer, "observer", quantizer)
    return getattr(choice, "signed", True) is False and not isinstance(choice, FixedQParamsObserver)


def is_own(module: torch.nn.Module) -> bool:
    """Whether it is one of creator's layers or quantizers."""
    return type(module).__module__.startswith("creator.nn") or isinstance(module, Quantizer)


def quantizes(module: torch.nn.Module) -> bool:
    """Whether all that it does is to quantize."""
    return isinstance(module, nn.Quantize)


def stub(module: torch.nn.Module) -> str:
    """ "QuantStub" or "DeQuantStub" for the markers of a quantized region, those of torch.ao included; else empty."""
    name = type(module).__name__
    known = type(module).__module__ in ("torch.ao.quantization.stubs", "creator.nn.stubs")
    return name if known and name in ("QuantStub", "DeQuantStub") else ""


def entry_layer(choice: Format | Quantizer) -> torch.nn.Module:
    """What quantizes the input; of a floating-point format the grid of its numbers first, for hardware takes codes of that."""
    if isinstance(choice, FloatQuantizer):
        with contextlib.suppress(CreatorError):  # what has no grid trains, and has no hardware
            return torch.nn.Sequential(nn.Quantize(choice.grid), nn.Quantize(choice))
    return nn.Quantize(choice)
