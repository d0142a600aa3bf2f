"""Paths that lead where nothing may be read or written. Words are split at spaces; ``|`` stands for no word at all.

The command is started in ``desk``, which :func:`lay_out` has filled; ``../precious`` has a file that nothing may touch.
``TERMINAL`` stands for a device that the test opens, which nobody can rename or replace. No case names a device or a folder of
the system that could be written: tests may run as root, and a case that fails must not harm the machine.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import creator

TO = "translate g.creator --quiet -o"
SIMULATE = "simulate b --bench vhdl --quiet"
EXPORT = "export b --tool fusesoc -o"


def lay_out(graph: creator.Graph) -> None:
    """Fills the working directory: ``b`` is a build, ``p`` an export of it."""
    creator.translate(graph).write("b")
    creator.export_project("b", "p", tool="fusesoc")
    Path("empty").mkdir()
    Path("model.py").write_text("def make():\n    raise SystemExit\n")
    for name, target in {
        "to_file": "../precious/thesis.tex",
        "to_folder": "../precious",
        "to_nothing": "../precious/new",
        "to_empty": "empty",
        "to_itself": "to_itself",
        "to_graph": "nowhere.creator",
    }.items():
        os.symlink(target, name)
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
    mixed("with_notes", "notes.txt", link=False)
    mixed("with_link", "vhdl/more.vhd", link=True)
    pretended("pipe_build", lambda path: os.mkfifo(path))
    pretended("foreign_build", lambda path: path.write_text(json.dumps({"kind": "creator build"})))
    pretended(
        "leading_out", lambda path: path.write_text(json.dumps({"kind": "creator build", "sha256": {"../g.creator": ""}}))
    )
    with open("sparse", "wb") as file:
        file.truncate(1 << 40)
    Path("sparse_build").mkdir()
    with open("sparse_build/manifest.json", "wb") as file:
        file.truncate(1 << 40)
    Path("changed").mkdir()
    creator.export_project("b", "changed", tool="fusesoc")
    (Path("changed") / "network_top.xdc").write_text("mine")


def mixed(name: str, inside: str, link: bool) -> None:
    """A build in which somebody has put a file, or a link to what is precious."""
    creator.translate(creator.load("g.creator")).write(name)
    place = Path(name, inside)
    if link:
        place.symlink_to("/etc/passwd")
    else:
        place.write_text("precious")


def pretended(name: str, make_manifest) -> None:  # type: ignore[no-untyped-def]
    """A folder of somebody else's with something called manifest.json."""
    Path(name).mkdir()
    make_manifest(Path(name, "manifest.json"))
    Path(name, "thesis.tex").write_text("precious")


CASES: dict[str, str] = {
    # where a build may not go
    f"{TO} TERMINAL": "is not a folder",
    f"{TO} TERMINAL/b": "cannot be written",
    f"{TO} socket": "is not a folder",
    f"{TO} /dev/fd/99/b": "cannot be written",
    f"{TO} /proc/b": "cannot be written",
    f"{TO} /proc/self": "",
    f"{TO} /proc/self/fd": "",
    f"{TO} /sys/b": "cannot be written",
    f"{TO} g.creator": "is not a folder",
    f"{TO} g.creator/b": "cannot be written",
    f"{TO} g.creator/../b2": "cannot be written",
    f"{TO} |": "",
    f"{TO} .": "that you are in",
    f"{TO} ..": "that you are in",
    f"{TO} ./.": "that you are in",
    f"{TO} empty/..": "that you are in",
    f"{TO} ../desk": "that you are in",
    f"{TO} ../precious": "thesis.tex",
    f"{TO} ../precious/.": "thesis.tex",
    f"{TO} b/../../precious": "thesis.tex",
    f"{TO} ../precious/thesis.tex": "is not a folder",
    f"{TO} to_file": "is not a folder",
    f"{TO} to_folder": "is not a folder",
    f"{TO} to_nothing": "is not a folder",
    f"{TO} to_empty": "is not a folder",
    f"{TO} to_itself": "is not a folder",
    f"{TO} to_itself/b": "cannot be written",
    f"{TO} to_nothing/b": "cannot be written",
    f"{TO} pipe": "is not a folder",
    f"{TO} with_notes": "notes.txt",
    f"{TO} with_link": "vhdl/more.vhd",
    f"{TO} pipe_build": "which creator did not write",
    f"{TO} sparse_build": "which creator did not write",
    f"{TO} foreign_build": "thesis.tex",
    f"{TO} leading_out": "thesis.tex",
    f"{TO} p": "which creator did not write",
    f"{TO} {'x' * 256}": "cannot be written",
    f"{TO} {'x/' * 3000}b": "cannot be written",
    f"{TO} a\0b": "expected a path",
    # where an export may not go
    f"{EXPORT} b": "the build or around it",
    f"{EXPORT} b/vhdl": "the build or around it",
    f"{EXPORT} b/../b/new": "the build or around it",
    f"{EXPORT} .": "the build or around it",
    f"{EXPORT} ../precious": "thesis.tex",
    f"{EXPORT} to_folder": "is not a folder",
    f"{EXPORT} to_nothing": "is not a folder",
    f"{EXPORT} to_itself": "",
    f"{EXPORT} changed": "was changed",
    f"{EXPORT} with_notes": "which an export did not write",
    f"{EXPORT} pipe_build": "which an export did not write",
    f"{EXPORT} /proc/p": "cannot be written",
    f"{EXPORT} {'x' * 256}": "cannot be written",
    # where results may not go
    f"{SIMULATE} --outputs TERMINAL": "a link or a device",
    f"{SIMULATE} --outputs socket": "a link or a device",
    f"{SIMULATE} --waves TERMINAL": "a link or a device",
    "synthesize b --quiet --bitstream TERMINAL": "a link or a device",
    f"{SIMULATE} --outputs to_file": "a link or a device",
    f"{SIMULATE} --outputs to_nothing": "a link or a device",
    f"{SIMULATE} --outputs to_itself": "a link or a device",
    f"{SIMULATE} --outputs pipe": "a link or a device",
    f"{SIMULATE} --outputs ..": "folder",
    f"{SIMULATE} --outputs g.creator/y.npy": "folder",
    f"{SIMULATE} --outputs /proc/y.npy": "cannot be written",
    f"{SIMULATE} --outputs {'x' * 256}": "cannot be written",
    f"{SIMULATE} --outputs a\0b": "expected a path",
    f"{SIMULATE} --waves to_file": "a link or a device",
    f"{SIMULATE} --waves pipe": "a link or a device",
    f"{SIMULATE} --waves /proc/w.ghw": "cannot be written",
    f"{SIMULATE} --waves {'x' * 256}": "cannot be written",
    "synthesize b --quiet --bitstream to_file": "a link or a device",
    "synthesize b --quiet --bitstream pipe": "a link or a device",
    # what may not be read
    "translate pipe -o new": "no such file",
    "translate /dev/zero -o new": "no such file",
    "translate /dev/stdin -o new": "",
    "translate . -o new": "no such file",
    "translate to_itself -o new": "",
    "translate to_graph -o new": "no such file",
    "translate to_file -o new": "cannot be read as a saved graph",
    "translate sparse -o new": "cannot be read as a saved graph",
    "translate /proc/self/mem -o new": "",
    "translate /proc/self/environ -o new": "",
    "translate /etc/passwd -o new": "cannot be read as a saved graph",
    "translate pipe:make -o new --input-shape 4": "",
    "translate ../precious/thesis.tex:make -o new --input-shape 4": "",
    "translate model.py:make -o new --input-shape 4 --weights pipe": "no such file",
    "translate model.py:make -o new --input-shape 4 --weights /dev/zero": "no such file",
    f"{SIMULATE} --inputs pipe": "no such file",
    f"{SIMULATE} --inputs /dev/zero": "no such file",
    f"{SIMULATE} --inputs /proc/self/mem": "cannot be read as a .npy file",
    f"{SIMULATE} --inputs sparse": "cannot be read as a .npy file",
    "simulate pipe_build --quiet": "is not a creator build",
    "simulate sparse_build --quiet": "is not a creator build",
    "simulate leading_out --quiet": "not one that creator writes",
    "simulate to_folder --quiet": "is not a creator build",
    "simulate with_link/vhdl --quiet": "is not a creator build",
    "simulate a\0b --quiet": "expected a path",
    "synthesize / --quiet": "is not a creator build",
}
