"""A build folder as simulation and synthesis see it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from creator.errors import CreatorError, as_path
from creator.graph import Graph, load
from creator.render.fileset import BENCH, CHECKER, GRAPH, KIND, MANIFEST, VERSION, WATCHED, describe, read_manifest


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
        path = as_path(folder, "pass a build folder, which design.write(folder) makes").absolute()
        if not os.path.isdir(path):
            raise CreatorError("there is no such folder", str(folder), "make it with `creator translate MODEL -o FOLDER`")
        manifest = read_manifest(path)
        if manifest is None:
            raise CreatorError(f"is not a {KIND}: it has no valid {MANIFEST}", str(folder), "make it with `creator translate`")
        build = cls(path, manifest)
        fault = _fault(build.manifest)
        if fault:
            raise CreatorError(f"its {MANIFEST} is not one that creator writes: {fault}", str(folder), "translate again")
        for name in build.inputs:
            if not (path / name).is_file():
                raise CreatorError(f"the file {name} is missing", str(folder), "translate again")
            if path.resolve() not in (path / name).resolve().parents:
                raise CreatorError(f"the file {name} is a link out of the folder", str(folder), "translate again")
        return build

    @property
    def sources(self) -> list[str]:
        """The VHDL files, relative, in the order in which they compile."""
        return list(self.manifest["sources"])

    @property
    def bench(self) -> str:
        """The VHDL bench's file, relative."""
        return BENCH

    @property
    def inputs(self) -> list[str]:
        """The files, relative, that simulation and synthesis read."""
        return [*self.sources, CHECKER, WATCHED, self.bench, GRAPH]

    @property
    def top(self) -> str:
        """Name of the top entity."""
        return str(self.manifest["top"])

    def edited(self) -> tuple[str, ...]:
        """The files that are not as they were translated."""
        hashes = self.manifest["sha256"]
        return tuple(name for name in self.inputs if hashes.get(name) != sha256((self.path / name).read_bytes()).hexdigest())

    @cached_property
    def graph(self) -> Graph:
        """The graph that the VHDL was translated from."""
        graph = load(self.path / GRAPH)
        for name, kind in (("input", graph.input_type), ("output", graph.output_type)):
            if not describe(kind).items() <= self.manifest[name].items():
                raise CreatorError(f"its {MANIFEST} and its graph have different {name}s", str(self.path), "translate again")
        nodes = {node.name for node in graph.nodes}
        if not all(layer["name"] in nodes for layer in self.manifest["layers"]):
            raise CreatorError(f"its {MANIFEST} and its graph have different layers", str(self.path), "translate again")
        return graph


def _fault(manifest: dict[str, Any]) -> str:
    """What is wrong with a manifest; it comes from a file, and names in it reach the tools' command lines and scripts."""
    layers = _items(manifest.get("layers"))
    if not layers or not all(isinstance(layer, dict) and isinstance(layer.get("from"), list) for layer in layers):
        return "a layer is not described"
    names = [
        manifest.get("top"),
        manifest.get("bench"),
        *_items(manifest.get("block_roms")),
        *_items(manifest.get("logic_roms")),
    ]
    names += [layer.get(key) for layer in layers for key in ("signal", "label", "name")]
    if not all(isinstance(name, str) and name.isascii() and name.isidentifier() for name in names):
        return "an entity or signal has no legal name"
    sources = _items(manifest.get("sources"))
    if not sources or not all(isinstance(name, str) and re.fullmatch(r"vhdl/\w+\.vhd", name, re.ASCII) for name in sources):
        return "a source is not a file in its folder vhdl"
    if manifest.get("version") != VERSION:
        return f"its version is not {VERSION}"
    numbers = [manifest.get("latency"), manifest.get("interval")]
    if not all(isinstance(number, int) and not isinstance(number, bool) and 0 < number < 1 << 31 for number in numbers):
        return "its latency or interval is not a positive integer"
    if not all(_is_beat(manifest.get(name)) for name in ("input", "output")):
        return "its input or output is not described"
    return "" if isinstance(manifest.get("sha256"), dict) else "it has no hashes"


def _is_beat(side: object) -> bool:
    lanes, bits = (side.get("lanes"), side.get("beat_bits")) if isinstance(side, dict) else (0, 0)
    if not (type(lanes) is int and type(bits) is int and lanes > 0):
        return False
    return bits % lanes == 0 and bits // lanes in range(8, 65, 8)


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else [None]
