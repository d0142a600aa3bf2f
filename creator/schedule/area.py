"""The area of the cores of a plan."""

from __future__ import annotations

from creator.ops import Interval
from creator.schedule.costs import add_core
from creator.schedule.parts import Area, Parts
from creator.schedule.plan import Core, Plan
from creator.targets.family import Family


def core_parts(core: Core, interval: Interval, family: Family) -> Parts:
    """What a core, its adapter and its stream register consist of; ``interval`` bounds the codes that it reads."""
    parts = Parts(family)
    bits = core.input_type.format.total_bits
    if core.registered:
        parts.stream_register(bits * core.stream_lanes)
    if core.adapter:
        parts.adapter(core.adapter, bits)
    add_core(parts, core.node.op, core.input_type, interval, core.lanes)
    return parts


def core_areas(plan: Plan, family: Family) -> list[Area]:
    """The area of every core of a plan."""
    intervals = plan.graph.intervals
    return [core_parts(core, intervals[core.node.inputs[0]], family).area() for core in plan.cores]
