"""Files in memory, and the one way in which they reach the disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from creator.affine import Affine, Format
from creator.disk import put_in_place, uninterrupted
from creator.errors import CreatorError, as_path
from creator.ops import TensorType

MANIFEST = "manifest.json"
BENCH = "sim/file_bench.vhd"
CHECKER = "sim/creator_stream_checker.vhd"
WATCHED = "sim/watched_network.vhd"
GRAPH = "graph.creator"
KIND = "creator build"
VERSION = 2
DIGEST = "digest"
MAX_RECORD_BYTES = 1 << 26


class FileSet:
    """Relative paths and their bytes."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}

    def add(self, path: str, content: str | bytes) -> None:
        """Adds a file; refuses a path that is not a plain relative one, or that another differs from only by case."""
        pure = PurePosixPath(path)
        plain = (
            bool(pure.parts)
            and path == str(pure)
            and "\\" not in path
            and all(part not in ("", ".", "..", "/") for part in pure.parts)
        )
        if not plain or pure.is_absolute():
            raise CreatorError(f"{path!r} is not a plain relative path", "file set")
        if path.lower() in {known.lower() for known in self._files}:
            raise CreatorError(f"{path!r} exists already", "file set")
        self._files[path] = content.encode() if isinstance(content, str) else content

    def __getitem__(self, path: str) -> bytes:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def hashes(self) -> dict[str, str]:
        """The sha256 of every file, by path."""
        return {path: hashlib.sha256(content).hexdigest() for path, content in sorted(self._files.items())}

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Puts exactly these files into ``folder``: written beside it first and then moved into place.

        A folder that is there already is replaced only if it is empty or an earlier build.

        Raises:
            CreatorError: if it is neither, or cannot be written.
        """
        target = as_folder(folder)
        check_writable(target)
        self.replace(target)
        return target

    def replace(self, target: Path) -> None:
        """Puts exactly these files into the folder ``target``, whatever is there. An interrupt waits until that is done.

        Raises:
            CreatorError: if it cannot be written; then everything is as it was.
        """
        made: list[Path] = []
        fresh: Path | None = None
        with uninterrupted():
            try:
                _make_folders(target.parent, made)
                fresh = Path(tempfile.mkdtemp(prefix=".creator-", dir=target.parent))
                for path, content in self._files.items():
                    (fresh / path).parent.mkdir(parents=True, exist_ok=True)
                    (fresh / path).write_bytes(content)
                fresh.chmod(0o755)
                put_in_place(fresh, target)
            except OSError as error:
                raise CreatorError(f"cannot be written: {error.strerror}", str(target)) from None
            finally:
                if fresh is not None:
                    shutil.rmtree(fresh, ignore_errors=True)
                if not target.exists():
                    _remove_empty(made)


def as_folder(folder: object) -> Path:
    """``folder`` as the absolute path of a folder to write. ``..`` at its end is resolved, so that the path has a name."""
    path = as_path(folder).absolute()
    return path if path.name not in ("", "..") else Path(os.path.realpath(path))


def _make_folders(folder: Path, made: list[Path]) -> None:
    """Makes ``folder`` and its parents; appends those that it made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):  # something may be in them by now
        for path in reversed(folders):
            path.rmdir()


def check_writable(target: Path) -> None:
    """Refuses a target that is a file, or a folder with something in it that is not an earlier build."""
    try:
        target.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise CreatorError(f"cannot be written: {error.strerror}", str(target)) from None
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise CreatorError("is there already and is not a folder", str(target), "choose another output folder")
    check_not_inside(target)
    foreign = _foreign(target)
    if foreign:
        what = f"holds {foreign}, which creator did not write, so it is not overwritten"
        raise CreatorError(what, str(target), "choose another output folder, or move that away")


def check_not_inside(target: Path) -> None:
    """Refuses to replace the folder that the process works in, or one around it: it would be left in a deleted one."""
    try:
        here = Path.cwd()
    except OSError:  # it is deleted already
        return
    if target.is_dir() and Path(os.path.realpath(target)) in (here, *here.parents):
        raise CreatorError("is the folder that you are in, or around it", str(target), "choose another output folder")


def _foreign(target: Path) -> str:
    """The first file in the folder ``target`` that is not from an earlier build, its simulation or its synthesis."""
    ours = set[str]()
    manifest = read_manifest(target)
    if manifest is not None:
        hashes = manifest.get("sha256")
        ours = {MANIFEST, *(hashes if isinstance(hashes, dict) else ())}
    for name in files_in(target):
        if name not in ours and not (manifest is not None and made_later(name)):
            return name
    return ""


def files_in(folder: Path) -> Iterator[str]:
    """The relative paths of all that is not a folder, links included; one by one, since the folder may be a whole disk."""

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise CreatorError(f"cannot be read: {error.strerror}", str(error.filename))

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in sorted([*files, *links]):
            yield Path(place, name).relative_to(folder).as_posix()


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a build, as it stands in the file; ``None`` if ``folder`` has none."""
    return read_record(folder / MANIFEST, KIND)


def read_record(path: Path, kind: str) -> dict[str, Any] | None:
    """A JSON object of that ``kind``; ``None`` for anything else, pipes, devices and files that are far too large included."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_RECORD_BYTES:
            return None
        record = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) and record.get("kind") == kind else None


def manifest_text(manifest: dict[str, Any]) -> str:
    """A manifest as it stands in its file."""
    return json.dumps(manifest, indent=2) + "\n"


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """``manifest`` with the sha256 of what it says besides, so that a change of its own shows as well."""
    rest = {name: value for name, value in manifest.items() if name != DIGEST}
    return rest | {DIGEST: hashlib.sha256(manifest_text(rest).encode()).hexdigest()}


def made_later(name: str) -> bool:
    """Whether a file of a build folder is from a simulation or a synthesis: no part of the build."""
    return name.startswith("synthesis/") or name in ("waves.ghw", "waves.vcd")


def element_bits(fmt: Format) -> int:
    """Bits of an AXI4-Stream beat for each element in it: whole bytes."""
    return -(-fmt.total_bits // 8) * 8


def stream(kind: TensorType, lanes: int) -> dict[str, int]:
    """A network's stream as the manifest has it."""
    return {"lanes": lanes, "beat_bits": lanes * element_bits(kind.format)}


def describe(kind: TensorType) -> dict[str, Any]:
    """A value's type as the manifest has it: what a code means is ``frac_bits``, or ``scale`` and ``zero_point``."""
    fmt = kind.format
    meaning = {"scale": fmt.scale, "zero_point": fmt.zero_point} if isinstance(fmt, Affine) else {"frac_bits": fmt.frac_bits}
    return {
        "shape": list(kind.shape),
        "format": str(fmt),
        "total_bits": fmt.total_bits,
        **meaning,
        "signed": fmt.signed,
        "symmetric": fmt.symmetric,
    }
