"""Configurations of every operation; the conformance suite runs each through every stage.

A file here is named after an operation and gives ``CASES``. A case is a model whose graph has that operation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Case:
    """One configuration.

    Args:
        name: unique in its file.
        make: builds the model; torch's seed is set before.
        input_shape: of one sample.
    """

    name: str
    make: Callable[[], torch.nn.Module]
    input_shape: tuple[int, ...]

    def model(self) -> torch.nn.Module:
        """The model, in eval mode, the same every time."""
        torch.manual_seed(sum(self.name.encode()))
        return self.make().eval()


def sequential(*layers: torch.nn.Module) -> torch.nn.Sequential:
    """Layers in a row."""
    return torch.nn.Sequential(*layers)
