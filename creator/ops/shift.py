"""A product with a power of two: the same codes, their binary point elsewhere; no hardware."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, IntArray
from creator.ops.base import Interval, Lanes, Op, TensorType


@dataclass(frozen=True)
class Shift(Op):
    """``x * 2**places``, elementwise on any shape.

    Args:
        places: by which the binary point moves to the right; negative to the left.
    """

    name: ClassVar[str] = "shift"

    places: int

    def infer(self, inputs: tuple[TensorType, ...]) -> TensorType:
        (x,) = inputs
        if isinstance(x.format, Affine):
            raise CreatorError(f"{x.format} has no binary point", hint="put nn.Quantize with a FixedPoint before it")
        frac_bits = x.format.frac_bits - self.places
        if abs(frac_bits) > MAX_FRAC_BITS:
            raise CreatorError(f"its result has {frac_bits} fractional bits", hint="use formats nearer to 1")
        return TensorType(x.shape, dataclasses.replace(x.format, frac_bits=frac_bits))

    def interval(self, inputs: tuple[TensorType, ...], intervals: tuple[Interval, ...]) -> Interval:
        return intervals[0]

    def run(self, inputs: tuple[TensorType, ...], values: tuple[IntArray, ...]) -> IntArray:
        return values[0]

    def timing(self, inputs: tuple[TensorType, ...], lanes: Lanes) -> None:
        return None
