"""From lanes to a plan: cores, adapters, stream registers, and queues where branches join."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from creator.errors import CreatorError
from creator.graph import Graph, Node
from creator.ops import Lanes
from creator.schedule.buffers import with_queues
from creator.schedule.plan import Adapter, Core, Feed, Plan, hardware


def core_nodes(graph: Graph) -> list[Node]:
    """The nodes that need hardware, each after those that it reads from.

    Raises:
        CreatorError: for a graph with nothing to build, or with a result that nothing reads.
    """
    names = hardware(graph)
    nodes = [node for node in graph.nodes if node.name in names]
    if not nodes:
        raise CreatorError("the network computes nothing", "schedule", "add a layer after nn.Quantize")
    return nodes


def assemble(graph: Graph, lanes: Mapping[str, Lanes], input_lanes: int | None = None) -> Plan:
    """The plan whose cores have the given lanes, by the names of their nodes.

    ``input_lanes`` are those of the network's input; without, they are those of the first core that reads it.
    """
    sources, done = hardware(graph), dict[str, Core]()
    for node in core_nodes(graph):
        types, own = graph.input_types(node), lanes[node.name]
        timing = node.op.timing(types, own)
        assert timing is not None
        feeds = []
        for source, kind, taken in zip(sources[node.name], types, node.op.operand_lanes(types, own), strict=True):
            if source == graph.input:
                input_lanes = input_lanes or taken
            arriving = done[source].lanes.output if source in done else input_lanes or taken
            adapter = None if arriving == taken else Adapter(kind.size, arriving, taken)
            feeds.append(Feed(source, kind, False, 0, adapter, taken))
        core = Core(node, tuple(feeds), own, timing)
        # A core that stores its input or queues its output takes its ready from a register; others, and adapters, pass it on.
        cut = [core.passes_ready and feed.source in done and done[feed.source].passes_ready for feed in feeds]
        feeds = [dataclasses.replace(feed, registered=registered) for feed, registered in zip(feeds, cut, strict=True)]
        done[node.name] = Core(node, tuple(feeds), own, timing)
    return with_queues(Plan(graph, tuple(done.values()))).verify()
