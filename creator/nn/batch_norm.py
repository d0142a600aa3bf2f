"""Batch normalisation that is part of the linear layer before it, in training as in hardware."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.nn.linear import Linear, version_of


class BatchNorm1d(torch.nn.BatchNorm1d):
    """Normalises the exact sum of the :class:`Linear` right before it, before that layer rounds.

    In eval mode the two are one linear layer with the weights ``W * gamma / sqrt(running_var + eps)`` and the bias
    ``beta + (b - running_mean) * gamma / sqrt(running_var + eps)``, quantized to the linear layer's weight and bias formats:
    the hardware. In training the same scaled weights are quantized, and the batch's statistics are applied to the sum
    (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference", section 3.2.2), so the network
    trains with the rounding that it will have.

    Shape: (batch, num_features), unchanged.
    """

    def scale(self, dtype: torch.dtype) -> torch.Tensor:
        """gamma / sqrt(running_var + eps), shape (num_features,)."""
        if self.running_var is None:
            raise CreatorError(
                "batch normalisation without running statistics depends on the batch", hint="use track_running_stats=True"
            )
        deviation = torch.sqrt(self.running_var.to(dtype) + self.eps)
        return (1.0 if self.weight is None else self.weight.to(dtype)) / deviation

    def folded(self, linear: Linear) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias, in float64, of ``linear`` with this normalisation in it."""
        self._check_size(linear)
        scale = self.scale(torch.float64)
        assert self.running_mean is not None  # torch keeps both statistics or neither
        bias = 0.0 if linear.bias is None else linear.bias.double()
        shift = 0.0 if self.bias is None else self.bias.double()
        return linear.weight.double() * scale[:, None], shift + (bias - self.running_mean.double()) * scale

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        source = getattr(input, "creator_source", None)
        if source is None or not self._is_untouched(input, *source):
            raise CreatorError("BatchNorm1d must come right after creator.nn.Linear", hint="move it, or use torch.nn.Identity")
        linear, x, _ = source
        self._check_size(linear)
        if not self.training:
            weight, bias = self.folded(linear)
            if linear.training:
                weight, bias = weight.to(x.dtype), bias.to(x.dtype)
            return linear.compute(x, weight, bias)
        return self._train(linear, x)

    @staticmethod
    def _is_untouched(input: torch.Tensor, linear: Linear, x: torch.Tensor, version: int | None) -> bool:
        """Whether nothing has changed the linear layer's output in place; without torch's count only its value tells."""
        if version is None:
            return torch.equal(input, linear.compute(x, linear.weight, linear.bias))
        return version == version_of(input)

    def _check_size(self, linear: Linear) -> None:
        if linear.out_features != self.num_features:
            what = f"BatchNorm1d({self.num_features}) follows Linear with {linear.out_features} outputs"
            raise CreatorError(what, hint=f"use BatchNorm1d({linear.out_features})")

    def _train(self, linear: Linear, x: torch.Tensor) -> torch.Tensor:
        scale = self.scale(x.dtype)
        weight, _ = linear.quantized(linear.weight * scale[:, None], None, training=True)
        scaled = F.linear(x, weight)
        # Undo the scale, except where gamma is zero: there the sum is zero as well.
        y = scaled / torch.where(scale == 0, torch.ones_like(scale), scale)
        if linear.bias is not None:
            y = y + linear.bias
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        momentum = self.momentum
        if momentum is None:  # torch: a cumulative average
            momentum = 1.0 / float(self.num_batches_tracked)  # type: ignore[arg-type]
        y = F.batch_norm(y, self.running_mean, self.running_var, self.weight, self.bias, True, momentum, self.eps)
        return linear.finish(y, x.dtype)
