"""Chooses the lanes of every core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from creator.errors import CreatorError
from creator.graph import Graph, Node
from creator.ops import Lanes, TensorType
from creator.schedule.area import core_areas
from creator.schedule.assemble import assemble, core_nodes
from creator.schedule.device import Device, find_device
from creator.schedule.parts import Area
from creator.schedule.plan import Plan
from creator.schedule.search import Search, intervals_of
from creator.schedule.slack import with_slack
from creator.targets.family import ECP5

Parallelism = str | int | Mapping[str, float] | None
"""``"serial"``, ``"full-lanes"``, an interval in cycles, ``{"fps": ..., "clock_mhz": ...}``, or ``None``: what fits."""

MAX_INTERVAL = 1 << 50
"""Longer than that no network takes."""

SERIAL, FULL = "serial", "full-lanes"
_HINT = 'use "serial", "full-lanes", an interval in cycles, or {"fps": ..., "clock_mhz": ...}'


def schedule(
    graph: Graph,
    parallelism: Parallelism = None,
    *,
    target: str | None = None,
    lanes: Mapping[str, int | Sequence[int]] | None = None,
    packing: bool | None = None,
    pipelining: bool = False,
) -> Plan:
    """The plan for ``graph``.

    Args:
        graph: verified and lowered.
        parallelism: ``"serial"``: one multiplier a layer. ``"full-lanes"``: a sample a cycle. A number: cycles between samples,
            at most, reached with the fewest multipliers, then LUTs. ``{"fps": f, "clock_mhz": c}``: the same in samples a
            second. ``None``: the fastest that fits in 80 % of ``target``, or ``"serial"`` without one.
        target: a device; what does not fit in 80 % of it is refused.
        lanes: of single layers, by module path: (inputs, outputs) a cycle, or one number for both.
        packing: whether two products with one activation share a multiplier where they fit. ``None``: if there is a target.
        pipelining: whether linear cores of less than eight products have the registers of wider ones too, for a faster clock.

    Raises:
        CreatorError: for what cannot be reached, with the nearest that can.
    """
    wanted = check_parallelism(parallelism)
    if packing is not None and not isinstance(packing, bool):
        raise CreatorError(f"packing={_shown(packing)} is neither True, False nor None", "schedule")
    if not isinstance(pipelining, bool):
        raise CreatorError(f"pipelining={_shown(pipelining)} is neither True nor False", "schedule")
    device = None if target is None else find_device(target)
    nodes = core_nodes(graph)
    fixed = _fixed(nodes, graph, lanes or {})
    family = device.family if device else ECP5
    search = Search(graph, nodes, family, device is not None if packing is None else packing, fixed, pipelining)
    if parallelism is None and device is not None:
        return with_slack(_fastest(graph, search, device))
    if parallelism in (None, SERIAL, FULL):
        full = parallelism == FULL
        uniform = [step.most if full else step.least for step in search.steps]
        own = [search.completed(step, step.fixed or lanes) for step, lanes in zip(search.steps, uniform, strict=True)]
        plan = with_slack(_assembled(graph, nodes, own))
    else:
        plan = _within(graph, search, wanted)
    lacking = device.lacks(total_area(plan, device)) if device else ""
    if device and lacking:
        nearest = _fastest(graph, search, device).interval
        raise CreatorError(f"the network takes {lacking}", "schedule", f"the shortest interval that fits is {nearest} cycles")
    return plan


def _within(graph: Graph, search: Search, wanted: int) -> Plan:
    """The plan that takes at most ``wanted`` cycles from one sample to the next, all streams considered.

    The search counts each core alone. Where the whole takes longer, cores faster than asked for make up for it.
    """
    found = search.least(wanted)
    if found is None:
        raise _too_slow(search, wanted)
    nodes = [step.node for step in search.steps]
    nearest = _assembled(graph, nodes, found, search.input_lanes(wanted))
    nearest = nearest if nearest.interval <= wanted else with_slack(nearest)
    tries = [cycles for cycles in reversed(intervals_of(search.steps)) if cycles < wanted]
    while nearest.interval > wanted and tries:
        target = tries.pop(0)
        faster = search.least(target, as_fast_as_possible=True)
        if faster is None or faster == found:
            continue
        found = faster
        plan = with_slack(_assembled(graph, nodes, found, search.input_lanes(target)))
        nearest = min(nearest, plan, key=lambda plan: plan.interval)
    if nearest.interval > wanted:
        what = f"the network takes {nearest.interval} cycles, more than {wanted}, since its cores wait for one another"
        raise CreatorError(what, "schedule", f"ask for {nearest.interval} cycles, or fix fewer lanes")
    return nearest


def total_area(plan: Plan, device: Device) -> Area:
    """What a plan takes of a device."""
    return sum(core_areas(plan, device.family), Area())


def _assembled(graph: Graph, nodes: list[Node], lanes: Sequence[Lanes], input_lanes: int | None = None) -> Plan:
    return assemble(graph, {node.name: own for node, own in zip(nodes, lanes, strict=True)}, input_lanes)


def _fastest(graph: Graph, search: Search, device: Device) -> Plan:
    """The plan with the shortest interval that fits the device.

    A shorter interval never takes fewer multipliers, but it can take fewer LUTs; so the search by halves finds an interval
    that fits where the next shorter one of the network's own does not.
    """
    nodes = [step.node for step in search.steps]
    intervals = intervals_of(search.steps)
    best: Plan | None = None
    low, high, lacking = 0, len(intervals) - 1, ""
    while low <= high:
        middle = (low + high) // 2
        found = search.least(intervals[middle])
        plan = None if found is None else _assembled(graph, nodes, found, search.input_lanes(intervals[middle]))
        lacks = "" if plan is None else device.lacks(total_area(plan, device))
        if plan is not None and not lacks:
            best, high = plan, middle - 1
        else:
            low, lacking = middle + 1, lacks or lacking
    if best is None:
        least = "the lanes that are fixed" if any(step.fixed for step in search.steps) else "one multiplier a layer"
        what = f"even with {least} the network takes {lacking}"
        raise CreatorError(what, "schedule", "choose a larger device, fewer bits or smaller layers")
    return best


def _too_slow(search: Search, wanted: int) -> CreatorError:
    takes = [(step.cycles(step.fixed or step.most), bool(step.fixed), step.node.where) for step in search.steps]
    cycles, fixed, where = max(takes, key=lambda each: each[:2])  # several cores may stand for one layer
    lanes = "its lanes fixed" if fixed else "all the lanes that it can have"
    hint = f"ask for {cycles} cycles{', or give it more lanes' if fixed else ''}"
    return CreatorError(f"with {lanes} it takes {cycles} cycles, more than {wanted}", where, hint)


def _fixed(nodes: list[Node], graph: Graph, lanes: Mapping[str, int | Sequence[int]]) -> dict[str, Lanes]:
    """The lanes that the user chose, by the name of the node."""
    fixed: dict[str, Lanes] = {}
    if not isinstance(lanes, Mapping):
        raise CreatorError("lanes is not a mapping", "schedule", 'give lanes by module path, such as {"encoder.0": (4, 2)}')
    for path, wanted in lanes.items():
        named = [node for node in nodes if path == node.name]
        standing = [node for node in nodes if path in node.paths and node not in named]
        found = named + [node for node in standing if node.name not in lanes]
        if standing and not found:
            raise CreatorError("its lanes are given twice", path, "give them once")
        if not found:
            known = ", ".join(node.where for node in nodes)
            raise CreatorError(f"lanes are given for {_shown(path)}, which has no core", "schedule", f"choose among {known}")
        for node in found:
            if node.name in fixed:
                raise CreatorError("its lanes are given twice", node.where, "give them once")
            fixed[node.name] = _checked(node, graph.input_types(node), wanted)
    return fixed


def _checked(node: Node, types: tuple[TensorType, ...], wanted: int | Sequence[int]) -> Lanes:
    """The lanes that the user wants for a core: (inputs, outputs), or one number for both, or for what decides the other."""
    pair = tuple(wanted) if isinstance(wanted, (tuple, list)) else (wanted, wanted)
    whole, pairs = len(pair) == 2 and all(type(n) is int for n in pair), node.op.lane_pairs(types)
    if pairs is not None:
        if not whole or Lanes(*pair) not in pairs:
            known = ", ".join(f"({lanes.input}, {lanes.output})" for lanes in pairs[:20])
            raise CreatorError(f"lanes={_shown(wanted)} is not possible", node.where, f"give one of {known}")
        return Lanes(*pair)
    inputs, outputs = node.op.lane_choices(types, node.type)
    if whole and pair[0] in inputs:
        given = node.op.results(types, pair[0])
        if pair[1] in outputs if outputs else (pair[1] == given or isinstance(wanted, int)):
            return Lanes(pair[0], pair[1] if outputs else given)
    hint = f"(inputs, outputs) of {_range(inputs)} and {_range(outputs)}" if outputs else _range(inputs)
    raise CreatorError(f"lanes={_shown(wanted)} is not possible", node.where, f"give {hint}")


def _range(choices: Sequence[int]) -> str:
    """Numbers of lanes as a hint has them."""
    if isinstance(choices, range):
        return f"1 to {choices[-1]}"
    return ", ".join(map(str, choices[:20]))


def _shown(value: object) -> str:
    """A user's value, short; Python refuses to print numbers of thousands of digits."""
    try:
        return f"{value!r:.60}"
    except ValueError:
        return "a number of thousands of digits"


def check_parallelism(parallelism: Parallelism) -> int:
    """The interval asked for; 0 where none is. Refuses what :func:`schedule` cannot do."""
    if parallelism is None or (isinstance(parallelism, str) and parallelism in (SERIAL, FULL)):
        return 0
    if isinstance(parallelism, Mapping):
        return _interval_of(parallelism)
    if not isinstance(parallelism, int) or isinstance(parallelism, bool):
        raise CreatorError(f"parallelism={_shown(parallelism)} is unknown", "schedule", _HINT)
    if parallelism < 1:
        raise CreatorError("parallelism: an interval of less than one cycle", "schedule", "the shortest is 1")
    return min(parallelism, MAX_INTERVAL)


def _interval_of(rate: Mapping[str, float]) -> int:
    """Clock cycles between samples at a rate."""
    numbers = [rate.get("fps"), rate.get("clock_mhz")]
    # Beyond 1e15 nothing is meant, and divisions overflow.
    proper = all(isinstance(n, (int, float)) and not isinstance(n, bool) and 1e-15 <= n <= 1e15 for n in numbers)
    if set(rate) != {"fps", "clock_mhz"} or not proper:
        raise CreatorError("parallelism is not a rate", "schedule", 'give {"fps": 1e6, "clock_mhz": 100}')
    fps, clock = rate["fps"], rate["clock_mhz"] * 1e6
    if fps > clock:
        raise CreatorError(
            f"{fps:g} samples a second at {clock / 1e6:g} MHz is more than one a cycle", "schedule", f"the most is {clock:g}"
        )
    return min(int(clock / fps), MAX_INTERVAL)
