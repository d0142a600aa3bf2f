"""What stands in the slots of a probed layer: it quantizes as the slot would, and measures what it is shown."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import torch

from creator.affine import Format
from creator.diagnostics.measure import Measured, measured, quantized
from creator.errors import CreatorError
from creator.formats import Overflow, Rounding
from creator.nn.slots import Choice, OutputQuantizer, with_gradient_of
from creator.quantize import StraightThrough
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import Generator

Hook = Callable[[torch.Tensor], None]


class Meter:
    """Quantizes what one slot of a layer is shown, and keeps the figures of it.

    Args:
        path, slot: where it is.
        choice: the format; or a quantizer that has none; or ``None``: nothing is known of it.
        rounding, overflow, generator: how the slot rounds.
        may_rectify: whether the slot is a ReLU as well, if its values cannot be negative.
    """

    def __init__(
        self,
        path: str,
        slot: str,
        choice: Choice | None,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        generator: Generator = None,
        may_rectify: bool = False,
    ) -> None:
        self.path, self.slot, self.choice = path, slot, choice
        self.rounding, self.overflow, self.generator, self.may_rectify = rounding, overflow, generator, may_rectify
        self.calls: list[Measured] = []

    @property
    def format(self) -> Format | None:
        """The format, if there is one."""
        return None if isinstance(self.choice, Quantizer) else self.choice

    @property
    def rectifies(self) -> bool:
        """Whether negative values are meant to become zero."""
        if not self.may_rectify or self.choice is None:
            return False
        try:
            fmt = self.choice.format if isinstance(self.choice, Quantizer) else self.choice
            return fmt.min_value >= 0
        except CreatorError:
            return False

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """``x`` quantized, in float64, and where it lies in the format's range.

        Raises:
            CreatorError: naming the layer, for NaN, infinities and no values at all.
        """
        x = x.detach().double()
        if not x.numel():
            raise CreatorError(f"its {self.slot} has no elements", self.path, "pass a batch that is not empty")
        if not bool(torch.isfinite(x).all()):
            what = f"its {self.slot} is NaN or infinite before it is quantized"
            raise CreatorError(what, self.path, "look at the batch, and at the layers before")
        inside = None
        if self.choice is None:
            q = torch.full_like(x, torch.nan)
        elif isinstance(self.choice, Quantizer):
            q = self.choice.values(x.to(_dtype_of(self.choice))).detach().double()
        else:
            q, inside = quantized(x, self.choice, self.rounding, self.overflow, self.generator)
        self.calls.append(measured(x, q, self.format, inside, self.rectifies))
        return q, inside

    @property
    def total(self) -> Measured | None:
        """The figures of all calls together; ``None`` before the first."""
        return reduce(add, self.calls) if self.calls else None


def _dtype_of(quantizer: Quantizer) -> torch.dtype:
    """The floating-point type that a quantizer computes in."""
    state = [*quantizer.parameters(), *quantizer.buffers()]
    return next((tensor.dtype for tensor in state if tensor.is_floating_point()), torch.get_default_dtype())


class Probe(Quantizer):
    """A meter in the place of a layer's quantizer.

    Args:
        meter: of the values.
        ste: the gradient of the slot.
        arriving, leaving: called, at each use, for a hook on the gradient before and after that; no hook, if ``None``.
    """

    def __init__(
        self,
        meter: Meter,
        ste: StraightThrough,
        arriving: Callable[[], Hook] | None = None,
        leaving: Callable[[], Hook] | None = None,
    ) -> None:
        super().__init__()
        self.meter, self.ste, self.arriving, self.leaving = meter, ste, arriving, leaving

    @property
    def format(self) -> Format:
        """None, so that a layer shows the probe its values in evaluation, too."""
        raise CreatorError("a probe has no format")

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """The values on the grid."""
        q, inside = self.meter(x)
        if not x.requires_grad or not torch.is_grad_enabled():
            return q
        masked = inside is not None and self.ste is StraightThrough.MASKED
        soft = torch.where(inside, x, x.detach()) if masked else x  # type: ignore[arg-type]
        y = with_gradient_of(soft, q)
        if self.arriving is not None:
            y.register_hook(self.arriving())
        if self.leaving is not None:
            x.register_hook(self.leaving())
        return y


class ProbedOutput(OutputQuantizer):
    """An output quantizer whose work a probe does."""

    def __init__(self, q: OutputQuantizer, probe: Probe) -> None:
        super().__init__(q.format, q.rounding, q.overflow, q.ste)
        self.probe = probe

    def __call__(self, y: torch.Tensor, training: bool, dtype: torch.dtype, grads: Any = None) -> torch.Tensor:
        """``y`` on the output's grid."""
        return self.probe.values(y)
