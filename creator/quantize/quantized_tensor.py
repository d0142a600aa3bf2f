"""Integers together with their format: what torch calls a quantized tensor."""

from __future__ import annotations

from typing import Any

import torch

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.affine import Number, from_integers, to_integers
from creator.quantize.granularity import PerAxis, get_block_size, spread

_DTYPES = (torch.uint8, torch.int8, torch.int16, torch.int32)


def integer_dtype(low: int, high: int) -> torch.dtype:
    """The narrowest dtype that holds ``low`` to ``high``; not uint16 and wider, for which torch has few operations."""
    return next((t for t in _DTYPES if torch.iinfo(t).min <= low and high <= torch.iinfo(t).max), torch.int64)


class QuantizedTensor:
    """Integers with the format that gives them their values. Its names are those of torch's quantized tensors.

    Args:
        integers: codes of ``format``, any shape, any integer dtype; kept in the narrowest dtype that holds the format.
        format: a FixedPoint or an Affine, also one with a scale for each index along an axis.

    Raises:
        CreatorError: for what is no code of the format, and for an axis that the integers have not.
    """

    def __init__(self, integers: torch.Tensor, format: Format) -> None:
        if not isinstance(format, (FixedPoint, Affine)):
            raise CreatorError(f"format={format!r} is not a number format", "QuantizedTensor", "pass a FixedPoint or an Affine")
        if not isinstance(integers, torch.Tensor) or integers.is_floating_point() or integers.is_complex():
            raise CreatorError(
                f"expected integers, got {getattr(integers, 'dtype', type(integers).__name__)}",
                "QuantizedTensor",
                "use QuantizedTensor.quantize for floating-point values",
            )
        wide = integers.to(torch.int64)
        if wide.numel() and not format.min_code <= int(wide.min()) <= int(wide.max()) <= format.max_code:
            raise CreatorError(f"integers are outside {format.min_code} ... {format.max_code}", str(format))
        if isinstance(format, Affine) and isinstance(format.scale, tuple):
            axis, scales = format.axis, len(format.scale)
            assert axis is not None
            if not -integers.dim() <= axis < integers.dim() or integers.shape[axis] != scales:
                raise CreatorError(f"the shape {tuple(integers.shape)} has not {scales} indices along axis {axis}", str(format))
        self.format = format
        self._integers = wide.to(integer_dtype(format.min_code, format.max_code))

    @classmethod
    def quantize(cls, values: torch.Tensor, format: Format, rounding: Rounding = Rounding.HALF_EVEN) -> QuantizedTensor:
        """The codes of floating-point ``values``, any shape, exactly as ``format.to_integers`` and hardware have them.

        Raises:
            CreatorError: for NaN, and for stochastic rounding.
        """
        codes = format.to_integers(values.detach().double().cpu().numpy(), rounding)
        return cls(torch.as_tensor(codes, device=values.device), format)

    def int_repr(self) -> torch.Tensor:
        """The integers."""
        return self._integers

    def dequantize(self, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """The values, ``(integer - zero point) * scale``, computed in float64 for that dtype, else in float32 as in torch."""
        work = torch.float64 if dtype is torch.float64 else torch.float32
        scale: Any = self.format.scale if isinstance(self.format, Affine) else self.format.step
        if isinstance(scale, tuple):
            shape = [1] * self._integers.dim()
            shape[self.q_per_channel_axis()] = -1
            scale = torch.tensor(scale, dtype=work, device=self.device).reshape(shape)
        zero = self.format.zero_point if isinstance(self.format, Affine) else 0
        return from_integers(self._integers.to(work), scale, zero).to(dtype)

    def q_scale(self) -> float:
        """The scale.

        Raises:
            CreatorError: if there are several.
        """
        scale = self.format.scale if isinstance(self.format, Affine) else self.format.step
        if isinstance(scale, tuple):
            raise CreatorError("there is a scale for each channel", str(self.format), "use q_per_channel_scales()")
        return scale

    def q_zero_point(self) -> int:
        """The zero point.

        Raises:
            CreatorError: if there is one for each channel.
        """
        self.q_scale()
        return self.format.zero_point if isinstance(self.format, Affine) else 0

    def _per_channel(self) -> Affine:
        if not isinstance(self.format, Affine) or self.format.axis is None:
            raise CreatorError("there is one scale", str(self.format), "use q_scale() and q_zero_point()")
        return self.format

    def q_per_channel_scales(self) -> torch.Tensor:
        """The scale of each channel, float64, shape (channels,).

        Raises:
            CreatorError: if there is one for all.
        """
        return torch.tensor(self._per_channel().scale, dtype=torch.float64, device=self.device)

    def q_per_channel_zero_points(self) -> torch.Tensor:
        """The zero point of each channel, int64, shape (channels,); a format has one for all.

        Raises:
            CreatorError: if there is one scale for all.
        """
        return torch.full_like(self.q_per_channel_scales(), self._per_channel().zero_point, dtype=torch.int64)

    def q_per_channel_axis(self) -> int:
        """The axis of the channels.

        Raises:
            CreatorError: if there is one scale for all.
        """
        axis = self._per_channel().axis
        assert axis is not None
        return axis

    @property
    def shape(self) -> torch.Size:
        """The shape of the integers."""
        return self._integers.shape

    @property
    def device(self) -> torch.device:
        """Where the integers are."""
        return self._integers.device

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QuantizedTensor):
            return NotImplemented
        return self.format == other.format and torch.equal(self._integers, other._integers)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"QuantizedTensor({self._integers}, {self.format})"


def quantize_per_tensor(
    x: torch.Tensor, scale: float, zero_point: int = 0, bits: int = 8, signed: bool = True
) -> QuantizedTensor:
    """The integers of ``torch.quantize_per_tensor``: ``clamp(round(x / scale + zero_point))`` in float32.

    Up to 8 bits with one rounding of product and sum, as torch computes them on x86. :meth:`QuantizedTensor.quantize`, which
    follows the format and so hardware, rounds before it adds; ties differ if the zero point is odd.

    Raises:
        CreatorError: for NaN, a scale that is not positive, and a zero point that is no code.
    """
    fmt = Affine(scale, zero_point, bits, signed)
    return _quantized(x, float(scale), fmt, fused=bits <= 8)


def quantize_per_channel(
    x: torch.Tensor, scales: torch.Tensor, zero_point: int, axis: int, bits: int = 8, signed: bool = True
) -> QuantizedTensor:
    """The integers of ``torch.quantize_per_channel``: ``clamp(round(x / scale + zero_point))`` in float32.

    Args:
        x: any shape.
        scales: one for each index along ``axis``.
        zero_point: one for all channels, because a format has one.
        axis: the axis of the channels.
        bits: width of the integers.
        signed: whether they are two's complement.

    Raises:
        CreatorError: for NaN, a scale that is not positive, a zero point that is no code, and an axis that does not fit.
    """
    fmt = Affine(tuple(scales.tolist()), zero_point, bits, signed, axis)
    block_size = get_block_size(x.shape, PerAxis(axis))
    return _quantized(x, spread(scales.to(x.device, torch.float32), x.shape, block_size), fmt)


def _quantized(x: torch.Tensor, scale: Number, fmt: Affine, fused: bool = False) -> QuantizedTensor:
    if bool(x.isnan().any()):
        raise CreatorError("NaN has no code", str(fmt))
    q = to_integers(x.detach().float(), scale, fmt.zero_point, fmt.min_code, fmt.max_code, fused=fused)
    return QuantizedTensor(q.to(torch.int64), fmt)
