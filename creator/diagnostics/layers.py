"""The layers of a model with a meter in each slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from creator.diagnostics.meter import Hook, Meter, Probe, ProbedOutput
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding
from creator.nn.lookup import Lookup
from creator.nn.quantize import Quantize
from creator.nn.slope import PReLU
from creator.nn.slots import Choice
from creator.nn.weighted import Weighted
from creator.quantize import Gradients, StraightThrough
from creator.quantize.float_quantizer import OwnRounding
from creator.quantize.quantizer import Quantizer


class ProbedLayer:
    """A layer of the copy, with a meter in each slot; ``meters`` has them in the order of a report."""

    def __init__(self, path: str, module: Any, gradients: bool) -> None:
        self.path, self.module, self.gradients = path, module, gradients
        self.order = 1 << 62  # of the first call
        self.meters: list[Meter] = []

    def finish(self) -> None:
        """Measures what no call has shown."""

    def _meter(self, slot: str, choice: Choice | None, *how: Any, **more: Any) -> Meter:
        self.meters.append(Meter(self.path, slot, choice, *how, **more))
        return self.meters[-1]

    def _gradient(self, slot: str, fmt: FixedPoint | None, grads: Gradients) -> Meter | None:
        if fmt is None or not self.gradients:
            return None
        return self._meter(f"gradient {slot}", fmt, grads.rounding, generator=grads.generator)


class ProbedActivation(ProbedLayer):
    """A ``Quantize``, a ``Lookup`` or a ``PReLU``."""

    def __init__(self, path: str, module: Quantize | Lookup | PReLU, gradients: bool) -> None:
        super().__init__(path, module, gradients)
        choice = _choice(lambda: module.output_format, getattr(module, "output_quantizer", None), path)
        how, ste = (Rounding.HALF_EVEN, Overflow.SATURATE), StraightThrough.MASKED
        if not isinstance(choice, Quantizer):
            how, ste = (module.quantizer.rounding, module.quantizer.overflow), module.quantizer.ste
        output = self._meter("output", choice, *how)
        gradient = self._gradient("activation", module.gradient, Gradients())
        probe = Probe(output, ste, leaving=None if gradient is None else lambda: _hook(gradient))
        if isinstance(module, Quantize):
            module.set_formats(output=probe)
        else:
            module.quantizer = ProbedOutput(module.quantizer, probe)
            module.training = True  # evaluation looks up what it rounded, and does not show it


class ProbedWeighted(ProbedLayer):
    """A layer with weights, and the normalisation after it."""

    def __init__(self, path: str, layer: Weighted, gradients: bool) -> None:
        super().__init__(path, layer, gradients)
        self.norm: Any = layer._norm[0] if layer._norm else None
        self.input: torch.Tensor | None = None
        output = _choice(lambda: layer.output_format, layer.output_quantizer, path)
        weight = _choice(lambda: layer.weight_format, layer.weight_quantizer, path)
        bias = layer._bias_format if isinstance(output, Quantizer) else layer.bias_format
        grads = layer.gradient
        self.output = self._meter("output", output, layer.rounding, layer.overflow, grads.generator, True)
        self.weight = self._meter("weight", weight)
        self.bias = self._meter("bias", bias)
        self.grad_sum = self._gradient("activation", grads.activation, grads)
        self.grad_weight = self._gradient("weight", grads.weight, grads)
        self.grad_bias = self._gradient("bias", grads.bias, grads)
        arriving = None if self.grad_weight is None else lambda: _hook(self.grad_weight)
        leaving = None if self.grad_sum is None and self.grad_bias is None else self._sum_hook
        layer.set_formats(Probe(self.weight, layer.ste, arriving), Probe(self.output, layer.ste, leaving=leaving))
        if self.output.rectifies and self.output.format is not None:
            layer.rectifies = False  # the format does that, and the meter is to see what it takes away
        layer._bias_format = bias  # which would else follow the output's format, and that is gone
        # Rounding a parameter's gradient changes no other gradient, and would hide what it was.
        layer.gradient = Gradients(grads.activation, None, None, grads.rounding, grads.generator)

    def begin_call(self, x: torch.Tensor) -> None:
        """Notes the input, and looks at the bias before the call changes the statistics that are folded into it."""
        self.input = x.detach()
        self._measure_bias()

    def _measure_bias(self) -> None:
        bias = self.module.biases() if self.norm is None else self.norm.folded(self.module)[1]
        if bias is not None and not self.bias.calls:
            self.bias(bias)

    def normalised_by(self, norm: Any) -> None:
        """Drops what the last call has shown: the normalisation, which is not fused, is about to call once more."""
        self.output.calls.pop()
        self.weight.calls.pop()
        if self.norm is None:
            self.norm = norm
            self.bias.calls.clear()
            self._measure_bias()

    def finish(self) -> None:
        """Looks at the parameters that no call has shown, and forgets what later calls have shown of them."""
        if not self.weight.calls:
            self.module.quantized(self.module.rows(), None, training=True)
        del self.weight.calls[1:]
        self._measure_bias()

    def _sum_hook(self) -> Hook:
        x = self.input

        def hook(gradient: torch.Tensor) -> None:
            q = gradient if self.grad_sum is None else self.grad_sum(gradient)[0]
            # In training a normalisation takes the sum without its bias, whose gradient it does not round.
            normalises = self.norm is not None and self.norm.training and not self.norm.frozen_stats
            if self.grad_bias is None or self.module.bias is None or normalises:
                return
            bias = torch.zeros_like(self.module.bias, requires_grad=True)
            with torch.enable_grad():
                y = self.module.product(x, self.module.rows().detach(), bias)
                self.grad_bias(*torch.autograd.grad(y, bias, q))

        return hook


def _hook(meter: Meter | None) -> Hook:
    def hook(gradient: torch.Tensor) -> None:
        assert meter is not None
        meter(gradient)

    return hook


def _choice(format: Callable[[], Choice], quantizer: Quantizer | None, path: str) -> Choice:
    """The format that hardware would use now; the quantizer, if that has none, or rounds in its own way."""
    if isinstance(quantizer, OwnRounding):
        return quantizer.train()
    try:
        return format()
    except CreatorError as error:
        if quantizer is None:
            raise error.at(path) from None
        return quantizer.train()
