"""All mutants of some files: judged in several processes, remembered on the way, and counted."""

from __future__ import annotations

import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.evidence import code
from tests.mutation.equivalent import Key, equivalents
from tests.mutation.files import ROOT, mutants_of, mutated_files, tree_hash
from tests.mutation.mutants import LEAST, MOST, Mutant, in_turn
from tests.mutation.verdict import EQUIVALENT, KILLED, REFUSED, SAME_CODE, SURVIVED, Verdict

COLUMNS = ("mutants", KILLED, "of these refused", EQUIVALENT, SURVIVED)


class Campaign:
    """The mutants of ``files``, with what is known of them in the folder ``memory``."""

    def __init__(self, files: list[str], memory: Path, thorough: bool, keep: bool) -> None:
        self.files, self.memory, self.thorough, self.keep = files, memory, thorough, keep
        self.tree = tree_hash()
        self.reasons = equivalents()
        memory.mkdir(parents=True, exist_ok=True)

    def run(self, processes: int) -> int:
        """Judges all, prints and writes the table; the exit status."""
        started = time.monotonic()
        # Files with the most mutants first, so that no process is left alone with a long one.
        jobs = sorted(self.files, key=lambda file: -len(mutants_of(file)))
        shares = [jobs[n::processes] for n in range(min(processes, len(jobs)))]
        context = multiprocessing.get_context("fork")
        workers = [context.Process(target=self._work, args=(share,)) for share in shares[1:]]
        for worker in workers:
            worker.start()
        self._work(shares[0])
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            print("a process failed; run again to go on from here", file=sys.stderr)
            return 2
        return self._report(time.monotonic() - started)

    def _work(self, files: list[str]) -> None:
        # Imported here: it takes seconds, and a process may have nothing to do.
        from tests.mutation.judges import Judges

        with tempfile.TemporaryDirectory(prefix="creator-mutation-") as scratch:
            judges = Judges(Path(scratch), self.memory / "passing.txt")
            for file in files:
                self._file(file, judges)

    def _file(self, file: str, judges: Any) -> None:
        known, counted = self._known(file), 0
        text = (ROOT / file).read_text()
        for mutant in in_turn(mutants_of(file)):
            verdict = known.get(mutant.key)
            again = self.thorough and verdict is not None and verdict.status == SURVIVED and mutant.key not in self.reasons
            if verdict is None or again:
                began = time.monotonic()
                verdict = judges.judge(file, mutant.applied(text), again, mutant.key in self.reasons)
                self._remember(mutant, verdict, time.monotonic() - began)
            if verdict.status == SURVIVED and mutant.key not in self.reasons:
                print(f"survived: {mutant}\n    {verdict.why}", flush=True)
            counted += verdict.status != SAME_CODE
            if counted == MOST:
                break
        print(f"{file}: {counted} mutants judged", flush=True)

    def _store(self, file: str) -> Path:
        return self.memory / (file.replace("/", "-") + ".jsonl")

    def _remember(self, mutant: Mutant, verdict: Verdict, seconds: float) -> None:
        with self._store(mutant.file).open("a") as store:
            line = {"tree": self.tree, "key": mutant.key, "kind": mutant.kind, "seconds": round(seconds, 2)} | asdict(verdict)
            store.write(json.dumps(line) + "\n")

    def _known(self, file: str) -> dict[Key, Verdict]:
        found: dict[Key, Verdict] = {}
        if self._store(file).is_file():
            for line in map(json.loads, self._store(file).read_text().splitlines()):
                current = line["tree"] == self.tree
                if current or (self.keep and line["status"] in (KILLED, REFUSED, SAME_CODE)):
                    found[tuple(line["key"])] = Verdict(line["status"], line["by"], line["why"])
        return found

    def _counts(self, file: str) -> tuple[dict[str, int], set[Key], list[str]]:
        """The file's row, the keys of its mutants that survive by right, and complaints."""
        known, row, survivors, faults = self._known(file), Counter[str](), set(), list[str]()
        for mutant in self._judged(file, known):
            verdict = known[mutant.key]
            row["mutants"] += 1
            row["of these refused"] += verdict.status == REFUSED
            if verdict.status in (KILLED, REFUSED):
                row[KILLED] += 1
                if mutant.key in self.reasons:
                    faults.append(f"listed as equivalent, but killed by {verdict.by}: {mutant}")
            else:
                row[EQUIVALENT if mutant.key in self.reasons else SURVIVED] += 1
                survivors |= {mutant.key} & self.reasons.keys()
        return dict(row), survivors, faults

    def _judged(self, file: str, known: dict[Key, Verdict]) -> Iterator[Mutant]:
        counted = 0
        for mutant in in_turn(mutants_of(file)):
            if counted == MOST:
                return
            if known[mutant.key].status != SAME_CODE:
                counted += 1
                yield mutant

    def _report(self, seconds: float) -> int:
        rows, used, faults = {}, set[Key](), list[str]()
        for file in self.files:
            row, keys, found = self._counts(file)
            rows[file] = {column: row.get(column, 0) for column in COLUMNS}
            used |= keys
            faults += found
        listed = {key for key in self.reasons if key[0] in self.files}
        killed = {key for key in listed - used if any(key[1] in fault for fault in faults)}
        faults += [f"listed as equivalent, but no mutant any more: {key}" for key in sorted(listed - used - killed)]
        total = {column: sum(row[column] for row in rows.values()) for column in COLUMNS}
        few = [file for file, row in rows.items() if row["mutants"] < LEAST]
        print(table(rows | {"total": total}))
        print(*(f"{file} has no more than {rows[file]['mutants']} different mutants" for file in few), *faults, sep="\n")
        print(f"{seconds:.0f} s")
        save(self.memory.parent / "evidence" / "mutation.json", rows)
        return int(bool(total[SURVIVED] or faults))


def save(path: Path, rows: dict[str, dict[str, int]]) -> None:
    """Writes the rows of a campaign, and of which code they are; rows of other files that are there already stay."""
    before, now = json.loads(path.read_text()) if path.is_file() else {"files": {}}, code()
    of_all = {key: before[key] for key in now if key in before}  # what older results say once, for all rows
    found = {file: of_all | row for file, row in before["files"].items()} | {file: row | now for file, row in rows.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"files": {file: found[file] for file in mutated_files() if file in found}}, indent=2) + "\n")


def table(rows: dict[str, dict[str, int]]) -> str:
    """Rows of counts, as Markdown."""
    lines = ["| file | " + " | ".join(COLUMNS) + " |", "|---|" + "--:|" * len(COLUMNS)]
    lines += [f"| {file} | " + " | ".join(str(row[column]) for column in COLUMNS) + " |" for file, row in rows.items()]
    return "\n".join(lines)
