"""The small networks for mutants, without any: right at full speed, with pauses and with resets, in as many cycles as ever.

``CREATOR_UPDATE_GOLDEN=1`` writes the cycles under pauses anew. One network in 24 is run by `make test`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.mutation.hardware import CYCLES, Hardware, known_cycles
from tests.mutation.killers import KILLERS
from tests.mutation.networks import RUNS, Network

EACH = [
    pytest.param(killer, id=killer[0], marks=() if n % 24 == 5 else pytest.mark.extended) for n, killer in enumerate(KILLERS)
]


@pytest.mark.parametrize("killer", EACH)
def test_a_network_passes_every_run(killer, tmp_path: Path) -> None:
    hardware = Hardware([Network(*killer)], tmp_path)
    if os.environ.get("CREATOR_UPDATE_GOLDEN") == "1":
        known = known_cycles()
        known[killer[0]] = {run.name: hardware.cycles(0, run) for run in RUNS[1:]}
        CYCLES.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    assert set(known_cycles()[killer[0]]) == {run.name for run in RUNS[1:]}
    for run in RUNS:
        hardware.require(0, run)


def test_names_are_unique_and_no_cycles_are_left_over() -> None:
    names = [name for name, *_ in KILLERS]
    assert len(set(names)) == len(names)
    assert set(known_cycles()) == set(names)
