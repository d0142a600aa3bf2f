"""What quantizers with a learned scale share: the arithmetic in both directions, and a start from data, exactly once."""

from __future__ import annotations

from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.affine import Number, _units
from creator.quantize.float_bits import work_dtype
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import rounded

MAX_BITS = 24
"""float32 holds every code, and tells each from its neighbours."""

_ROUND_MODES = {2: Rounding.HALF_UP, 3: Rounding.HALF_AWAY, 8: Rounding.HALF_EVEN}


def rounding_of(mode: int | str) -> Rounding:
    """A rounding, or AMD Quark's number for one: 2 half up, 3 half away from zero, 8 half to even."""
    if isinstance(mode, str):
        return Rounding(mode)
    if mode not in _ROUND_MODES:
        raise CreatorError(f"unknown round mode {mode!r}", hint="choose 2 (half up), 3 (half away) or 8 (half even)")
    return _ROUND_MODES[mode]


def quantized(ctx: Any, x: torch.Tensor, scale: Number, zero_point: Number, low: int, high: int,
              rounding: Rounding, nan_is_low: bool) -> torch.Tensor:  # fmt: skip
    """``(clamp(round(x / scale) + zero_point, low, high) - zero_point) * scale``, shape and dtype of ``x``.

    Keeps in ``ctx`` what :func:`gradients` needs. NaN stays NaN, or becomes ``low`` as in torch's kernels.
    """
    units = _units(x.to(work_dtype(x.dtype)), scale)
    if nan_is_low:
        units = units.nan_to_num_(-torch.inf, torch.inf, -torch.inf)
    codes = rounded(units, rounding)
    shifted = not isinstance(zero_point, int) or zero_point != 0
    if shifted:
        codes = codes.add_(zero_point)
    ctx.save_for_backward(units, codes, *([zero_point] if isinstance(zero_point, torch.Tensor) else []))
    ctx.zero_point, ctx.limits = 0 if isinstance(zero_point, torch.Tensor) else zero_point, (low, high)
    y = codes.clamp(low, high)
    return (y.sub_(zero_point) if shifted else y).mul_(scale).to(x.dtype)


def gradients(ctx: Any, grad: torch.Tensor, axis: int | None = None) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The gradients of ``x`` and, if asked for, of the scale, summed over all axes but ``axis``.

    With v = x / s and r = round(v), both without zero point z: that of ``x`` is g where ``low <= r + z <= high`` and zero
    elsewhere; that of the scale is the sum of ``g * (r - v)`` there, ``g * (low - z)`` below and ``g * (high - z)`` above.
    """
    units, codes, *zero_points = ctx.saved_tensors
    (low, high), zero_point = ctx.limits, zero_points[0] if zero_points else ctx.zero_point
    ends = low - 0.5, high + 0.5
    wide = grad.to(units.dtype)
    grad_x = torch.ops.aten.hardtanh_backward(wide, codes, *ends).to(grad.dtype)
    if not ctx.needs_input_grad[1]:
        return grad_x, None
    # The code of the result less v where x is inside: r - v there, the end elsewhere.
    error = codes.clamp(low, high).sub_(torch.ops.aten.hardtanh_backward(units, codes, *ends))
    if not isinstance(zero_point, int) or zero_point != 0:
        error = error.sub_(zero_point)
    error = error.mul_(wide)
    if axis is None:
        return grad_x, error.sum()
    others = [k for k in range(error.ndim) if k != axis % error.ndim]
    return grad_x, error.sum(others) if others else error


class Learned(Quantizer):
    """A quantizer whose scale is a parameter, started from data exactly once.

    :meth:`calibrate` starts it, and further batches of calibration refine the start; without calibration the first batch in
    training starts it. From the first step in training on only training changes it. Batches that are zero everywhere start
    nothing: they have no range, and their values are on every grid.
    """

    batches: torch.Tensor

    def __init__(self, bits: int, signed: bool, rounding: Rounding) -> None:
        super().__init__()
        codes = FixedPoint(bits, 0, signed)
        if not 1 + codes.signed <= codes.total_bits <= MAX_BITS:
            raise CreatorError(f"bits={bits} is not {1 + codes.signed} to {MAX_BITS}", type(self).__name__)
        self.bits, self.signed, self.rounding = codes.total_bits, codes.signed, Rounding(rounding)
        self.low, self.high = codes.min_code, codes.max_code
        # Of calibration; -1 from the first step in training on.
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))
        self._known: int | None = 0  # the same on the host: reading a buffer on a device would wait for the device

    def _start(self, x: torch.Tensor, before: int) -> None:
        """Sets the scale for ``x``, which is finite and not all zero, combined with that of ``before`` batches."""
        raise NotImplementedError

    def _quantize(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def _parameter(self) -> torch.nn.Parameter:
        raise NotImplementedError

    def _batches(self) -> int:
        if self._known is None:
            self._known = int(self.batches)
        return self._known

    def _set_batches(self, number: int) -> None:
        self.batches.fill_(number)
        self._known = number

    def calibrate(self, x: torch.Tensor) -> None:
        """Starts the scale from ``x``, or refines the start; no effect once trained.

        Raises:
            CreatorError: for no values, NaN and infinities.
        """
        batches = self._batches()
        if batches < 0:
            return
        if not x.numel() or not bool(torch.isfinite(x).all()):
            raise CreatorError("cannot start from no values, or from NaN or infinite ones", self.where, "clean the data")
        if bool((x != 0).any()):
            with torch.no_grad():
                self._start(x.detach().to(work_dtype(x.dtype)), batches)
            self._set_batches(batches + 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` on the grid; same shape, same dtype.

        Raises:
            CreatorError: in evaluation before there is a scale; for a scale that training made useless.
        """
        if self.training and self._batches() >= 0:
            if self._batches() == 0:
                self.calibrate(x)
                if self._batches() == 0:
                    return x
            self._set_batches(-1)
        self._check_started()
        try:
            return self._quantize(x)
        except CreatorError as error:
            raise error.at(self.where) from None

    def freeze(self) -> None:
        """Stops learning: the scale stays as it is."""
        self._check_started()
        self._set_batches(-1)
        self._parameter().requires_grad_(False)

    def _check_started(self) -> None:
        if not self._batches():
            what = f"the scale of {type(self).__name__} has not started: it has seen no values other than zero"
            raise CreatorError(what, self.where, "call creator.calibrate(model, loader), or train a step")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        parameter = self._parameter()
        names = [name for name, own in self._parameters.items() if own is parameter]
        stored = state_dict.get(prefix + names[0])
        if isinstance(stored, torch.Tensor) and stored.ndim == parameter.ndim == 1:
            parameter.data = parameter.new_empty(stored.shape)  # as many channels as the saved state has
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._known = None

    def extra_repr(self) -> str:
        """Width and rounding."""
        return f"{'signed' if self.signed else 'unsigned'}, {self.bits} bits, {self.rounding}"
