"""What torch says of numbers, as creator's formats: scales and zero points of activations, codes and scales of weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from creator.affine import Affine, Format, simplest
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray, bits_for

_RANGES = {torch.quint8: (0, 255), torch.qint8: (-128, 127), torch.uint8: (0, 255), torch.int8: (-128, 127)}


def range_of(dtype: Any) -> tuple[int, int]:
    """The smallest and the largest code of a type.

    Raises:
        CreatorError: for one that is not of 8 bits.
    """
    if dtype not in _RANGES:
        raise CreatorError(f"{dtype} is not supported", hint="quantize to quint8 or qint8")
    return _RANGES[dtype]


def same_range(fmt: Format) -> tuple[int, int]:
    """That of the 8-bit type with the sign of ``fmt``: quantized operations of torch give the type that they read."""
    return range_of(torch.qint8 if fmt.signed else torch.quint8)


def activation(scale: Any, zero_point: Any, low: int, high: int) -> Format:
    """The format of a tensor with one scale; a :class:`FixedPoint` where that is a power of two and the zero point 0."""
    try:
        return simplest(float(scale), int(zero_point), int(low), int(high))
    except CreatorError as error:
        what = f"its zero point: {error.what}" if error.where == "zero_point" else error.what
        raise CreatorError(what, hint=error.hint) from None  # without a place, so that the module's path becomes it


@dataclass(frozen=True, eq=False)
class Weight:
    """Quantized weights, whose codes are taken less their zero points: value = code * scale.

    Args:
        codes: int64, axis 0 is the output channels.
        scales: float64, shape () or (channels,).
        bits: width that holds every code which the format of torch, less its zero point, could have.
    """

    codes: IntArray
    scales: npt.NDArray[np.float64]
    bits: int

    @classmethod
    def of_codes(cls, codes: torch.Tensor, scale: Any, zero_point: Any, axis: int | None, low: int, high: int) -> Weight:
        """Integer ``codes`` between ``low`` and ``high``, with one scale or, along ``axis``, one for each channel.

        Raises:
            CreatorError: for scales along another axis than the output channels.
        """
        if axis is not None and axis != 0:
            raise CreatorError(f"its weights have scales along axis {axis}", hint="use axis 0, the output channels")
        integers = codes.detach().cpu().numpy().astype(np.int64)
        scales = torch.as_tensor(scale, dtype=torch.float64).detach().cpu().numpy()
        zeros = torch.as_tensor(zero_point).detach().cpu().numpy().astype(np.int64)
        if axis is None and scales.size == 1:
            scales, zeros = scales.reshape(()), zeros.reshape(())
        shape = scales.shape + (1,) * (integers.ndim - scales.ndim)
        centred = integers - zeros.reshape(shape)
        bits = bits_for(int(low) - int(zeros.max()), int(high) - int(zeros.min()))
        return cls(centred, _for_zeros(scales, centred), bits)

    @classmethod
    def of_tensor(cls, tensor: torch.Tensor) -> Weight:
        """A quantized tensor of torch."""
        low, high = range_of(tensor.dtype)
        if tensor.qscheme() == torch.per_tensor_affine:
            return cls.of_codes(tensor.int_repr(), tensor.q_scale(), tensor.q_zero_point(), None, low, high)
        if tensor.qscheme() == torch.per_channel_affine:
            scales, zeros = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
            return cls.of_codes(tensor.int_repr(), scales, zeros, tensor.q_per_channel_axis(), low, high)
        raise CreatorError(f"weights of {tensor.qscheme()} are not supported", hint="use per_tensor or per_channel affine ones")

    @property
    def format(self) -> Format:
        """The format of the codes; with one scale where all channels have the same."""
        if self.scales.ndim and len(set(self.scales.tolist())) > 1:
            return Affine(tuple(self.scales.tolist()), 0, self.bits, axis=0)
        codes = FixedPoint(self.bits, 0)
        return simplest(float(self.scales.flat[0]), 0, codes.min_code, codes.max_code)

    @property
    def values(self) -> torch.Tensor:
        """The weights in float32: the nearest to each value, which is nearer to its code than to any other."""
        shape = self.scales.shape + (1,) * (self.codes.ndim - self.scales.ndim)
        return torch.from_numpy(self.codes * self.scales.reshape(shape)).float()


def _for_zeros(scales: npt.NDArray[np.float64], codes: IntArray) -> npt.NDArray[np.float64]:
    """Channels whose weights are all zero get the largest scale of the others.

    Their own scale says nothing: observers give such a channel the smallest that there is, on whose grid a bias is so large a
    number that a multiplier for all channels would have too few bits for it.
    """
    used = codes.reshape(len(codes), -1).any(axis=1)
    if not scales.ndim or used.all() or not used.any():
        return scales
    return np.where(used, scales, scales[used].max())
