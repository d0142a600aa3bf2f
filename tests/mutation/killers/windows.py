"""Convolutions: kernels, strides, padding, dilation, groups and lanes, small enough for a frame of some dozen cycles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from creator.formats import FixedPoint, Overflow, Rounding
from creator.graph import Graph
from creator.ops import Clamp, Conv, MaxPool, Permute
from tests.graph.chains import chain
from tests.mutation.killers.killer import Killer

F = FixedPoint
IN = F(4, 2)
NARROW = F(3, 1)
Pair = tuple[int, ...]


def convolution(
    channels: int,
    kernel: Pair,
    outputs: int = 2,
    stride: Pair = (),
    before: Pair = (),
    after: Pair | None = None,
    dilation: Pair = (),
    groups: int = 1,
    **options: Any,
) -> Conv:
    """A convolution with random weights; ``weight``, ``entry``, ``bias`` and ``pad_code`` among the options."""
    rank = len(kernel)
    before = before or (0,) * rank
    weight, entry = options.get("weight", NARROW), options.get("entry", IN)
    columns = math.prod(kernel) * channels // groups
    rng = np.random.default_rng(columns + outputs)
    bias = rng.integers(-30, 30, outputs, endpoint=True) if options.get("bias", True) else np.zeros(outputs, dtype=np.int64)
    output = options.get("output", F(6, 1))
    return Conv(
        weight=rng.integers(weight.min_code, weight.max_code, (outputs, columns), endpoint=True),
        weight_format=weight,
        bias=bias,
        accumulator=F(52, entry.frac_bits + weight.frac_bits),
        output=output,
        rounding=options.get("rounding", Rounding.HALF_EVEN),
        overflow=Overflow.SATURATE,
        low=output.min_code,
        high=output.max_code,
        kernel=kernel,
        stride=stride or (1,) * rank,
        dilation=dilation or (1,) * rank,
        before=before,
        after=before if after is None else after,
        channel_groups=groups,
        pad_code=options.get("pad_code", 0),
    )


def conv(shape: Pair, kernel: Pair, outputs: int = 2, **options: Any) -> Graph:
    """A network of one convolution."""
    return chain(convolution(shape[-1], kernel, outputs, **options), shape=shape, entry=options.get("entry", IN))


def deep_queue() -> Graph:
    """Behind the pool a queue of 153 words, which is full in each frame."""
    pool = MaxPool((2, 1), (2, 1), (0, 0), (0, 0))
    first, last = convolution(1, (1, 1), 3, output=NARROW), convolution(3, (1, 1), 2, entry=NARROW)
    return chain(first, pool, last, shape=(4, 100, 1), entry=IN)


GEOMETRIES: dict[str, dict[str, Any]] = {
    "one pixel": {"shape": (1, 1, 1), "kernel": (1, 1)},
    "pointwise": {"shape": (2, 2, 2), "kernel": (1, 1)},
    "pointwise on a row": {"shape": (3, 2), "kernel": (1,)},
    "2 taps": {"shape": (4, 1), "kernel": (2,)},
    "2 taps of 2 channels": {"shape": (4, 2), "kernel": (2,)},
    "3 taps, padded": {"shape": (3, 2), "kernel": (3,), "before": (1,), "pad_code": 3},
    "padded before": {"shape": (3, 2), "kernel": (3,), "before": (2,), "after": (0,), "pad_code": -2},
    "padded behind": {"shape": (3, 2), "kernel": (3,), "before": (0,), "after": (2,), "pad_code": 3},
    "2 steps": {"shape": (5, 2), "kernel": (3,), "stride": (2,), "before": (1,)},
    "dilated": {"shape": (5, 2), "kernel": (2,), "dilation": (2,), "before": (1,)},
    "2 x 2": {"shape": (3, 3, 1), "kernel": (2, 2)},
    "2 x 2 of 2 channels": {"shape": (3, 3, 2), "kernel": (2, 2)},
    "rows alone": {"shape": (3, 2, 2), "kernel": (2, 1)},
    "columns alone": {"shape": (2, 3, 2), "kernel": (1, 2)},
    "one window": {"shape": (2, 2, 2), "kernel": (2, 2)},
    "one row of windows": {"shape": (2, 4, 1), "kernel": (2, 2)},
    "one window a row": {"shape": (4, 2, 1), "kernel": (2, 2)},
    "padded all around": {"shape": (2, 3, 1), "kernel": (3, 3), "before": (1, 1), "pad_code": -3},
    "padded above": {"shape": (2, 2, 2), "kernel": (2, 2), "before": (1, 0), "after": (0, 0), "pad_code": 2},
    "padded below": {"shape": (2, 2, 2), "kernel": (2, 2), "before": (0, 0), "after": (1, 0), "pad_code": 2},
    "padded to the left": {"shape": (2, 2, 2), "kernel": (2, 2), "before": (0, 1), "after": (0, 0), "pad_code": 2},
    "padded to the right": {"shape": (2, 2, 2), "kernel": (2, 2), "before": (0, 0), "after": (0, 1), "pad_code": 2},
    "padded rows of one pixel": {"shape": (3, 1, 1), "kernel": (3, 3), "before": (1, 1), "pad_code": 1},
    "steps and padding": {"shape": (4, 5, 1), "kernel": (3, 2), "stride": (2, 3), "before": (1, 1), "after": (0, 1)},
    "steps beyond the kernel": {"shape": (5, 5, 1), "kernel": (1, 1), "stride": (3, 3)},
    "a long way to the next frame": {"shape": (9, 2, 1), "kernel": (1, 1), "stride": (9, 1)},
    "dilated rows and columns": {"shape": (4, 4, 1), "kernel": (2, 2), "dilation": (2, 3), "before": (1, 1)},
    "groups": {"shape": (3, 4), "kernel": (2,), "groups": 2, "outputs": 4},
    "groups, padded": {"shape": (2, 2, 4), "kernel": (2, 2), "groups": 2, "outputs": 4, "before": (1, 0), "after": (0, 1)},
    "depthwise": {"shape": (3, 3), "kernel": (2,), "groups": 3, "outputs": 3},
    "depthwise, padded": {"shape": (2, 2, 2), "kernel": (3, 3), "groups": 2, "outputs": 2, "before": (1, 1), "pad_code": 2},
}


def _windows() -> Iterator[Killer]:
    for name, geometry in GEOMETRIES.items():
        groups = geometry.get("groups", 1)
        inputs, outputs = geometry["shape"][-1] // groups, geometry.get("outputs", 2) // groups
        for lanes in sorted({(1, 1), (1, outputs), (inputs, 1), (inputs, outputs)}):
            yield f"{name} by {lanes[0]}x{lanes[1]}", conv(**geometry), {"lanes": {"layer.0": lanes}}
    yield "no bias", conv((3, 2), (2,), bias=False), {}
    yield "no bias, padded", conv((3, 2), (2,), before=(1,), bias=False), {}
    yield "one filter", conv((3, 2), (2,), outputs=1), {}
    yield "unsigned, padded", conv((3, 2), (3,), before=(1,), entry=F(3, 1, signed=False), pad_code=5), {}
    yield "two-bit weights", conv((3, 2), (2,), weight=F(2, 1)), {"lanes": {"layer.0": (2, 2)}}
    yield "pipelined", conv((3, 2), (2,), outputs=3), {"pipelining": True}
    yield "pipelined, padded", conv((3, 2), (3,), outputs=3, before=(1,)), {"pipelining": True}
    packed = {"lanes": {"layer.0": (1, 2)}, "packing": True}
    yield "packed windows", conv((3, 2), (2,)), packed
    yield "bias in block RAM behind windows", conv((2, 1), (1,), outputs=72), {}
    yield "a wide convolution", conv((3, 2), (2,), outputs=4), {"lanes": {"layer.0": (2, 4)}}
    yield "a wide convolution, padded", conv((3, 2), (3,), outputs=4, before=(1,)), {"lanes": {"layer.0": (2, 4)}}
    yield "a queue in block RAM", deep_queue(), {}
    yield "deep weights of windows", conv((1, 12), (1,), outputs=100), {}
    yield "deep weights of windows, padded", conv((1, 4), (3,), outputs=100, before=(1,)), {}
    for rounding in (Rounding.HALF_AWAY, Rounding.FLOOR):
        yield f"windows, {rounding}", conv((3, 2), (2,), rounding=rounding), {}


def _turned() -> Iterator[Killer]:
    """Exchanges of axes inside a network."""
    shapes: list[tuple[Pair, Pair]] = [((1, 0), (2, 2)), ((1, 0), (3, 4)), ((1, 0, 2), (2, 1, 1)), ((2, 0, 1), (3, 2, 2)),
                                       ((1, 2, 0), (2, 3, 2)), ((3, 1, 0, 2), (2, 1, 3, 2))]  # fmt: skip
    for axes, shape in shapes:
        ops = Clamp(-100, 100), Permute(axes), Clamp(-90, 90)
        yield f"axes {axes} of {shape}", chain(*ops, shape=shape), {}


WINDOWS: list[Killer] = [*_windows(), *_turned()]
