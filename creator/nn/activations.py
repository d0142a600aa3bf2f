"""Activations that creator knows: torch's function for training, the correctly rounded one for the table.

Each takes torch's arguments, except ``inplace``, and those of :class:`~creator.nn.Lookup`: ``output``, ``rounding``,
``overflow``, ``ste``, ``gradient``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
import torch.nn.functional as F

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.nn import elementary
from creator.nn.lookup import Lookup

_BOUNDED = FixedPoint(8, 8, signed=False)
_WIDE = FixedPoint(8, 4)
_POSITIVE = FixedPoint(8, 4, signed=False)


class Activation(Lookup):
    """A known function; ``arguments`` are torch's, by name."""

    smooth_function: ClassVar[Callable[..., torch.Tensor]]
    exact_function: ClassVar[Callable[..., float]]

    def __init__(self, output: Format, arguments: dict[str, Any] | None = None, **choices: Any) -> None:
        self.arguments = arguments or {}
        smooth = type(self).smooth_function
        super().__init__(partial(smooth, **self.arguments) if self.arguments else smooth, output, **choices)

    def value(self, x: float) -> float:
        return type(self).exact_function(x, **self.arguments)

    def extra_repr(self) -> str:
        given = "".join(f"{name}={value!r}, " for name, value in self.arguments.items())
        return f"{given}output {self.quantizer!r}"


def _number(layer: type[torch.nn.Module], name: str, value: object) -> float:
    """``value`` as a float; refuses what is no finite number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise CreatorError(f"{name}={value!r} is not a finite number", layer.__name__)


class Sigmoid(Activation):
    """``1 / (1 + exp(-x))``; 8 fractional bits, unsigned, unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(torch.sigmoid)
    exact_function = staticmethod(elementary.sigmoid)

    def __init__(self, output: Format = _BOUNDED, **choices: Any) -> None:
        super().__init__(output, **choices)


class Tanh(Activation):
    """``tanh(x)``; 7 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(torch.tanh)
    exact_function = staticmethod(elementary.tanh)

    def __init__(self, output: Format = FixedPoint(8, 7), **choices: Any) -> None:  # noqa: B008 - immutable
        super().__init__(output, **choices)


class SiLU(Activation):
    """``x / (1 + exp(-x))``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.silu)
    exact_function = staticmethod(elementary.silu)

    def __init__(self, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, **choices)


class GELU(Activation):
    """``x * Phi(x)``, or with ``approximate="tanh"`` ``x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))``.

    4 fractional bits unless told otherwise. See :class:`Lookup`.
    """

    smooth_function = staticmethod(F.gelu)

    def __init__(self, approximate: str = "none", output: Format = _WIDE, **choices: Any) -> None:
        if approximate not in ("none", "tanh"):
            raise CreatorError(f"approximate={approximate!r} is unknown", "GELU", 'use "none" or "tanh"')
        super().__init__(output, {"approximate": approximate}, **choices)

    def value(self, x: float) -> float:
        return elementary.gelu(x) if self.arguments["approximate"] == "none" else elementary.gelu_tanh(x)


class ELU(Activation):
    """``x`` if x > 0, else ``alpha * (exp(x) - 1)``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.elu)
    exact_function = staticmethod(elementary.elu)

    def __init__(self, alpha: float = 1.0, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, {"alpha": _number(ELU, "alpha", alpha)}, **choices)


class Softplus(Activation):
    """``ln(1 + exp(beta * x)) / beta``, and ``x`` where ``beta * x > threshold``, as in torch.

    4 fractional bits, unsigned, unless told otherwise. See :class:`Lookup`.
    """

    smooth_function = staticmethod(F.softplus)
    exact_function = staticmethod(elementary.softplus)

    def __init__(self, beta: float = 1.0, threshold: float = 20.0, output: Format = _POSITIVE, **choices: Any) -> None:
        arguments = {"beta": _number(Softplus, "beta", beta), "threshold": _number(Softplus, "threshold", threshold)}
        if arguments["beta"] == 0:
            raise CreatorError("beta=0 divides by zero", "Softplus")
        super().__init__(output, arguments, **choices)


class Mish(Activation):
    """``x * tanh(ln(1 + exp(x)))``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.mish)
    exact_function = staticmethod(elementary.mish)

    def __init__(self, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, **choices)


class Exp(Activation):
    """``exp(x)``; 4 fractional bits, unsigned, unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(torch.exp)
    exact_function = staticmethod(elementary.exp)

    def __init__(self, output: Format = _POSITIVE, **choices: Any) -> None:
        super().__init__(output, **choices)


class HardSigmoid(Activation):
    """``min(max(x + 3, 0), 6) / 6``; 8 fractional bits, unsigned, unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.hardsigmoid)
    exact_function = staticmethod(elementary.hard_sigmoid)

    def __init__(self, output: Format = _BOUNDED, **choices: Any) -> None:
        super().__init__(output, **choices)


class HardSwish(Activation):
    """``x * min(max(x + 3, 0), 6) / 6``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.hardswish)
    exact_function = staticmethod(elementary.hard_swish)

    def __init__(self, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, **choices)


class LeakyReLU(Activation):
    """``x`` if x > 0, else ``negative_slope * x``, as a table; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.leaky_relu)
    exact_function = staticmethod(elementary.leaky_relu)

    def __init__(self, negative_slope: float = 0.01, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, {"negative_slope": _number(LeakyReLU, "negative_slope", negative_slope)}, **choices)
