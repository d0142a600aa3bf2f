"""Shows what every layer of a model quantizes, and measures it, without touching the model.

A copy of the model runs in float64, which holds every sum of products exactly, with a meter in each slot of each layer: the
layers' own code then shows it the very values that they round. What a run changes, such as statistics of a normalisation or
the range of an observer, changes in the copy alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

from creator.diagnostics.layers import ProbedActivation, ProbedLayer, ProbedWeighted
from creator.errors import CreatorError
from creator.nn.batch_norm import _BatchNorm
from creator.nn.lookup import Lookup
from creator.nn.quantize import Quantize
from creator.nn.slope import PReLU
from creator.nn.weighted import Weighted
from creator.quantize.quantizer import Quantizer

Loss = Callable[[Any], torch.Tensor]


def probed(model: torch.nn.Module, x: torch.Tensor, loss: Loss | None) -> list[ProbedLayer]:
    """The layers of ``model`` in the order of their calls, with what they have quantized for the input ``x``.

    Raises:
        CreatorError: naming the module path of what fails.
    """
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), x.dtype)
    device = next((p.device for p in model.parameters()), x.device)
    devices = [device] if device.type == "cuda" else []
    with torch.inference_mode(False), torch.random.fork_rng(devices):
        twin = _copy(model)
        _check_parameters(twin)
        layers = _instrumented(twin, loss is not None)
        twin.double()
        x = x.detach().to(device, torch.float64 if x.is_floating_point() else x.dtype, copy=True)
        _run(twin, x, loss, dtype)
        with torch.no_grad():
            for layer in layers:
                layer.finish()
    return sorted(layers, key=lambda layer: layer.order)


def _copy(model: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:  # noqa: BLE001 - whatever a user's module raises
        raise CreatorError(f"cannot be copied: {error}", type(model).__name__, "copy.deepcopy(model) must work") from None


def _check_parameters(model: torch.nn.Module) -> None:
    for path, module in model.named_modules():
        named = [] if isinstance(module, Quantizer) else [*module.named_parameters(recurse=False)]
        if isinstance(module, _BatchNorm):
            named += module.named_buffers(recurse=False)
        for name, tensor in named:
            if not bool(torch.isfinite(tensor).all()):
                what = f"its {name} is NaN or infinite"
                raise CreatorError(what, path or type(module).__name__, "training diverged; restore an earlier state")


def _instrumented(model: torch.nn.Module, gradients: bool) -> list[ProbedLayer]:
    layers: dict[torch.nn.Module, ProbedLayer] = {}
    for path, module in list(model.named_modules()):
        path = path or type(module).__name__
        if isinstance(module, Weighted) and not (isinstance(module, _BatchNorm) and not module.alone):
            layers[module] = ProbedWeighted(path, module, gradients)
        elif isinstance(module, (Quantize, Lookup, PReLU)):
            layers[module] = ProbedActivation(path, module, gradients)
    calls = iter(range(1 << 62))

    def called(module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        layer = layers[module]
        layer.order = min(layer.order, next(calls))
        if isinstance(layer, ProbedWeighted):
            layer.begin_call(args[0])

    def normalises(module: torch.nn.Module, args: tuple[Any, ...]) -> None:
        source = module.layer_before(args[0]) if isinstance(module, _BatchNorm) else None
        if source is not None and not source[0]._norm:
            layer = layers[source[0]]
            assert isinstance(layer, ProbedWeighted)
            layer.normalised_by(module)

    for module in layers:
        module.register_forward_pre_hook(called)
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.register_forward_pre_hook(normalises)
    return list(layers.values())


def _run(model: torch.nn.Module, x: torch.Tensor, loss: Loss | None, dtype: torch.dtype) -> None:
    """Runs the model, and its backward pass where there is a loss."""
    inside: list[str] = []
    for path, module in model.named_modules():
        module.register_forward_pre_hook(partial(_enter, inside, path or type(module).__name__))
        module.register_forward_hook(partial(_leave, inside))
    try:
        with torch.set_grad_enabled(loss is not None):
            y = model(x)
            if loss is not None:
                # A loss function meets the types that it knows from training.
                _backward(model, loss(tree_map_only(torch.Tensor, lambda t: t.to(dtype) if t.is_floating_point() else t, y)))
    except CreatorError as error:
        raise error.at(inside[-1] if inside else "loss") from None
    except Exception as error:  # whatever the user's model or loss raises
        lines = str(error).splitlines() or [type(error).__name__]
        raise CreatorError(f"fails on the batch: {lines[0]}", inside[-1] if inside else "loss") from error


def _enter(inside: list[str], path: str, *_: Any) -> None:
    inside.append(path)


def _leave(inside: list[str], *_: Any) -> None:
    inside.pop()


def _backward(model: torch.nn.Module, value: Any) -> None:
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise CreatorError("loss does not return a scalar", "loss", "pass a function such as lambda y: F.mse_loss(y, target)")
    if not bool(torch.isfinite(value)):
        raise CreatorError("the loss is NaN or infinite", "loss", "look at the batch and its targets")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters or not value.requires_grad:
        raise CreatorError("the loss depends on no parameter that trains", "loss", "leave it out, or unfreeze a layer")
    torch.autograd.grad(value.reshape(()), parameters, allow_unused=True)
