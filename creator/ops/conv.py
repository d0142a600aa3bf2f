"""The convolution: a linear layer over every window of a sample."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.errors import CreatorError
from creator.formats import IntArray, requantize
from creator.ops.base import Interval, Lanes, TensorType, Timing, beats, check_codes, deep_stages, divisors
from creator.ops.linear import Linear
from creator.ops.window import Ring, Window

PADDING_STAGES = 2
"""Behind a memory of windows: its output's register, and the choice between that and padding."""

CHUNK = 1 << 24
"""Elements of windows that are in memory at once, or those of one sample."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Conv(Linear):
    """:class:`Linear` for every window of a channels-last sample, in one or two dimensions.

    Shapes: input (*size, in_channels), output (*places, out_channels). Spatial tuples have an entry for each of the one or two
    spatial axes.

    Args:
        weight: codes, shape (out_channels, taps * in_channels / channel_groups), the columns in the order of the kernel's axes,
            then the channels of a group.
        kernel, stride, dilation: as in torch.
        before, after: pixels of padding at the ends of each axis.
        channel_groups: into which the channels are parted, each with output channels of its own.
        pad_code: what padding stands for: the code of the value zero.
    """

    name: ClassVar[str] = "conv"

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    channel_groups: int
    pad_code: int

    def window(self, x: TensorType) -> Window:
        """Where the kernel stands on the input."""
        return Window(x.shape[:-1], x.shape[-1], self.kernel, self.stride, self.dilation, self.before, self.after)

    @property
    def group_channels(self) -> int:
        """Input channels of a group."""
        return self.in_features // math.prod(self.kernel)

    @property
    def group_outputs(self) -> int:
        """Output channels of a group."""
        return self.out_features // self.channel_groups

    @property
    def padded(self) -> bool:
        """Whether windows reach beyond the sample."""
        return any(self.before) or any(self.after)

    def reads(self, interval: Interval) -> Interval:
        if not self.padded:
            return interval
        return Interval(min(interval.low, self.pad_code), max(interval.high, self.pad_code))

    def _check_shapes(self, x: TensorType) -> None:
        if len(x.shape) != len(self.kernel) + 1:
            axes = "length" if len(self.kernel) == 1 else "height, width"
            raise CreatorError(f"takes values of shape ({axes}, channels), but gets {x.shape}")
        groups, channels = self.channel_groups, x.shape[-1]
        if groups < 1 or channels % groups or self.out_features % groups:
            raise CreatorError(f"{groups} groups do not divide {channels} inputs and {self.out_features} outputs")
        if channels // groups * math.prod(self.kernel) != self.in_features:
            wanted = self.group_channels * groups
            raise CreatorError(f"takes {wanted} channels, but gets {channels}", hint="input_shape is without the batch")
        self.window(x).check()
        check_codes(x.format, np.array([self.pad_code]), "padding")

    def _result_shape(self, x: TensorType) -> tuple[int, ...]:
        return (*self.window(x).places, self.out_features)

    def _sums_of(self, x: TensorType, values: IntArray) -> IntArray:
        patches = self.window(x).patches(values, self.pad_code).astype(np.float64)
        lead = patches.shape[: 1 + len(self.kernel)]
        # (batch and places, taps, groups, channels of a group) -> (groups, batch and places, columns)
        parts = patches.reshape(-1, math.prod(self.kernel), self.channel_groups, self.group_channels)
        columns = parts.transpose(2, 0, 1, 3).reshape(self.channel_groups, -1, self.in_features)
        rows = self.weight.reshape(self.channel_groups, self.group_outputs, -1).astype(np.float64)
        products = columns @ rows.transpose(0, 2, 1)
        return products.transpose(1, 0, 2).reshape(*lead, self.out_features).astype(np.int64)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        batch, chunk = values[0], max(1, CHUNK // (self.window(inputs[0]).taps * inputs[0].size))
        return np.concatenate([self._run(inputs[0], batch[i : i + chunk]) for i in range(0, max(1, len(batch)), chunk)])

    def _run(self, x: TensorType, values: IntArray) -> IntArray:
        # float64 is exact here, as in Linear.run.
        sums = (self._sums_of(x, values) << self.align(x)) + (self.bias - self.offset)
        codes = requantize(sums, self.accumulator.frac_bits, self.output, self.rounding, self.overflow)
        return np.clip(codes, self.low, self.high)

    # Hardware.

    def ring(self, x: TensorType, lanes: Lanes) -> Ring:
        """The memory of its windows."""
        return Ring(self.window(x), x.shape[-1] // lanes.input)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[list[int], list[int]]:
        return divisors(self.group_channels), divisors(self.group_outputs)

    def lane_pairs(self, inputs: tuple[TensorType, ...]) -> tuple[Lanes, ...] | None:
        """Parts of one group's channels and outputs, or all of both for several groups side by side."""
        if self.channel_groups == 1:
            return None
        channels, outputs = self.group_channels, self.group_outputs
        within = [Lanes(i, o) for i, o in itertools.product(divisors(channels), divisors(outputs))]
        return (*within, *(Lanes(n * channels, n * outputs) for n in divisors(self.channel_groups)[1:]))

    def side_by_side(self, lanes: Lanes) -> int:
        """Groups of channels that are computed in the same cycles."""
        return max(1, lanes.input // self.group_channels)

    def passes(self, lanes: Lanes) -> tuple[int, int]:
        """How often the taps of a window are read: in how many blocks of its channels, and each of these how many times."""
        return self.channel_groups // self.side_by_side(lanes), max(1, self.group_outputs // lanes.output)

    def terms(self, lanes: Lanes) -> int:
        return min(lanes.input, self.group_channels)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        (x,) = inputs
        compute = math.prod(self.window(x).places) * self.words(lanes)
        return Timing(max(compute, beats(x.size, lanes.input)), self.stages(lanes) + 2 * self.wide(lanes) + compute)

    def sum_stages(self, lanes: Lanes) -> int:
        deep = deep_stages(self.words(lanes))
        # Padding is put in behind the memory and its register, beside the stages of a deep memory of weights.
        return super().sum_stages(lanes) - deep + max(deep, self.padding_stages)

    @property
    def padding_stages(self) -> int:
        """Registers between the memory of windows and what is multiplied."""
        return PADDING_STAGES if self.padded else 0
