"""Trained quantization thresholds: a learned scale that is a power of two, so that hardware needs a shift only: wires.

Source: Jain, Gural, Wu, Dick 2020, "Trained Quantization Thresholds for Accurate and Efficient Fixed-Point Inference of Deep
Neural Networks" (arXiv:1903.08066), sections 3.1 to 3.3.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, FixedPoint, Rounding
from creator.quantize.affine import Number
from creator.quantize.learned import Learned, gradients, quantized, rounding_of

_DIVERGED = "lower the learning rate of the thresholds, or restore an earlier state"


def _exponent(log2_threshold: float, domain: int) -> int:
    """log2 of the scale."""
    if not math.isfinite(log2_threshold):
        raise CreatorError(f"the log2 of a learned threshold is {log2_threshold}", hint=_DIVERGED)
    exponent = math.ceil(log2_threshold) - (domain.bit_length() - 1)
    if abs(exponent) > MAX_FRAC_BITS:
        what = f"a learned threshold of 2**{log2_threshold:g} makes the step leave 2**-{MAX_FRAC_BITS} ... 2**{MAX_FRAC_BITS}"
        raise CreatorError(what, hint=_DIVERGED)
    return exponent


class TQTQuantize(torch.autograd.Function):
    """``clamp(round(x / s), n, p) * s`` with ``s = 2**ceil(log_threshold) / domain``, n = -domain, p = domain - 1.

    The gradient of ``inputs`` is g where ``n <= round(x / s) <= p``, zero elsewhere. That of ``log_threshold`` is the sum of
    ``g * s * ln 2 * d``, d = round(x / s) - x / s inside, n below and p above; the ceiling passes it unchanged.

    Args:
        inputs: floating-point, any shape. NaN becomes the smallest code unless ``nan_is_low`` is false.
        log_threshold: log2 of the threshold, one element.
        zero_point: an integer, usually 0: ``(clamp(round(x / s) + z, n, p) - z) * s``, and n - z, p - z in the gradient.
        domain: 2**(bits - 1) for signed codes, 2**bits for unsigned ones; a number or one element.
        round_mode: a Rounding, or AMD Quark's 2 (half up), 3 (half away) or 8 (half to even); the same in both directions.
        signed: false for n = 0.
        nan_is_low: as in torch's kernels; false keeps NaN, so that the loss shows it.

    Raises:
        CreatorError: for a domain that is no power of two, and a threshold that is NaN or beyond the formats.
    """

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor, log_threshold: torch.Tensor, zero_point: Number, domain: int | torch.Tensor,
                round_mode: int | str, signed: bool = True, nan_is_low: bool = True) -> torch.Tensor:  # fmt: skip
        """See the class."""
        domain = int(domain)
        if domain < 1 or domain & (domain - 1) or domain > 1 << 24:
            raise CreatorError(f"domain={domain} is not a power of two up to 2**24", "TQTQuantize", "2**(bits - 1)")
        ctx.scale = 2.0 ** _exponent(float(log_threshold), domain)
        ctx.threshold = (log_threshold.shape, log_threshold.dtype)
        low = -domain if signed else 0
        return quantized(ctx, inputs, ctx.scale, zero_point, low, domain - 1, rounding_of(round_mode), nan_is_low)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """The gradients of the values and of the threshold."""
        grad_x, grad_scale = gradients(ctx, grads[0])
        if grad_scale is not None:
            shape, dtype = ctx.threshold
            grad_scale = (grad_scale * (ctx.scale * math.log(2.0))).to(dtype).reshape(shape)
        return grad_x, grad_scale, None, None, None, None, None


class TQT(Learned):
    """A power-of-two scale that training finds, one for the whole tensor.

    The start is a threshold of max|x|: nothing is clipped, except max|x| itself by one step where it is a power of two. Several
    batches of calibration start it from the largest magnitude of all.

    Args:
        bits: width, up to 24.
        signed: two's complement, or unsigned.
        rounding: of values to codes, in both directions.

    Parameters: ``log2_threshold``, one number, log2 of the threshold; its learning rate is relative to factors of two.
    """

    power_of_two = True

    def __init__(self, bits: int = 8, signed: bool = True, rounding: Rounding = Rounding.HALF_EVEN) -> None:
        super().__init__(bits, signed, rounding)
        self.log2_threshold = torch.nn.Parameter(torch.zeros(()))

    def _parameter(self) -> torch.nn.Parameter:
        return self.log2_threshold

    def _start(self, x: torch.Tensor, before: int) -> None:
        # As far as the formats go: tinier values round to zero, huger ones saturate.
        domain_bits = self.bits - self.signed
        limits = domain_bits - MAX_FRAC_BITS, domain_bits + MAX_FRAC_BITS
        log2_threshold = min(max(math.log2(float(x.abs().max())), limits[0]), limits[1])
        self.log2_threshold.fill_(max(log2_threshold, float(self.log2_threshold)) if before else log2_threshold)

    def _quantize(self, x: torch.Tensor) -> torch.Tensor:
        return TQTQuantize.apply(x, self.log2_threshold, 0, self.high + 1, self.rounding, self.signed, False)

    @property
    def format(self) -> FixedPoint:
        """The fixed-point format of the threshold as it is now.

        Raises:
            CreatorError: before there is a threshold, and for one that is NaN or beyond the formats.
        """
        self._check_started()
        exponent = _exponent(float(self.log2_threshold.detach()), self.high + 1)
        return FixedPoint(self.bits, -exponent, self.signed)
