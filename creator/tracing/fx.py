"""What torch.fx sees of a model: its graph, the names of its nodes, and the modes that looking at it must not change."""

from __future__ import annotations

import contextlib
import keyword
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx
from torch.utils._pytree import tree_leaves

from creator.errors import CreatorError
from creator.nn import GLU
from creator.tracing.modules import MODULES


def reason(error: Exception) -> str:
    """The first line of what an exception says, or its class."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def module_path(n: torch.fx.Node) -> str:
    """The module that a node calls, or the function and the module that it stands in: "encoder.0", "encoder.relu"."""
    if n.op == "call_module":
        return str(n.target)
    stack = n.meta.get("nn_module_stack") or {}
    paths = [path for path, _ in stack.values()] if stack else []
    name = n.target if isinstance(n.target, str) else getattr(n.target, "__name__", str(n.target))
    return ".".join(filter(None, [paths[-1] if paths else "", str(name)]))


@dataclass(frozen=True)
class Call:
    """A call of a function or a method; of its arguments, only values of the network are nodes.

    torch.fx has nodes for ``x.shape`` and what is computed from it, too: here they are the numbers of one run.
    """

    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, n: torch.fx.Node, results: Mapping[torch.fx.Node, Any]) -> Call:
        """The call of ``n`` where the nodes before it had those ``results``."""

        def known(source: torch.fx.Node) -> Any:
            result = results.get(source, source)
            return source if holds_tensors(result) else result

        args, kwargs = torch.fx.map_arg((n.args, n.kwargs), known)
        return cls(n.target, tuple(args), dict(kwargs))


def holds_tensors(result: Any) -> bool:
    """Whether a result is a tensor, or has one in it."""
    return any(isinstance(leaf, torch.Tensor) for leaf in tree_leaves(result))


class _Tracer(torch.fx.Tracer):
    def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
        if isinstance(m, GLU):  # which is made of layers
            return False
        own = type(m).__module__.startswith("creator.nn.")
        return own or isinstance(m, tuple(MODULES)) or super().is_leaf_module(m, module_qualified_name)


def fx_graph(model: torch.nn.Module) -> torch.fx.Graph:
    """The graph of ``model``, with the layers that creator knows, and torch's own, as leaves.

    Raises:
        CreatorError: if torch.fx cannot trace it.
    """
    try:
        return _Tracer().trace(model)
    except CreatorError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the user's forward raises under tracing
        raise CreatorError(
            f"its forward cannot be traced: {reason(error)}", type(model).__name__, "avoid control flow that depends on values"
        ) from None


def graph_module(model: torch.nn.Module, graph: torch.fx.Graph) -> torch.fx.GraphModule:
    """``model`` as a module that runs ``graph``. torch.fx writes the names of modules into Python code for it, unquoted.

    Raises:
        CreatorError: naming a module whose name would be code there, or no name.
    """
    for node in graph.nodes:
        for name in str(node.target).split(".") if node.op in ("call_module", "get_attr") else ():
            if not _is_plain(name):
                what = f"the name {name!r:.60} cannot stand in Python code"
                raise CreatorError(what, str(node.target)[:60], "rename the module")
    return torch.fx.GraphModule(model, graph, type(model).__name__)


def _is_plain(name: str) -> bool:
    if name.isidentifier():
        return not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name
    return re.fullmatch(r"[ !#-\[\]-~]+", name) is not None  # printable ASCII but quotes and backslashes


@contextlib.contextmanager
def modes_kept(model: torch.nn.Module) -> Iterator[None]:
    """Every module's mode, training or evaluation, is afterwards as it was before."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def eval_mode(model: torch.nn.Module) -> Iterator[None]:
    """Evaluation mode for a while.

    Raises:
        CreatorError: naming a module that does not follow.
    """
    with modes_kept(model):
        model.eval()
        for path, module in model.named_modules():
            if module.training:
                raise CreatorError(
                    "it stays in training mode when told to leave it", path or "the model", "let train(False) reach it"
                )
        yield
