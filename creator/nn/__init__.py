"""Layers to train with. In eval mode each computes exactly what its hardware computes.

``Flatten``, ``Dropout`` and ``Identity`` are torch's own: they vanish in hardware.
"""

from torch.nn import Dropout, Flatten, Identity

from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.batch_norm import BatchNorm1d, BatchNorm2d
from creator.nn.clamp import HardTanh, ReLU
from creator.nn.conv import Conv1d, Conv2d
from creator.nn.linear import Linear
from creator.nn.lookup import Lookup, Sigmoid, SiLU, Tanh
from creator.nn.quantize import Quantize
from creator.nn.stubs import DeQuantStub, QuantStub, QuantWrapper
from creator.nn.weighted import set_gradients
from creator.quantize import Gradients, StraightThrough

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "DeQuantStub",
    "Dropout",
    "FixedPoint",
    "Flatten",
    "Gradients",
    "HardTanh",
    "Identity",
    "Linear",
    "Lookup",
    "Overflow",
    "QuantStub",
    "QuantWrapper",
    "Quantize",
    "ReLU",
    "Rounding",
    "SiLU",
    "Sigmoid",
    "StraightThrough",
    "Tanh",
    "set_gradients",
]
