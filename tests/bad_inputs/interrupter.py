"""Does one piece of work again and again in forks of this process, each struck by a signal one step later than the last.

``python -m tests.bad_inputs.interrupter WORK SIGNAL EVERY FOLDER`` prints a JSON list: for each step what was found there.
A step is a line of code of what writes: ``creator/disk.py`` and ``FileSet.replace``. Without torch and threads, so that
forks are safe.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

import creator
from creator import FixedPoint, cli
from creator.build_folder import BuildFolder
from tests.graph.chains import chain, linear, table

F = FixedPoint


def graph(seed: int) -> creator.Graph:
    return chain(linear(seed=seed), table(F(8, 4)), paths=("first", "second"))


class Work:
    """One thing to write: how to get the old state into the working directory, and the new one in its place."""

    def __init__(self, prepare: Callable[[], object], run: Callable[[], int]) -> None:
        self.prepare, self.run = prepare, run


def command(line: str) -> Callable[[], int]:
    return lambda: cli.main(line.split())


def prepare_build() -> None:
    graph(1).save("g.creator")
    creator.translate(graph(0)).write("b")


def prepare_nothing() -> None:
    graph(1).save("g.creator")


def prepare_export() -> None:
    creator.translate(graph(0)).write("b")
    creator.export_project("b", "p", tool="fusesoc", clock_mhz=50)


def prepare_file() -> None:
    graph(0).save("y.npy")


def save() -> int:
    graph(1).save("y.npy")
    return 0


def write_array() -> int:
    cli._write_array(Path("y.npy"), np.arange(100))
    return 0


def prepare_report() -> None:
    creator.translate(graph(0)).write("b")
    Path("b/synthesis/xc7").mkdir(parents=True)
    Path("b/synthesis/xc7/report.json").write_text("{}\n")
    Path("b/synthesis/xc7/old.log").write_text("old\n")


WORKS = {
    "a build in place of another": Work(prepare_build, command("translate g.creator -o b --quiet")),
    "a first build": Work(prepare_nothing, command("translate g.creator -o deep/er/b --quiet")),
    "an export in place of another": Work(prepare_export, command("export b --tool fusesoc -o p")),
    "a saved graph": Work(prepare_file, save),
    "outputs of a simulation": Work(prepare_file, write_array),
    "a report of synthesis": Work(prepare_report, command("synthesize b --target xc7 --no-route --quiet")),
}


def contents(folder: Path) -> dict[str, str]:
    """The hash of every file but for temporary ones."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not any(part.startswith(".creator-") for part in parts):
            found["/".join(parts)] = sha256(path.read_bytes()).hexdigest()
    return found


def temporary(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".creator-*")]


def is_writing(frame: FrameType) -> bool:
    return frame.f_code.co_filename.endswith("creator/disk.py") or (
        frame.f_code.co_filename.endswith("creator/render/fileset.py")
        and frame.f_code.co_name in ("replace", "_make_folders", "_remove_empty")
    )


def traced(each: Callable[[int, str], object]) -> None:
    """From now on calls ``each`` before every line of what writes, with its number and its function."""
    count = 0

    def line(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
            each(count, frame.f_code.co_name)
        return line

    sys.settrace(lambda frame, *_: line if is_writing(frame) else None)


def forked(run: Callable[[], int]) -> int:
    """The exit status of ``run`` in a fork; the number of the signal that ended it, negative."""
    child = os.fork()
    if not child:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        status = 99
        try:
            status = run()
        except KeyboardInterrupt:
            status = cli.INTERRUPTED
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(name: str, signal_name: str, every: str, folder: str) -> list[dict[str, Any]]:
    work, number, root = WORKS[name], signal.Signals[signal_name], Path(folder)
    for state in ("old", "new"):
        (root / state).mkdir()
        os.chdir(root / state)
        work.prepare()
    found: list[dict[str, Any]] = []
    if name != "a report of synthesis":
        new = work.run()
        assert new == 0
        return strikes(root, work.run, number, int(every))
    # The tools run once; what they gave is then kept again and again.
    flow = importlib.import_module("creator.synthesis.synthesize")._Flow
    keep = flow._keep

    def kept(self: Any, report: Any) -> None:
        keep(self, report)
        self.build = BuildFolder(root / "now" / "b", self.build.manifest)
        found.extend(strikes(root, lambda: keep(self, report) or 0, number, int(every)))

    flow._keep = kept
    assert work.run() == 0
    return found


def steps(run: Callable[[], int], root: Path, every: int) -> list[int]:
    """The lines to strike at: each ``every``-th, and all at which the new takes the place of the old."""
    names: list[str] = []

    def listed() -> int:
        traced(lambda _, name: names.append(name))
        status = run()
        sys.settrace(None)
        (root / "lines.json").write_text(json.dumps(names))
        return status

    assert forked(listed) == 0
    names = json.loads((root / "lines.json").read_text())
    dense = [number for number, name in enumerate(names, start=1) if name in ("put_in_place", "_exchanged")]
    return sorted({*range(1, len(names) + 1, every), *dense})


def strikes(root: Path, run: Callable[[], int], number: signal.Signals, every: int) -> list[dict[str, Any]]:
    old, new, now = contents(root / "old"), contents(root / "new"), root / "now"
    assert old != new
    found = []

    def renewed() -> None:
        os.chdir(root)
        shutil.rmtree(now, ignore_errors=True)
        shutil.copytree(root / "old", now)
        os.chdir(now)

    def struck(step: int) -> int:
        traced(lambda line, _: signal.raise_signal(number) if line == step else None)
        return run()

    renewed()
    for index, step in enumerate(steps(run, root, every)):
        renewed()
        status = forked(lambda step=step: struck(step))  # type: ignore[misc]
        after = contents(now)
        state = "old" if after == old else "new" if after == new else f"neither: {sorted(after.items() ^ new.items())[:3]}"
        found.append({"step": step, "status": status, "state": state, "left": temporary(now)})
        if number == signal.SIGKILL and index % 5 == 1:
            found[-1]["again"] = forked(run) == 0 and contents(now) == new
    return found


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
