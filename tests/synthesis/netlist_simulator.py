"""Runs the netlist that synthesis leaves cycle by cycle, from the state after configuration. One clock, rising edges.

The netlist becomes one Python function, in which every net is a local variable: a thousand cells take a tenth of a millisecond
a cycle. What cells do is in ``cells_*.py``, one file a family; a cell or a setting that is not there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from typing import Any

Expression = str
"""Python over nets, which are named n2, n3 ... in it."""

CONSTANTS = {"GND": ("G", "0"), "VCC": ("V", "1"), "VLO": ("Z", "0"), "VHI": ("Z", "1")}
"""Cells that drive a constant: the port and the value."""

_NET = re.compile(r"\bn\d+\b")


class Cell:
    """A cell of a netlist that ``write_json`` made, its connections as expressions; a bit that is open or undefined is 0.

    Args:
        description: as in the netlist.
        constants: nets that are always 0 or 1.
    """

    def __init__(self, description: dict[str, Any], constants: dict[str, Expression]) -> None:
        self._constants = constants
        self.kind: str = description["type"]
        self.parameters: dict[str, str] = description["parameters"]
        self._connections: dict[str, list[int | str]] = description["connections"]

    def nets(self, *ports: str) -> list[Expression]:
        """The bits of ports, the lowest first."""
        found = [_expression(bit) for port in ports for bit in self._connections.get(port, [])]
        return [self._constants.get(net, net) for net in found]

    def net(self, port: str, default: Expression = "0") -> Expression:
        """The bit of a port that has one."""
        bits = self.nets(port) or [default]
        assert len(bits) == 1, f"{self.kind}.{port} has {len(bits)} bits"
        return bits[0]

    def bus(self, name: str, width: int) -> list[Expression]:
        """The ports ``name0``, ``name1`` ..."""
        return [self.net(f"{name}{place}") for place in range(width)]

    def text(self, name: str, default: str = "") -> str:
        """A parameter that is text; where text looks like a number ``write_json`` appends a space."""
        return self.parameters.get(name, default).strip()

    def number(self, name: str, default: int = 0) -> int:
        """A parameter that is a number: in binary, or in hexadecimal as text. Undefined bits are 0."""
        found = self.text(name)
        if found.startswith("0x"):
            return int(found, 16)
        return int(found.replace("x", "0"), 2) if found else default

    def require(self, **settings: str | int) -> None:
        """Fails if a parameter is there and has another value."""
        for name, value in settings.items():
            found = self.number(name, value) if isinstance(value, int) else self.text(name, value)
            assert found == value, f"{self.kind} with {name}={found} is not modelled"

    def tied(self, value: str, *ports: str) -> None:
        """Fails if a bit of these ports is not this constant."""
        for port in ports:
            found = set(self.nets(port)) - {value}
            assert not found, f"{self.kind}.{port} is not tied to {value}"


Model = Callable[["Netlist", Cell], None]


def _expression(bit: int | str) -> Expression:
    return f"n{bit}" if isinstance(bit, int) else {"0": "0", "1": "1", "x": "0", "z": "0"}[bit]


def number(nets: Iterable[Expression]) -> Expression:
    """Bits, the lowest first, as one number."""
    parts = [f"{net} << {place}" if place else net for place, net in enumerate(nets) if net != "0"]
    return f"({' | '.join(parts) or '0'})"


def signed(nets: list[Expression], sign: Expression) -> Expression:
    """Bits as a number, in two's complement where ``sign`` is 1."""
    if sign == "0":
        return number(nets)
    top = nets[-1] if sign == "1" else f"({nets[-1]} & {sign})"
    return f"({number(nets)} - ({top} << {len(nets)}))"


class Netlist:
    """The module of a netlist that ``write_json`` made, of cells of a family of devices."""

    def __init__(self, module: dict[str, Any], family: str = "ecp5") -> None:
        models: dict[str, Model] = import_module(f"tests.synthesis.cells_{family}").MODELS
        self._combinational: list[tuple[list[str], str]] = []
        self._groups: dict[tuple[str, str, bool], list[tuple[str, str, int]]] = {}
        self._before: list[str] = []
        self._after: list[str] = []
        self._start: dict[str, int] = {}
        self.objects: dict[str, Any] = {}
        self._names, self._nodes = 0, 10**9
        cells = [cell for cell in module["cells"].values() if cell["type"] != "$scopeinfo"]
        self._read = {_expression(bit) for port in module["ports"].values() for bit in port["bits"]}
        for cell in cells:
            for port, bits in cell["connections"].items():
                if cell["port_directions"][port] == "input":
                    self._read |= set(map(_expression, bits))
        sources = [(cell, CONSTANTS[cell["type"]]) for cell in cells if cell["type"] in CONSTANTS]
        constants = {_expression(cell["connections"][port][0]): value for cell, (port, value) in sources}
        for cell in cells:
            if cell["type"] not in CONSTANTS:
                models[cell["type"]](self, Cell(cell, constants))
        self._shown = [
            number(constants.get(net, net) for net in map(_expression, port["bits"]))
            for port in module["ports"].values()
            if port["direction"] == "output"
        ]
        self._ports = {
            direction: {name: port["bits"] for name, port in module["ports"].items() if port["direction"] == direction}
            for direction in ("input", "output")
        }
        self._inputs = dict.fromkeys(self._ports["input"], 0)
        self._outputs: dict[str, int] = {}
        self._clocked = False
        self._run = self._compiled()
        next(self._run)

    # What models call.

    def assign(self, net: str | None, value: Expression) -> None:
        """A net that follows others at once; an open output is ``None``."""
        if net in self._read:
            self._combinational.append(([str(net)], f"{net} = {value}"))

    def spread(self, nets: Iterable[str | None], value: Expression) -> None:
        """Nets that show the bits of a number, which follows others at once."""
        wanted = [(place, net) for place, net in enumerate(nets) if net in self._read]
        name = self.fresh()
        lines = [f"{name} = {value}", *(f"{net} = {name} >> {place} & 1" for place, net in wanted)]
        if wanted:
            self._combinational.append(([str(net) for _, net in wanted], "; ".join(lines)))

    def flip_flop(
        self,
        output: str,
        data: Expression,
        enable: Expression = "1",
        reset: Expression = "0",
        *,
        value: int = 0,
        start: int = 0,
        gated: bool = False,
    ) -> None:
        """A register of one bit.

        Args:
            output, data, enable, reset: nets; the reset is synchronous.
            value: what the reset sets it to.
            start: its value after configuration.
            gated: whether the reset needs the enable.
        """
        self._start[output] = start
        self._groups.setdefault((enable, reset, gated), []).append((output, data, value))

    def register(self, value: Expression, enable: Expression = "1", name: str = "") -> Expression:
        """A register of a number, 0 at the start; its name, which is new unless it is given."""
        name = name or self.fresh()
        self._start[name] = 0
        self.edge(f"{name}_next = ({value}) if {enable} else {name}", f"{name} = {name}_next")
        return name

    def edge(self, before: str, after: str) -> None:
        """What happens at a clock edge: ``before`` for all cells, and then ``after`` for all cells."""
        self._before.append(before)
        self._after.append(after)

    def node(self) -> str:
        """A new net, inside a cell."""
        self._nodes += 1
        net = f"n{self._nodes}"
        self._read.add(net)
        return net

    def share(self, thing: object) -> str:
        """The name under which expressions reach an object."""
        name = f"object{len(self.objects)}"
        self.objects[name] = thing
        return name

    def fresh(self) -> str:
        """A new name for a number."""
        self._names += 1
        return f"w{self._names}"

    # What tests call.

    def write(self, port: str, value: int) -> None:
        """Sets an input."""
        self._inputs[port] = value

    def settle(self) -> None:
        """Computes every net from the inputs and the state."""
        found = self._run.send((self._clocked, *self._inputs.values()))
        self._outputs, self._clocked = dict(zip(self._ports["output"], found, strict=True)), False

    def read(self, port: str) -> int:
        """An output, as it was settled."""
        return self._outputs[port]

    def clock(self) -> None:
        """A rising edge, with every net as it was settled."""
        self._clocked = True

    # How the function is made.

    def _compiled(self) -> Any:
        inputs = [f"i{index}" for index in range(len(self._ports["input"]))]
        taken = [
            (f"n{bit}", f"{name} >> {place} & 1")
            for name, bits in zip(inputs, self._ports["input"].values(), strict=True)
            for place, bit in enumerate(bits)
        ]
        driven = [net for nets, _ in self._combinational for net in nets] + [*self._start, *(net for net, _ in taken)]
        assert len(driven) == len(set(driven)), "a net with several drivers"
        self._before += [self._clocked_group(index, key) for index, key in enumerate(self._groups)]
        for index, group in enumerate(self._groups.values()):
            names = "".join(f"{output}, " for output, _, _ in group)
            self._after.append(f"if g{index} is not None: {names.rstrip()} = g{index}")
        body = [line for _, line in self._ordered(driven, [*self._shown, *self._before])]
        lines = [
            "def run():",
            *(f" {name} = {value}" for name, value in self._start.items()),
            " found = None",
            " while True:",
            f"  clocked, {', '.join(inputs)} = yield found",
            "  if clocked:",
            *(f"   {line}" for line in [*self._before, *self._after, "pass"]),
            *(f"  {net} = {value}" for net, value in taken),
            *(f"  {line}" for line in body),
            f"  found = ({', '.join(self._shown)},)",
        ]
        space = dict(self.objects)
        exec(compile("\n".join(lines), "netlist", "exec"), space)
        return space["run"]()

    def _clocked_group(self, index: int, key: tuple[str, str, bool]) -> str:
        enable, reset, gated = key
        data = f"({''.join(f'{data}, ' for _, data, _ in self._groups[key])})"
        values = f"({''.join(f'{value}, ' for _, _, value in self._groups[key])})"
        if gated:
            return f"g{index} = ({values} if {reset} else {data}) if {enable} else None"
        return f"g{index} = {values} if {reset} else {data} if {enable} else None"

    def _ordered(self, driven: list[str], others: list[str]) -> Iterator[tuple[list[str], str]]:
        """The combinational steps, each behind those that it reads."""
        maker = {net: index for index, (nets, _) in enumerate(self._combinational) for net in nets}
        known = set(driven)
        waiting: dict[int, list[int]] = {}
        missing = []
        for index, (nets, line) in enumerate(self._combinational):
            read = set(_NET.findall(line)) - set(nets)
            assert read <= known, f"nets without a driver: {sorted(read - known)}"
            makers = {maker[net] for net in read if net in maker}
            missing.append(len(makers))
            for other in makers:
                waiting.setdefault(other, []).append(index)
        loose = {net for line in others for net in _NET.findall(line)} - known
        assert not loose, f"nets without a driver: {sorted(loose)}"
        ready = [index for index, count in enumerate(missing) if not count]
        for index in ready:
            yield self._combinational[index]
            for other in waiting.get(index, []):
                missing[other] -= 1
                if not missing[other]:
                    ready.append(other)
        assert len(ready) == len(self._combinational), "a combinational loop"
