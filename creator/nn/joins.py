"""Layers with several inputs: sums, differences, products and concatenations."""

from __future__ import annotations

import math
from typing import Any

import torch

from creator.affine import MULTIPLIER_BITS, Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.exact import EXACT_BITS, eval_dtype, unit_exponent
from creator.nn.join_requantizer import JoinRequantizer
from creator.nn.quantize import Quantize, has_format
from creator.nn.slots import Choice, check_scales, with_gradient_of
from creator.quantize import StraightThrough


class Joined(torch.nn.Module):
    """What layers of two inputs share that round: operands of one shape, or 1 along an axis, and an output format.

    In eval mode the exact sum or product is rounded once, as hardware does; what float64 cannot hold exactly is refused. In
    training it is rounded with a straight-through gradient.

    Args:
        output: format of the result, or a quantizer that observes or learns it.
        rounding, overflow: how values become codes.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that passes back through the layer, or ``None``.
        multiplier_bits: width of the multipliers between arbitrary scales; see :mod:`creator.nn.join_requantizer`.
    """

    sign = 1
    """Of the second operand; 0 for a product."""

    def __init__(
        self,
        output: Choice = FixedPoint(8, 4),  # noqa: B008 - immutable
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
        multiplier_bits: int = MULTIPLIER_BITS,
    ) -> None:
        super().__init__()
        self.quantize = Quantize(output, rounding, overflow, ste, gradient, multiplier_bits)
        self.rectifies = False
        """Whether the output's quantizer sees no negative values: a ReLU, which an unsigned format is once it is fixed."""
        self.input_formats: tuple[Format, Format] | None = None

    def requantizer(self) -> JoinRequantizer | None:
        """The integers between arbitrary scales; ``None`` between powers of two, and where the operands have no formats."""
        q = self.quantize.quantizer
        if self.input_formats is None or not any(isinstance(fmt, Affine) for fmt in (*self.input_formats, q.format)):
            return None
        check_scales(self.quantize.output_quantizer)
        return JoinRequantizer(self.input_formats, q.format, q.rounding, q.overflow, self.quantize.multiplier_bits, self.sign)

    def check_formats(self) -> None:
        """Refuses formats that integer arithmetic cannot bring together."""
        requantizer = self.requantizer()
        _ = requantizer and requantizer.multiplier

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        _check_shapes(tuple(x.shape), tuple(y.shape))
        undecided = self.quantize.output_quantizer is not None and not has_format(self.quantize.output_quantizer)
        if self.training or undecided:
            y = self.combined(x, y)
            return self.quantize(torch.relu(y) if self.rectifies else y)  # type: ignore[no-any-return]
        self._check_rectified()
        requantizer = self.requantizer()
        if requantizer is not None:
            soft = self.quantize.quantizer(self.combined(x.double(), y.double()), True, torch.float64)
            return with_gradient_of(soft, requantizer.values(x, y))
        if isinstance(self.quantize.output_format, Affine):  # before creator.convert
            return self.quantize(self.combined(x.double(), y.double()))  # type: ignore[no-any-return]
        dtype = torch.promote_types(x.dtype, y.dtype)
        a, b = x.double(), y.double()
        if not bool((torch.isfinite(a) & torch.isfinite(b)).all()):
            raise CreatorError("an input is NaN or infinite", hint="begin the network with nn.Quantize")
        largest, unit = self.bound(a.detach(), b.detach())
        if math.frexp(largest)[1] > EXACT_BITS + unit:
            what = f"a result may need more than {EXACT_BITS} bits, so float64 cannot hold it exactly"
            raise CreatorError(what, hint="use narrower formats, or quantize the inputs")
        result: torch.Tensor = self.quantize(self.combined(a, b))
        return result.to(eval_dtype(dtype, self.quantize.output_format))

    def _check_rectified(self) -> None:
        """Refuses a format with negative values where a ReLU was taken in."""
        fmt = self.quantize.output_format
        if self.rectifies and fmt.min_value < 0:
            raise CreatorError(
                f"its output takes the place of a ReLU, and {fmt} has negative values", hint="use an unsigned one"
            )

    def combined(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The result before it is rounded."""
        raise NotImplementedError

    def bound(self, x: torch.Tensor, y: torch.Tensor) -> tuple[float, int]:
        """A bound of the results' magnitudes, and e such that all are multiples of 2**e."""
        raise NotImplementedError


class Add(Joined):
    """``x + y``, rounded to the output format."""

    def combined(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y

    def bound(self, x: torch.Tensor, y: torch.Tensor) -> tuple[float, int]:
        return _largest(x) + _largest(y), min(unit_exponent(x), unit_exponent(y))


class Subtract(Add):
    """``x - y``, rounded to the output format."""

    sign = -1

    def combined(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x - y


class Multiply(Joined):
    """``x * y``, elementwise, rounded to the output format."""

    sign = 0

    def combined(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x * y

    def bound(self, x: torch.Tensor, y: torch.Tensor) -> tuple[float, int]:
        return _largest(x) * _largest(y), unit_exponent(x) + unit_exponent(y)


class Concatenate(torch.nn.Module):
    """``torch.cat((x, y, ...), dim)``, and where there is an output format, each input brought to it.

    Args:
        dim: the axis, the batch being axis 0.
        output: format of the result, or a quantizer that observes or learns it. ``None``: nothing is rounded; the format is
            then the narrowest fixed-point one that holds the inputs' exactly.
        rules: ``rounding``, ``overflow``, ``ste``, ``gradient`` and ``multiplier_bits``, as :class:`Joined` has them.
    """

    def __init__(self, dim: int = 1, output: Choice | None = None, **rules: Any) -> None:
        super().__init__()
        if output is None and rules:
            raise CreatorError(f"{', '.join(rules)} without an output format", type(self).__name__, "pass output=")
        self.dim = dim
        self.quantize = None if output is None else Quantize(output, **rules)
        self.input_formats: tuple[Format, ...] | None = None

    def check_formats(self) -> None:
        """Refuses formats that integer arithmetic cannot bring together."""
        for source in self.input_formats or ():
            requantizer = self.quantize and self.quantize.requantizer_from(source)
            _ = requantizer and requantizer.multiplier

    def forward(self, *values: torch.Tensor) -> torch.Tensor:
        if self.quantize is None:
            return torch.cat(values, self.dim)
        decided = self.quantize.output_quantizer is None or has_format(self.quantize.output_quantizer)
        if self.training or not decided or self.input_formats is None:
            return self.quantize(torch.cat(values, self.dim))  # type: ignore[no-any-return]
        if len(values) != len(self.input_formats):
            raise CreatorError(f"takes {len(self.input_formats)} inputs, but gets {len(values)}", type(self).__name__)
        each = zip(values, self.input_formats, strict=True)
        return torch.cat([self.quantize.changed(value, source) for value, source in each], self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


def _largest(x: torch.Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def _check_shapes(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Refuses operands that do not fit, and those of which the batch would meet another axis."""
    if x == y or (len(x) == len(y) and all(a == b or 1 in (a, b) for a, b in zip(x, y, strict=True))):
        return  # a constant may have one sample
    what = f"its operands have the shapes {x} and {y}"
    raise CreatorError(what, hint="make both alike, or 1 along an axis: keepdim=True, or x[:, :, None, None]")
