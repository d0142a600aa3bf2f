"""The entities of a table."""

from __future__ import annotations

from creator.ops import Lookup
from creator.ops.base import is_deep
from creator.render.core_files import CoreFiles


def render_lookup(files: CoreFiles, op: Lookup) -> None:
    """Renders the core's entities."""
    purpose = f"table of {files.core.node.where}, by the input's bits"
    files.main(
        {
            "deep": is_deep(len(op.table)),
            "table_entity": files.rom("table", purpose, [(op.table[:, None], op.output.total_bits)]),
        }
    )
