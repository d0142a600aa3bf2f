"""Layers to train with. In eval mode each computes exactly what its hardware computes.

``Flatten``, ``Dropout`` and ``Identity`` are torch's own: they vanish in hardware. So are maximum pooling, padding and nearest
upsampling, which are exact in any format.
"""

from torch.nn import (
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    ChannelShuffle,
    ConstantPad1d,
    ConstantPad2d,
    Dropout,
    Flatten,
    Identity,
    MaxPool1d,
    MaxPool2d,
    PixelShuffle,
    PixelUnshuffle,
    Threshold,
    Unflatten,
    Upsample,
    UpsamplingNearest2d,
    ZeroPad1d,
    ZeroPad2d,
)

from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.activations import (
    CELU,
    ELU,
    GELU,
    SELU,
    Exp,
    HardShrink,
    HardSigmoid,
    HardSwish,
    LeakyReLU,
    LogSigmoid,
    Mish,
    Sigmoid,
    SiLU,
    Softplus,
    SoftShrink,
    Softsign,
    Tanh,
    TanhShrink,
)
from creator.nn.batch_norm import BatchNorm1d, BatchNorm2d
from creator.nn.clamp import HardTanh, ReLU
from creator.nn.conv import Conv1d, Conv2d
from creator.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d
from creator.nn.glu import GLU
from creator.nn.joins import Add, Concatenate, Multiply, Subtract
from creator.nn.largest import ArgMax, Top1
from creator.nn.linear import Linear
from creator.nn.lookup import Lookup
from creator.nn.pool import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AvgPool1d, AvgPool2d
from creator.nn.quantize import Quantize
from creator.nn.slope import PReLU
from creator.nn.softmax import Softmax
from creator.nn.stubs import DeQuantStub, QuantStub, QuantWrapper
from creator.nn.threshold import Greater, MultiThreshold
from creator.nn.weighted import set_gradients
from creator.quantize import Gradients, StraightThrough

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "Add",
    "ArgMax",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "ChannelShuffle",
    "Concatenate",
    "ConstantPad1d",
    "ConstantPad2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "DeQuantStub",
    "Dropout",
    "Exp",
    "FixedPoint",
    "Flatten",
    "Gradients",
    "Greater",
    "HardShrink",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "Lookup",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "MultiThreshold",
    "Multiply",
    "Overflow",
    "PReLU",
    "PixelShuffle",
    "PixelUnshuffle",
    "QuantStub",
    "QuantWrapper",
    "Quantize",
    "ReLU",
    "Rounding",
    "SiLU",
    "Sigmoid",
    "SoftShrink",
    "Softmax",
    "Softplus",
    "Softsign",
    "StraightThrough",
    "Subtract",
    "Tanh",
    "TanhShrink",
    "Threshold",
    "Top1",
    "Unflatten",
    "Upsample",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "set_gradients",
]
