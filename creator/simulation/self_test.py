"""``creator simulate --self-test``: sabotages copies of a build, and sees whether the simulation finds out."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from creator.build_folder import BuildFolder
from creator.disk import scratch_folder
from creator.errors import CheckFailedError, CreatorError
from creator.formats import IntArray
from creator.graph import Graph
from creator.graph.storage import graph_bytes
from creator.graph.vectors import check_vectors
from creator.render.design import Design, translate
from creator.render.fileset import BENCH, CHECKER, GRAPH, MANIFEST, FileSet, manifest_text, sealed
from creator.simulation.corruptions import FAULTS, corrupted
from creator.simulation.simulate import run_simulation
from creator.tools import find_ghdl

RANDOM_SAMPLES = 8
CAUGHT, MISSED, INAPT = "caught", "MISSED", "does not apply"

DEEDS = {
    "the last sample, lost on its way to the bench": "drop sample",
    "two samples, exchanged on their way to the bench": "exchange samples",
    "one bit of an output, on its way from the bench": "invert output",
    "the results, lost": "lose results",
    "the results, cut off": "cut results",
    "the results, those of an earlier run": "give old results",
    "GHDL, which does nothing and reports success": "do nothing",
    "GHDL, killed": "die",
    "cocotb's report, of no test": "report no test",
}


@dataclass(frozen=True)
class Trial:
    """One sabotage: what was sabotaged, whether it was caught, and the message that said so."""

    what: str
    verdict: str
    message: str


@dataclass(frozen=True)
class SelfTest:
    """The outcome of a self-test.

    Args:
        bench: that ran.
        compared: outputs of the untouched build, all of them right.
        trials: one for each sabotage.
    """

    bench: str
    compared: int
    trials: tuple[Trial, ...]

    def count(self, verdict: str) -> int:
        """How many sabotages had this outcome."""
        return sum(trial.verdict == verdict for trial in self.trials)

    @property
    def passed(self) -> bool:
        """Whether each sabotage that applies was caught, eight of them or more."""
        return self.count(MISSED) == 0 and self.count(CAUGHT) >= 8

    def text(self) -> str:
        """A table that a person can read."""
        rows = [("sabotaged", "outcome", "message"), ("nothing", "passes", f"{self.compared} outputs compared, 0 mismatches")]
        rows += [(trial.what, trial.verdict, trial.message) for trial in self.trials]
        widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
        lines = [f"{what.ljust(widths[0])}  {verdict.ljust(widths[1])}  {message}" for what, verdict, message in rows]
        counts = f"{self.count(CAUGHT)} caught, {self.count(MISSED)} missed, {self.count(INAPT)} do not apply to this network"
        return "\n".join([*lines, f"{len(self.trials)} sabotages: {counts}"])

    def summary(self) -> dict[str, Any]:
        """The same as plain values, for ``--json``."""
        return {
            "passed": self.passed,
            "bench": self.bench,
            "compared": self.compared,
            "trials": [asdict(trial) for trial in self.trials],
        }


def self_test(build: str | os.PathLike[str], *, bench: str = "cocotb") -> SelfTest:
    """Sabotages copies of a build, one thing in each, and simulates them.

    Faults of the hardware are those that a network has whose graph differs in one number; the copy is translated from it and
    its manifest fits, so that only the comparison of the outputs can tell. The build itself is only read.

    Raises:
        CreatorError: if the build is edited, or does not pass as it is.
    """
    folder = BuildFolder.open(build)
    if folder.edited():
        what = f"{', '.join(folder.edited())} changed since translation, and a self-test starts from what was translated"
        raise CreatorError(what, str(build), "translate again")
    with scratch_folder() as scratch:
        return _Tester(folder, bench, scratch).run()


class _Tester:
    """Sabotages one build."""

    def __init__(self, build: BuildFolder, bench: str, scratch: Path) -> None:
        self.build = build
        self.graph = build.graph
        self.bench = bench
        self.scratch = scratch
        self.x = _distinct_first(self.graph, check_vectors(self.graph, RANDOM_SAMPLES))
        self.trials: list[Trial] = []

    def run(self) -> SelfTest:
        with self._saboteur("keep results"):
            compared, fault = self._simulated(self.build.path)
        if fault:
            raise CheckFailedError(f"fails without any sabotage: {fault}", str(self.build.path), "run `creator simulate` on it")
        wrong = None
        for what, faults in FAULTS.items():
            found = corrupted(self.graph, faults, self.x)
            self._try(f"{what}, in the VHDL", None if found is None else partial(self._hardware, found))
            wrong = wrong or found
        self._try("one number of the saved graph", None if wrong is None else partial(self._other_graph, wrong))
        self._try("the bench, which writes no results", partial(self._edited, BENCH, "writeline(sink, words);", ""))
        made = partial(self._edited, CHECKER, "assert condition", "assert true")
        self._try("the checker of the streams, which checks nothing", made)
        self._try("a file of the VHDL, missing", self._without_a_file)
        self._try("the samples, none left", lambda: self.build.path, self.x[:0])
        for what, deed in DEEDS.items():
            with self._saboteur(deed):
                self._try(what, (lambda: self.build.path) if self._applies(deed) else None)
        with _path(str(self._empty("bin"))):
            self._try("GHDL, not installed", lambda: self.build.path)
        return SelfTest(self.bench, compared, tuple(self.trials))

    def _applies(self, deed: str) -> bool:
        outputs = self.graph.run(self.x[:2])
        distinct = not np.array_equal(outputs[0], outputs[1])
        return {"report no test": self.bench == "cocotb", "exchange samples": distinct}.get(deed, True)

    def _try(self, what: str, make: Callable[[], Path] | None, x: IntArray | None = None) -> None:
        if make is None:
            self.trials.append(Trial(what, INAPT, ""))
            return
        _, fault = self._simulated(make(), x)
        self.trials.append(Trial(what, CAUGHT if fault else MISSED, fault or "the simulation passed"))

    def _simulated(self, path: Path, x: IntArray | None = None) -> tuple[int, str]:
        """How many outputs were compared, and what is wrong with them or with the run; empty if nothing is."""
        try:
            run = run_simulation(path, self.x if x is None else x, bench=self.bench, explain=False)
        except CreatorError as error:
            return 0, " ".join(error.what.split())
        return run.compared, "" if run.passed else f"{run.mismatches} of {run.compared} outputs differ; {run.first}"

    def _empty(self, name: str) -> Path:
        """A new folder in the scratch folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.scratch))

    def _hardware(self, graph: Graph) -> Path:
        """A build whose VHDL is of ``graph``, with the graph of the build that is tested."""
        return self._written(self._translated(graph), graph_bytes(self.graph))

    def _other_graph(self, graph: Graph) -> Path:
        """The build that is tested with another graph."""
        return self._written(self._translated(self.graph), graph_bytes(graph))

    def _translated(self, graph: Graph) -> Design:
        return translate(graph, **self.build.manifest["options"])

    def _written(self, design: Design, graph: bytes) -> Path:
        """The build of ``design`` with another graph, and a manifest that fits."""
        files = FileSet()
        for name in design.files:
            if name != MANIFEST:
                files.add(name, graph if name == GRAPH else design.files[name])
        files.add(MANIFEST, manifest_text(sealed(design.manifest | {"sha256": files.hashes()})))
        return files.write(self._empty("build"))

    def _copy(self) -> Path:
        target = self._empty("build")
        for name in (MANIFEST, *self.build.manifest["sha256"]):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.build.path / name, target / name)
        return target

    def _edited(self, name: str, old: str, new: str) -> Path:
        copy = self._copy()
        (copy / name).write_text((copy / name).read_text().replace(old, new))
        return copy

    def _without_a_file(self) -> Path:
        copy = self._copy()
        (copy / self.build.sources[-1]).unlink()
        return copy

    @contextmanager
    def _saboteur(self, deed: str) -> Iterator[None]:
        """Has a program stand in for GHDL that does ``deed``."""
        real, _ = find_ghdl()
        folder, keep = self._empty("bin"), self.scratch / "kept"
        keep.mkdir(exist_ok=True)
        saboteur = Path(__file__).with_name("saboteur.py")
        words = [sys.executable, "-IS", str(saboteur), deed, real, str(keep), str(folder / "note")]
        (folder / "ghdl").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        (folder / "ghdl").chmod(0o755)
        with _path(os.pathsep.join([str(folder), os.environ.get("PATH", "")])):
            yield


def _distinct_first(graph: Graph, x: IntArray) -> IntArray:
    """``x`` in an order in which the outputs of the first two samples differ, if any two do."""
    outputs = graph.run(x).reshape(len(x), -1)
    others = np.flatnonzero((outputs != outputs[0]).any(axis=1))
    order = list(range(len(x)))
    if len(others):
        order[1], order[int(others[0])] = order[int(others[0])], order[1]
    return x[order]


@contextmanager
def _path(path: str) -> Iterator[None]:
    """Has programs looked up in ``path``."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = path
    find_ghdl.cache_clear()
    try:
        yield
    finally:
        os.environ["PATH"] = before
        find_ghdl.cache_clear()
