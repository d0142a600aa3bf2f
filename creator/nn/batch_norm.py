"""Batch normalisation that is part of the layer before it, in training as in hardware."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.nn.conv import Conv1d, Conv2d
from creator.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d
from creator.nn.linear import Linear
from creator.nn.weighted import Weighted, finite, version_of


class _BatchNorm(torch.nn.modules.batchnorm._BatchNorm):
    """Normalises the exact sum of the layer right before it, before that layer rounds.

    In eval mode the two are one layer with the weights ``W * gamma / sqrt(running_var + eps)`` and the bias
    ``beta + (b - running_mean) * gamma / sqrt(running_var + eps)``, quantized to the layer's weight and bias formats: the
    hardware. In training the same scaled weights are quantized, and the batch's statistics are applied to the sum
    (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 3.2.2), so the network
    trains with the rounding that it will have.

    Shape: (batch, num_features, ...), unchanged.
    """

    follows: tuple[type[Weighted], ...] = ()
    frozen_stats = False

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
        source = getattr(input, "creator_source", None)
        if source is None or not isinstance(source[0], self.follows) or not self._is_untouched(input, *source):
            names = " or ".join(f"creator.nn.{kind.__name__}" for kind in self.follows)
            raise CreatorError(f"{type(self).__name__} must come right after {names}", hint="move it, or use torch.nn.Identity")
        layer, x, _ = source
        return input if layer._norm and layer._norm[0] is self else self.normalised(layer, x)

    def normalised(self, layer: Weighted, x: torch.Tensor) -> torch.Tensor:
        """The output of ``layer`` for ``x``, normalised before it is rounded."""
        self._check_size(layer)
        if self.training and not self.frozen_stats:
            return self._train(layer, x)
        weight, bias = self.folded(layer, x.dtype if layer.training else torch.float64)
        return layer.compute(x, weight, bias)

    @staticmethod
    def _is_untouched(input: torch.Tensor, layer: Weighted, x: torch.Tensor, version: int | None) -> bool:
        """Whether nothing has changed the layer's output in place; without torch's count only its value tells."""
        if version is None:
            return torch.equal(input, layer(x))
        return version == version_of(input)

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
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:  # torch: a cumulative average
            momentum = 1.0 / float(self.num_batches_tracked)
        if _same_energy(folded.detach(), weight.detach()):
            y = F.batch_norm(y, self.running_mean, self.running_var, self.weight, self.bias, True, momentum, self.eps)
        else:
            y = self._normalise_as(layer.product(x, rows, layer.bias), y, momentum)
        return layer.finish(y, x.dtype, training=True)

    def _normalise_as(self, reference: torch.Tensor, y: torch.Tensor, momentum: float) -> torch.Tensor:
        """``y`` normalised with the statistics of ``reference``, which the running statistics follow."""
        axes = [0, *range(2, reference.ndim)]
        variance, mean = torch.var_mean(reference, axes, correction=0)
        count = reference.numel() // reference.shape[1]
        if count < 2:
            raise CreatorError("batch normalisation of one value a channel in training", hint="use a larger batch")
        assert self.running_mean is not None
        assert self.running_var is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), momentum)
        # Without the variance's gradient: smaller weights would seem to enlarge what saturation has made too small,
        # but in the next step the folded weights are as large as before, and saturate more.
        scale = torch.rsqrt(variance.detach() + self.eps) * (1.0 if self.weight is None else self.weight)
        shift = 0.0 if self.bias is None else _leading(self.bias, y[0])
        return (y - _leading(mean, y[0])) * _leading(scale, y[0]) + shift


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
    """Batch normalisation right after a :class:`Linear` or a :class:`Conv1d`, folded into it; see :class:`_BatchNorm`."""

    follows = (Linear, Conv1d, ConvTranspose1d)


class BatchNorm2d(_BatchNorm, torch.nn.BatchNorm2d):
    """Batch normalisation right after a :class:`Conv2d`, folded into it; see :class:`_BatchNorm`."""

    follows = (Conv2d, ConvTranspose2d)
