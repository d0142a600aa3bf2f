"""Whether a mutant of the VHDL is found: renders the networks with the fault in place and runs those that it changes."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import pytest

import creator
from creator.build_folder import BuildFolder
from creator.errors import CheckFailedError, CreatorError
from creator.formats import IntArray
from creator.graph.order import result_from_stream, to_stream
from creator.render import core_files, design
from creator.render.environment import environment
from creator.schedule import Plan
from creator.schedule.timeline import frame_ends
from creator.simulation.checkers import checker_files
from creator.simulation.file_bench import RESULTS, VECTORS, bench_options, read_trace, vectors_text
from creator.simulation.job import STANDARD, Job, Trace, first_error
from creator.tools import find_ghdl, run_tool
from tests.mutation.networks import FULL, MORE, RUNS, Network, Run, frames_of
from tests.mutation.verdict import KILLED, REFUSED, SAME_CODE, SURVIVED, Verdict
from tests.render.narrowing import narrowing

TIME_LIMIT = 30.0
CYCLES = Path(__file__).with_name("cycles.json")
CHUNK = 6


@dataclass
class Prepared:
    """A translated network; ``calls`` are the templates that it was rendered from, with their values and their texts' paths."""

    network: Network
    build: BuildFolder
    calls: list[tuple[str, dict[str, Any], str]]
    texts: dict[str, str]
    x: IntArray
    plan: Plan


@contextmanager
def _recorded(calls: list[tuple[str, dict[str, Any], str]]) -> Iterator[None]:
    """Notes every template that is rendered, with its values and its text."""
    render = design.render

    def noted(template: str, values: dict[str, object]) -> str:
        text = render(template, values)
        calls.append((template, dict(values), text))
        return text

    with pytest.MonkeyPatch.context() as patch:
        for module in (core_files, design):
            patch.setattr(module, "render", noted)
        yield


def prepare(network: Network, folder: Path) -> Prepared:
    """Translates ``network`` into ``folder``."""
    calls: list[tuple[str, dict[str, Any], str]] = []
    with _recorded(calls):
        made = creator.translate(network.graph, **network.options)
    texts = {path: made.files[path].decode() for path in made.files if path.endswith(".vhd")}
    places = {text: path for path, text in texts.items()}
    build = BuildFolder.open(made.write(folder))
    named = [(template, values, places[text]) for template, values, text in calls]
    return Prepared(network, build, named, texts, network.vectors(made.interval), made.plan)


def samples(prepared: Prepared, run: Run) -> IntArray:
    """The samples of a run, each of the network's input shape."""
    return frames_of(prepared.x, run.share).reshape(-1, *prepared.build.graph.input_shape)


def code(text: str) -> str:
    """VHDL without comments, and with one blank for several."""
    return " ".join(re.sub(r"--[^\n]*", "", text).split())


def logic(text: str) -> str:
    """VHDL without what makes no difference to its meaning, as long as it compiles: comments, blanks, context clauses,
    attributes, and signals and constants that are declared and nothing else."""
    short = re.sub(r"\b(?:use ieee\.|attribute )[^;]*;|\blibrary ieee;", "", code(text))
    names = Counter(re.findall(r"\w+", short.lower()))
    return " ".join(
        re.sub(r"\b(?:signal|constant) (\w+) :[^;]*;", lambda m: m[0] if names[m[1].lower()] > 1 else "", short).split()
    )


def includers(name: str) -> set[str]:
    """The templates that contain the template ``name``, itself among them."""
    folder = Path(environment().loader.searchpath[0])  # type: ignore[union-attr]
    texts = {path.name: path.read_text() for path in folder.glob("*.j2")}
    found = {name}
    while True:
        more = {file for file, text in texts.items() if any(f'include "{one}"' in text for one in found)} | found
        if more == found:
            return {file.removesuffix(".vhd.j2") for file in found}
        found = more


def fresh_environment() -> jinja2.Environment:
    """An environment like creator's, without its memory of templates."""
    made = environment.__wrapped__()
    assert isinstance(made, jinja2.Environment)
    return made


@lru_cache(maxsize=1)
def known_cycles() -> dict[str, dict[str, int]]:
    """How many cycles small networks take under pauses, by name and run: buffers of another size take more, or fewer."""
    found = json.loads(CYCLES.read_text()) if CYCLES.is_file() else {}
    assert isinstance(found, dict)
    return found


class NotRenderedError(Exception):
    """A template cannot be rendered with its fault."""


class Hardware:
    """Judges mutants of ``vhdl/`` and ``templates/``.

    Args:
        networks: in the order in which they are tried.
        scratch: an empty folder.
        cache: a file that remembers which runs pass without any fault.
        most: networks that a mutant has to get past, of those that differ in
            numbers only; twice as many of a file of ``vhdl/``, which has
            the same text in all; with ``thorough`` all.
    """

    def __init__(self, networks: list[Network], scratch: Path, cache: Path | None = None, most: int = 64) -> None:
        self.scratch, self.cache, self.most = scratch, cache, most
        self.passing: set[str] = set(cache.read_text().split()) if cache and cache.is_file() else set()
        self.prepared = [prepare(network, scratch / f"network{index}") for index, network in enumerate(networks)]
        self.networks: dict[str, Counter[int]] = {}
        self.runs: dict[str, Counter[Run]] = {}

    def judge(self, file: str, text: str, thorough: bool = False, most: int | None = None) -> Verdict:
        """What becomes of the repository's ``file`` when its content is ``text``; ``most`` as for the class."""
        wins = self.runs.setdefault(file, Counter())
        runs = sorted((*RUNS, *MORE) if thorough else RUNS, key=lambda run: -wins[run])
        most = len(self.prepared) if thorough else most or self.most * (2 if file.startswith("vhdl/") else 1)
        affected = self._unlike(self._affected(file, text), most)
        tried, same_code = 0, False
        try:
            while chunk := list(itertools.islice(affected, CHUNK)):
                same_code |= any(not files for _, files in chunk)
                chunk = [(index, files) for index, files in chunk if files]
                for _, files in chunk:
                    if found := [resize for new in files.values() for resize in narrowing(code(new))]:
                        return Verdict(KILLED, "tests/render/test_vhdl_subset.py", f"narrowing {found[0]}")
                for number, run in enumerate(runs):
                    for index, files in chunk if thorough or number == 0 else chunk[::2]:
                        if verdict := self._fault(index, files, run):
                            self.require(index, run)
                            wins[run] += 1
                            self.networks.setdefault(file, Counter())[index] += 1
                            return verdict
                tried += len(chunk)
        except NotRenderedError as error:
            return Verdict(REFUSED, "rendering", str(error))
        if tried:
            return Verdict(SURVIVED, why=f"{tried} networks that it changes")
        return Verdict(SAME_CODE) if same_code else Verdict(SURVIVED, why="it changes no network")

    def _unlike(self, affected: Iterator[tuple[int, dict[str, str]]], most: int) -> Iterator[tuple[int, dict[str, str]]]:
        """Without those that differ from ``most`` others by numbers only."""
        seen = Counter[str]()
        for index, files in affected:
            change = "".join(
                sorted({line for path, new in files.items() for line in _changes(self.prepared[index].texts[path], new)})
            )
            seen[change] += 1
            if seen[change] <= most:
                yield index, files

    def _affected(self, file: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
        """The networks whose files the fault changes, with those files; with none where only comments differ."""
        wins = self.networks.setdefault(file, Counter())
        favourites = [index for index, _ in wins.most_common(3)]
        order = [*favourites, *(index for index in range(len(self.prepared)) if index not in favourites)]
        render = self._renderer(file, text)
        compiled = 0
        for index in order:
            try:
                found = render(self.prepared[index])
            except Exception as error:  # whatever a template with a fault does
                raise NotRenderedError(f"{type(error).__name__}: {error}") from error
            if found:
                old = self.prepared[index].texts
                files = {path: new for path, new in found.items() if code(new) != code(old[path])}
                if files and all(logic(new) == logic(old[path]) for path, new in files.items()):
                    # It must compile, no more.
                    files = files if compiled < CHUNK and not self._compiles(index, files) else {}
                    compiled += 1
                yield index, files

    def _renderer(self, file: str, text: str) -> Callable[[Prepared], dict[str, str]]:
        """What gives the files of a network that differ, by path."""
        if file.startswith("vhdl/"):
            return lambda prepared: {file: text} if file in prepared.texts else {}
        name = Path(file).name
        using, mutated = includers(name), fresh_environment()
        assert mutated.loader is not None
        mutated.loader = jinja2.ChoiceLoader([jinja2.DictLoader({name: text}), mutated.loader])

        def render(prepared: Prepared) -> dict[str, str]:
            calls = [call for call in prepared.calls if call[0] in using]
            texts = {path: mutated.get_template(f"{name}.vhd.j2").render(values) for name, values, path in calls}
            return {path: new for path, new in texts.items() if new != prepared.texts[path]}

        return render

    def cycles(self, index: int, run: Run) -> int:
        """From the first input to the last output of a run without a fault."""
        trace = self._driven(self.prepared[index], {}, run)[1]
        assert isinstance(trace, Trace), trace
        return trace.cycles[-1] - trace.starts[0]

    def require(self, index: int, run: Run) -> None:
        """Stops everything if ``run`` fails without a fault: it would find any mutant."""
        prepared = self.prepared[index]
        key = hashlib.sha256(repr((sorted(prepared.texts.items()), run, prepared.x.tobytes())).encode()).hexdigest()
        if key in self.passing:
            return
        if verdict := self._fault(index, {}, run):
            raise AssertionError(f"{prepared.network.name}, {run.name}: fails without any fault: {verdict.why}")
        self.passing.add(key)
        if self.cache:
            with self.cache.open("a") as file:
                file.write(f"{key}\n")

    def _compiles(self, index: int, files: dict[str, str]) -> bool:
        build = self.prepared[index].build
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            sources = [_place(build.path, path, files, Path(folder)) for path in build.sources]
            return run_tool([find_ghdl()[0], "-a", *STANDARD, *sources], Path(folder))[0] == 0

    def _fault(self, index: int, files: dict[str, str], run: Run) -> Verdict | None:
        """What goes wrong when ``run`` drives the network with ``files`` in place of its own; ``None`` if nothing does."""
        prepared = self.prepared[index]
        job, found = self._driven(prepared, files, run)
        if isinstance(found, Trace):
            why = _difference(job, found, run, prepared)
            found = Verdict(KILLED, why=why) if why else None
        return replace(found, by=f"{prepared.network.name}, {run.name}") if found else None

    def _driven(self, prepared: Prepared, files: dict[str, str], run: Run) -> tuple[Job, Trace | Verdict]:
        """What comes out, or what stopped the simulation."""
        build = prepared.build
        frames = to_stream(build.graph, samples(prepared, run))
        interrupt = min(frames.shape[1] * 3 // 2 + 16, frames.size - 1) if run.cut else 0
        job = Job(build, frames, profile=run.profile, seed=1, resets=run.resets, interrupt=interrupt)
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            try:
                checkers = checker_files(build, Path(folder), files)
            except CreatorError as error:  # the checkers' file is rendered from the same template
                return job, Verdict(REFUSED, why=error.what)
            paths = [*build.sources, *checkers, build.bench]
            sources = [_place(build.path, path, files, Path(folder)) for path in paths]
            (Path(folder) / VECTORS).write_text(vectors_text(job))
            command = [find_ghdl()[0], "-c", *STANDARD, *sources, "-r", *bench_options(job)]
            try:
                status, text = run_tool(command, Path(folder), timeout=TIME_LIMIT)
            except CreatorError:
                return job, Verdict(KILLED, why="it does not end")
            if status:
                began = (Path(folder) / RESULTS).is_file() or re.search(r":@\d+\w*s:", text)
                return job, Verdict(KILLED if began else REFUSED, why=first_error(text))
            try:
                return job, read_trace(job, Path(folder) / RESULTS)
            except CheckFailedError as error:
                return job, Verdict(KILLED, why=error.what)


def _changes(old: str, new: str) -> list[str]:
    """The lines that one text has and the other has not, marked - and +, with N for each number and bit string."""
    before, after = set(code_lines(old)), set(code_lines(new))
    lines = [*(f"-{line}" for line in before - after), *(f"+{line}" for line in after - before)]
    return [re.sub(r'"[01]+"|\d+', "N", line) for line in lines]


def code_lines(text: str) -> list[str]:
    """Lines without comments."""
    return [re.sub(r"--.*", "", line).strip() for line in text.splitlines()]


def _place(build: Path, path: str, files: dict[str, str], folder: Path) -> str:
    """Where GHDL finds a file of the build: in the build, or in ``folder`` where the fault changes it."""
    if path not in files:
        return str(build / path)
    (folder / Path(path).name).write_text(files[path])
    return Path(path).name


def _difference(job: Job, trace: Trace, run: Run, prepared: Prepared) -> str:
    """What a trace has that the graph and the plan do not say; empty if nothing."""
    if trace.beats != job.expected_beats or len(trace.starts) != job.frames:
        return f"expected {job.expected_beats} beats of {job.frames} frames, got {trace.beats} of {len(trace.starts)}"
    graph, each = job.build.graph, job.output_beats_per_frame
    found = result_from_stream(graph, trace.codes.reshape(job.frames, -1))
    expected = graph.run(samples(prepared, run))
    wrong = int((found != expected).sum())
    if wrong:
        return f"{wrong} of {expected.size} outputs differ"
    plan, ends = prepared.plan, [end - trace.starts[0] for end in trace.cycles[each - 1 :: each]]
    if run != FULL:
        known = known_cycles().get(prepared.network.name, {}).get(run.name, ends[-1])
        return "" if ends[-1] == known else f"ends in cycle {ends[-1]}, not {known}"
    if ends[0] != plan.latency:
        return f"latency {ends[0]}, not {plan.latency}"
    expected_ends = list(frame_ends(plan, len(ends)))
    return "" if ends == expected_ends else f"frames end in cycles {ends}, not {expected_ends}"
