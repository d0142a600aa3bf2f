"""The largest element of each row, and its index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray
from creator.ops.argmax import Comparison, first_largest, index_format
from creator.ops.base import MAX_BITS, Interval, Lanes, Op, TensorType, Timing, beats, row_choices


@dataclass(frozen=True)
class Top1(Op):
    """``(max(x), argmax(x))`` along the last axis, which then has these two elements; of equal elements the first.

    Both are values of one format: it has the fractional bits of the input, or none if those are negative, and as many integer
    bits as the score and the index need. So the score is the very value, and the index the very integer.
    """

    name: ClassVar[str] = "top1"

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if isinstance(x.format, Affine):
            raise CreatorError(
                f"an index is no value of {x.format}", hint="give the layer before a FixedPoint, or use ArgMax alone"
            )
        frac = max(x.format.frac_bits, 0)
        index_bits = index_format(x).total_bits + frac + x.format.signed
        bits = max(x.format.total_bits + self.shift(x), index_bits)
        if bits > MAX_BITS:
            raise CreatorError(
                f"score and index in one format take {bits} bits, more than {MAX_BITS}", hint="use fewer fractional bits"
            )
        return TensorType((*x.shape[:-1], 2), FixedPoint(bits, frac, x.format.signed))

    def shift(self, x: TensorType) -> int:
        """Bits by which codes are shifted left."""
        return max(-x.format.frac_bits, 0)

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        (x,) = inputs
        shift, last = self.shift(x), (x.shape[-1] - 1) << self.infer(inputs).format.frac_bits
        return Interval(min(intervals[0].low << shift, 0), max(intervals[0].high << shift, last))

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        index = first_largest(values[0]) << self.infer(inputs).format.frac_bits
        return np.stack([values[0].max(axis=-1) << self.shift(inputs[0]), index], axis=-1)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return Timing(beats(inputs[0].size, lanes.input), Comparison(inputs[0], lanes).stages)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[Sequence[int], None]:
        return row_choices(inputs[0]), None

    def results(self, inputs: tuple[TensorType, ...], taken: int) -> int:
        return 2 * Comparison(inputs[0], Lanes(taken)).rows
