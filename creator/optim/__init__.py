"""Optimizers that keep a model's parameters on their grids."""

from creator.optim.quantized_optimizer import QuantizedOptimizer

__all__ = ["QuantizedOptimizer"]
