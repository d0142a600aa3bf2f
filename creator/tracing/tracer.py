"""``creator.trace``: walks a module with torch.fx, lowers what it knows and refuses the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from creator.affine import Format
from creator.errors import CreatorError
from creator.formats import FixedPoint, IntArray
from creator.graph import Graph
from creator.graph.vectors import check_vectors
from creator.nn.exact import eval_dtype
from creator.ops.base import MAX_ELEMENTS
from creator.passes import OPTIMISE, run_passes
from creator.tracing.fx import eval_mode, fx_graph, reason
from creator.tracing.lower import Lowering
from creator.tracing.modules import MODULES

CHECK_VECTORS = 32


def trace(model: torch.nn.Module, input_shape: Sequence[int] | int) -> Graph:
    """The integer graph of ``model`` in eval mode; the model itself is left as it was.

    Args:
        model: any module that torch.fx can trace and whose leaves creator knows; its first layer is ``nn.Quantize``.
        input_shape: shape of one sample, without the batch.

    Returns:
        The verified graph, with the optimising passes applied.

    Raises:
        CreatorError: naming the module path of the first thing that cannot become exact integer hardware.
    """
    if not isinstance(model, torch.nn.Module):
        raise CreatorError(f"expected a torch.nn.Module, got {type(model).__name__}", "trace")
    shape = _checked_shape(input_shape)
    if isinstance(model, tuple(MODULES)):
        model = torch.nn.Sequential(model)
    _refuse_hooks(model)
    with eval_mode(model), torch.no_grad():
        lowering = Lowering(model, fx_graph(model), shape)
        graph = run_passes(lowering.lower(_example(model, shape)).verify(), OPTIMISE)
        _check_against(model, graph)
    return graph


def _refuse_hooks(model: torch.nn.Module) -> None:
    """Hooks, on containers too, and instance attributes in place of ``forward`` change what a module computes."""
    for path, module in model.named_modules():
        if module._forward_hooks or module._forward_pre_hooks:
            raise CreatorError("it has forward hooks, which hardware would not run", path or "the model", "remove them")
        if "forward" in vars(module):
            raise CreatorError("its forward was replaced on the instance", path or "the model", "define it in the class")


def _checked_shape(input_shape: Sequence[int] | int) -> tuple[int, ...]:
    sizes: Any = input_shape if isinstance(input_shape, (tuple, list, torch.Size)) else (input_shape,)
    if not sizes or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in sizes):
        raise CreatorError(f"input_shape={input_shape!r} is not a shape", "trace", "give one sample's shape, such as (64,)")
    shape = tuple(int(n) for n in sizes)
    if math.prod(shape) > MAX_ELEMENTS:
        raise CreatorError(f"input_shape={shape} has more than {MAX_ELEMENTS} elements", "trace", "give one sample's shape")
    return shape


def _device(model: torch.nn.Module) -> torch.device:
    tensors: Iterator[Any] = iter(model.parameters())
    first = next(tensors, None)
    return torch.device("cpu") if first is None else first.device


def _example(model: torch.nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.zeros(Lowering.BATCH, *shape, device=_device(model))


def _check_against(model: torch.nn.Module, graph: Graph) -> None:
    """Runs both on random codes and on the corners: a last guard against a module that is not what it seems."""
    x = check_vectors(graph, CHECK_VECTORS)
    dtype = eval_dtype(torch.float32, graph.input_format)
    values = torch.from_numpy(graph.input_format.from_integers(x)).to(device=_device(model), dtype=dtype)
    outputs = []
    for grad in (False, True):  # a forward may ask
        try:
            with torch.set_grad_enabled(grad):
                outputs.append(model(values).detach().double().cpu().numpy())
        except RuntimeError as error:
            what = f"fails on a batch of {len(x)}: {reason(error)}"
            raise CreatorError(what, type(model).__name__, "do not write the batch size into the model") from None
    expected = graph.run(x)
    # A result of one element a sample has no axis in torch, and one here.
    outputs = [y[:, None] if y.ndim == 1 and graph.output_shape == (1,) else y for y in outputs]
    if not all(_is(y, expected, graph.output_format) for y in outputs):
        raise CreatorError(
            "the integer graph does not reproduce the model's outputs",
            type(model).__name__,
            "a module computes something else than its class says, through a hook or an overridden method",
        )


def _is(y: npt.NDArray[np.float64], expected: IntArray, fmt: Format) -> bool:
    """Whether ``y`` are the values of the codes ``expected``, or with an arbitrary scale as near as floating point is."""
    if isinstance(fmt, FixedPoint):
        return np.array_equal(y, fmt.from_integers(expected))
    return bool(np.isfinite(y).all()) and np.array_equal(fmt.to_integers(y), expected)
