"""``creator.from_torch_ao``: an 8-bit network of torch.ao or of PT2E as one of creator's layers."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
import torch.export
import torch.fx

from creator.affine import MULTIPLIER_BITS, Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.importing.comparison import check_layers
from creator.importing.modules import MODULES, check_converted, class_name, handle
from creator.importing.reader import Reader
from creator.tracing.fx import eval_mode, graph_module, reason


def from_torch_ao(
    model: Any,
    example_input: torch.Tensor | None = None,
    *,
    multiplier_bits: int = MULTIPLIER_BITS,
    output: Format | None = None,
) -> torch.nn.Module:
    """A model of creator's layers with the weights, scales and zero points of a converted one; in eval mode.

    Every code of every weight and every scale is taken over. Biases, which torch keeps in floating point, are rounded to the
    grid of the sums. The result computes in integers, with a multiplier and a shift where torch multiplies in float32, so that
    a code differs now and then by one; :func:`creator.importing.compare_torch_ao` counts where.

    Args:
        model: converted by ``torch.ao.quantization.convert``, ``convert_fx``, ``convert_to_reference_fx`` or PT2E's
            ``convert_pt2e``, or a ``torch.export.ExportedProgram`` of the latter. It is left as it was.
        example_input: a batch. With it, every layer is run on torch's own input codes, and a layer that differs by more than
            one code is refused.
        multiplier_bits: width of the multipliers between scales, 1 to 31.
        output: format of the result where that stays in floating point in ``model``.

    Raises:
        CreatorError: naming the module path of the first thing that cannot be taken over exactly.
    """
    reader = read(model, multiplier_bits, output)
    imported = graph_module(reader.root, reader.graph)
    imported.eval()
    if example_input is not None:
        check_layers(reader, imported, example_input)
    return imported


def read(model: Any, multiplier_bits: int = MULTIPLIER_BITS, output: Format | None = None) -> Reader:
    """Reads a converted model; the arguments are those of :func:`from_torch_ao`."""
    if isinstance(model, torch.export.ExportedProgram):
        model = model.module()
    if not isinstance(model, torch.nn.Module):
        raise CreatorError(f"expected a torch.nn.Module, got {type(model).__name__}", "from_torch_ao")
    if isinstance(multiplier_bits, bool) or not isinstance(multiplier_bits, int) or not 1 <= multiplier_bits <= 31:
        raise CreatorError(f"multiplier_bits={multiplier_bits!r} is not 1 to 31 bits", "from_torch_ao")
    if output is not None and not isinstance(output, (FixedPoint, Affine)):
        raise CreatorError(f"output={output!r} is not a number format", "from_torch_ao")
    if class_name(model) in MODULES:
        model = torch.nn.Sequential(model)
    for path, module in model.named_modules():
        check_converted(path, module)
    for path, module in model.named_modules():
        hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
        if not all(_of_export(hook) for hook in hooks):
            raise CreatorError("it has forward hooks", path or "the model", "convert the model, or remove them")
    exported = isinstance(model, torch.fx.GraphModule)  # these refuse eval(), and have their graph already
    with contextlib.nullcontext() if exported else eval_mode(model), torch.no_grad():
        reader = Reader(model, model.graph if exported else _graph_of(model), multiplier_bits, output)
        reader.read(handle)
    return reader


def _of_export(hook: Any) -> bool:
    """Whether a hook is that with which torch.export checks the shape of an input."""
    return str(getattr(hook, "__module__", "")).startswith(("torch.export.", "torch._export."))


class _Tracer(torch.fx.Tracer):
    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        return class_name(m) in MODULES or super().is_leaf_module(m, module_qualified_name)


def _graph_of(model: torch.nn.Module) -> torch.fx.Graph:
    try:
        return _Tracer().trace(model)
    except CreatorError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the user's forward raises under tracing
        raise CreatorError(
            f"its forward cannot be traced: {reason(error)}", type(model).__name__, "avoid control flow that depends on values"
        ) from None
