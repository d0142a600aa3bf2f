"""Plants realistic bugs, one at a time, in a copy of the project, and says which test finds each, and after how long.

``python scripts/seeded_bugs.py`` prints a table and writes ``build/evidence/bugs.json`` for ``scripts/evidence.py``, where
what was found of other bugs stays; status 1 if a bug was not found. Golden files and pinned areas, which see any change at all,
are not asked.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.evidence import code  # noqa: E402  (of the checkout)

RESULT = ROOT / "build" / "evidence" / "bugs.json"
TESTS = ("tests/render", "tests/conformance", "tests/fuzz", "tests/simulation", "tests/schedule")
NEED = ("creator", "templates", "vhdl", "sim", "tests", "examples", "scripts", "docs", "pyproject.toml")
LIMIT = 900
"""Seconds after which a bug counts as not found."""


@dataclass(frozen=True)
class Bug:
    """One edit: ``old``, which occurs in the file, becomes ``new``."""

    kind: str
    file: str
    old: str
    new: str


REVERSED = (
    "{{ result }}({{ output_format.total_bits }} * ({{ output_lanes - 1 }} - row) + {{ output_format.total_bits - 1 }}"
    " downto {{ output_format.total_bits }} * ({{ output_lanes - 1 }} - row))"
)

BUGS = (
    Bug(
        "tie rounding: ties go down, not to even",
        "templates/requantizer.vhd.j2",
        "when wide({{ shift }}) = '1' or wide(",
        "when wide(",
    ),
    Bug(
        "tie rounding, its half in the bias: an odd code stays",
        "templates/requantizer.vhd.j2",
        "else kept and {{ even_mask }};",
        "else kept;",
    ),
    Bug(
        "saturation edge: the code above the largest passes",
        "templates/limit.vhd.j2",
        "{{ source }} > {{ high_literal }}",
        "{{ source }} - 1 > {{ high_literal }}",
    ),
    Bug(
        "sign extension: a signed sum is extended with zeros",
        "templates/requantizer.vhd.j2",
        "wide <= resize(signed(value), {{ wide_bits }});",
        "wide <= signed(resize(unsigned(value), {{ wide_bits }}));",
    ),
    Bug(
        "lane order: results of a beat in reverse",
        "templates/sums_to_results.vhd.j2",
        REVERSED.replace("({{ output_lanes - 1 }} - row)", "row"),
        REVERSED,
    ),
    Bug(
        "stall loss: a beat that arrives in a stall is dropped",
        "vhdl/creator_stream_register.vhd",
        "spare_valid <= in_valid;",
        "spare_valid <= '0';",
    ),
    Bug(
        "double buffer: the banks are not swapped for reading",
        "templates/linear.vhd.j2",
        "read_bank   <= not read_bank;",
        "read_bank   <= read_bank;",
    ),
    Bug(
        "reset residue: results in the pipeline survive a reset",
        "templates/linear.vhd.j2",
        "        done        <= (others => '0');\n",
        "",
    ),
    Bug(
        "last misplaced: at the end of each row",
        "templates/linear.vhd.j2",
        "frame_done <= frame_ends &",
        "frame_done <= row_ends &",
    ),
    Bug(
        "ROM offset: each word one place further",
        "templates/rom.vhd.j2",
        "memory(to_integer(unsigned(address)))",
        "memory((to_integer(unsigned(address)) + 1) mod {{ depth }})",
    ),
    Bug(
        "bias alignment: biases a row too late",
        "templates/linear.vhd.j2",
        "if first({{ bias_stage }}) = '1' then",
        "if first({{ bias_stage + 1 }}) = '1' then",
    ),
    Bug(
        "width off by one: sums lack a bit",
        "creator/passes/infer_accumulators.py",
        "FixedPoint(max(bits_for(*sums),",
        "FixedPoint(max(bits_for(*sums) - 1,",
    ),
    Bug(
        "name collision: names that differ in case only",
        "creator/render/names.py",
        'self._taken.update(f"{candidate}{suffix}".lower()',
        'self._taken.update(f"{candidate}{suffix}"',
    ),
    Bug(
        "packed product: no carry from the lower one",
        "templates/mac_array.vhd.j2",
        "downto {{ low_bits }}) + carry;",
        "downto {{ low_bits }});",
    ),
    Bug(
        "queue: accepts one beat too many",
        "vhdl/creator_stream_queue.vhd",
        "held <= 2 ** place_bits - 3",
        "held <= 2 ** place_bits - 1",
    ),
    Bug("adapter: a frame's remainder stays behind", "templates/adapter.vhd.j2", "          filled  <= '1';\n", ""),
    Bug(
        "clear of an adapter: a reset leaves the place",
        "templates/adapter.vhd.j2",
        "        ends    <= '0';\n{% endif %}",
        "{% endif %}",
    ),
    Bug(
        "windows: padding comes a beat early",
        "templates/window.vhd.j2",
        "if inside_read(2) = '1' then",
        "if inside_read(1) = '1' then",
    ),
    Bug(
        "windows: the last ones of a frame wait for the next frame",
        "templates/window.vhd.j2",
        "<= not lack({{ count_bits - 1 }}) or behind({{ behind_bits - 1 }});",
        "<= not lack({{ count_bits - 1 }});",
    ),
    Bug("windows: a reset leaves the corner", "templates/window.vhd.j2", "        corner      <= {{ place_first }};\n", ""),
    Bug(
        "windows: a row of taps goes on from the last tap",
        "templates/window.vhd.j2",
        "line_place <= next_place;",
        "line_place <= place;",
    ),
    Bug("fork: a branch gets a beat twice", "vhdl/creator_stream_fork.vhd", "in_valid and not done(i);", "in_valid;"),
    Bug(
        "fork: a beat is over when one branch has it",
        "vhdl/creator_stream_fork.vhd",
        "when (done or out_ready) = all_of_them else",
        "when out_ready(0) = '1' else",
    ),
    Bug(
        "fork: a reset leaves what was taken",
        "vhdl/creator_stream_fork.vhd",
        "        done <= (others => '0');\n      end if;\n    end",
        "        null;\n      end if;\n    end",
    ),
    Bug(
        "queue before a join: full a beat late",
        "vhdl/creator_fifo_memory.vhd",
        "        if held = words - 1 then\n",
        "        if held = words then\n",
    ),
    Bug("queue before a join: a reset leaves beats", "vhdl/creator_fifo_memory.vhd", "        filled      <= '0';\n", ""),
    Bug(
        "deep queue before a join: a beat that was stopped goes twice",
        "vhdl/creator_deep_fifo.vhd",
        "enable and given;",
        "given;",
    ),
    Bug(
        "join: a beat of one operand alone",
        "templates/join_pipeline.vhd.j2",
        "b_ready   <= enable and a_valid;",
        "b_ready   <= enable;",
    ),
    Bug(
        "pool: input is taken while results are given",
        "templates/pool_axis.vhd.j2",
        "in_ready   <= enable and not flushes;",
        "in_ready   <= enable;",
    ),
    Bug(
        "pool: the sign of what is kept, not of the difference",
        "templates/pool_axis.vhd.j2",
        "or excess_{{ slot }}(lane)({{ result_bits }}) = '1'",
        "or excess_{{ slot }}(lane)({{ result_bits - 1 }}) = '1'",
    ),
    Bug(
        "pool: results of lanes in each other's place",
        "templates/kept_slice.vhd.j2",
        "downto {{ result_bits * kept }} * lane + {{ result_bits * slot }}",
        "downto {{ result_bits + kept }} * lane + {{ result_bits * slot }}",
    ),
    Bug(
        "softmax: the largest element of the row before",
        "templates/softmax.vhd.j2",
        "when codes_first = '1' or excess",
        "when excess",
    ),
    Bug(
        "softmax: the banks are not swapped for reading",
        "vhdl/creator_row_store.vhd",
        "read_bank  <= not read_bank;",
        "read_bank  <= read_bank;",
    ),
)


def planted(bug: Bug, folder: Path) -> None:
    """Copies the project to ``folder``, with the bug."""
    for name in NEED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    path = folder / bug.file
    text = path.read_text()
    if bug.old not in text:
        raise SystemExit(f"{bug.file} does not have {bug.old!r} any more")
    path.write_text(text.replace(bug.old, bug.new, 1))


def hunt(bug: Bug, folders: list[str], some: str, processes: int) -> tuple[str | None, float]:
    """The first test that fails with the bug, of those that pytest's ``-k some`` chooses, and the seconds until then."""
    with tempfile.TemporaryDirectory(prefix="bug-") as scratch:
        folder = Path(scratch)
        planted(bug, folder)
        begin = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            "-n",
            str(processes),
            "-k",
            some,
            "-m",
            "not extended",
            "-p",
            "no:cacheprovider",
            *folders,
        ]
        environment = {**os.environ, "PYTHONPATH": str(folder)}
        try:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
            )
        except subprocess.TimeoutExpired:
            return None, time.monotonic() - begin
        found = re.search(r"^(?:FAILED|ERROR) (.*)$", done.stdout, re.MULTILINE)
        if (done.returncode == 0) != (found is None):
            raise SystemExit(done.stdout + done.stderr)
        return (found[1] if found else None), time.monotonic() - begin


def main() -> int:
    """Runs everything; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=int, nargs="+", default=range(len(BUGS)), help="the numbers of some bugs")
    parser.add_argument("--tests", default="", help="of the tests those that this expression chooses, as pytest's -k does")
    parser.add_argument("--folders", nargs="+", default=TESTS, help="where tests are looked for")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    missed = 0
    for number in options.only:
        bug, version = BUGS[number], code()
        test, seconds = hunt(bug, options.folders, options.tests, options.processes)
        print(f"{number}: {bug.kind}: {test or 'NOT FOUND'}, {seconds:.0f} s", flush=True)
        save({"bug": bug.kind, "file": bug.file, "test": test, "seconds": round(seconds), "among": options.tests, **version})
        missed += test is None
    return int(missed > 0)


def save(row: dict[str, str | int | None]) -> None:
    """Puts what was found of one bug beside what was found of others."""
    found = json.loads(RESULT.read_text())["bugs"] if RESULT.is_file() else []
    rows = {each["bug"]: each for each in [*found, row]}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps({"bugs": [rows[bug.kind] for bug in BUGS if bug.kind in rows]}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
