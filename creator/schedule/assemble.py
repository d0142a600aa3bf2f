"""From lanes to a plan: cores, adapters and stream registers in a chain."""

from __future__ import annotations

from collections.abc import Mapping

from creator.errors import CreatorError
from creator.graph import Graph, Node
from creator.ops import Lanes
from creator.schedule.plan import Adapter, Core, Plan, needs_core


def core_nodes(graph: Graph) -> list[Node]:
    """The nodes of a chain that need hardware, in the order of the data.

    Raises:
        CreatorError: for a graph that is not a chain, or one with nothing to build.
    """
    current = graph.input
    for node in graph.nodes:
        if node.inputs != (current,):
            raise CreatorError("branches are not supported in hardware yet", node.where)
        current = node.name
    if graph.output != current:
        raise CreatorError("the output is not the last value of the network", graph.output)
    nodes = [node for node in graph.nodes if needs_core(graph, node)]
    if not nodes:
        raise CreatorError("the network computes nothing", "schedule", "add a layer after nn.Quantize")
    return nodes


def assemble(graph: Graph, lanes: Mapping[str, Lanes], input_lanes: int | None = None) -> Plan:
    """The plan whose cores have the given lanes, by the names of their nodes.

    ``input_lanes`` are those of the network's input; without, they are those of the first core.
    """
    cores: list[Core] = []
    for node in core_nodes(graph):
        types, own = graph.input_types(node), lanes[node.name]
        timing = node.op.timing(types, own)
        assert timing is not None
        arriving = cores[-1].lanes.output if cores else input_lanes or own.input
        adapter = None if arriving == own.input else Adapter(types[0].size, arriving, own.input)
        core = Core(node, types[0], own, timing, adapter, registered=False)
        # A core that stores its input or queues its output takes its ready from a register; others, and adapters, pass it on.
        if cores and core.passes_ready and cores[-1].passes_ready:
            core = Core(node, types[0], own, timing, adapter, registered=True)
        cores.append(core)
    return Plan(graph, tuple(cores)).verify()
