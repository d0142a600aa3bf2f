"""How the codes of an imported network relate to those of torch's own kernels, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.fx

from creator.errors import CreatorError
from creator.formats import IntArray
from creator.importing.reader import Match, Reader
from creator.tracing.fx import graph_module, reason

ROUNDING = 1
"""By how many codes a layer may differ from torch's on the same input: a value near the middle between two rounds to either."""


@dataclass(frozen=True)
class LayerDifference:
    """One layer of an imported network beside torch's.

    Args:
        path: module path.
        values: codes that were compared.
        alone, alone_largest: how many differ, and by how much at most, where the layer is given torch's own input codes.
        network, network_largest: the same where it is given what the layers before it computed.
    """

    path: str
    values: int
    alone: int
    alone_largest: int
    network: int
    network_largest: int


def compare_torch_ao(model: Any, x: torch.Tensor, **choices: Any) -> tuple[LayerDifference, ...]:
    """Imports ``model`` and runs both on the batch ``x``; ``choices`` are those of :func:`creator.from_torch_ao`.

    Raises:
        CreatorError: as :func:`creator.from_torch_ao` does, and where torch cannot run on ``x``.
    """
    from creator.importing.torch_ao import read

    reader = read(model, **choices)
    return differences(reader, graph_module(reader.root, reader.graph).eval(), x)


def check_layers(reader: Reader, imported: torch.nn.Module, x: torch.Tensor) -> None:
    """Refuses a layer whose codes differ by more than a rounding explains."""
    for row in differences(reader, imported, x):
        if row.alone_largest > ROUNDING:
            raise CreatorError(
                f"it differs from torch's by {row.alone_largest} codes on the same input",
                row.path,
                "use more multiplier_bits, or another torch.backends.quantized.engine, see docs/torch-ao.md",
            )


def differences(reader: Reader, imported: torch.nn.Module, x: torch.Tensor) -> tuple[LayerDifference, ...]:
    """One row for each layer whose codes torch has too."""
    theirs = _torch_codes(reader, x)
    found: list[dict[str, tuple[int, int]]] = []
    for replace in (True, False):
        runner = _Runner(imported, reader.matches, theirs, replace)
        with torch.no_grad():
            runner.run(x)
        found.append(runner.found)
    alone, network = found
    return tuple(LayerDifference(reader.matches[name].path, theirs[name].size, *alone[name], *network[name]) for name in alone)


class _Runner(torch.fx.Interpreter):
    """Runs the imported network; counts differing codes and, if told so, goes on with torch's."""

    def __init__(self, module: Any, matches: dict[str, Match], theirs: dict[str, IntArray], replace: bool) -> None:
        super().__init__(module)
        self.matches, self.theirs, self.replace = matches, theirs, replace
        self.found: dict[str, tuple[int, int]] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        result = super().run_node(n)
        if n.name not in self.theirs or not self.matches[n.name].path:
            return result
        fmt, theirs = self.matches[n.name].format, self.theirs[n.name]
        ours = fmt.to_integers(result.double().numpy())
        if ours.shape != theirs.shape:
            raise CreatorError(f"gives shape {ours.shape} where torch gives {theirs.shape}", self.matches[n.name].path)
        difference = np.abs(ours - theirs)
        self.found[n.name] = int(np.count_nonzero(difference)), int(difference.max(initial=0))
        return torch.from_numpy(fmt.from_integers(theirs)).to(result.dtype) if self.replace else result


def _torch_codes(reader: Reader, x: torch.Tensor) -> dict[str, IntArray]:
    """The codes that torch computes, by the names of the nodes of the imported graph."""
    if not isinstance(x, torch.Tensor) or not x.ndim or not len(x):
        raise CreatorError("the example is not a batch of samples", "from_torch_ao", "pass a tensor of shape (batch, ...)")
    interpreter = torch.fx.Interpreter(reader.model, garbage_collect_values=False, graph=reader.source)
    try:
        with torch.no_grad():
            interpreter.run(x)
    except Exception as error:  # noqa: BLE001 - whatever torch raises for an input that does not fit
        raise CreatorError(f"the model fails on the example: {reason(error)}", "from_torch_ao") from None
    return {name: _codes(interpreter.env[match.node]) for name, match in reader.matches.items()}


def _codes(values: torch.Tensor) -> IntArray:
    integers: torch.Tensor = values.int_repr() if values.is_quantized else values
    codes: IntArray = integers.cpu().numpy().astype(np.int64)
    return codes
