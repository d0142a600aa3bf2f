"""Batch normalisation: part of the layer before it, in training as in hardware, or a scale and a bias for each channel."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, FixedPoint
from creator.nn.conv import Conv1d, Conv2d
from creator.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d
from creator.nn.linear import Linear
from creator.nn.slots import soft_values
from creator.nn.weighted import WEIGHT, Weighted, finite, version_of


class _BatchNorm(Weighted, torch.nn.modules.batchnorm._BatchNorm):
    """Normalises the exact sum of the layer right before it, before that layer rounds; elsewhere it is a layer of its own.

    **Folded.** In eval mode the two are one layer with the weights ``W * gamma / sqrt(running_var + eps)`` and the bias
    ``beta + (b - running_mean) * gamma / sqrt(running_var + eps)``, quantized to the layer's weight and bias formats: the
    hardware. In training the same scaled weights are quantized, and the batch's statistics are applied to the sum
    (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 3.2.2), so the network
    trains with the rounding that it will have.

    **On its own**, where no such layer comes right before it, or where it has formats: in eval mode
    ``quantize(s * x + quantize(beta - running_mean * s))`` with ``s = quantize(gamma / sqrt(running_var + eps))``, one weight a
    channel; the sum is exact. In training ``quantize(s * (x - mean) + beta)`` with the batch's statistics.

    Shape: (batch, num_features, ...), unchanged.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as in torch.
        bias: as in torch; or the format of a bias, as one of ``formats``.
        formats: of a normalisation on its own: ``weight``, ``output`` and the others that
            :class:`~creator.nn.weighted.Weighted` explains. With any of them it never folds. The weight has 8 bits unless told
            otherwise, the finest that hold the scales as they are; the bias those of the output and four more, or as many as it
            needs.
    """

    follows: tuple[type[Weighted], ...] = ()
    frozen_stats = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool | FixedPoint = True,
        **formats: Any,
    ) -> None:
        without = {"bias": False} if bias is False else {}  # torch of today takes it
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype, **without)
        if not isinstance(bias, bool):
            formats["bias"] = bias
        self.alone = bool(formats)
        self._init_formats(**formats)
        if "weight" not in formats:
            self._weight_format = None

    def freeze_stats(self, frozen: bool = True) -> None:
        """Trains on with the running statistics as they are, the batch's left alone; ``False`` undoes that."""
        self.frozen_stats = frozen

    def scale(self, dtype: torch.dtype) -> torch.Tensor:
        """gamma / sqrt(running_var + eps), shape (num_features,)."""
        if self.running_var is None:
            raise CreatorError(
                "batch normalisation without running statistics depends on the batch", hint="use track_running_stats=True"
            )
        deviation = torch.sqrt(self.running_var.to(dtype) + self.eps)
        return (1.0 if self.weight is None else self.weight.to(dtype)) / deviation

    # Folded into the layer before it.

    def takes(self, layer: Weighted, axes: int) -> bool:
        """Whether it folds into ``layer``, right before it, whose output has so many axes."""
        if self.alone or not isinstance(layer, self.follows) or (layer._norm and layer._norm[0] is not self):
            return False
        return not isinstance(layer, Linear) or axes == 2  # of more axes it is the last one that such a layer maps

    def layer_before(self, input: torch.Tensor) -> tuple[Weighted, torch.Tensor] | None:
        """The layer that it folds into, and what that layer read; ``None`` where it stands on its own.

        Raises:
            CreatorError: if the layer's output was changed in place since.
        """
        source = getattr(input, "creator_source", None)
        if source is None or not self.takes(source[0], input.ndim):
            return None
        layer, x, version = source
        if not (version == version_of(input) if version is not None else torch.equal(input, layer(x))):
            what = f"what {type(layer).__name__} gave was changed in place before {type(self).__name__}"
            raise CreatorError(what, hint=f"use inplace=False, or {type(self).__name__}(..., output=FixedPoint(8, 4))")
        return layer, x

    def folded(self, layer: Weighted, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of ``layer`` with this normalisation in it."""
        self._check_size(layer)
        scale = self.scale(dtype)
        assert self.running_mean is not None  # torch keeps both statistics or neither
        if self.running_var is not None and not layer.training:
            finite(self.running_var, "running variance")  # which would make all weights zero, and so hide itself
        bias = 0.0 if layer.bias is None else layer.bias.to(dtype)
        shift = 0.0 if self.bias is None else self.bias.to(dtype)
        rows = layer.rows()
        weight = rows.to(dtype) * _leading(scale, rows)
        return weight, shift + (bias - self.running_mean.to(dtype)) * scale

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        try:
            found = self.layer_before(input)
            if found is None:
                return self._by_itself(input)
            layer, x = found
            return input if layer._norm and layer._norm[0] is self else self.normalised(layer, x)
        except CreatorError as error:
            raise error.at(self.where) from None

    def normalised(self, layer: Weighted, x: torch.Tensor) -> torch.Tensor:
        """The output of ``layer`` for ``x``, normalised before it is rounded."""
        self._check_size(layer)
        if self.training and not self.frozen_stats:
            return self._train(layer, x)
        weight, bias = self.folded(layer, x.dtype if layer.training else torch.float64)
        return layer.compute(x, weight, bias)

    def _check_size(self, layer: Weighted) -> None:
        outputs = len(layer.rows())
        if outputs != self.num_features:
            name, kind = type(self).__name__, type(layer).__name__
            what = f"{name}({self.num_features}) follows {kind} with {outputs} outputs"
            raise CreatorError(what, hint=f"use {name}({outputs})")

    def _train(self, layer: Weighted, x: torch.Tensor) -> torch.Tensor:
        scale = self.scale(layer.weight.dtype)
        rows = layer.rows()
        folded = rows * _leading(scale, rows)
        weight, _ = layer.quantized(folded, None, training=True)
        scaled = layer.product(x, weight, None)
        # Undo the scale, except where gamma is zero: there the sum is zero as well.
        nonzero = torch.where(scale == 0, torch.ones_like(scale), scale)
        y = scaled / _leading(nonzero, scaled[0])
        if layer.bias is not None:
            y = y + _leading(layer.bias, y[0])
        momentum = self._next_momentum()
        if _same_energy(folded.detach(), weight.detach()):
            y = F.batch_norm(y, self.running_mean, self.running_var, self.weight, self.bias, True, momentum, self.eps)
        else:
            y = self._normalise_as(layer.product(x, rows, layer.bias), y, momentum)
        return layer.finish(y, x.dtype, training=True)

    def _next_momentum(self) -> float:
        """Counts a batch, and says how much it weighs in the running statistics."""
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        # torch: without a momentum a cumulative average
        return 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum

    def _statistics(self, x: torch.Tensor, momentum: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and variance of each channel of a batch, which the running statistics follow."""
        variance, mean = torch.var_mean(x, [0, *range(2, x.ndim)], correction=0)
        count = x.numel() // x.shape[1]
        if count < 2:
            raise CreatorError("batch normalisation of one value a channel in training", hint="use a larger batch")
        assert self.running_mean is not None
        assert self.running_var is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_((variance * (count / (count - 1))).to(self.running_var.dtype), momentum)
        return mean, variance

    def _normalise_as(self, reference: torch.Tensor, y: torch.Tensor, momentum: float) -> torch.Tensor:
        """``y`` normalised with the statistics of ``reference``, which the running statistics follow."""
        mean, variance = self._statistics(reference, momentum)
        # Without the variance's gradient: smaller weights would seem to enlarge what saturation has made too small,
        # but in the next step the folded weights are as large as before, and saturate more.
        scale = torch.rsqrt(variance.detach() + self.eps) * (1.0 if self.weight is None else self.weight)
        shift = 0.0 if self.bias is None else _leading(self.bias, y[0])
        return (y - _leading(mean, y[0])) * _leading(scale, y[0]) + shift

    # On its own: a layer with one weight a channel.

    def rows(self) -> torch.Tensor:
        return self.scale(torch.float64)[:, None]

    def biases(self) -> torch.Tensor:
        """beta - running_mean * s, in float64, with the scale ``s`` as it is once quantized."""
        scale = self.exact_weight(self.rows())
        if self._eval_formats(scale) is not None:
            scale, _ = self.quantized(scale, None, training=False)
        assert self.running_mean is not None
        return (0.0 if self.bias is None else self.bias.double()) - self.running_mean.double() * scale[:, 0]

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        y = x * _leading(weight[:, 0], x[0])
        return y if bias is None else y + _leading(bias, x[0])

    @property
    def weight_format(self) -> Format:
        return super().weight_format if self._fixed_weight else _finest(self.rows())

    def weight_format_of(self, weight: torch.Tensor) -> Format:
        return super().weight_format_of(weight) if self._fixed_weight else _finest(weight)

    def parameter_formats(self) -> dict[str, FixedPoint]:
        return {}

    @property
    def _fixed_weight(self) -> bool:
        return self.weight_quantizer is not None or self._weight_format is not None

    def _soft_weight(self, weight: torch.Tensor) -> torch.Tensor:
        return super()._soft_weight(weight) if self._fixed_weight else soft_values(weight, _finest(weight), ste=self.ste)

    def _by_itself(self, x: torch.Tensor) -> torch.Tensor:
        self._check_input_dim(x)
        if x.shape[1] != self.num_features:
            name, channels = type(self).__name__, x.shape[1]
            raise CreatorError(f"{name}({self.num_features}) gets {channels} channels", hint=f"use {name}({channels})")
        if not self.training:
            if self.running_var is not None:
                finite(self.running_var, "running variance")
            return self.compute(x, self.rows(), self.biases())
        self.scale(x.dtype)  # which refuses what has no running statistics
        assert self.running_mean is not None
        assert self.running_var is not None
        mean, variance = self.running_mean.to(x.dtype), self.running_var.to(x.dtype)
        if not self.frozen_stats:
            mean, variance = self._statistics(x, self._next_momentum())
        scale = torch.rsqrt(variance + self.eps) * (1.0 if self.weight is None else self.weight)
        weight, _ = self.quantized(scale[:, None], None, training=True)
        y = self.product(x - _leading(mean, x[0]), weight, self.bias)
        return self.finish(y, x.dtype, training=True)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self._formats_repr()}" if self.alone else super().extra_repr()


def _finest(scale: torch.Tensor) -> FixedPoint:
    """The format of 8 bits with the finest step that holds the scales, which may reach half a step beyond its end."""
    largest = float(scale.detach().abs().max()) if scale.numel() else 0.0
    if largest == 0 or not math.isfinite(largest):
        return WEIGHT
    bits = WEIGHT.total_bits
    return FixedPoint(bits, max(-MAX_FRAC_BITS, min(bits - 1 - math.frexp(largest)[1], MAX_FRAC_BITS)))


def _same_energy(weight: torch.Tensor, quantized: torch.Tensor) -> bool:
    """Whether quantizing leaves every channel's sum of squares about as it is.

    If weights saturate, or most round to zero, sums with quantized weights have another variance than the layer: normalising
    by it would hide in training what evaluation will show, and with it as the running variance the folded weights would grow
    further, and saturate more, without end. Jacob et al. 2018 ("Quantization and training of neural networks for efficient
    integer-arithmetic-only inference", section 3.2) always take the statistics from a second product, with the weights as they
    are; here that is done where it matters.
    """
    before, after = weight.flatten(1).square().sum(1), quantized.flatten(1).square().sum(1)
    return not bool(((after < 0.9 * before) | (after > 1.1 * before)).any())


def _leading(factors: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """``factors``, one for each index along the first axis of ``x``, in a shape that broadcasts against it."""
    return factors.reshape([-1] + [1] * (x.ndim - 1))


class BatchNorm1d(_BatchNorm, torch.nn.BatchNorm1d):
    """Batch normalisation, folded into a :class:`Linear` or a convolution right before it; see :class:`_BatchNorm`."""

    follows = (Linear, Conv1d, ConvTranspose1d)


class BatchNorm2d(_BatchNorm, torch.nn.BatchNorm2d):
    """Batch normalisation, folded into a convolution right before it; see :class:`_BatchNorm`."""

    follows = (Conv2d, ConvTranspose2d)
