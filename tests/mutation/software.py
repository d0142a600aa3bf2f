"""Whether a mutant of the Python arithmetic is found: the tests of that arithmetic run on it, in a process of their own."""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis
import pytest
import torch

from tests.mutation.verdict import KILLED, REFUSED, SURVIVED, Verdict

ROOT = Path(__file__).parents[2]
LONGER, LEAST_LIMIT = 10, 10
"""How many times as long as without a fault tests may take, and the seconds that they always have: of processor time, which
other processes do not take. By the clock a hundred times as many."""

NO_LIMIT = 10_000
"""For tests of which it is not known how long they take."""

LOADED = (hypothesis, torch)
"""What takes long to import, and knows nothing of creator."""

POOLS = ["tests/ops/test_pools.py", "tests/ops/test_axis.py"]

OWN = {
    "creator/formats.py": ["tests/test_formats.py"],
    "creator/ops/add.py": ["tests/ops/test_add.py"],
    "creator/ops/argmax.py": ["tests/ops/test_argmax.py", "tests/ops/test_top1.py"],
    "creator/ops/axis.py": POOLS,
    "creator/ops/base.py": ["tests/ops/test_base.py", "tests/graph/test_graph.py"],
    "creator/ops/clamp.py": ["tests/ops/test_clamp.py"],
    "creator/ops/concatenate.py": ["tests/ops/test_concatenate.py"],
    "creator/ops/conv.py": ["tests/ops/test_conv.py"],
    "creator/ops/linear.py": ["tests/ops/test_linear.py", "tests/schedule/test_mac_array.py"],
    "creator/ops/lookup.py": ["tests/ops/test_lookup.py"],
    "creator/ops/maxpool.py": POOLS,
    "creator/ops/microscale.py": ["tests/ops/test_microscale.py"],
    "creator/ops/minifloat.py": ["tests/ops/test_minifloat.py"],
    "creator/ops/multiply.py": ["tests/ops/test_multiply.py"],
    "creator/ops/pad.py": ["tests/ops/test_pad.py", "tests/ops/test_axis.py"],
    "creator/ops/permute.py": ["tests/ops/test_permute.py"],
    "creator/ops/polynomial.py": ["tests/ops/test_polynomial.py"],
    "creator/ops/quantize.py": ["tests/ops/test_quantize.py"],
    "creator/ops/rescale.py": ["tests/ops/test_rescale.py"],
    "creator/ops/reshape.py": ["tests/ops/test_reshape.py"],
    "creator/ops/shift.py": ["tests/ops/test_shift.py"],
    "creator/ops/slice.py": ["tests/ops/test_slice.py"],
    "creator/ops/slope.py": ["tests/ops/test_slope.py"],
    "creator/ops/softmax.py": ["tests/ops/test_softmax.py"],
    "creator/ops/sumpool.py": POOLS,
    "creator/ops/threshold.py": ["tests/ops/test_threshold.py"],
    "creator/ops/top1.py": ["tests/ops/test_top1.py"],
    "creator/ops/upsample.py": ["tests/ops/test_upsample.py", "tests/ops/test_axis.py"],
    "creator/ops/window.py": ["tests/ops/test_window.py"],
}
"""The tests that most likely find a fault in a file: they run first."""

ALL = ["tests/ops", "tests/graph/test_graph.py", "tests/passes", "tests/schedule/test_schedule.py"]
"""The tests that every mutant has to get past; with ``thorough`` the conformance tests too."""

QUICK = "not test_vhdl"
"""No simulations."""


class _Mutated(importlib.machinery.SourceFileLoader):
    text = ""

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        code = compile(self.text, self.path, "exec")
        assert isinstance(code, CodeType)
        return code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, path: Path, text: str) -> None:
        self.module, self.path, self.text = module, path, text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        if fullname != self.module:
            return None
        loader = _Mutated(fullname, str(self.path))
        loader.text = self.text
        return importlib.util.spec_from_file_location(fullname, self.path, loader=loader)


class Software:
    """Judges mutants of ``creator/*.py``; ``scratch`` is an empty folder.

    Each is judged in a fork of this process, which has torch loaded already; what it has of creator is forgotten there.
    """

    def __init__(self, scratch: Path) -> None:
        torch.set_num_threads(1)
        gc.collect()
        gc.freeze()  # what is there already need not be looked at in the forks
        self.output = scratch / "pytest.txt"
        self.limits: dict[tuple[str, ...], int] = {}

    def judge(self, file: str, text: str, thorough: bool = False, brief: bool = False) -> Verdict:
        """What becomes of the repository's ``file`` when its content is ``text``; ``brief``: its own tests alone."""
        self.require(file)
        verdict = self.tests(file, text, OWN[file])
        if verdict.status == SURVIVED and not brief:
            verdict = self.tests(file, text, ALL)
        if verdict.status == SURVIVED and thorough:
            verdict = self.tests(file, text, ["tests/conformance"], "torch or full_speed")
        return verdict

    def require(self, file: str) -> None:
        """Stops everything if a test fails without a fault: it would find any mutant. Notes how long tests take."""
        for tests in (OWN[file], ALL):
            if tuple(tests) in self.limits:
                continue
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            verdict = self.tests(file, (ROOT / file).read_text(), tests)
            if verdict.status != SURVIVED:
                raise AssertionError(f"the tests of {file} fail without any fault: {verdict.by} {verdict.why}")
            seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            self.limits[tuple(tests)] = max(LEAST_LIMIT, round(LONGER * seconds))

    def tests(self, file: str, text: str, tests: list[str], only: str = QUICK) -> Verdict:
        """What some tests, of those that ``only`` chooses, say of it."""
        limit = self.limits.get(tuple(tests), NO_LIMIT)
        child = os.fork()
        if child == 0:
            there = [str(ROOT / name) for name in tests if (ROOT / name.split("::")[0]).exists()]
            _become_pytest(file, text, there, only, limit, self.output)
        status = _ended(child, 100 * limit)
        printed = self.output.read_text(errors="replace")
        if status in (None, -signal.SIGXCPU):
            return Verdict(KILLED, "time limit", "it does not end")
        if status == 0:
            passed = re.search(r"(\d+) passed", printed)
            assert passed is not None, printed
            return Verdict(SURVIVED, why=f"{passed[1]} tests pass")
        failed = re.search(r"^(?:FAILED|ERROR) (\S+)(?: - (.*))?", printed, re.MULTILINE)
        by = failed[1] if failed else "import"
        why = (failed[2] if failed else None) or printed.strip().splitlines()[-1]
        return Verdict(KILLED if status == 1 else REFUSED, by, why[:300])


def _ended(child: int, seconds: float) -> int | None:
    """The exit status of a process, or ``None`` if it had to be stopped."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _become_pytest(file: str, text: str, tests: list[str], only: str, limit: int, output: Path) -> None:
    """Runs the tests with the mutated module and ends this process."""
    status = 4
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 10))
    try:
        sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)
        for name in [name for name in sys.modules if name.split(".")[0] in ("creator", "tests")]:
            del sys.modules[name]
        module = file.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, _Finder(module, ROOT / file, text))
        os.chdir(ROOT)
        options = ["-x", "-q", "--no-header", "--tb=line", "--assert=plain", "-k", only]
        for plugin in ("cacheprovider", "hypothesispytest", "xdist", "unraisableexception", "threadexception"):
            options += ["-p", f"no:{plugin}"]
        status = int(pytest.main([*options, *tests]))
    finally:
        sys.stdout.flush()
        os._exit(status)
