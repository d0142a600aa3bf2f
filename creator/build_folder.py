"""A build folder as simulation and synthesis see it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from creator.errors import CreatorError
from creator.graph import Graph, load
from creator.render.fileset import KIND, MANIFEST, is_build


@dataclass(frozen=True)
class BuildFolder:
    """What ``Design.write`` has written.

    Args:
        path: the folder, absolute.
        manifest: its contents.
    """

    path: Path
    manifest: dict[str, Any]

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> BuildFolder:
        """Reads the manifest.

        Raises:
            CreatorError: if this is not a complete build folder.
        """
        path = Path(folder).absolute()
        if not path.is_dir():
            raise CreatorError("there is no such folder", str(folder), "make it with `creator translate MODEL -o FOLDER`")
        if not is_build(path):
            raise CreatorError(f"is not a {KIND}: it has no valid {MANIFEST}", str(folder), "make it with `creator translate`")
        manifest = json.loads((path / MANIFEST).read_text())
        build = cls(path, manifest)
        try:
            missing = [
                name for name in [*build.sources, manifest["bench"] and "sim/file_bench.vhd"] if not (path / name).is_file()
            ]
            _ = manifest["top"], manifest["input"], manifest["output"], manifest["layers"], manifest["latency"]
        except (KeyError, TypeError):
            raise CreatorError(f"its {MANIFEST} is incomplete", str(folder), "translate again") from None
        if missing:
            raise CreatorError(f"the file {missing[0]} is missing", str(folder), "translate again")
        return build

    @property
    def sources(self) -> list[str]:
        """The VHDL files, relative, in the order in which they compile."""
        return list(self.manifest["sources"])

    @property
    def top(self) -> str:
        """Name of the top entity."""
        return str(self.manifest["top"])

    @cached_property
    def graph(self) -> Graph:
        """The graph that the VHDL was translated from."""
        return load(self.path / "graph.creator")
