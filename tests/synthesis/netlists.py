"""Netlists of networks: as nextpnr gets them, and run with the stalls and the reset of the other benches."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np

from creator import Design
from creator.build_folder import BuildFolder
from creator.graph.graph import Graph
from creator.graph.order import output_axes, to_stream
from creator.synthesis.nextpnr import prepare
from creator.synthesis.synthesize import _Flow
from creator.targets import find_target
from creator.tools import find_tool
from tests.synthesis.netlist_simulator import Netlist

Module = dict[str, Any]
Beat = tuple[int, int]
"""tlast and tdata."""

PROFILES = [(1.0, 1.0), (0.5, 0.5), (0.9, 0.2), (0.2, 0.9), (1.0, 0.1), (0.1, 1.0)]
"""How often the source offers and the sink takes; the next one every 50 cycles."""


def netlist(design: Design, target: str, folder: Path) -> Module:
    """The module that place and route gets: mapped by Yosys, registers packed, repaired. The build is in ``folder/build``."""
    device = find_target(target)
    build = BuildFolder.open(design.write(folder / "build"))
    flow = _Flow(build, device, folder, {"yosys": find_tool("yosys")}, lambda _: None)
    flow._verilog()
    cells = flow._yosys()
    if device.packs:
        flow._pack_registers(cells)
    prepare(device, build.top, folder)
    module: Module = json.loads((folder / "mapped.json").read_text())["modules"][build.top]
    return module


class Bench:
    """Frames for a network, and what must come out of it.

    Args:
        graph: the network.
        manifest: of its build.
        codes: the frames.
        outputs: the results, which are to be compared with.
    """

    def __init__(self, graph: Graph, manifest: dict[str, Any], codes: np.ndarray, outputs: np.ndarray) -> None:
        self.chance = random.Random(len(codes))
        self.sent = [
            beat
            for frame in to_stream(graph, codes)
            for beat in self._beats(frame, manifest["input"], graph.input_type.format.total_bits)
        ]
        self.size, self.stream = graph.output_type.size, manifest["output"]
        outputs = outputs.transpose(0, *(axis + 1 for axis in output_axes(graph)))
        self.expected = [beat for frame in outputs for beat in self._beats(frame, self.stream, 0)]
        self.limit = 8 * (manifest["interval"] * len(codes) + manifest["latency"]) + 2000

    def _beats(self, frame: np.ndarray, stream: dict[str, Any], used: int) -> list[Beat]:
        """A frame as beats, the first element in the low bits; bits above those that are used are arbitrary."""
        lanes, bits = stream["lanes"], stream["beat_bits"] // stream["lanes"]
        mask, elements = (1 << bits) - 1, frame.reshape(-1).tolist()
        if used:
            elements = [(code & (1 << used) - 1) | self.chance.getrandbits(bits) >> used << used for code in elements]
        starts = range(0, len(elements), lanes)
        return [
            (
                int(start + lanes >= len(elements)),
                sum((code & mask) << bits * lane for lane, code in enumerate(elements[start : start + lanes])),
            )
            for start in starts
        ]

    def run(self, module: Module, family: str) -> list[Beat]:
        """The beats that come out after a try that a reset cuts off.

        Ends when as many are there as should be, and no more for some time; at a surplus; and at the first wrong one.
        """
        net = Netlist(module, family)
        self._try(net)
        place, offered, held = 0, False, None
        seen: list[Beat] = []
        silence = 0
        for cycle in range(self.limit):
            offers, takes = PROFILES[cycle // 50 % len(PROFILES)] if len(seen) < len(self.expected) else (1.0, 1.0)
            offered = place < len(self.sent) and (offered or self.chance.random() < offers)
            take = self.chance.random() < takes
            last, data = self.sent[place] if offered else (self.chance.getrandbits(1), self.chance.getrandbits(64))
            self._set(net, 1, offered, take, last, data)
            shown = (net.read("m_axis_tlast"), net.read("m_axis_tdata")) if net.read("m_axis_tvalid") else None
            assert held is None or shown == held, "a beat was changed or withdrawn before it was taken"
            held = None if take else shown
            if take and shown is not None:
                seen.append(shown)
            place += offered and net.read("s_axis_tready")
            offered = offered and not net.read("s_axis_tready")
            net.clock()
            silence = silence + 1 if len(seen) >= len(self.expected) else 0
            if silence > 100 or len(seen) > len(self.expected) or self.compare(seen[-1:], len(seen) - 1)[1]:
                break
        return seen

    def _try(self, net: Netlist) -> None:
        """Reset, some beats and a while, and reset again: in the middle of a frame, if it has more than one beat."""
        place = 0
        for cycle in range(3 + len(self.sent) + self.chance.randrange(30)):
            last, data = self.sent[place % len(self.sent)]
            self._set(net, int(cycle > 2), place <= len(self.sent) // 3, self.chance.random() < 0.7, last, data)
            place += cycle > 2 and place <= len(self.sent) // 3 and net.read("s_axis_tready")
            net.clock()
        for _ in range(self.chance.randrange(1, 4)):
            self._set(net, 0, self.chance.getrandbits(1), self.chance.getrandbits(1), 0, self.chance.getrandbits(64))
            net.clock()

    def _set(self, net: Netlist, running: int, valid: int, ready: bool, last: int, data: int) -> None:
        for port, value in (("aresetn", running), ("s_axis_tvalid", int(valid)), ("m_axis_tready", int(ready))):
            net.write(port, value)
        net.write("s_axis_tlast", last)
        net.write("s_axis_tdata", data)
        net.settle()

    def compare(self, seen: list[Beat], start: int = 0) -> tuple[int, int]:
        """How many output elements of these beats, from number ``start`` on, were compared, and how many differ.

        Elements of a beat beyond its frame are not compared.
        """
        lanes, bits = self.stream["lanes"], self.stream["beat_bits"] // self.stream["lanes"]
        beats = -(-self.size // lanes)
        compared = different = 0
        for index, (expected, got) in enumerate(zip(self.expected[max(start, 0) :], seen, strict=False), max(start, 0)):
            count = min(lanes, self.size - index % beats * lanes)
            for lane in range(count):
                compared += 1
                different += (expected[1] ^ got[1]) >> bits * lane & (1 << bits) - 1 != 0 or expected[0] != got[0]
        return compared, different
