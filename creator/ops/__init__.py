"""The operations of a graph: one file each, with shapes, formats and exact integer semantics. No torch here."""

from creator.ops.add import Add
from creator.ops.argmax import ArgMax
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats
from creator.ops.clamp import Clamp
from creator.ops.concatenate import Concatenate
from creator.ops.conv import Conv
from creator.ops.linear import Linear
from creator.ops.lookup import Lookup
from creator.ops.maxpool import MaxPool
from creator.ops.microscale import Microscale
from creator.ops.minifloat import Minifloat
from creator.ops.multiply import Multiply
from creator.ops.pad import Pad
from creator.ops.permute import Permute
from creator.ops.polynomial import Polynomial
from creator.ops.quantize import Quantize
from creator.ops.rescale import Rescale
from creator.ops.reshape import Reshape
from creator.ops.shift import Shift
from creator.ops.slice import Slice
from creator.ops.slope import Slope
from creator.ops.softmax import Softmax
from creator.ops.sumpool import SumPool
from creator.ops.threshold import Threshold
from creator.ops.top1 import Top1
from creator.ops.upsample import Upsample

REGISTRY: dict[str, type[Op]] = {
    op.name: op
    for op in (
        Add,
        ArgMax,
        Clamp,
        Concatenate,
        Conv,
        Linear,
        Lookup,
        MaxPool,
        Microscale,
        Minifloat,
        Multiply,
        Pad,
        Permute,
        Polynomial,
        Quantize,
        Rescale,
        Reshape,
        Shift,
        Slice,
        Slope,
        Softmax,
        SumPool,
        Threshold,
        Top1,
        Upsample,
    )
}
"""Every operation by its name, the stem of its files in ``ops/``, ``tests/cases/`` and, if it has a core, ``templates/``."""

__all__ = [
    "REGISTRY",
    "Add",
    "ArgMax",
    "Clamp",
    "Concatenate",
    "Conv",
    "Interval",
    "Lanes",
    "Linear",
    "Lookup",
    "MaxPool",
    "Microscale",
    "Minifloat",
    "Multiply",
    "Op",
    "Pad",
    "Permute",
    "Polynomial",
    "Quantize",
    "Rescale",
    "Reshape",
    "Shift",
    "Slice",
    "Slope",
    "Softmax",
    "SumPool",
    "TensorType",
    "Threshold",
    "Timing",
    "Top1",
    "Upsample",
    "beats",
]
