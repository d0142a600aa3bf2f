"""The files of one core: one renderer an operation, in the file that has its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from creator.ops import (
    Add,
    ArgMax,
    Clamp,
    Concatenate,
    Conv,
    Interval,
    Linear,
    Lookup,
    MaxPool,
    Microscale,
    Minifloat,
    Multiply,
    Op,
    Pad,
    Permute,
    Polynomial,
    Quantize,
    Rescale,
    Slice,
    Slope,
    Softmax,
    SumPool,
    Threshold,
    Top1,
    Upsample,
)
from creator.render.core_files import CoreFiles
from creator.render.cores.add import render_add
from creator.render.cores.axes import render_maxpool, render_pad, render_sumpool, render_upsample
from creator.render.cores.clamp import render_clamp
from creator.render.cores.comparison import render_comparison
from creator.render.cores.concatenate import render_concatenate
from creator.render.cores.conv import render_conv
from creator.render.cores.linear import render_linear
from creator.render.cores.lookup import render_lookup
from creator.render.cores.microscale import render_microscale
from creator.render.cores.minifloat import render_minifloat
from creator.render.cores.multiply import render_multiply
from creator.render.cores.permute import render_permute
from creator.render.cores.polynomial import render_polynomial
from creator.render.cores.quantize import render_quantize
from creator.render.cores.rescale import render_rescale
from creator.render.cores.slice import render_slice
from creator.render.cores.slope import render_slope
from creator.render.cores.softmax import render_softmax
from creator.render.cores.threshold import render_threshold
from creator.render.names import Names
from creator.render.values import Identifier
from creator.schedule import Core

_RENDERERS: dict[type[Op], Callable[[CoreFiles, Any], None]] = {
    Add: render_add,
    ArgMax: render_comparison,
    Clamp: render_clamp,
    Concatenate: render_concatenate,
    Conv: render_conv,
    Linear: render_linear,
    Lookup: render_lookup,
    MaxPool: render_maxpool,
    Minifloat: render_minifloat,
    Multiply: render_multiply,
    Pad: render_pad,
    Permute: render_permute,
    Polynomial: render_polynomial,
    Quantize: render_quantize,
    Rescale: render_rescale,
    Slice: render_slice,
    Slope: render_slope,
    Microscale: render_microscale,
    Softmax: render_softmax,
    SumPool: render_sumpool,
    Upsample: render_upsample,
    Threshold: render_threshold,
    Top1: render_comparison,
}


def core_files(core: Core, intervals: tuple[Interval, ...], entity: Identifier, names: Names) -> CoreFiles:
    """The rendered entities of ``core``; ``intervals`` bound the codes of each value that it reads."""
    files = CoreFiles(core, intervals, entity, names)
    _RENDERERS[type(core.node.op)](files, core.node.op)
    return files


__all__ = ["CoreFiles", "core_files"]
