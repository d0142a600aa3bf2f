"""Quantizers for training: values and gradients on a grid, with straight-through gradients."""

from creator.quantize.fixed_point import fake_quantize, quantize_gradient
from creator.quantize.rounding import Round, round_tensor
from creator.quantize.straight_through import Gradients, StraightThrough

__all__ = ["Gradients", "Round", "StraightThrough", "fake_quantize", "quantize_gradient", "round_tensor"]
