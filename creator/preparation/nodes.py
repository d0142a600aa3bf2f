"""What the nodes of a traced model are: which give values, which join them, who reads them."""

from __future__ import annotations

from typing import Any

import torch
import torch.fx

from creator.tracing.joins import PRODUCTS, SUMS, is_join

_FUNCTIONS = SUMS.keys() | PRODUCTS


class Kinds(torch.fx.Interpreter):
    """Runs the model and notes which nodes give tensors, and of which shape, and what other nodes give, sizes for example."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.tensors: set[torch.fx.Node] = set()
        self.shapes: dict[torch.fx.Node, tuple[int, ...]] = {}
        self.numbers: dict[torch.fx.Node, Any] = {}

    def run_node(self, n: torch.fx.Node) -> Any:
        """The node's value."""
        result = super().run_node(n)
        if isinstance(result, torch.Tensor):
            self.tensors.add(n)
            self.shapes[n] = tuple(result.shape)
        else:
            self.numbers[n] = result
        return result


def only_user(node: torch.fx.Node) -> torch.fx.Node | None:
    """What reads the node, if nothing else does."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def joins_values(node: torch.fx.Node, tensors: set[torch.fx.Node]) -> bool:
    """Whether ``node`` is a sum, a difference or a product of values, not of a value and a number; ``tensors``: the values."""
    if node.op not in ("call_function", "call_method") or not is_join(node.target) or node not in tensors:
        return False
    operands = [*node.args, *(value for name, value in node.kwargs.items() if name in ("input", "other"))]
    values = sum(isinstance(value, torch.fx.Node) and value in tensors and value.op != "get_attr" for value in operands)
    return node.target in _FUNCTIONS and values == len(operands) == 2
