"""Marks of where a floating-point model is to be quantized, for :func:`creator.prepare`; by themselves they do nothing."""

from __future__ import annotations

import torch


class QuantStub(torch.nn.Identity):
    """Becomes a :class:`Quantize`: here numbers enter the quantized part."""


class DeQuantStub(torch.nn.Identity):
    """Becomes nothing: here they leave it."""


class QuantWrapper(torch.nn.Module):
    """``module`` between a :class:`QuantStub` and a :class:`DeQuantStub`."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.quant = QuantStub()
        self.module = module
        self.dequant = DeQuantStub()
        self.train(module.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dequant(self.module(self.quant(x)))  # type: ignore[no-any-return]
