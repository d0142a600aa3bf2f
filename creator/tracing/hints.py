"""What to use in place of modules and functions of torch that are not supported."""

from __future__ import annotations

import torch

_UNARY = (
    "sqrt", "rsqrt", "log", "log1p", "log2", "log10", "exp2", "expm1", "reciprocal", "sin", "cos", "tan", "sinh", "cosh",
    "asin", "acos", "atan", "erf", "erfc", "sinc", "frac", "logit",
)  # fmt: skip
_LOG_SOFTMAX = "leave it out, since argmax finds the same without it, or use creator.nn.Softmax"
_PADDING = "use nn.ZeroPad2d or ConstantPad2d, or slices and torch.cat"
_RECURRENCE = "networks with recurrence are not translated; use convolutions along time"
_STATISTICS = "statistics of a sample are not computed in hardware; use creator.nn.BatchNorm1d or BatchNorm2d"

MODULE_HINTS: dict[type[torch.nn.Module], str] = {
    torch.nn.Linear: "use creator.nn.Linear, or creator.prepare(model, example_input)",
    torch.nn.Conv1d: "use creator.nn.Conv1d, or creator.prepare(model, example_input)",
    torch.nn.Conv2d: "use creator.nn.Conv2d, or creator.prepare(model, example_input)",
    torch.nn.ConvTranspose1d: "use creator.nn.ConvTranspose1d, or creator.prepare(model, example_input)",
    torch.nn.ConvTranspose2d: "use creator.nn.ConvTranspose2d, or creator.prepare(model, example_input)",
    torch.nn.BatchNorm1d: "use creator.nn.BatchNorm1d",
    torch.nn.BatchNorm2d: "use creator.nn.BatchNorm2d",
    torch.nn.Sigmoid: "use creator.nn.Sigmoid",
    torch.nn.Softmax: "use creator.nn.Softmax",
    torch.nn.Softmax2d: "use creator.nn.Softmax(-3)",
    torch.nn.Tanh: "use creator.nn.Tanh",
    torch.nn.SiLU: "use creator.nn.SiLU",
    torch.nn.GELU: "use creator.nn.GELU",
    torch.nn.ELU: "use creator.nn.ELU",
    torch.nn.Softplus: "use creator.nn.Softplus",
    torch.nn.Mish: "use creator.nn.Mish",
    torch.nn.SELU: "use creator.nn.SELU",
    torch.nn.CELU: "use creator.nn.CELU",
    torch.nn.LogSigmoid: "use creator.nn.LogSigmoid",
    torch.nn.Softsign: "use creator.nn.Softsign",
    torch.nn.Tanhshrink: "use creator.nn.TanhShrink",
    torch.nn.Hardshrink: "use creator.nn.HardShrink",
    torch.nn.Softshrink: "use creator.nn.SoftShrink",
    torch.nn.Hardsigmoid: "use creator.nn.HardSigmoid",
    torch.nn.Hardswish: "use creator.nn.HardSwish",
    torch.nn.LeakyReLU: "use creator.nn.LeakyReLU",
    torch.nn.PReLU: "use creator.nn.PReLU",
    torch.nn.RReLU: "use creator.nn.LeakyReLU",
    torch.nn.GLU: "use creator.nn.GLU",
    torch.nn.LogSoftmax: _LOG_SOFTMAX,
    torch.nn.LayerNorm: _STATISTICS,
    torch.nn.GroupNorm: _STATISTICS,
    torch.nn.modules.instancenorm._InstanceNorm: _STATISTICS,
    torch.nn.LocalResponseNorm: _STATISTICS,
    torch.nn.modules.padding._ReflectionPadNd: _PADDING,
    torch.nn.modules.padding._ReplicationPadNd: _PADDING,
    torch.nn.modules.padding._CircularPadNd: _PADDING,
    torch.nn.UpsamplingBilinear2d: "use nn.Upsample with mode='nearest', or creator.nn.ConvTranspose2d",
    torch.nn.RNNBase: _RECURRENCE,
    torch.nn.RNNCellBase: _RECURRENCE,
}

FUNCTION_HINTS = {
    "sigmoid": "use creator.nn.Sigmoid",
    "tanh": "use creator.nn.Tanh",
    "silu": "use creator.nn.SiLU",
    "gelu": "use creator.nn.GELU",
    "elu": "use creator.nn.ELU",
    "softplus": "use creator.nn.Softplus",
    "mish": "use creator.nn.Mish",
    "exp": "use creator.nn.Exp",
    "selu": "use creator.nn.SELU",
    "celu": "use creator.nn.CELU",
    "log_sigmoid": "use creator.nn.LogSigmoid",
    "softsign": "use creator.nn.Softsign",
    "tanhshrink": "use creator.nn.TanhShrink",
    "hardshrink": "use creator.nn.HardShrink",
    "softshrink": "use creator.nn.SoftShrink",
    "hardsigmoid": "use creator.nn.HardSigmoid",
    "hardswish": "use creator.nn.HardSwish",
    "leaky_relu": "use creator.nn.LeakyReLU",
    "prelu": "use creator.nn.PReLU",
    "softmax": "use creator.nn.Softmax",
    "linear": "use creator.nn.Linear",
    "glu": "use creator.nn.GLU",
    **dict.fromkeys(("log_softmax",), _LOG_SOFTMAX),
    **{name: f"use creator.nn.Lookup(torch.{name})" for name in _UNARY},
    **dict.fromkeys(("sign", "gt", "ge", "lt", "le", "greater", "less"), "use creator.nn.Greater or MultiThreshold"),
    **dict.fromkeys(("round", "floor", "ceil", "trunc", "floordiv"), "use creator.nn.Quantize(FixedPoint(8, 0), rounding)"),
    **dict.fromkeys(("flip", "fliplr", "flipud", "rot90", "roll"), "turn the data, or the weights that follow, instead"),
    **dict.fromkeys(("std", "var", "var_mean", "std_mean", "normalize", "norm"), _STATISTICS),
    **dict.fromkeys(("layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm"), _STATISTICS),
    **dict.fromkeys(("matmul", "bmm", "mm", "einsum", "addmm", "baddbmm"), "use creator.nn.Linear: one factor is constant"),
    **dict.fromkeys(("topk", "sort", "argsort", "median", "kthvalue"), "use creator.nn.Top1 or ArgMax"),
    **dict.fromkeys(("repeat", "tile", "repeat_interleave"), "use expand, torch.cat or nn.Upsample"),
    **dict.fromkeys(("index_select", "gather", "take", "masked_select"), "use slices, and torch.cat"),
    **dict.fromkeys(("hstack", "vstack", "dstack", "column_stack"), "use torch.cat or torch.stack"),
    **dict.fromkeys(("hsplit", "vsplit", "dsplit"), "use split or chunk"),
    **dict.fromkeys(("where", "masked_fill"), "use a product with creator.nn.Greater, or nn.Lookup of one value"),
    **dict.fromkeys(("addcmul", "addcdiv", "lerp"), "use sums and products"),
    "argmin": "use (-x).argmax(dim)",
    "pow": "x * x and x**2 are products; use creator.nn.Lookup for other powers",
    "getattr": "use x.transpose(1, 2) or x.permute(...)",
    "rrelu": "use leaky_relu with the mean of its slopes",
}
"""What to use in place of functions that are not supported."""


def hint_of(module: torch.nn.Module | None, path: str) -> str:
    """What to use in place of a module, or of the function that the path of a call ends with; empty if nothing is known."""
    if module is not None:
        return next((text for kind, text in MODULE_HINTS.items() if isinstance(module, kind)), "")
    return FUNCTION_HINTS.get(path.rsplit(".", 1)[-1], "")
