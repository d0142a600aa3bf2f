"""A model of a plan's streams, cycle by cycle: who offers, who takes, who waits. No data, only their movement.

The parts are in ``movement.py``. Nothing is simulated where nothing moves but a counter.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from creator.ops import ArgMax, Conv, Linear, Permute, Top1, beats
from creator.ops.argmax import Comparison
from creator.schedule.movement import LONG, Part, Pipeline, Queue, Regrouping, StoredCore, StreamRegister, WindowCore
from creator.schedule.plan import Core, Plan
from creator.schedule.sweeps import moves_of


def _parts_of(core: Core) -> list[Part]:
    """What a core consists of, in the order of the data."""
    parts: list[Part] = [StreamRegister()] if core.registered else []
    parts += [Regrouping(core.adapter)] if core.adapter else []
    op, lanes = core.node.op, core.lanes
    if isinstance(op, Permute):
        return [*parts, StoredCore(core.input_type.size, 1, 2, rigid=False, row=1)]
    if core.sweeps:
        along = [part for axis in core.sweeps for part in (StreamRegister(), moves_of(axis))]
        return [*parts, *along[1:]]
    if isinstance(op, (ArgMax, Top1)):
        return [*parts, Pipeline(core.timing.delay, Comparison(core.input_type, lanes).words, rigid=False)]
    if not isinstance(op, Linear):
        return [*parts, Pipeline(core.timing.delay, 1, rigid=False)]
    words, groups = beats(op.in_features, lanes.input), beats(op.out_features, lanes.output)
    stages, rigid = op.stages(lanes), core.queues
    part: Part
    if isinstance(op, Conv):
        part = WindowCore(op.ring(core.input_type, lanes), words, groups, stages, rigid)
    else:
        part = Pipeline(stages, words, rigid) if groups == 1 else StoredCore(words, groups, stages, rigid)
    return [*parts, Queue(part) if core.queues else part]


def _ends(plan: Plan, frames: int) -> Iterator[tuple[int, list[Part]]]:
    """The cycles in which frames' last beats are given, the one that takes the first beat being 0; the parts after each."""
    parts = [part for core in plan.cores for part in _parts_of(core)]
    waiting = frames * beats(plan.graph.input_type.size, plan.input_lanes)
    each = beats(plan.graph.output_type.size, plan.output_lanes)
    cycle = given = 0
    while given < frames * each:
        readies = [True]
        for part in reversed(parts):
            readies.insert(0, part.ready(readies[0]))
        offers = [waiting > 0, *(part.valid for part in parts)]
        moves = [offer and ready for offer, ready in zip(offers, readies, strict=True)]
        waiting -= moves[0]
        for part, (arrives, _), (_, out_ready) in zip(parts, pairwise(moves), pairwise(readies), strict=True):
            part.clock(arrives, out_ready)
        if moves[-1]:
            given += 1
            if given % each == 0:
                yield cycle, parts
        cycle += 1
        if waiting == 0 or not parts[0].ready(False):
            still = min(part.quiet() for part in parts)
            if 0 < still < LONG:
                for part in parts:
                    part.skip(still)
                cycle += still


def frame_ends(plan: Plan, frames: int) -> list[int]:
    """The cycles in which the last beats of ``frames`` frames are given, counted from the one that takes the first beat.

    Input is always offered, and output always taken.
    """
    return [cycle for cycle, _ in _ends(plan, frames)]


def latency(plan: Plan) -> int:
    """Clock cycles from the one that takes a frame's first beat to the one that gives its last result."""
    return frame_ends(plan, 1)[0]


def steady_interval(plan: Plan) -> int:
    """Clock cycles from one frame to the next once every frame finds the network as the one before it did.

    That is at least the interval of the slowest core. It is more where a core gives its results in bursts that an adapter after
    it cannot take as fast, and then has none for it. Should frames differ in turn, it is their mean, rounded up.
    """
    seen: dict[object, tuple[int, int]] = {}
    for frame, (cycle, parts) in enumerate(_ends(plan, LONG)):
        state = tuple(map(_state, parts))
        if state in seen:
            first, begun = seen[state]
            return -(-(cycle - begun) // (frame - first))
        seen[state] = frame, cycle
    raise AssertionError("a network with finitely many states comes back to one of them")


def _state(part: Part) -> tuple[object, ...]:
    """All that a part remembers."""
    return tuple(
        _state(value) if isinstance(value, Part) else tuple(value) if isinstance(value, list) else value
        for value in vars(part).values()
    )
