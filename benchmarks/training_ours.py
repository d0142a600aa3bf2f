"""creator's versions of the networks for ``training_speed.py``: 8-bit weights, activations and logits.

ReLU is an unsigned output format. With the master-weight optimizer the layers' weights are on their grid already.
"""

from __future__ import annotations

import torch
from training_others import BITS, FRACTION, GRADIENT_BITS, GRADIENT_FRACTION, GRADIENTS, WEIGHT_FRACTION, Builder, Factory
from training_workload import Layer, Trained, network

DEFAULT, MASTER = "creator, default", "creator, master weights"
DEFAULT_GRADIENTS, MASTER_GRADIENTS = f"{DEFAULT}, {GRADIENTS}", f"{MASTER}, {GRADIENTS}"

LIMITS = {DEFAULT: {"MLP": 1.9, "CNN": 1.15}, MASTER: {"MLP": 1.45, "CNN": 1.10}}
"""The most that a ratio may be, by network on a CPU."""

GPU_LIMIT = 1.3
"""And that of any network on a GPU."""

ADDED = {DEFAULT_GRADIENTS: DEFAULT, MASTER_GRADIENTS: MASTER}
MOST_ADDED = 0.1
"""What quantizing the gradients may add to the ratio of the same system without."""


def creator(gradients: bool, master: bool) -> Builder:
    """The default API, or with :class:`creator.optim.QuantizedOptimizer`; gradients in floating point, or with 16 bits."""

    def build(name: str, factory: Factory) -> Trained:
        from creator import FixedPoint, nn

        gradient = FixedPoint(GRADIENT_BITS, GRADIENT_FRACTION) if gradients else None
        weight = FixedPoint(BITS, WEIGHT_FRACTION)

        def layer(spec: Layer) -> list[torch.nn.Module]:
            output = FixedPoint(BITS, FRACTION, signed=spec.last)
            conv = nn.Conv2d if spec.kernel else None
            return [spec.make(nn.Linear, conv, weight=weight, output=output, gradient=gradient)]

        model = network(name, layer, nn.Quantize(FixedPoint(BITS, FRACTION)))
        optimizer = factory(model.parameters())
        if master:
            from creator.optim import QuantizedOptimizer

            optimizer = QuantizedOptimizer(optimizer, model, master=True)
        return model, optimizer

    return build


OURS: dict[str, Builder] = {
    DEFAULT: creator(gradients=False, master=False),
    DEFAULT_GRADIENTS: creator(gradients=True, master=False),
    MASTER: creator(gradients=False, master=True),
    MASTER_GRADIENTS: creator(gradients=True, master=True),
}
