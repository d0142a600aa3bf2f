"""The index of the largest element of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from creator.formats import FixedPoint, IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType, Timing, beats, row_choices


@dataclass(frozen=True)
class ArgMax(Op):
    """``argmax(x)`` along the last axis, counted from 0; of equal elements the first.

    The last axis vanishes; a sample of one axis gives shape (1,). The result is an unsigned integer of as many bits as the
    last index needs. Codes are compared, so any format will do.
    """

    name: ClassVar[str] = "argmax"

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        return TensorType(x.shape[:-1] or (1,), index_format(x))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return Interval(0, inputs[0].shape[-1] - 1)

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        found = first_largest(values[0])
        return found.reshape(len(found), *self.infer(inputs).shape)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> Timing:
        return Timing(beats(inputs[0].size, lanes.input), Comparison(inputs[0], lanes).stages)

    def lane_choices(self, inputs: tuple[TensorType, ...], result: TensorType) -> tuple[Sequence[int], None]:
        return row_choices(inputs[0]), None

    def results(self, inputs: tuple[TensorType, ...], taken: int) -> int:
        return Comparison(inputs[0], Lanes(taken)).rows


@dataclass(frozen=True)
class Comparison:
    """How the largest element of each row is found: by pairs among the elements of a beat, then beat after beat.

    Args:
        x: what is compared.
        lanes: of the core; ``input`` is one that :func:`~creator.ops.base.row_choices` has.
    """

    x: TensorType
    lanes: Lanes

    @property
    def rows(self) -> int:
        """Rows in a beat; 1 where a row takes several beats."""
        return max(1, self.lanes.input // self.x.shape[-1])

    @property
    def words(self) -> int:
        """Beats of a row."""
        return beats(self.x.shape[-1], self.lanes.input)

    @property
    def terms(self) -> int:
        """Elements of a row in a beat."""
        return min(self.x.shape[-1], self.lanes.input)

    @property
    def remainder(self) -> int:
        """Elements in a row's last beat."""
        return self.x.shape[-1] - (self.words - 1) * self.terms

    @property
    def levels(self) -> int:
        """Pipeline stages that compare by pairs."""
        return (self.terms - 1).bit_length()

    @property
    def stages(self) -> int:
        """Pipeline stages: those, and the one that keeps the best of several beats, or of a single element."""
        return self.levels + (self.words > 1 or self.levels == 0)


def first_largest(values: IntArray) -> IntArray:
    """Along the last axis, where the first of the largest elements is."""
    found: IntArray = np.argmax(values, axis=-1).astype(np.int64)  # of equal ones the first: NumPy promises it
    return found


def index_format(x: TensorType) -> FixedPoint:
    """Unsigned integers up to the last index of a row."""
    return FixedPoint(max(1, (x.shape[-1] - 1).bit_length()), 0, signed=False)
