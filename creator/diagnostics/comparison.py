"""The same nodes in PyTorch, in the integer graph and, if given, in the floating-point model: where do they part?"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from creator.affine import Format
from creator.diagnostics.follow import Step, Trail, steps
from creator.diagnostics.table import decibel, grid, number, shortened
from creator.errors import CreatorError
from creator.formats import IntArray
from creator.graph import Graph, Node
from creator.nn.quantize import Quantize
from creator.nn.requantize import scale_of
from creator.ops import Linear, Minifloat, Rescale
from creator.tracing import trace
from creator.tracing.fx import eval_mode

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` found; ``str(comparison)`` is a table.

    Args:
        rows: the graph's input and every node, in order.
    """

    rows: tuple[NodeRow, ...]

    @property
    def exact(self) -> bool:
        """Whether PyTorch and the graph give the same codes, at the output and at every node that PyTorch shows."""
        return self.rows[-1].torch_lsb is not None and self.first_mismatch is None

    @property
    def first_mismatch(self) -> NodeRow | None:
        """The first node where they differ."""
        return next((row for row in self.rows if row.torch_lsb), None)

    def __str__(self) -> str:
        header = ("module", "node", "format", "torch - graph", "float - graph", "SQNR")
        cells = [
            (row.path, row.node, shortened(row.format), _lsb(row.torch_lsb), _lsb(row.reference_lsb), decibel(row.sqnr_db))
            for row in self.rows
        ]
        mismatch = self.first_mismatch
        verdict = "PyTorch and the graph agree in every code"
        if mismatch is not None:
            verdict = f"PyTorch and the graph part at {mismatch.path}"
        elif not self.exact:
            verdict = "the output could not be compared"
        return f"{grid(header, cells, texts=3)}\n{verdict}; differences are the largest of all elements, in LSB"

    def to_json(self) -> dict[str, Any]:
        """Rows by name, of types that ``json.dumps`` takes; an infinite ratio is ``None``."""
        rows = [dataclasses.asdict(row) for row in self.rows]
        for row in rows:
            row["sqnr_db"] = None if row["sqnr_db"] in (math.inf, -math.inf) else row["sqnr_db"]
        return {"exact": self.exact, "rows": rows}


@dataclass(frozen=True)
class NodeRow:
    """One node.

    Args:
        node: its name in the graph.
        path: the module paths that it stands for.
        format: of its codes.
        elements: how many values there are.
        torch_lsb: the largest difference between PyTorch's evaluation mode and the graph, in units of the code; ``None`` inside
            a layer, where PyTorch shows no value.
        reference_lsb: the largest difference between the floating-point model and the graph; ``None`` where that has no
            such value.
        sqnr_db: 10 log10(sum of r**2 / sum of (r - value)**2), r of the floating-point model.
    """

    node: str
    path: str
    format: str
    elements: int
    torch_lsb: float | None
    reference_lsb: float | None
    sqnr_db: float | None


def compare(
    model: torch.nn.Module, x: torch.Tensor, reference: torch.nn.Module | None = None, graph: Graph | None = None
) -> Comparison:
    """Every node of ``graph`` beside the same module in PyTorch's evaluation mode and in a floating-point model.

    A node that stands for several modules, such as a layer with its normalisation and its activation, is compared with the
    output of the last one. Where the graph's output cannot be negative and the floating-point model has a ReLU right after that
    module, as after :func:`creator.prepare`, it is compared with the ReLU's. A layer that could be either has no value there.

    Args:
        model: what :func:`creator.trace` takes; left as it is.
        x: inputs, shape (batch, ...).
        reference: a floating-point model with the same module paths, such as the one that was prepared.
        graph: of the model; traced from it unless given.

    Raises:
        CreatorError: for a model or a reference that cannot be traced, or an input that they do not take.
    """
    _check(model, x, reference)
    graph = graph or trace(model, x.shape[1:])
    own = steps(model, _for(model, x))
    with eval_mode(model), torch.no_grad():
        result = model(_for(model, x))
    starts = frozenset(node.paths[0] for node in graph.nodes if node.paths)
    entry = next((step for step in own if isinstance(step.module, Quantize)), None)
    if entry is None:
        raise CreatorError("the model has no nn.Quantize", "compare", "begin it with nn.Quantize(FixedPoint(8, 4))")
    trail = Trail(own[own.index(entry) + 1 :], starts)  # what comes before has no codes in PyTorch
    codes = graph.run_all(_codes(entry.value, graph))
    other = None if reference is None else Trail(steps(reference, _for(reference, x)), starts)
    first = None if reference is None else x
    rows = [_row(graph.input, entry.path, graph.input_format, codes[graph.input], entry.value, first)]
    for node in graph.nodes:
        value = reading = None
        if not _is_inner(node, graph):
            step = trail.follow(node.paths)
            value = result if node.name == graph.output else step and step.value
            reading = None if other is None else _reading(node, other)
        rows.append(_row(node.name, node.where, node.type.format, codes[node.name], value, reading))
    return Comparison(tuple(rows))


def _check(model: object, x: object, reference: object) -> None:
    for name, module in (("model", model), ("reference", reference)):
        if not isinstance(module, torch.nn.Module) and (name == "model" or module is not None):
            raise CreatorError(f"{name} is {type(module).__name__}, not a torch.nn.Module", "compare")
    if not isinstance(x, torch.Tensor) or x.ndim < 2 or not x.numel():
        raise CreatorError("x is not a batch of inputs", "compare", "pass a tensor of shape (batch, ...)")
    if not bool(torch.isfinite(x).all()):
        raise CreatorError("x contains NaN or infinities", "compare", "clean the data")


def _for(model: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    """``x`` where the model's parameters are."""
    return x.detach().to(next((p.device for p in model.parameters()), x.device))


def _codes(value: torch.Tensor, graph: Graph) -> IntArray:
    """The input of the graph from what the model's first layer gives."""
    codes = graph.input_format.to_integers(value.double().cpu().numpy())
    if codes[0].size != graph.input_type.size:
        raise CreatorError(f"x gives {codes[0].size} values a sample, the graph takes {graph.input_type}", "compare")
    return codes.reshape(len(codes), *graph.input_shape)


def _is_inner(node: Node, graph: Graph) -> bool:
    """Whether PyTorch shows nothing of the node: it is the sum that the next node brings to the layer's scale."""
    readers = [other for other in graph.nodes if node.name in other.inputs]
    return (
        isinstance(node.op, Linear)
        and bool(readers)
        and all(isinstance(other.op, (Minifloat, Rescale)) and other.paths[:1] == node.paths[:1] for other in readers)
    )


def _reading(node: Node, reference: Trail) -> torch.Tensor | None:
    """What the floating-point model has in the node's place."""
    step: Step | None = reference.follow(node.paths)
    if step is None:
        return None
    if node.type.format.min_value < 0 or bool((step.value >= 0).all()):
        return step.value
    rectified = reference.rectified(step)
    return None if rectified is None else rectified.value


def _row(
    node: str, path: str, fmt: Format, codes: IntArray, value: torch.Tensor | None, reference: torch.Tensor | None
) -> NodeRow:
    exact = fmt.from_integers(codes)
    step = float(scale_of(fmt))
    own, other = _as(value, exact), _as(reference, exact)
    sqnr = None
    if other is not None:
        signal, noise = float(np.square(other).sum()), float(np.square(other - exact).sum())
        sqnr = math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal else -math.inf
    return NodeRow(
        node,
        path,
        str(fmt),
        codes.size,
        None if own is None else float(np.abs(own - exact).max() / step),
        None if other is None else float(np.abs(other - exact).max() / step),
        sqnr,
    )


def _as(value: torch.Tensor | None, like: FloatArray) -> FloatArray | None:
    """``value`` in the shape of ``like``, if it has as many elements."""
    if value is None or value.numel() != like.size:
        return None
    return np.asarray(value.detach().double().cpu().numpy()).reshape(like.shape)


def _lsb(value: float | None) -> str:
    return "0" if value == 0 else number(value)
