"""creator: from a PyTorch model to an FPGA, bit for bit.

Importing this package imports neither torch nor cocotb; what needs them imports them when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from creator.affine import Affine
from creator.errors import CreatorError
from creator.formats import FixedPoint, Overflow, Rounding

if TYPE_CHECKING:
    from creator import nn, optim, quantize
    from creator.diagnostics import compare, summarize
    from creator.export import export_project
    from creator.graph import Graph, load
    from creator.importing import from_torch_ao
    from creator.preparation import QConfig, QConfigMapping, Target, calibrate, convert, prepare
    from creator.render import Design, estimate, translate
    from creator.simulation import simulate
    from creator.synthesis import synthesize
    from creator.tracing import trace
    from creator.verification import verify

__version__ = "0.1.0"

_LAZY = {
    "QConfig": "creator.preparation",
    "QConfigMapping": "creator.preparation",
    "Target": "creator.preparation",
    "calibrate": "creator.preparation",
    "convert": "creator.preparation",
    "prepare": "creator.preparation",
    "compare": "creator.diagnostics",
    "summarize": "creator.diagnostics",
    "export_project": "creator.export",
    "Graph": "creator.graph",
    "load": "creator.graph",
    "from_torch_ao": "creator.importing",
    "trace": "creator.tracing",
    "Design": "creator.render",
    "estimate": "creator.render",
    "translate": "creator.render",
    "simulate": "creator.simulation",
    "synthesize": "creator.synthesis",
    "verify": "creator.verification",
}
_MODULES = ("nn", "optim", "quantize")

__all__ = [
    "Affine",
    "CreatorError",
    "Design",
    "FixedPoint",
    "Graph",
    "Overflow",
    "QConfig",
    "QConfigMapping",
    "Rounding",
    "Target",
    "calibrate",
    "compare",
    "convert",
    "estimate",
    "export_project",
    "from_torch_ao",
    "load",
    "nn",
    "optim",
    "prepare",
    "quantize",
    "simulate",
    "summarize",
    "synthesize",
    "trace",
    "translate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"creator.{name}")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'creator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
