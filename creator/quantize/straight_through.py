"""What happens to a gradient at a quantizer: the rule, and its own quantization."""

from __future__ import annotations

from dataclasses import dataclass

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding, _Choice
from creator.quantize.rounding import Generator


class StraightThrough(_Choice):
    """The gradient of a quantizer (Bengio et al. 2013, "Estimating or propagating gradients through stochastic neurons")."""

    MASKED = "masked"  #: passes where the rounded, unclipped code lies in the range, zero elsewhere
    IDENTITY = "identity"  #: passes unchanged everywhere


@dataclass(frozen=True)
class Gradients:
    """Formats of the gradients in the backward pass of a layer; ``None`` leaves a gradient in floating point.

    Args:
        activation: of the gradient that arrives at the layer's output; the layer's other gradients are computed from it.
        weight: of the weight's gradient.
        bias: of the bias's gradient.
        rounding: of all three, any mode, ``Rounding.STOCHASTIC`` included. They saturate.
        generator: where stochastic rounding draws from; ``None`` is torch's default generator.
    """

    activation: FixedPoint | None = None
    weight: FixedPoint | None = None
    bias: FixedPoint | None = None
    rounding: Rounding = Rounding.HALF_EVEN
    generator: Generator = None

    def __post_init__(self) -> None:
        for name in ("activation", "weight", "bias"):
            fmt = getattr(self, name)
            if fmt is not None and not isinstance(fmt, FixedPoint):
                raise CreatorError(f"{name}={fmt!r} is not a number format", "Gradients", "pass a FixedPoint or None")
        object.__setattr__(self, "rounding", Rounding(self.rounding))

    @classmethod
    def of(cls, choice: FixedPoint | Gradients | None) -> Gradients:
        """What a layer's ``gradient`` argument means: one format for all three, a ``Gradients``, or none."""
        if isinstance(choice, FixedPoint):
            return cls(choice, choice, choice)
        if choice is None or isinstance(choice, cls):
            return choice or cls()
        raise CreatorError(f"gradient={choice!r} is not a number format", hint="pass a FixedPoint, a Gradients or None")
