"""What the core of each operation costs: one function an operation."""

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
    Lanes,
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
    TensorType,
    Threshold,
    Top1,
    Upsample,
)
from creator.schedule.costs.axes import maxpool_cost, pad_cost, sumpool_cost, upsample_cost
from creator.schedule.costs.branches import add_cost, concatenate_cost, multiply_cost, slice_cost
from creator.schedule.costs.comparison import comparison_cost
from creator.schedule.costs.elementwise import clamp_cost, lookup_cost, minifloat_cost, quantize_cost
from creator.schedule.costs.linear import linear_cost
from creator.schedule.costs.microscale import microscale_cost
from creator.schedule.costs.polynomial import polynomial_cost
from creator.schedule.costs.rescale import rescale_cost
from creator.schedule.costs.slope import slope_cost
from creator.schedule.costs.softmax import softmax_cost
from creator.schedule.costs.threshold import threshold_cost
from creator.schedule.costs.windows import conv_cost, permute_cost
from creator.schedule.parts import Parts

Cost = Callable[[Parts, Any, TensorType, Interval, Lanes], None]

_COSTS: dict[type[Op], Cost] = {
    ArgMax: comparison_cost,
    Clamp: clamp_cost,
    Conv: conv_cost,
    Linear: linear_cost,
    Lookup: lookup_cost,
    MaxPool: maxpool_cost,
    Minifloat: minifloat_cost,
    Pad: pad_cost,
    Permute: permute_cost,
    Polynomial: polynomial_cost,
    Quantize: quantize_cost,
    Rescale: rescale_cost,
    Slice: slice_cost,
    Slope: slope_cost,
    Microscale: microscale_cost,
    Softmax: softmax_cost,
    SumPool: sumpool_cost,
    Upsample: upsample_cost,
    Threshold: threshold_cost,
    Top1: comparison_cost,
}


_JOINS: dict[type[Op], Callable[[Parts, Any, tuple[TensorType, ...], tuple[Interval, ...], Lanes], None]] = {
    Add: add_cost,
    Concatenate: concatenate_cost,
    Multiply: multiply_cost,
}


def add_cores(parts: Parts, op: Op, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...], lanes: Lanes) -> None:
    """:func:`add_core` for an operation that reads one value or several."""
    if op.arity == 1:
        add_core(parts, op, inputs[0], intervals[0], lanes)
    else:
        _JOINS[type(op)](parts, op, inputs, intervals, lanes)


def add_core(parts: Parts, op: Op, x: TensorType, interval: Interval, lanes: Lanes) -> None:
    """Adds the core of ``op`` to ``parts``, without what stands before it; ``interval`` bounds the codes that it reads."""
    _COSTS[type(op)](parts, op, x, interval, lanes)
