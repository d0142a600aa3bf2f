"""Another shape for the same elements in the same order; no hardware, since streams are row-major."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType


@dataclass(frozen=True)
class Reshape(Op):
    """The row-major elements of a sample in another shape.

    Args:
        shape: of the result, without the batch.
    """

    name: ClassVar[str] = "reshape"

    shape: tuple[int, ...]

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        result = TensorType(self.shape, inputs[0].format)
        if result.size != inputs[0].size:
            raise CreatorError(f"cannot reshape {inputs[0].shape} to {self.shape}")
        return result

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return intervals[0]

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return values[0].reshape(len(values[0]), *self.shape)

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> None:
        return None
