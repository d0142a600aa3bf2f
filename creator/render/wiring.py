"""The streams of a network: their names, and the instances between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from creator.ops import beats
from creator.render.names import Names
from creator.render.values import Comment, Identifier
from creator.schedule import Core, Plan
from creator.schedule.plan import Feed
from creator.schedule.rom import address_bits

STREAM = ("_valid", "_ready", "_data", "_last")
WATCHED = (*STREAM, "_check")


def queue_entity(feed: Feed) -> str:
    """The entity of the queue before an operand."""
    return "creator_deep_fifo" if feed.deep else "creator_stream_fifo"


@dataclass(frozen=True)
class Stream:
    """A stream inside the network: its name, bits of a beat, and beats in a frame."""

    name: Identifier
    bits: int
    beats: int


@dataclass(frozen=True)
class Between:
    """What stands before a core: a stream register, a queue or an adapter. Its name is that of the stream behind it, too.

    ``source`` is the stream before it, ``None`` for the network's input.
    """

    name: Identifier
    entity: Identifier
    generics: tuple[tuple[Identifier, int], ...]
    source: Identifier | None


@dataclass(frozen=True)
class Inlet:
    """How a core gets an operand: on the ``port``, ``None`` where it has only one, from ``source``."""

    port: Identifier | None
    source: Identifier | None
    parts: tuple[Between, ...]


@dataclass(frozen=True)
class Fork:
    """What hands a stream to several readers: their streams."""

    label: Identifier
    source: Identifier | None
    branches: tuple[Identifier, ...]


@dataclass(frozen=True)
class Instance:
    """A core in the network, the stream behind it, and what hands that on, if several cores read it."""

    core: Core
    entity: Identifier
    signal: Identifier
    label: Identifier
    feeds: tuple[Inlet, ...]
    fork: Fork | None


class Wiring:
    """Names and wires what a plan has.

    ``instances`` are its cores, ``inner`` its streams but for the network's input and output, in the order of the data.

    Args:
        plan: what to wire.
        entities: of its cores.
        adapters: the entities of the adapters before each core's operands; ``None`` where there is none.
        network: the name of the network's entity.
    """

    def __init__(
        self, plan: Plan, entities: list[Identifier], adapters: list[list[Identifier | None]], network: Identifier
    ) -> None:
        self.plan = plan
        self._names = Names(
            ["clock", "reset", str(network), "rtl", "watched"] + [f"{side}{end}" for side in ("in", "out") for end in WATCHED]
        )
        self.inner: list[Stream] = []
        self._branches: dict[tuple[int, int], Identifier | None] = {}
        self.input_fork = self._fork(plan.graph.input, None)
        self.instances = [self._instance(*each) for each in zip(range(len(plan.cores)), entities, adapters, strict=True)]

    @property
    def is_chain(self) -> bool:
        """Whether no stream forks or joins."""
        return self.input_fork is None and all(each.fork is None and len(each.feeds) == 1 for each in self.instances)

    def streams(self) -> list[dict[str, Any]]:
        """Every stream but the output: its name, bits of a beat, beats in a frame, and the label of its checker."""
        source, lanes = self.plan.graph.input_type, self.plan.input_lanes
        found: list[tuple[str, int, int]] = [("in", source.format.total_bits * lanes, beats(source.size, lanes))]
        found += [(str(stream.name), stream.bits, stream.beats) for stream in self._in_order()]
        return [
            {"name": Comment(name), "bits": bits, "beats": count, "checker": Identifier(f"{name}_check")}
            for name, bits, count in found
        ]

    def _in_order(self) -> list[Stream]:
        """The inner streams, that of a core after those that lead to it."""
        known = {str(stream.name): stream for stream in self.inner}
        names = list(self.input_fork.branches) if self.input_fork else []
        for instance in self.instances:
            names += [part.name for feed in instance.feeds for part in feed.parts]
            names += [instance.signal, *(instance.fork.branches if instance.fork else ())]
        return [known[str(name)] for name in names]

    def _instance(self, index: int, entity: Identifier, adapters: list[Identifier | None]) -> Instance:
        core = self.plan.cores[index]
        name, result = core.node.name, core.node.type
        signal = self._names.unique(name, WATCHED)
        label = self._names.unique(f"{name}_core")
        lanes = core.lanes.output
        self.inner.append(Stream(signal, result.format.total_bits * lanes, beats(result.size, lanes)))
        letters = [Identifier(letter) for letter in "ab"] if len(core.feeds) > 1 else [None]
        feeds = tuple(
            self._inlet(core, feed, self._branches[index, operand], letter, adapter)
            for operand, (feed, letter, adapter) in enumerate(zip(core.feeds, letters, adapters, strict=True))
        )
        return Instance(core, entity, signal, label, feeds, self._fork(name, signal))

    def _inlet(
        self, core: Core, feed: Feed, source: Identifier | None, letter: Identifier | None, adapter: Identifier | None
    ) -> Inlet:
        prefix = f"{core.node.name}_{letter}" if letter else core.node.name
        bits, parts = feed.stream_bits, list[Between]()

        def add(suffix: str, entity: Identifier, generics: list[tuple[str, int]], width: int, lanes: int) -> None:
            name = self._names.unique(f"{prefix}_{suffix}", (*WATCHED, ""))
            before = parts[-1].name if parts else source
            parts.append(Between(name, entity, tuple((Identifier(key), value) for key, value in generics), before))
            self.inner.append(Stream(name, width, beats(feed.type.size, lanes)))

        if feed.registered:
            add("cut", Identifier("creator_stream_register"), [("data_bits", bits)], bits, feed.stream_lanes)
        if feed.words:
            generics = [("data_bits", bits), ("words", feed.words), ("address_bits", address_bits(feed.words))]
            add("fifo", Identifier(queue_entity(feed)), generics, bits, feed.stream_lanes)
        if adapter:
            add("beats", adapter, [], feed.type.format.total_bits * feed.lanes, feed.lanes)
        return Inlet(letter, parts[-1].name if parts else source, tuple(parts))

    def _fork(self, source: str, signal: Identifier | None) -> Fork | None:
        """What hands the stream ``signal`` of the core ``source`` to its readers, if there are several."""
        readers = self.plan.readers[source]
        if len(readers) < 2:
            self._branches.update(dict.fromkeys(readers, signal))
            return None
        branches = []
        for index, operand in readers:
            core = self.plan.cores[index]
            feed = core.feeds[operand]
            letter = f"_{'ab'[operand]}" if len(core.feeds) > 1 else ""
            name = self._names.unique(f"{core.node.name}{letter}_branch", WATCHED)
            self.inner.append(Stream(name, feed.stream_bits, beats(feed.type.size, feed.stream_lanes)))
            self._branches[index, operand] = name
            branches.append(name)
        return Fork(self._names.unique(f"{source}_fork"), signal, tuple(branches))
