"""What checks a design is not taken on trust from the folder that the design is in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from creator.build_folder import BuildFolder
from creator.errors import CreatorError
from creator.render.bench import file_bench, stream_checker
from creator.render.fileset import BENCH, CHECKER, GRAPH, WATCHED

_WATCHED = re.compile(r"^architecture watched of (\w+) is$", re.MULTILINE)
_CHECK = re.compile(r"\n  \w+ : entity work\.creator_stream_checker\n    generic map \(\n.*?\n    \);\n", re.DOTALL)


def require_checkers(build: BuildFolder) -> None:
    """Refuses a build whose benches, checkers or graph are not those that it was translated with.

    Files of the design may be edited: they are what is checked.
    """
    manifest = build.manifest
    widths = (int(manifest[side]["beat_bits"]) for side in ("input", "output"))
    ours = {BENCH: file_bench(manifest["bench"], manifest["top"], *widths), CHECKER: stream_checker()}
    wrong = [name for name, text in ours.items() if (build.path / name).read_bytes() != text.encode()]
    wrong += [name for name in build.edited() if name in (WATCHED, GRAPH) and name not in wrong]
    if wrong:
        what = f"{' and '.join(wrong)} changed since translation, so a simulation would prove nothing"
        raise CreatorError(what, str(build.path), "translate again; to try out a change, edit the files in vhdl")


def checker_files(build: BuildFolder, folder: Path, texts: Mapping[str, str] | None = None) -> list[str]:
    """The VHDL files, in compile order, that put a checker at every stream of the network as it is in ``build``.

    The watched architecture takes the place of the network's own. It is made here from that one, in ``folder``, and has only
    the checkers from the build's: two copies of the network could differ, and what is not simulated would pass. ``texts``
    are contents that take the place of the build's files, by path.
    """
    texts = texts or {}
    watched = texts.get(WATCHED) or (build.path / WATCHED).read_text(errors="replace")
    name = _WATCHED.search(watched)
    source = f"vhdl/{name[1]}.vhd" if name else ""
    if name is None or source not in build.sources:
        raise CreatorError(f"{WATCHED} has no architecture of the network", str(build.path), "translate again")
    network = texts.get(source) or (build.path / source).read_text(errors="replace")
    pattern = rf"^architecture rtl of {name[1]} is$(.*)^end architecture rtl;$"
    found = re.search(pattern, network, re.MULTILINE | re.DOTALL)
    if found is None:  # edited beyond recognition: the outputs are compared all the same
        return []
    made = folder / Path(WATCHED).name
    context = "library ieee;\nuse ieee.std_logic_1164.all;\n\n"
    checks = "".join(_CHECK.findall(watched))
    made.write_text(f"{context}architecture watched of {name[1]} is{found[1]}{checks}end architecture watched;\n")
    return [CHECKER, str(made)]
