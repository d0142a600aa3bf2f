"""Marks on parameters that lie on their grid already, so that a layer in training need not quantize them again.

:class:`creator.optim.QuantizedOptimizer` writes quantized values into parameters and marks them. A mark names the parameter,
the format, the version counter and the address of the memory; it holds as long as all four are the same. So it ends with
every in-place change that torch counts (``copy_`` and the like, also under ``no_grad`` or through ``detach()``,
``load_state_dict``, the step of another optimizer), with ``parameter.data = other`` and with ``model.to(...)``. No copy of a
parameter is marked, however it is made.

Fused optimizers change parameters without counting (torch 2.13), and nobody knows what those outside torch do. A hook, which is
registered when the first mark is set, counts their steps for marked parameters.

Not seen are writes that go round the counter: in place through ``parameter.data`` (``parameter.data.clamp_(...)``), through
NumPy, or by a kernel of one's own. A layer in training then uses what was written as it is, until the next step of the
optimizer; outside training every layer quantizes its weights in any case. Write under ``torch.no_grad()`` to the parameter
itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import cache
from typing import Any

import torch
from torch.autograd.graph import increment_version
from torch.optim.optimizer import register_optimizer_step_post_hook


class _Mark:
    __slots__ = ("address", "format", "owner", "version")

    def __init__(self, parameter: torch.Tensor, fmt: object) -> None:
        self.owner, self.format, self.version, self.address = id(parameter), fmt, -1, 0

    def __reduce__(self) -> tuple[Any, ...]:
        # A saved or copied parameter counts its changes anew, so its mark must not come along. What does come along is of a
        # type that torch.load accepts in a file of weights.
        return OrderedDict, ()


class Marks:
    """The marks of some parameters, to be looked at and renewed together; they do not hold before :meth:`renew`."""

    def __init__(self, parameters: Iterable[torch.Tensor], formats: Iterable[object]) -> None:
        _watch_steps()
        self._parameters = list(parameters)
        self._marks = [_Mark(parameter, fmt) for parameter, fmt in zip(self._parameters, formats, strict=True)]
        for parameter, own in zip(self._parameters, self._marks, strict=True):
            parameter.creator_on_grid = own  # type: ignore[attr-defined]
        self._seen: tuple[list[int], list[int]] = [], []

    def _look(self) -> tuple[list[int], list[int]]:
        return [p._version for p in self._parameters], [p.data_ptr() for p in self._parameters]

    def hold(self) -> bool:
        """Whether nothing that can be seen has changed any of the parameters."""
        return self._look() == self._seen

    def renew(self) -> None:
        """States that the parameters lie on their grids as they are now."""
        self._seen = self._look()
        for own, version, address in zip(self._marks, *self._seen, strict=True):
            own.version, own.address = version, address


def mark(parameters: Iterable[torch.Tensor], formats: Iterable[object]) -> None:
    """States that each of ``parameters`` lies on the grid of its format, as it is now."""
    Marks(parameters, formats).renew()


def is_on_grid(parameter: torch.Tensor, fmt: object) -> bool:
    """Whether ``parameter`` was marked as lying on the grid of ``fmt`` and nothing that can be seen has changed it since.

    False for any tensor that was never marked, inference tensors included.
    """
    found = getattr(parameter, "creator_on_grid", None)
    if type(found) is not _Mark or found.owner != id(parameter):  # copy.copy takes attributes along
        return False
    if parameter._version != found.version or parameter.data_ptr() != found.address:
        return False
    return found.format is fmt or found.format == fmt


@cache
def _watch_steps() -> Any:
    return register_optimizer_step_post_hook(_after_step)


def _after_step(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
    known = type(optimizer).__module__.startswith("torch.optim.")
    for group in optimizer.param_groups:
        if not known or group.get("fused"):
            increment_version([p for p in group["params"] if isinstance(getattr(p, "creator_on_grid", None), _Mark)])
