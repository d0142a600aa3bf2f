"""``creator.verify``: whether a build folder is as it was generated, and from which graph."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from types import NoneType
from typing import Any

import creator
from creator.errors import CreatorError, as_path
from creator.graph import Graph, load
from creator.graph.storage import graph_bytes
from creator.render.design import translate
from creator.render.fileset import GRAPH, KIND, MANIFEST, VERSION, files_in, made_later, manifest_text, read_manifest, sealed


@dataclass(frozen=True)
class Verification:
    """What was found in a build folder.

    Args:
        folder: as it was given.
        files: how many the build has, the manifest included.
        changed: files of it that are not as they were generated.
        missing: files of it that are not there.
        extra: files that are there and do not belong to it.
        later: files that simulation and synthesis put there, which nothing covers.
        graph: sha256 of the graph that it was generated from, which is that of the file that ``graph.save`` writes.
        other_graph: the graph to compare with, if that is another one; else empty.
        made_again: why it was not generated again from its graph; empty if it was, and compared byte for byte.
        creator: version that generated it.
        options: of ``creator.translate``.
        input, output: shape and format of the streams.
    """

    folder: str
    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    later: tuple[str, ...]
    graph: str
    other_graph: str
    made_again: str
    creator: str
    options: dict[str, Any]
    input: str
    output: str

    @property
    def unchanged(self) -> bool:
        """Whether the folder has the files that were generated, as they were, and none besides."""
        return not self.fault

    @property
    def fault(self) -> str:
        """What is wrong, in one line that names every file; empty if nothing is."""
        found = [
            (self.changed, "changed since generation"),
            (self.missing, "missing"),
            (self.extra, "not of the build"),
        ]
        parts = [f"{', '.join(names)}: {what}" for names, what in found if names]
        parts += [f"it was not generated from {self.other_graph}"] if self.other_graph else []
        return "; ".join(parts)

    def rows(self) -> list[tuple[str, str]]:
        """What the command line prints."""
        found = [("changed", self.changed), ("missing", self.missing), ("not of the build", self.extra)]
        rows = [(label, ", ".join(names)) for label, names in found if names]
        rows += [("not its graph", self.other_graph)] if self.other_graph else []
        options = {name: value for name, value in self.options.items() if value not in (None, {})}
        return [
            *rows,
            ("files", str(self.files)),
            ("from the graph", f"sha256 {self.graph}"),
            ("input", self.input),
            ("output", self.output),
            ("by creator", self.creator),
            ("options", ", ".join(f"{name}={value}" for name, value in options.items())),
            ("made again", f"no: {self.made_again}" if self.made_again else "from its graph; every byte is the same"),
            *([("made later", f"{len(self.later)} files of simulation or synthesis, not covered")] if self.later else []),
        ]

    def summary(self) -> dict[str, Any]:
        """The same as plain values, for ``--json``."""
        names = ("changed", "missing", "extra", "later")
        return asdict(self) | {name: list(getattr(self, name)) for name in names} | {"unchanged": self.unchanged}


def verify(folder: str | os.PathLike[str], graph: str | os.PathLike[str] | Graph | None = None) -> Verification:
    """Compares a build folder with its manifest, and with what its graph gives when it is translated again.

    A manifest has no signature: whoever changes a file can change its hash as well. Translating again shows that too, if it is
    the same version of creator. What the graph itself is worth, only ``graph`` can tell: a graph, or the file of a saved one,
    that you trust.

    Raises:
        CreatorError: if ``folder`` is no build folder or has a manifest without the entries that this takes, and if ``graph``
            cannot be read.
    """
    path = as_path(folder, "pass a build folder, which design.write(folder) makes")
    given = graph if graph is None or isinstance(graph, Graph) else load(graph)
    manifest = _manifest(path)
    hashes = manifest["sha256"]
    there = _entries(path)
    found = {name: _hash(path / name, plain) for name, plain in there.items() if name in hashes or name == MANIFEST}
    expected = hashes | {MANIFEST: sha256(manifest_text(sealed(manifest)).encode()).hexdigest()}
    faulty = {name for name in expected if found.get(name) != expected[name]}
    other = given is not None and sha256(graph_bytes(given)).hexdigest() != hashes[GRAPH]
    reason = _reason_against(manifest, faulty, other)
    if not reason:
        again = _translated(path, given or load(path / GRAPH), manifest["options"])
        faulty |= {name for name in again if found.get(name) != again[name]}
        found = {name: value for name, value in found.items() if name in again}
    extra = sorted(there.keys() - found.keys())
    return Verification(
        folder=str(folder),
        files=len(expected),
        changed=tuple(sorted(faulty & there.keys())),
        missing=tuple(sorted(faulty - there.keys())),
        extra=tuple(name for name in extra if not made_later(name)),
        later=tuple(name for name in extra if made_later(name)),
        graph=hashes[GRAPH],
        other_graph=_named(graph) if other else "",
        made_again=reason,
        creator=manifest["creator"],
        options=manifest["options"],
        input=_side(manifest, "input"),
        output=_side(manifest, "output"),
    )


def _translated(path: Path, graph: Graph, options: dict[str, Any]) -> dict[str, str]:
    """The sha256 of every file that ``graph`` gives."""
    try:
        return translate(graph, **options).files.hashes()
    except CreatorError as error:
        raise CreatorError(f"its graph cannot be translated as its {MANIFEST} says: {error}", str(path)) from None


def _named(graph: str | os.PathLike[str] | Graph | None) -> str:
    return "the graph given" if isinstance(graph, Graph) else os.fsdecode(graph or "")


def _side(manifest: dict[str, Any], name: str) -> str:
    side = manifest[name]
    return f"{side['format']}[{','.join(map(str, side['shape']))}]"


def _reason_against(manifest: dict[str, Any], faulty: set[str], other: bool) -> str:
    """Why generating the build again would say nothing."""
    if other:
        return "it is of another graph than the one given"
    for name in (MANIFEST, GRAPH):
        if name in faulty:
            return f"{name} is not as it was generated"
    if manifest["creator"] != creator.__version__:
        return f"this is creator {creator.__version__}, which may write other files"
    return ""


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest, with every entry that :func:`verify` takes from it."""
    if not path.is_dir():
        raise CreatorError("there is no such folder", str(path), "make it with `creator translate MODEL -o FOLDER`")
    manifest = read_manifest(path)
    if manifest is None:
        raise CreatorError(f"is not a {KIND}: it has no valid {MANIFEST}", str(path), "make it with `creator translate`")
    if manifest.get("version") != VERSION:
        what = f"its {MANIFEST} is of version {manifest.get('version')!r:.20}, and this creator reads {VERSION}"
        raise CreatorError(what, str(path), "translate again")
    hashes, sides = manifest.get("sha256"), [manifest.get(name) for name in ("input", "output")]
    sound = isinstance(hashes, dict) and GRAPH in hashes and all(map(_is_hash, hashes.values()))
    sound = sound and isinstance(manifest.get("creator"), str) and _are_options(manifest.get("options"))
    sound = sound and all(isinstance(side, dict) and isinstance(side.get("shape"), list) and "format" in side for side in sides)
    if not sound:
        raise CreatorError(f"its {MANIFEST} does not say what was generated", str(path), "translate again")
    return manifest


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _are_options(value: object) -> bool:
    """Whether these are arguments that ``creator.translate`` takes, or refuses itself."""
    if not isinstance(value, dict) or set(value) != {"name", "parallelism", "target", "lanes", "packing", "pipelining"}:
        return False
    lanes = value["lanes"]
    each = lanes.values() if isinstance(lanes, dict) else []
    return (
        isinstance(value["name"], str)
        and isinstance(value["parallelism"], (str, int, dict, NoneType))
        and isinstance(value["target"], (str, NoneType))
        and isinstance(value["packing"], (bool, NoneType))
        and isinstance(value["pipelining"], bool)
        and isinstance(lanes, (dict, NoneType))
        and all(type(item) is int for pair in each for item in (pair if isinstance(pair, list) else [pair]))
    )


def _entries(folder: Path) -> dict[str, bool]:
    """Every file below ``folder`` by its relative path, and whether it is a plain one; links are not followed."""
    return {name: stat.S_ISREG((folder / name).lstat().st_mode) for name in files_in(folder)}


def _hash(path: Path, plain: bool) -> str:
    """The sha256 of a file; empty if it is none, as for a link, which is never what was generated."""
    return sha256(path.read_bytes()).hexdigest() if plain else ""
