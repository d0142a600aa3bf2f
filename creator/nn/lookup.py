"""Activations that become a table: one entry for each code of the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding, check_rounding
from creator.nn.exact import eval_dtype
from creator.nn.slots import OutputQuantizer, checked_format
from creator.piecewise import TABLE_BITS, Piecewise, fit
from creator.quantize import StraightThrough, quantize_gradient

FloatArray = npt.NDArray[np.float64]


class Lookup(torch.nn.Module):
    """Any scalar function, elementwise on any shape: a table of at most 12 input bits, or a piecewise polynomial of up to 20.

    An entry of a table is the function's float64 value at the input's value, rounded to the output format. The same entries
    are used by eval mode and by the hardware, evaluated one value at a time, so that neither vectorised code nor the batch
    matters.

    Args:
        function: from a value to a value. Written with torch operations it trains by autograd; any other Python function of
            a float (``math.erf``) trains by central differences.
        output: format of the result.
        rounding, overflow: how the function's value becomes a code.
        ste: gradient of the rounding, masked or identity.
        gradient: format of the gradient that arrives at the output, or ``None``.
        input: format of the input, if it is known; tracing checks it, and :func:`creator.convert` finds it. One of more than 12
            bits makes the function a piecewise polynomial (:mod:`creator.piecewise`), which errs by at most one step of the
            output at every code. That is then what eval mode computes.
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        output: Format = FixedPoint(8, 6),  # noqa: B008 - immutable
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | None = None,
        input: FixedPoint | None = None,
    ) -> None:
        super().__init__()
        if not callable(function):
            raise CreatorError(f"function={function!r} cannot be called", type(self).__name__)
        self.function = function
        self.elementwise = _is_elementwise(function)
        self._format: Format = output if isinstance(output, Affine) else checked_format(output, "output", self)
        self.quantizer = OutputQuantizer(self._format, rounding, overflow, ste)
        self.gradient = None if gradient is None else checked_format(gradient, "gradient", self)
        self.input_format = None if input is None else checked_format(input, "input", self)
        self._fits: dict[tuple[Any, ...], Piecewise] = {}

    @property
    def output_format(self) -> Format:
        return self._format

    def value(self, x: float) -> float:
        """The function at ``x`` in float64; NaN where a Python function has no value."""
        try:
            return float(self.function(torch.tensor([x], dtype=torch.float64) if self.elementwise else x))
        except (ValueError, ArithmeticError):
            return float("nan")
        except Exception as error:  # noqa: BLE001 - whatever the user's function raises
            raise CreatorError(f"the function fails at {x}: {type(error).__name__}: {error}") from None

    def tabulate(self, x: FloatArray) -> FloatArray:
        """The values, on the output's grid, at each value of the one-dimensional ``x``.

        Raises:
            CreatorError: if the function is not finite somewhere.
        """
        y = self._each(x)
        if not np.isfinite(y).all():
            bad = float(x[~np.isfinite(y)].min())
            raise CreatorError(f"the function is not finite at {bad}", hint="limit its input, with HardTanh for example")
        return self._format.from_integers(self.quantizer.codes(y))

    def polynomial(self) -> Piecewise | None:
        """What the function is on an input of more than 12 bits; ``None`` where it is a table.

        Raises:
            CreatorError: if no polynomial is close enough to the function, and for formats and roundings that it cannot have.
        """
        source, output, q = self.input_format, self._format, self.quantizer
        if source is None or source.total_bits <= TABLE_BITS:
            return None
        if not isinstance(output, FixedPoint) or q.overflow is not Overflow.SATURATE:
            what = f"a polynomial of {source.total_bits} input bits needs an output with a power-of-two scale that saturates"
            raise CreatorError(what, hint=f"use at most {TABLE_BITS} input bits, or another output")
        key = (source, output, q.rounding)
        if key not in self._fits:
            self._fits[key] = fit(self._each, self._all, source, output, check_rounding(q.rounding)).piecewise
        return self._fits[key]

    def _each(self, x: FloatArray) -> FloatArray:
        with torch.no_grad():
            return np.array([self.value(float(v)) for v in x], dtype=np.float64)

    def _all(self, x: FloatArray) -> FloatArray:
        """As :meth:`_each`, up to the last bits, and faster where the function takes tensors."""
        if not self.elementwise:
            return self._each(x)
        with torch.no_grad():
            y: FloatArray = self.smooth(torch.from_numpy(x)).double().numpy()
            return y

    def smooth(self, x: torch.Tensor) -> torch.Tensor:
        """The function before rounding, differentiable."""
        return self.function(x) if self.elementwise else _Numeric.apply(x, self.function)  # type: ignore[no-any-return]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            return self.quantizer(quantize_gradient(self.smooth(x), self.gradient), True, x.dtype)
        return _Table.apply(x, self) if x.requires_grad else self._exact(x)  # type: ignore[no-any-return]

    def _exact(self, x: torch.Tensor) -> torch.Tensor:
        check_rounding(self.quantizer.rounding)
        try:
            polynomial = self.polynomial()
            if polynomial is not None:
                return self._approximate(x, polynomial)
        except CreatorError as error:
            raise error.at(type(self).__name__) from None
        # Adding zero makes -0.0 the code zero that it is in hardware.
        values, index = np.unique(x.detach().double().cpu().numpy().reshape(-1) + 0.0, return_inverse=True)
        try:
            table = self.tabulate(values)
        except CreatorError as error:
            raise error.at(type(self).__name__) from None
        y = torch.from_numpy(table[index.reshape(-1)]).reshape(x.shape)
        return y.to(device=x.device, dtype=eval_dtype(x.dtype, self.output_format))

    def _approximate(self, x: torch.Tensor, polynomial: Piecewise) -> torch.Tensor:
        source, output = self.input_format, self._format
        assert source is not None
        assert isinstance(output, FixedPoint)
        units = x.detach().double().cpu() * 2.0**source.frac_bits
        if not bool(((units == units.round()) & (units >= source.min_code) & (units <= source.max_code)).all()):
            raise CreatorError(
                f"its input is not on the grid of {source}", hint="give input= the format of the layer before it"
            )
        codes = polynomial.values(units.to(torch.int64).numpy(), output, self.quantizer.rounding)
        y = torch.from_numpy(output.from_integers(codes))
        return y.to(device=x.device, dtype=eval_dtype(x.dtype, output))

    def extra_repr(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"{name}, output {self.quantizer!r}"


def _is_elementwise(function: Callable[[Any], Any]) -> bool:
    """Whether the function maps a tensor to a tensor of its shape, which torch functions do and ``math``'s do not."""
    probe = torch.tensor([0.25, 0.5], dtype=torch.float64)
    try:
        result = function(probe)
    except Exception:  # noqa: BLE001 - whatever a function that is not made for tensors raises
        return False
    if not isinstance(result, torch.Tensor) or result.shape != probe.shape:
        return False
    alone = torch.cat([function(value[None]) for value in probe])
    if not torch.allclose(result, alone, rtol=1e-6, atol=0.0, equal_nan=True):
        raise CreatorError("the function mixes elements", "Lookup", "an entry may depend on its own input only")
    return True


class _Table(torch.autograd.Function):
    """Eval mode with a gradient: the table forward, the smooth function's gradient backward."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, layer: Lookup) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.layer = layer
        return layer._exact(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            layer = ctx.layer
            y = layer.quantizer(quantize_gradient(layer.smooth(x), layer.gradient), True, x.dtype)
            (grad,) = torch.autograd.grad(y, x, grads[0])
        return grad, None


class _Numeric(torch.autograd.Function):
    """A scalar Python function, elementwise, with a central difference as its gradient."""

    STEP = 2.0**-12

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, function: Callable[[float], float]) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.function = function
        return _Numeric.each(x, function)

    @staticmethod
    def each(x: torch.Tensor, function: Callable[[float], float]) -> torch.Tensor:
        try:
            flat = [float(function(v)) for v in x.detach().double().reshape(-1).tolist()]
        except (ValueError, ArithmeticError) as error:
            what = f"the function or its slope is not finite somewhere in the batch: {error}"
            raise CreatorError(what, "Lookup", "limit its input, or write it with torch operations") from None
        return torch.tensor(flat, dtype=torch.float64).reshape(x.shape).to(device=x.device, dtype=x.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        x = x.double()
        step = _Numeric.STEP
        slope = (_Numeric.each(x + step, ctx.function) - _Numeric.each(x - step, ctx.function)) / (2 * step)
        return grads[0] * slope.to(grads[0].dtype), None
