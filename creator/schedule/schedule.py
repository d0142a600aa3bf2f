"""Chooses the cores of a graph."""

from __future__ import annotations

from creator.errors import CreatorError
from creator.graph import Graph
from creator.ops import Lanes, Linear
from creator.schedule.plan import Core, Plan


def schedule(graph: Graph, parallelism: str = "serial") -> Plan:
    """The plan for ``graph``.

    Args:
        graph: verified and lowered.
        parallelism: ``"serial"``, one multiplier a layer; nothing else yet.

    Raises:
        CreatorError: for another parallelism, a graph that is not a chain, or one with nothing to build.
    """
    check_parallelism(parallelism)
    _check_chain(graph)
    cores: list[Core] = []
    for node in graph.nodes:
        types, lanes = graph.input_types(node), Lanes()
        timing = node.op.timing(types, lanes)
        if timing is None:
            continue
        # A linear core stores its input, so its ready comes from a register; the others pass ready through.
        passes_ready = not isinstance(node.op, Linear)
        registered = passes_ready and bool(cores) and not isinstance(cores[-1].node.op, Linear)
        cores.append(Core(node, types[0], lanes, timing, registered))
    if not cores:
        raise CreatorError("the network computes nothing", "schedule", "add a layer after nn.Quantize")
    return Plan(graph, tuple(cores)).verify()


def check_parallelism(parallelism: str) -> None:
    """Refuses what :func:`schedule` cannot do."""
    if parallelism != "serial":
        raise CreatorError(f"parallelism={parallelism!r} is not supported", "schedule", 'only "serial", one multiplier a layer')


def _check_chain(graph: Graph) -> None:
    current = graph.input
    for node in graph.nodes:
        if node.inputs != (current,):
            raise CreatorError("branches are not supported in hardware yet", node.where)
        current = node.name
    if graph.output != current:
        raise CreatorError("the output is not the last value of the network", graph.output)
