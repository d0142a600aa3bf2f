"""``creator.export_project``: a build folder as a project of a vendor's tool or of FuseSoC."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from creator.build_folder import BuildFolder
from creator.errors import CreatorError
from creator.export.fusesoc import fusesoc_files
from creator.export.options import check_options
from creator.export.vendors import check_installed, quartus_files, vivado_files
from creator.render.fileset import FileSet, as_folder, check_not_inside, files_in, read_record

RECORD = "export.json"
KIND = "creator export"

_WRITERS = {"vivado": vivado_files, "quartus": quartus_files, "fusesoc": fusesoc_files}
TOOLS = tuple(_WRITERS)


@dataclass(frozen=True)
class Project:
    """What was exported.

    Args:
        tool: ``vivado``, ``quartus`` or ``fusesoc``.
        folder: where it is.
        start: the file to give to the tool.
        top: the top entity.
        part: the device.
        clock_mhz: the clock that the constraint asks for.
        sources: the VHDL files in the order in which they compile, relative.
        edited: files of the build that are not as they were translated.
    """

    tool: str
    folder: str
    start: str
    top: str
    part: str
    clock_mhz: float
    sources: tuple[str, ...]
    edited: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """Plain values, for ``--json``."""
        return asdict(self) | {"sources": list(self.sources), "edited": list(self.edited)}


def export_project(
    build: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    tool: str,
    part: str | None = None,
    clock_mhz: float = 100.0,
) -> Project:
    """Writes a project with copies of the build's VHDL; nothing in it refers to the build folder.

    Args:
        build: folder that ``design.write`` made.
        folder: where to put the project; replaced if it is an earlier export with nothing added or changed.
        tool: ``vivado``, ``quartus`` or ``fusesoc``.
        part: the device; by default a small Artix 7 or Cyclone V.
        clock_mhz: clock of the timing constraint.

    Raises:
        CreatorError: for bad input, or if edalize is missing. Nothing is written then.
    """
    if tool not in TOOLS:
        raise CreatorError(f"tool {tool!r:.60} is unknown", "export", f"choose one of {', '.join(TOOLS)}")
    options = check_options(tool, part, clock_mhz)
    source = BuildFolder.open(build)
    target = as_folder(folder)
    _check_target(target, source)
    if tool != "fusesoc":
        check_installed()
    start = f"{source.top}.{'core' if tool == 'fusesoc' else 'tcl'}"
    vhdl = [*source.sources, *([source.bench] if tool == "fusesoc" else [])]
    files = FileSet()
    for name in vhdl:
        files.add(name, (source.path / name).read_bytes())
    for name, text in _WRITERS[tool](source, options).items():
        files.add(name, text)
    project = Project(
        tool, str(target), start, source.top, options.part, options.clock_mhz, tuple(source.sources), source.edited()
    )
    record = {"kind": KIND, **{key: value for key, value in project.summary().items() if key != "folder"}}
    files.add(RECORD, json.dumps(record | {"sha256": files.hashes()}, indent=2) + "\n")
    files.replace(target)
    return project


def _check_target(target: Path, build: BuildFolder) -> None:
    """Refuses a folder with anything in it that is not as an earlier export wrote it, and the build itself."""
    try:
        target.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CreatorError(f"cannot be written: {error.strerror}", str(target)) from None
    real, home = Path(os.path.realpath(target)), build.path.resolve()
    if real == home or home in real.parents or real in home.parents:
        raise CreatorError("the project cannot lie in the build or around it", str(target), "choose another output folder")
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise CreatorError("is there already and is not a folder", str(target), "choose another output folder")
    check_not_inside(target)
    ours = _recorded(target)
    for name in files_in(target):
        path = target / name
        if name not in ours:
            what = f"holds {name}, which an export did not write, so it is not overwritten"
            raise CreatorError(what, str(target), "choose another output folder, or move that away")
        if path.is_file() and name != RECORD and sha256(path.read_bytes()).hexdigest() != ours[name]:
            what = f"its {name} was changed since it was exported, so it is not overwritten"
            raise CreatorError(what, str(target), "choose another output folder, or move that away")


def _recorded(target: Path) -> dict[str, str]:
    """The files of an earlier export and their hashes; empty if there is none."""
    hashes = (read_record(target / RECORD, KIND) or {}).get("sha256")
    return {RECORD: "", **hashes} if isinstance(hashes, dict) else {}
