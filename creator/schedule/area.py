"""The area of the cores of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from creator.ops import Interval
from creator.schedule.costs import add_cores
from creator.schedule.parts import Area, Parts
from creator.schedule.plan import Core, Plan
from creator.targets.family import Family


def core_parts(core: Core, intervals: Sequence[Interval], family: Family) -> Parts:
    """What a core, and what stands before it, consist of; ``intervals`` bound the codes of each value that it reads."""
    parts = Parts(family)
    for feed in core.feeds:
        if feed.registered:
            parts.stream_register(feed.stream_bits)
        if feed.words:
            parts.fifo(feed.words, feed.stream_bits + 1, feed.deep)
        if feed.adapter:
            parts.adapter(feed.adapter, feed.type.format.total_bits)
    add_cores(parts, core.node.op, core.input_types, tuple(intervals), core.lanes)
    return parts


def core_areas(plan: Plan, family: Family) -> list[Area]:
    """The area of every core of a plan; that of a fork counts for the core before it, or for the first one."""
    found = []
    for index, core in enumerate(plan.cores):
        parts = core_parts(core, [plan.graph.intervals[name] for name in core.node.inputs], family)
        parts.fork(len(plan.readers[core.node.name]))
        if index == 0:
            parts.fork(len(plan.readers[plan.graph.input]))
        found.append(parts.area())
    return found
