"""A gated linear unit: half of a value times the sigmoid of the other half."""

from __future__ import annotations

from typing import Any

import torch

from creator.formats import FixedPoint
from creator.nn.activations import Sigmoid
from creator.nn.joins import Multiply
from creator.nn.slots import Choice


class GLU(torch.nn.Module):
    """``a * sigmoid(b)`` with the halves a and b of the input along ``dim``; torch's ``GLU``, rounded twice.

    It is made of a :class:`~creator.nn.Sigmoid` and a :class:`~creator.nn.Multiply`.

    Args:
        dim: the axis that is halved, the batch being axis 0.
        output: format of the product, or a quantizer that observes or learns it.
        gate: format of the sigmoid.
        rules: of the product, as :class:`~creator.nn.Multiply` has them.
    """

    def __init__(
        self,
        dim: int = -1,
        output: Choice = FixedPoint(8, 4),  # noqa: B008 - immutable
        gate: FixedPoint = FixedPoint(8, 8, signed=False),  # noqa: B008 - immutable
        **rules: Any,
    ) -> None:
        super().__init__()
        self.dim = dim
        self.sigmoid = Sigmoid(gate)
        self.multiply = Multiply(output, **rules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = x.chunk(2, self.dim)
        return self.multiply(a, self.sigmoid(b))  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
