"""``creator.translate``: the design of a network as a set of files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creator
from creator.errors import CreatorError
from creator.graph import Graph
from creator.graph.order import input_axes, output_axes
from creator.graph.storage import graph_bytes
from creator.ops import Microscale, Softmax, TensorType, beats
from creator.passes import LOWER, run_passes
from creator.render.adapter import adapter_values
from creator.render.bench import file_bench, stream_checker
from creator.render.cores import core_files
from creator.render.environment import render
from creator.render.fileset import (
    BENCH,
    CHECKER,
    GRAPH,
    KIND,
    MANIFEST,
    VERSION,
    WATCHED,
    FileSet,
    describe,
    element_bits,
    manifest_text,
    sealed,
    stream,
)
from creator.render.names import PREDEFINED, VERILOG, Names, is_legal
from creator.render.values import Comment, Identifier
from creator.render.wiring import Instance, Wiring, queue_entity
from creator.resources import resource_folder
from creator.schedule import Core, Estimate, Parallelism, Plan, check_parallelism, estimate_plan, schedule
from creator.schedule.device import find_device

if TYPE_CHECKING:
    import torch

MAX_PREFIX = 32
"""Characters of a network's name, which is the first part of all of its entities' names."""

LIBRARY = (
    "creator_ram",
    "creator_ring",
    "creator_row_store",
    "creator_stream_checker",
    "creator_fifo_memory",
    "creator_stream_fifo",
    "creator_stream_fork",
    "creator_stream_queue",
    "creator_stream_register",
    "creator_deep_fifo",
)
"""The static entities, each after those that it uses."""


@dataclass(frozen=True)
class Design:
    """A translated network.

    Args:
        graph: as it was given; what simulation compares with.
        plan: the cores.
        estimate: what they will take in hardware.
        files: everything that :meth:`write` puts into the build folder.
        manifest: formats, shapes, latency, interval, layers, and the sha256 of every file.
    """

    graph: Graph
    plan: Plan
    estimate: Estimate
    files: FileSet
    manifest: dict[str, Any]

    @property
    def interval(self) -> int:
        """Planned clock cycles from one sample to the next."""
        return self.plan.interval

    @property
    def latency(self) -> int:
        """Planned clock cycles from a sample's first element in to its last result out."""
        return self.plan.latency

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Writes the build folder, whole or not at all; refuses to overwrite a folder that is not an earlier build."""
        return self.files.write(folder)


def translate(
    model: Graph | torch.nn.Module,
    parallelism: Parallelism = None,
    *,
    target: str | None = None,
    lanes: Mapping[str, int | Sequence[int]] | None = None,
    packing: bool | None = None,
    pipelining: bool = False,
    input_shape: Sequence[int] | int | None = None,
    name: str = "network",
) -> Design:
    """The VHDL of a network.

    Args:
        model: a graph, or a module, which is traced first.
        parallelism, target, lanes, packing, pipelining: how much is computed at once, and with how many registers;
            :func:`creator.schedule.schedule` explains them. Without any, one multiplier a layer.
        input_shape: of one sample, for a module.
        name: prefix of every entity; the top is ``<name>_top``.

    Raises:
        CreatorError: for what cannot be bit-exact hardware.
    """
    check_options(parallelism, name)
    graph = _graph_of(model, input_shape, "translate")
    options: dict[str, Any] = {
        "parallelism": parallelism,
        "target": target,
        "lanes": lanes or None,
        "packing": packing,
        "pipelining": pipelining,
    }
    plan = schedule(run_passes(graph, LOWER), **options)
    return _Renderer(graph, plan, name, target, _plain({"name": name, **options})).design()


def estimate(
    model: Graph | torch.nn.Module,
    parallelism: Parallelism = None,
    *,
    target: str | None = None,
    lanes: Mapping[str, int | Sequence[int]] | None = None,
    packing: bool | None = None,
    pipelining: bool = False,
    input_shape: Sequence[int] | int | None = None,
) -> Estimate:
    """What :func:`translate` with the same arguments will make: cycles exactly; LUTs, flip-flops, DSPs, block RAMs estimated.

    The estimate is for ``target``, or for ECP5 without one.

    Raises:
        CreatorError: for what cannot be translated.
    """
    check_parallelism(parallelism)
    graph = _graph_of(model, input_shape, "estimate")
    plan = schedule(run_passes(graph, LOWER), parallelism, target=target, lanes=lanes, packing=packing, pipelining=pipelining)
    return estimate_plan(plan, None if target is None else find_device(target))


def _graph_of(model: Graph | torch.nn.Module, input_shape: Sequence[int] | int | None, where: str) -> Graph:
    if isinstance(model, Graph):
        return model.verify()
    from creator.tracing import trace

    if input_shape is None:
        raise CreatorError("a module needs input_shape", where, "for example input_shape=(64,)")
    return trace(model, input_shape).verify()


def check_options(parallelism: Parallelism, name: str) -> None:
    """Refuses what :func:`translate` would refuse, before any work."""
    check_parallelism(parallelism)
    if not isinstance(name, str) or not is_legal(name) or name.lower() in PREDEFINED | VERILOG:
        raise CreatorError(
            f"name={name!r:.200} is not free as a VHDL identifier", "translate", "letters, digits, single underscores"
        )
    if len(name) > MAX_PREFIX:  # the rest of an entity's name would be cut off
        raise CreatorError(f"name={name!r:.60} has more than {MAX_PREFIX} characters", "translate", "use a shorter one")


def _plain(value: Any) -> Any:
    """An option as JSON has it, so that the manifest can tell with what to translate again."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value if value is None or isinstance(value, (bool, int, float, str)) else [_plain(inner) for inner in value]


class _Renderer:
    """Renders one plan."""

    def __init__(self, graph: Graph, plan: Plan, prefix: str, target: str | None, options: dict[str, Any]) -> None:
        self.graph = graph
        self.options = options
        self.plan = plan
        self.estimate = estimate_plan(plan, None if target is None else find_device(target))
        self.prefix = prefix
        self.entities = Names([*LIBRARY, *PREDEFINED, *VERILOG])
        self.network = self.entities.unique(prefix)
        self.top = self.entities.unique(f"{prefix}_top")
        self.bench = self.entities.unique(f"{prefix}_file_bench")
        self.files = FileSet()
        self.sources: list[str] = []
        self.block_roms: list[str] = []
        self.logic_roms: list[str] = []

    def design(self) -> Design:
        used = self._library()
        for stem in (stem for stem in LIBRARY if stem in used):
            self._source(stem, (resource_folder("vhdl") / f"{stem}.vhd").read_text())
        intervals = self.plan.graph.intervals
        cores, adapters = [], []
        for core in self.plan.cores:
            adapters.append(self._adapters(core))
            entity = self.entities.unique(f"{self.prefix}_{core.node.name}")
            rendered = core_files(core, tuple(intervals[name] for name in core.node.inputs), entity, self.entities)
            self.block_roms += map(str, rendered.block_roms)
            self.logic_roms += map(str, rendered.logic_roms)
            for part, text in rendered.files:
                self._source(str(part), text)
            cores.append(entity)
        wiring = Wiring(self.plan, cores, adapters, self.network)
        network = self._shared() | {
            "entity": self.network,
            "chain": wiring.is_chain,
            "inner": wiring.inner,
            "input_fork": wiring.input_fork,
            "cores": wiring.instances,
            "streams": wiring.streams(),
        }
        self._source(str(self.network), render("network", network | {"watched": False}))
        self._source(str(self.top), render("top", self._shared() | {"entity": self.top, "network_entity": self.network}))
        self.files.add(CHECKER, stream_checker())
        self.files.add(WATCHED, render("network", network | {"watched": True}))
        widths = (stream(kind, lanes)["beat_bits"] for kind, lanes in self._ends())
        self.files.add(BENCH, file_bench(str(self.bench), str(self.top), *widths))
        self.files.add(GRAPH, graph_bytes(self.graph))
        self.files.add("graph.txt", self.graph.text())
        self.files.add("plan.txt", self.estimate.text())
        manifest = sealed(self._manifest(wiring.instances))
        self.files.add(MANIFEST, manifest_text(manifest))
        return Design(self.graph, self.plan, self.estimate, self.files, manifest)

    def _library(self) -> set[str]:
        used = set()
        for core in self.plan.cores:
            queues = [feed for feed in core.feeds if feed.words]
            registered = any(feed.registered for feed in core.feeds) or len(core.sweeps) > 1
            remembers = core.stores or queues or any(axis.remembers for axis in core.sweeps)
            used |= {"creator_ram"} if remembers else set()
            used |= {"creator_row_store"} if isinstance(core.node.op, (Microscale, Softmax)) else set()
            used |= {"creator_ring"} if core.windows else set()
            used |= {"creator_stream_register"} if registered else set()
            used |= {"creator_fifo_memory"} if queues else set()
            used |= set(map(queue_entity, queues))
            used |= {"creator_stream_queue"} if core.queues or any(feed.deep for feed in queues) else set()
        used |= {"creator_stream_fork"} if any(len(places) > 1 for places in self.plan.readers.values()) else set()
        return used

    def _adapters(self, core: Core) -> list[Identifier | None]:
        """Renders the adapters in front of ``core``; returns the names of their entities, one for each operand."""
        found: list[Identifier | None] = []
        for letter, feed in zip("ab", core.feeds, strict=False):
            if feed.adapter is None:
                found.append(None)
                continue
            name = f"{core.node.name}_{letter}" if len(core.feeds) > 1 else core.node.name
            entity = self.entities.unique(f"{self.prefix}_{name}_adapter")
            self._source(str(entity), render("adapter", adapter_values(feed.adapter, feed.type.format) | {"entity": entity}))
            found.append(entity)
        return found

    def _source(self, entity: str, text: str) -> None:
        path = f"vhdl/{entity}.vhd"
        self.files.add(path, text)
        self.sources.append(path)

    def _ends(self) -> tuple[tuple[TensorType, int], tuple[TensorType, int]]:
        return (self.graph.input_type, self.plan.input_lanes), (self.graph.output_type, self.plan.output_lanes)

    def _shared(self) -> dict[str, Any]:
        source, result = self.graph.input_type, self.graph.output_type
        return {
            "input_format": source.format,
            "output_format": result.format,
            "input_size": source.size,
            "output_size": result.size,
            "input_lanes": self.plan.input_lanes,
            "output_lanes": self.plan.output_lanes,
            "input_beats": beats(source.size, self.plan.input_lanes),
            "output_beats": beats(result.size, self.plan.output_lanes),
            "input_element_bits": element_bits(source.format),
            "output_element_bits": element_bits(result.format),
            "input_beat_bits": element_bits(source.format) * self.plan.input_lanes,
            "output_beat_bits": element_bits(result.format) * self.plan.output_lanes,
            "interval": self.plan.interval,
            "latency": self.plan.latency,
            "input_order": _order(source, input_axes(self.graph)),
            "output_order": _order(result, output_axes(self.graph)),
        }

    def _manifest(self, instances: list[Instance]) -> dict[str, Any]:
        return {
            "kind": KIND,
            "version": VERSION,
            "creator": creator.__version__,
            "options": self.options,
            "top": str(self.top),
            "bench": str(self.bench),
            "standard": "VHDL-2008",
            "input": describe(self.graph.input_type)
            | stream(self.graph.input_type, self.plan.input_lanes)
            | {"axes": list(input_axes(self.graph))},
            "output": describe(self.graph.output_type)
            | stream(self.graph.output_type, self.plan.output_lanes)
            | {"axes": list(output_axes(self.graph))},
            "interval": self.plan.interval,
            "latency": self.plan.latency,
            "layers": [_layer(instance) for instance in instances],
            "sources": self.sources,
            "block_roms": self.block_roms,
            "logic_roms": self.logic_roms,
            "sha256": self.files.hashes(),
        }


def _order(kind: TensorType, axes: tuple[int, ...]) -> Comment | None:
    """In which order a stream carries the elements of a sample, for a comment; ``None``: in that of the sample."""
    if axes == tuple(sorted(axes)):
        return None
    shown = " x ".join(str(kind.shape[axis]) for axis in axes)
    return Comment(f"{shown}: axes {', '.join(map(str, axes))} of {' x '.join(map(str, kind.shape))}")


def _layer(instance: Instance) -> dict[str, Any]:
    """What the manifest says of a core."""
    core = instance.core
    return {
        "name": core.node.name,
        "from": list(core.node.paths),
        "operation": core.node.op.name,
        "sources": [feed.source for feed in core.feeds],
        "queues": [feed.depth for feed in core.feeds],
        "signal": str(instance.signal),
        "label": str(instance.label),
        "lanes": [core.lanes.input, core.lanes.output],
        "packed": core.lanes.packed,
        "pipelined": core.lanes.pipelined,
        "interval": core.interval,
        "delay": core.timing.delay,
        "output": describe(core.node.type),
    }
