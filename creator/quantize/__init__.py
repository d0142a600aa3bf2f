"""Quantizers for training: values and gradients on a grid, with straight-through gradients."""

from creator.quantize.fixed_point import Gradients, StraightThrough, fake_quantize, quantize_gradient, round_tensor

__all__ = ["Gradients", "StraightThrough", "fake_quantize", "quantize_gradient", "round_tensor"]
