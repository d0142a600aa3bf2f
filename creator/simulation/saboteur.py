"""A program that stands in for GHDL in a self-test, and does one thing wrong, once.

Called as ``saboteur.py DEED REAL KEEP NOTE ARGUMENTS``: ``REAL`` is GHDL, ``KEEP`` a folder for results, and ``NOTE`` a file
that exists as soon as the deed was done. It is run by Python alone, without creator.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = ("results.txt", "results.xml", "trace.json")


def die() -> None:
    """Ends as if out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def lose_results() -> None:
    """Deletes what the bench wrote."""
    for name in RESULTS:
        Path(name).unlink(missing_ok=True)


def cut_results() -> None:
    """Leaves out the last two hundred characters of what the bench wrote."""
    for name in RESULTS:
        if Path(name).is_file():
            Path(name).write_text(Path(name).read_text()[:-200])


def invert_output() -> None:
    """Inverts the last bit of the last output."""
    for name, pattern in (("results.txt", r"[01](?=\nend)"), ("trace.json", r'[01](?="\], "last")')):
        if Path(name).is_file():
            text = Path(name).read_text()
            Path(name).write_text(re.sub(pattern, lambda found: str(1 - int(found[0])), text))


def report_no_test() -> None:
    """Makes cocotb's report one of no test."""
    Path("results.xml").write_text("<testsuites></testsuites>")


def drop_sample() -> None:
    """Leaves the last sample out of the vectors."""
    _change_samples(lambda samples: samples[:-1])


def exchange_samples() -> None:
    """Exchanges the first two samples of the vectors."""
    _change_samples(lambda samples: [samples[1], samples[0], *samples[2:]])


def _change_samples(change: Callable[[list[Any]], list[Any]]) -> None:
    if Path("job.json").is_file():
        job = json.loads(Path("job.json").read_text())
        beats, each = job["beats"], job["each"]
        samples = change([beats[start : start + each] for start in range(0, len(beats), each)])
        Path("job.json").write_text(json.dumps(job | {"beats": [beat for sample in samples for beat in sample]}))
    else:
        samples = change(re.findall(r"(?:0 .*\n)*1 .*\n", Path("vectors.txt").read_text()))
        Path("vectors.txt").write_text("".join(samples))


BEFORE: dict[str, Callable[[], None]] = {"drop sample": drop_sample, "exchange samples": exchange_samples, "die": die}
AFTER: dict[str, Callable[[], None]] = {
    "lose results": lose_results,
    "cut results": cut_results,
    "invert output": invert_output,
    "report no test": report_no_test,
}


def _copy(source: Path, target: Path) -> None:
    for name in RESULTS:
        if (source / name).is_file():
            shutil.copy(source / name, target / name)


def main(deed: str, real: str, keep: str, note: str, *arguments: str) -> int:
    """Does what GHDL does, but for the deed; returns the exit status."""
    if arguments[:1] != ("-r",) or Path(note).exists():
        return _status(real, arguments)
    Path(note).touch()
    if deed == "do nothing":
        return 0
    if deed == "give old results":
        _copy(Path(keep), Path.cwd())
        return 0
    BEFORE.get(deed, lambda: None)()
    status = _status(real, arguments)
    if deed == "keep results":
        _copy(Path.cwd(), Path(keep))
    AFTER.get(deed, lambda: None)()
    return status


def _status(real: str, arguments: tuple[str, ...]) -> int:
    return subprocess.run([real, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
