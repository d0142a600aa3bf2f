"""``creator.translate``: the design of a network as a set of files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creator.errors import CreatorError
from creator.graph import Graph
from creator.graph.storage import graph_bytes
from creator.passes import LOWER, run_passes
from creator.render.cores import core_files
from creator.render.environment import render
from creator.render.fileset import BENCH, GRAPH, KIND, MANIFEST, VERSION, FileSet, beat_bits, describe
from creator.render.names import PREDEFINED, VERILOG, Names, is_legal
from creator.render.values import Identifier
from creator.resources import resource_folder
from creator.schedule import Plan, check_parallelism, schedule

if TYPE_CHECKING:
    import torch

STREAM = ("_valid", "_ready", "_data", "_last")
LIBRARY = ("creator_ram", "creator_stream_register")


@dataclass(frozen=True)
class Design:
    """A translated network.

    Args:
        graph: as it was given; what simulation compares with.
        plan: the cores.
        files: everything that :meth:`write` puts into the build folder.
        manifest: formats, shapes, latency, interval, layers, and the sha256 of every file.
    """

    graph: Graph
    plan: Plan
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
    parallelism: str = "serial",
    *,
    input_shape: Sequence[int] | int | None = None,
    name: str = "network",
) -> Design:
    """The VHDL of a network.

    Args:
        model: a graph, or a module, which is traced first.
        parallelism: ``"serial"``: one multiplier a layer.
        input_shape: of one sample, for a module.
        name: prefix of every entity; the top is ``<name>_top``.

    Raises:
        CreatorError: for what cannot be bit-exact hardware.
    """
    check_options(parallelism, name)
    if not isinstance(model, Graph):
        from creator.tracing import trace

        if input_shape is None:
            raise CreatorError("a module needs input_shape", "translate", "for example input_shape=(64,)")
        model = trace(model, input_shape)
    graph = model.verify()
    plan = schedule(run_passes(graph, LOWER), parallelism)
    return _Renderer(graph, plan, name).design()


def check_options(parallelism: str, name: str) -> None:
    """Refuses what :func:`translate` would refuse, before any work."""
    check_parallelism(parallelism)
    if not isinstance(name, str) or not is_legal(name) or name.lower() in PREDEFINED | VERILOG:
        raise CreatorError(
            f"name={name!r} is not free as a VHDL identifier", "translate", "letters, digits, single underscores"
        )


class _Renderer:
    """Renders one plan."""

    def __init__(self, graph: Graph, plan: Plan, prefix: str) -> None:
        self.graph = graph
        self.plan = plan
        self.prefix = prefix
        self.entities = Names([*LIBRARY, *PREDEFINED, *VERILOG])
        self.network = self.entities.unique(prefix)
        self.top = self.entities.unique(f"{prefix}_top")
        self.bench = self.entities.unique(f"{prefix}_file_bench")
        self.files = FileSet()
        self.sources: list[str] = []
        self.block_roms: list[str] = []

    def design(self) -> Design:
        for stem in sorted(self._library()):
            self._source(stem, (resource_folder("vhdl") / f"{stem}.vhd").read_text())
        intervals = self.plan.graph.intervals
        cores = []
        for core in self.plan.cores:
            entity = self.entities.unique(f"{self.prefix}_{core.node.name}")
            rendered = core_files(core, intervals[core.node.inputs[0]], entity, self.entities)
            self.block_roms += map(str, rendered.block_roms)
            for part, text in rendered.files:
                self._source(str(part), text)
            cores.append(entity)
        instances = self._instances(cores)
        self._source(str(self.network), render("network", self._shared() | {"entity": self.network, "cores": instances}))
        self._source(str(self.top), render("top", self._shared() | {"entity": self.top, "network_entity": self.network}))
        self.files.add(BENCH, render("file_bench", self._shared() | {"entity": self.bench, "top": self.top}))
        self.files.add(GRAPH, graph_bytes(self.graph))
        self.files.add("graph.txt", self.graph.text())
        self.files.add("plan.txt", self.plan.text())
        manifest = self._manifest(instances)
        self.files.add(MANIFEST, json.dumps(manifest, indent=2) + "\n")
        return Design(self.graph, self.plan, self.files, manifest)

    def _library(self) -> set[str]:
        used = set()
        for core in self.plan.cores:
            used |= {"creator_ram"} if core.node.op.name == "linear" else set()
            used |= {"creator_stream_register"} if core.registered else set()
        return used

    def _source(self, entity: str, text: str) -> None:
        path = f"vhdl/{entity}.vhd"
        self.files.add(path, text)
        self.sources.append(path)

    def _shared(self) -> dict[str, Any]:
        source, result = self.graph.input_type, self.graph.output_type
        return {
            "input_format": source.format,
            "output_format": result.format,
            "input_size": source.size,
            "output_size": result.size,
            "input_beat_bits": beat_bits(source.format),
            "output_beat_bits": beat_bits(result.format),
            "interval": self.plan.interval,
            "latency": self.plan.latency,
        }

    def _instances(self, entities: list[Identifier]) -> list[dict[str, Any]]:
        names = Names(
            ["clock", "reset", str(self.network), "rtl", *(f"{side}{end}" for side in ("in", "out") for end in STREAM)]
        )
        before: Identifier | None = None
        found = []
        for core, entity in zip(self.plan.cores, entities, strict=True):
            signal = names.unique(core.node.name, STREAM)
            label = names.unique(f"{core.node.name}_core")
            cut = names.unique(f"{core.node.name}_cut", (*STREAM, "")) if core.registered else None
            found.append(
                {
                    "entity": entity,
                    "label": label,
                    "signal": signal,
                    "cut": cut,
                    "before": before,
                    "source": cut or before,
                    "registered": core.registered,
                    "input_format": core.input_type.format,
                    "output_format": core.node.type.format,
                    "node": core.node,
                }
            )
            before = signal
        return found

    def _manifest(self, instances: list[dict[str, Any]]) -> dict[str, Any]:
        layers = [
            {
                "name": core.node.name,
                "from": list(core.node.paths),
                "operation": core.node.op.name,
                "signal": str(instance["signal"]),
                "label": str(instance["label"]),
                "lanes": list(core.lanes),
                "interval": core.timing.interval,
                "delay": core.delay,
                "output": describe(core.node.type),
            }
            for core, instance in zip(self.plan.cores, instances, strict=True)
        ]
        return {
            "kind": KIND,
            "version": VERSION,
            "top": str(self.top),
            "bench": str(self.bench),
            "standard": "VHDL-2008",
            "input": describe(self.graph.input_type),
            "output": describe(self.graph.output_type),
            "interval": self.plan.interval,
            "latency": self.plan.latency,
            "layers": layers,
            "sources": self.sources,
            "block_roms": self.block_roms,
            "sha256": self.files.hashes(),
        }
