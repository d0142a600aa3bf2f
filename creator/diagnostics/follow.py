"""Runs a model step by step, and finds in it the steps that a graph's nodes stand for."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx

from creator.errors import CreatorError
from creator.tracing.fx import eval_mode, fx_graph, module_path, reason


@dataclass(frozen=True, eq=False)
class Step:
    """One call of a module or a function.

    Args:
        path: as a graph's nodes have it.
        node: of torch.fx.
        value: a copy of the result, as nothing that follows in place may change it.
        module: what was called; ``None`` for a function.
    """

    path: str
    node: torch.fx.Node
    value: torch.Tensor
    module: torch.nn.Module | None

    def is_at(self, path: str) -> bool:
        """Whether ``path`` names this step.

        A function may also go by the name that torch.fx gives it, and without the module that it stands in: a prepared model
        calls it outside.
        """
        return path == self.path or (self.module is None and path in (self.node.name, self.path.rsplit(".", 1)[-1]))


class _Steps(torch.fx.Interpreter):
    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__(module, graph=fx_graph(module))
        self.steps: list[Step] = []

    def run_node(self, n: torch.fx.Node) -> Any:
        try:
            result = super().run_node(n)
        except CreatorError as error:
            raise error.at(module_path(n)) from None
        except Exception as error:  # noqa: BLE001 - whatever the user's model raises
            raise CreatorError(f"fails on the batch: {reason(error)}", module_path(n)) from None
        if n.op.startswith("call") and isinstance(result, torch.Tensor):
            module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
            self.steps.append(Step(module_path(n), n, result.detach().clone(), module))
        return result


def steps(model: torch.nn.Module, x: torch.Tensor) -> list[Step]:
    """The calls of ``model`` in evaluation mode, in order; its modes are left as they were.

    Raises:
        CreatorError: for a model that torch.fx cannot trace, or that fails on ``x``.
    """
    # A model that is a layer itself has no path to call it by.
    root = model if list(model.children()) else torch.nn.Sequential(model)
    with eval_mode(model), torch.no_grad():
        recording = _Steps(root)
        recording.run(x)
    return recording.steps


class Trail:
    """The steps of a model, followed in the order of the graph's nodes.

    Args:
        steps: of the model.
        starts: the first path of each node of the graph: where one node ends, another begins.
    """

    def __init__(self, steps: Sequence[Step], starts: AbstractSet[str]) -> None:
        self.steps, self.starts = steps, starts
        self._next = 0

    def follow(self, paths: Sequence[str]) -> Step | None:
        """The step of the last of ``paths``, after those already followed; ``None`` if the model has none there."""
        found = None
        for count, path in enumerate(paths):
            index = self._find(path, same_node=count > 0)
            if index is None and count == 0:
                return None
            found = None if index is None else self.steps[index]
            self._next = self._next if index is None else index + 1
        return found

    def _find(self, path: str, same_node: bool) -> int | None:
        for index in range(self._next, len(self.steps)):
            step = self.steps[index]
            if step.is_at(path):
                return index
            # Another node begins; except that a function may go by a name that several have, and not every one is a node.
            if any(step.is_at(start) for start in self.starts) and (same_node or step.module is not None):
                return None
        return None

    def rectified(self, step: Step) -> Step | None:
        """The ReLU that alone reads ``step``, if there is one: known by what it does."""
        users = list(step.node.users)
        reader = next((other for other in self.steps if len(users) == 1 and other.node is users[0]), None)
        return reader if reader is not None and torch.equal(reader.value, step.value.clamp_min(0)) else None
