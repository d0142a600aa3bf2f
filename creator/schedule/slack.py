"""Queues where rows come or go in bursts, so that cores do not wait for one another.

A pool gives a row of results while the last of a window's rows arrives, and nothing while the others do. What reads it goes on
all the time, from what it holds; once that has run out it waits, and the core before the pool has waited before, when there was
no room. Upsampling and spreading take a row and then none while they give more of it.

How much has to wait is estimated: while nothing comes, for a share of the time that its rows take the core before the burst,
what reads it takes rows at the pace of the slowest core. Queues are used if the model of the streams finds them faster.
"""

from __future__ import annotations

from creator.ops import beats
from creator.ops.axis import PoolAxis, RepeatAxis, SpreadAxis
from creator.schedule.buffers import Place, resized, with_words
from creator.schedule.plan import Core, Plan


def with_slack(plan: Plan) -> Plan:
    """``plan``, with queues where rows come or go in bursts if it has a shorter interval with them."""
    pace = max(core.interval for core in plan.cores)
    words = _words(plan, pace) if any(core.sweeps for core in plan.cores) else {}
    if not words or plan.interval <= pace:
        return plan
    # Behind a fork such a queue holds beats that the other branches have to hold as well.
    found = resized(with_words(plan, words))
    return found if found.interval < plan.interval else plan


def _words(plan: Plan, pace: int) -> dict[Place, int]:
    cores = {core.node.name: core for core in plan.cores}
    found: dict[Place, int] = {}
    for index, core in enumerate(plan.cores):
        before = max((other.interval for other in plan.cores[:index]), default=0)
        if len(core.feeds) != 1 or core.feeds[0].words or not before:
            continue
        (feed,) = core.feeds
        row = _taken_row(core)
        source = cores.get(feed.source)
        while row == 0 and core.windows and source is not None and len(source.feeds) == 1:
            row = _given_row(source)
            source = None if source.windows or source.stores else cores.get(source.feeds[0].source)
        count = -(-row * before // pace) if row else 0
        if count:
            pixel = beats(feed.type.shape[-1], feed.stream_lanes)
            found[index, 0] = count + pixel
    return found


def _given_row(core: Core) -> int:
    """The part of a row of results, in beats, that what reads a pool takes while the pool gives none."""
    for axis in core.sweeps[-1:]:
        if isinstance(axis, PoolAxis) and axis.stride > 1 and axis.count > 1:
            return axis.inner * (axis.stride - 1) // axis.stride
    return 0


def _taken_row(core: Core) -> int:
    """The part of a row, in beats, that comes while what repeats or spreads rows takes none."""
    for axis in core.sweeps:
        if isinstance(axis, RepeatAxis) and axis.outer == 1 and axis.times > 1:
            return axis.inner * (axis.times - 1) // axis.times
        if isinstance(axis, SpreadAxis) and axis.outer == 1 and axis.step > 1:
            return axis.inner * (axis.step - 1) // axis.step
    return 0
