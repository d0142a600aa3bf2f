"""Writes docs/evidence.md from what the last runs of the tests, of the mutants and of the planted bugs have left.

``make test``, ``make test-all``, ``make mutation`` and ``python scripts/seeded_bugs.py`` write to ``build/evidence/``; then
``python scripts/evidence.py``. Of a run that is missing the document says so.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.evidence import CLAIMS  # noqa: E402  (of the checkout)

RUNS = ROOT / "build" / "evidence"
DOCUMENT = ROOT / "docs" / "evidence.md"
HEAD = """\
# Evidence

Why a user may believe every bit. Each line can be run again: `.venv/bin/python -m pytest TESTS -m "not extended"`, with what
stands in its last column for TESTS, gives the counts of `make test`, without `-m` those of `make test-all`. A run fails if a
count is lower than the least that is claimed for it, which stands in `tests/evidence.py` and is often far lower than what is
printed here. Every run is of the code that stands beside it; newer code may give other counts. The document is written by
`python scripts/evidence.py` from the results of the runs. How each check works:
[verification.md](verification.md).
"""


def load(name: str) -> Any:
    """What a run left; ``None`` if there was none."""
    path = RUNS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def table(titles: list[str], rows: list[list[Any]]) -> str:
    """Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def code(found: dict[str, Any]) -> str:
    """Which code a run was of."""
    return f"{found['version']}, {found['commit']}"


def runs(found: list[dict[str, Any]]) -> str:
    """One row for each run."""
    titles = ["command", "tests", "result", "minutes", "code", "date"]
    rows = []
    for run in found:
        minutes = f"{run['seconds'] / 60:.0f}"
        rows.append([f"`{run['command']}`", run["tests"], "all passed", minutes, code(run), run["date"]])
    return table(titles, rows)


def claims(quick: dict[str, Any] | None, everything: dict[str, Any] | None) -> str:
    """One row for each claim."""
    rows = []
    for claim in CLAIMS:
        counts = [f"{run['counts'].get(claim.name, 0):,}" if run else "not run" for run in (quick, everything)]
        rows.append([claim.text, *counts, f"`{claim.where}`"])
    return table(["claim, and what is counted", "`make test`", "`make test-all`", "tests"], rows)


def mutants(found: dict[str, Any] | None) -> str:
    """One row for each file that was changed."""
    if found is None:
        return "Not run.\n"
    titles = ["mutants", "killed", "equivalent", "survived"]
    files = [(file, found | row) for file, row in sorted(found["files"].items())]  # older ones have one code for all rows
    rows = [[f"`{file}`", *(each[title] for title in titles), code(each), each["date"]] for file, each in files]
    total = [sum(each[title] for _, each in files) for title in titles]
    return table(["file", *titles, "code", "date"], [*rows, ["all", *total, "", ""]])


def bugs(found: dict[str, Any] | None) -> str:
    """One row for each bug."""
    if found is None:
        return "Not run.\n"
    rows = []
    for each in found["bugs"]:
        row = found | {"among": ""} | each
        test, among = (f"`{row[key]}`" if row[key] else other for key, other in (("test", "not found"), ("among", "all")))
        rows.append([row["bug"], f"`{row['file']}`", test, among, code(row), row["date"]])
    return table(["bug", "in", "found by", "of the tests", "code", "date"], rows)


SECTIONS = """\
## Runs

{runs}
## Claims

Every count is of checks that passed.

{claims}
## Mutants

`make mutation` changes one place at a time. The committed vectors must notice, or the change must be shown to change nothing.

{mutants}
## Planted bugs

`python scripts/seeded_bugs.py`: the first test that fails, of all of them, or of those that an expression chooses (`--tests`).

{bugs}"""


def main() -> int:
    """Writes the document."""
    quick, everything = load("test"), load("test-all")
    text = SECTIONS.format(
        runs=runs([run for run in (quick, everything) if run]),
        claims=claims(quick, everything),
        mutants=mutants(load("mutation")),
        bugs=bugs(load("bugs")),
    )
    DOCUMENT.write_text(f"{HEAD}\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
