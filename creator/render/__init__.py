"""From a plan to VHDL files, in memory and then on disk."""

from creator.render.design import Design, estimate, translate
from creator.render.fileset import FileSet

__all__ = ["Design", "FileSet", "estimate", "translate"]
