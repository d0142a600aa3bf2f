"""Queues before joins of any length and either kind, full and empty, against the model of the streams."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import creator
from creator import FixedPoint
from creator.graph.vectors import check_vectors
from creator.render import design as rendering
from creator.schedule import Plan, fifos, plan, schedule
from creator.schedule.buffers import with_words
from creator.schedule.timeline import frame_ends
from tests.graph.branches import add, joined
from tests.graph.chains import linear

SIZE = 12


@pytest.mark.parametrize("more", [0, 2, 3])
@pytest.mark.parametrize("deep", [False, True], ids=["short", "deep"])
def test_a_queue_moves_as_the_model_says(deep: bool, more: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With so few words that nothing hangs, and with some more: the queue is full in every frame.

    Behind the words of a short one there is room for two beats, behind those of a deep one for six.
    """
    words = SIZE + more - (6 if deep else 2)

    def short(*args: object, **options: object) -> Plan:
        return with_words(schedule(*args, **options), {(1, 0): words})  # type: ignore[arg-type]

    near = 0 if deep else words
    monkeypatch.setattr(plan, "NEAR_WORDS", near)
    monkeypatch.setattr(fifos, "NEAR_WORDS", near)
    monkeypatch.setattr(rendering, "schedule", short)
    graph = joined(add(FixedPoint(8, 3)), (), (linear(SIZE, SIZE),), shape=(SIZE,))
    design = creator.translate(graph)
    assert ("vhdl/creator_deep_fifo.vhd" in design.files, "vhdl/creator_stream_fifo.vhd" in design.files) == (deep, not deep)
    folder, x = design.write(tmp_path / "build"), check_vectors(graph, 8, seed=1)
    run = creator.simulate(folder, x, bench="vhdl")
    assert list(run.ends) == frame_ends(design.plan, len(run.ends))
    for stalls, resets in (("none", 20), ("random", 20), ("most", 0), ("some", 30)):
        stalled = creator.simulate(folder, x, bench="vhdl", stalls=stalls, resets=resets)
        assert stalled.passed
        assert np.array_equal(stalled.outputs, run.outputs)
