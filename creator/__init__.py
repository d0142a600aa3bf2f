"""creator: from a PyTorch model to an FPGA, bit for bit.

Importing this package imports neither torch nor cocotb; what needs them imports them when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding

if TYPE_CHECKING:
    from creator import nn, quantize
    from creator.graph import Graph, load
    from creator.render import Design, translate
    from creator.simulation import simulate
    from creator.synthesis import synthesize
    from creator.tracing import trace

__version__ = "0.1.0"

_LAZY = {
    "Graph": "creator.graph",
    "load": "creator.graph",
    "trace": "creator.tracing",
    "Design": "creator.render",
    "translate": "creator.render",
    "simulate": "creator.simulation",
    "synthesize": "creator.synthesis",
}
_MODULES = ("nn", "quantize")

__all__ = [
    "CreatorError",
    "Design",
    "FixedPoint",
    "Graph",
    "Overflow",
    "Rounding",
    "load",
    "nn",
    "quantize",
    "simulate",
    "synthesize",
    "trace",
    "translate",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"creator.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'creator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
