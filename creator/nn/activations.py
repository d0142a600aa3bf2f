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
from creator.formats import FixedPoint, Overflow
from creator.nn import elementary
from creator.nn.exact import EXACT_BITS, unit_exponent
from creator.nn.lookup import Lookup
from creator.nn.slope import exact_line
from creator.nn.slots import checked_format

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


class SELU(Activation):
    """``scale * x`` if x > 0, else ``scale * alpha * (exp(x) - 1)`` with torch's constants; 4 fractional bits unless told
    otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.selu)
    exact_function = staticmethod(elementary.selu)

    def __init__(self, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, **choices)


class CELU(Activation):
    """``x`` if x > 0, else ``alpha * (exp(x / alpha) - 1)``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.celu)
    exact_function = staticmethod(elementary.celu)

    def __init__(self, alpha: float = 1.0, output: Format = _WIDE, **choices: Any) -> None:
        if _number(CELU, "alpha", alpha) == 0:
            raise CreatorError("alpha=0 divides by zero", "CELU")
        super().__init__(output, {"alpha": float(alpha)}, **choices)


class LogSigmoid(Activation):
    """``-ln(1 + exp(-x))``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.logsigmoid)
    exact_function = staticmethod(elementary.log_sigmoid)

    def __init__(self, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, **choices)


class Softsign(Activation):
    """``x / (1 + |x|)``; 7 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.softsign)
    exact_function = staticmethod(elementary.softsign)

    def __init__(self, output: Format = FixedPoint(8, 7), **choices: Any) -> None:  # noqa: B008 - immutable
        super().__init__(output, **choices)


class TanhShrink(Activation):
    """``x - tanh(x)``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.tanhshrink)
    exact_function = staticmethod(elementary.tanh_shrink)

    def __init__(self, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, **choices)


class HardShrink(Activation):
    """``x``, but 0 where ``-lambd <= x <= lambd``; 4 fractional bits unless told otherwise. See :class:`Lookup`."""

    smooth_function = staticmethod(F.hardshrink)
    exact_function = staticmethod(elementary.hard_shrink)

    def __init__(self, lambd: float = 0.5, output: Format = _WIDE, **choices: Any) -> None:
        super().__init__(output, {"lambd": _number(HardShrink, "lambd", lambd)}, **choices)


class SoftShrink(Activation):
    """``x`` brought nearer to 0 by ``lambd``, and 0 where it is as near; 4 fractional bits unless told otherwise. See
    :class:`Lookup`."""

    smooth_function = staticmethod(F.softshrink)
    exact_function = staticmethod(elementary.soft_shrink)

    def __init__(self, lambd: float = 0.5, output: Format = _WIDE, **choices: Any) -> None:
        if _number(SoftShrink, "lambd", lambd) < 0:
            raise CreatorError(f"lambd={lambd!r} is negative", "SoftShrink")
        super().__init__(output, {"lambd": float(lambd)}, **choices)


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


class Lined(Activation):
    """A function made of straight lines: a table, or with a format of its ``slope`` exact products that are rounded once.

    The slope is rounded to nearest even and saturates to that format.
    """

    everywhere: ClassVar[bool]

    def _init_slope(self, value: float, slope: FixedPoint | None) -> None:
        self.slope_format = None if slope is None else checked_format(slope, "slope", self)
        if self.slope_format is not None:
            codes = self.slope_format.to_integers([value])
            self.slope = float(self.slope_format.from_integers(codes)[0])

    def line(self, x: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
        """The function's value, made of the product of x and the slope."""
        return product

    def smooth(self, x: torch.Tensor) -> torch.Tensor:
        if self.slope_format is None:
            return super().smooth(x)
        return self.line(x, x * self.slope if self.everywhere else F.leaky_relu(x, self.slope))

    def _exact(self, x: torch.Tensor) -> torch.Tensor:
        if self.slope_format is None:
            return super()._exact(x)
        try:
            product = exact_line(x.detach(), torch.tensor([self.slope], dtype=torch.float64, device=x.device), self.everywhere)
            return self.quantizer(self.line(x, product), False, x.dtype)
        except CreatorError as error:
            raise error.at(type(self).__name__) from None

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.slope_format is None else f", slope {self.slope} in {self.slope_format}")


class HardSigmoid(Lined):
    """``min(max(x + 3, 0), 6) / 6``; 8 fractional bits, unsigned, unless told otherwise. See :class:`Lookup`.

    With a format ``slope`` it is ``min(max(slope * x + 1/2, 0), 1)`` with 1/6 in that format, without a table or a multiplier.
    """

    smooth_function = staticmethod(F.hardsigmoid)
    exact_function = staticmethod(elementary.hard_sigmoid)
    everywhere = True

    def __init__(self, output: Format = _BOUNDED, *, slope: FixedPoint | None = None, **choices: Any) -> None:
        super().__init__(output, **choices)
        self._init_slope(1 / 6, slope)
        if slope is not None and self.quantizer.overflow is not Overflow.SATURATE:
            raise CreatorError("a hard sigmoid with a slope cannot wrap", "HardSigmoid", "use overflow='saturate'")

    def line(self, x: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
        return (product + 0.5).clamp(0.0, 1.0)


class HardSwish(Lined):
    """``x * min(max(x + 3, 0), 6) / 6``; 4 fractional bits unless told otherwise. See :class:`Lookup`.

    With a format ``slope`` it is ``x * min(max(slope * x + 1/2, 0), 1)`` with 1/6 in that format, rounded once: a multiplier of
    two values, and no table.
    """

    smooth_function = staticmethod(F.hardswish)
    exact_function = staticmethod(elementary.hard_swish)
    everywhere = True

    def __init__(self, output: Format = _WIDE, *, slope: FixedPoint | None = None, **choices: Any) -> None:
        super().__init__(output, **choices)
        self._init_slope(1 / 6, slope)

    def line(self, x: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
        gate = (product + 0.5).clamp(0.0, 1.0)
        if not self.training and x.numel():
            values, gates = x.detach().double(), gate.detach().double()
            bits = EXACT_BITS + unit_exponent(values) + unit_exponent(gates)
            if math.frexp(float(values.abs().max() * gates.max()))[1] > bits:
                what = f"a product may need more than {EXACT_BITS} bits, so float64 cannot hold it exactly"
                raise CreatorError(what, hint="use narrower formats")
        return x.to(gate.dtype) * gate


class LeakyReLU(Lined):
    """``x`` if x > 0, else ``negative_slope * x``; 4 fractional bits unless told otherwise. See :class:`Lookup`.

    With a format ``slope`` it has the negative slope in that format, and takes neither a table nor a multiplier.
    """

    smooth_function = staticmethod(F.leaky_relu)
    exact_function = staticmethod(elementary.leaky_relu)
    everywhere = False

    def __init__(
        self, negative_slope: float = 0.01, output: Format = _WIDE, *, slope: FixedPoint | None = None, **choices: Any
    ) -> None:
        super().__init__(output, {"negative_slope": _number(LeakyReLU, "negative_slope", negative_slope)}, **choices)
        self._init_slope(self.arguments["negative_slope"], slope)
