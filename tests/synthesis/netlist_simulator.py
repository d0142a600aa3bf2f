"""Runs a netlist of ECP5 cells cycle by cycle, from the state after configuration. One clock, rising edges.

Only what synthesis of this project's designs uses; anything else is an error. The registers of multipliers and memories are
modelled after Lattice's usage guides for sysDSP and sysMEM, the rest after Yosys's own simulation models.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Cell = dict[str, Any]
Step = Callable[[], None]


class Netlist:
    """The module of a netlist that ``write_json`` made. ``values`` has the value of each net; nets 0 and 1 are constants."""

    def __init__(self, module: dict[str, Any]) -> None:
        self.ports = {name: [self._net(bit) for bit in port["bits"]] for name, port in module["ports"].items()}
        top = 1 + max(
            max(map(self._net, bits), default=1) for cell in module["cells"].values() for bits in cell["connections"].values()
        )
        self.values = [0] * (1 + max(top, *(net for nets in self.ports.values() for net in nets)))
        self.values[1] = 1
        self.states: list[Callable[[], Step]] = []
        self.now: list[Step] = []
        pending: list[tuple[set[int], set[int], Step]] = []
        for cell in module["cells"].values():
            if cell["type"] == "$scopeinfo":
                continue
            reads, writes, step = getattr(self, f"_{cell['type'].lower()}")(cell)
            if step is not None:
                pending.append((set(reads), set(writes), step))
        self._order(pending)

    def _order(self, pending: list[tuple[set[int], set[int], Step]]) -> None:
        made = {net for _, writes, _ in pending for net in writes}
        waiting: dict[int, list[int]] = {}
        missing = [len(reads & made) for reads, _, _ in pending]
        for index, (reads, _, _) in enumerate(pending):
            for net in reads & made:
                waiting.setdefault(net, []).append(index)
        ready = [index for index, count in enumerate(missing) if not count]
        for index in ready:
            self.now.append(pending[index][2])
            for net in pending[index][1]:
                for other in waiting.get(net, []):
                    missing[other] -= 1
                    if not missing[other]:
                        ready.append(other)
        assert len(ready) == len(pending), "a combinational loop"

    def settle(self) -> None:
        """Computes every net from the inputs and the state."""
        for step in self.now:
            step()

    def clock(self) -> None:
        """A rising edge."""
        for commit in [prepare() for prepare in self.states]:
            commit()

    def write(self, port: str, value: int) -> None:
        for place, net in enumerate(self.ports[port]):
            self.values[net] = value >> place & 1

    def read(self, port: str) -> int:
        return self._number(self.ports[port])

    @staticmethod
    def _net(bit: int | str) -> int:
        return bit if isinstance(bit, int) else {"0": 0, "1": 1, "x": 0}[bit]

    def _nets(self, cell: Cell, *ports: str) -> list[int]:
        return [self._net(bit) for port in ports for bit in cell["connections"][port]]

    def _bus(self, cell: Cell, name: str, width: int) -> list[int]:
        return self._nets(cell, *(f"{name}{place}" for place in range(width)))

    def _number(self, nets: list[int]) -> int:
        return sum(self.values[net] << place for place, net in enumerate(nets))

    def _drive(self, nets: list[int], number: int) -> None:
        for place, net in enumerate(nets):
            self.values[net] = number >> place & 1

    def _lut4(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        a, b, c, d = inputs = self._nets(cell, *"ABCD")
        (z,) = self._nets(cell, "Z")
        table, v = int(cell["parameters"]["INIT"], 2), self.values

        def step() -> None:
            v[z] = table >> (v[a] | v[b] << 1 | v[c] << 2 | v[d] << 3) & 1

        return inputs, [z], step

    def _choice(self, cell: Cell, *ports: str) -> tuple[list[int], list[int], Step]:
        one, zero, select = inputs = self._nets(cell, *ports)
        (z,) = self._nets(cell, "Z")
        v = self.values

        def step() -> None:
            v[z] = v[one] if v[select] else v[zero]

        return inputs, [z], step

    def _pfumx(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        return self._choice(cell, "ALUT", "BLUT", "C0")

    def _l6mux21(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        return self._choice(cell, "D1", "D0", "SD")

    def _ccu2c(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        halves = [self._nets(cell, *(f"{port}{half}" for port in "ABCD")) for half in (0, 1)]
        tables = [int(cell["parameters"][f"INIT{half}"], 2) for half in (0, 1)]
        assert cell["parameters"]["INJECT1_0"] == cell["parameters"]["INJECT1_1"] == "NO"
        (carry_in,) = self._nets(cell, "CIN")
        outputs = [(cell["connections"].get(port) or [None])[0] for port in ("S0", "S1", "COUT")]

        def step() -> None:
            carry = self.values[carry_in]
            for half, table in enumerate(tables):
                place = self._number(halves[half])
                four, two = table >> place & 1, table >> (place & 3) & 1
                if outputs[half] is not None:
                    self.values[outputs[half]] = four ^ carry
                carry = carry if four else two
            if outputs[2] is not None:
                self.values[outputs[2]] = carry

        return [*halves[0], *halves[1], carry_in], [net for net in outputs if net is not None], step

    def _trellis_ff(self, cell: Cell) -> tuple[list[int], list[int], None]:
        settings = cell["parameters"]
        assert (settings["CLKMUX"], settings["LSRMUX"]) == ("CLK", "LSR")
        always = settings["CEMUX"].strip() == "1"  # the space tells write_json's strings from its numbers
        assert always or settings["CEMUX"] == "CE"
        enable, data, reset, output = self._nets(cell, "DI" if always else "CE", "DI", "LSR", "Q")
        start = int(settings["REGSET"] == "SET")
        assert settings.get("SRMODE") == "LSR_OVER_CE" or reset == 0
        v = self.values
        v[output] = start

        def prepare() -> Step:
            value = start if v[reset] else v[data] if always or v[enable] else v[output]
            return lambda: v.__setitem__(output, value)

        self.states.append(prepare)
        return [], [], None

    def _trellis_dpr16x4(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        data, place, address, output = (self._nets(cell, port) for port in ("DI", "WAD", "RAD", "DO"))
        (enable,) = self._nets(cell, "WRE")
        assert (cell["parameters"]["WCKMUX"], cell["parameters"]["WREMUX"]) == ("WCK", "WRE")
        words = [0] * 16

        def step() -> None:
            self._drive(output, words[self._number(address)])

        def prepare() -> Step:
            where = self._number(place) if self.values[enable] else None
            word = self._number(data)
            return lambda: None if where is None else words.__setitem__(where, word)

        self.states.append(prepare)
        return address, output, step

    def _mult18x18d(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        settings = cell["parameters"]
        sides = {side: [*self._bus(cell, side, 18), *self._nets(cell, f"SIGNED{side}")] for side in "AB"}
        outputs = self._bus(cell, "P", 36)
        kept = {"A": 0, "B": 0, "P": 0}
        has = {"A": "REG_INPUTA", "B": "REG_INPUTB", "P": "REG_OUTPUT"}
        registered = [side for side, name in has.items() if settings.get(f"{name}_CLK", "NONE") == "CLK0"]
        if registered:
            (enable,) = self._nets(cell, "CE0")
            assert self._nets(cell, "RST0") == [0]
            assert all(settings[f"{has[side]}_CE"] == "CE0" for side in registered)

        def operand(side: str) -> int:
            code = self._number(sides[side][:18])
            return code - (self.values[sides[side][18]] * (code >> 17) << 18)

        def product() -> int:
            a, b = (kept[side] if side in registered else operand(side) for side in "AB")
            return a * b & (1 << 36) - 1

        def step() -> None:
            self._drive(outputs, kept["P"] if "P" in registered else product())

        def prepare() -> Step:
            if not registered or not self.values[enable]:
                return lambda: None
            new = {"A": operand("A"), "B": operand("B"), "P": product()}
            return lambda: kept.update(new)

        self.states.append(prepare)
        reads = [net for side in "AB" if side not in registered and "P" not in registered for net in sides[side]]
        return reads, outputs, step

    def _dp16kd(self, cell: Cell) -> tuple[list[int], list[int], Step]:
        settings = cell["parameters"]
        bits = [0] * (1024 * 18)
        for part in range(64):
            text = settings.get(f"INITVAL_{part:02X}", "0" * 320)[::-1].replace("x", "0")
            for word in range(16):
                row = 16 * part + word
                bits[row * 18 : row * 18 + 18] = [int(bit) for bit in text[word * 20 : word * 20 + 18]]
        outputs: list[int] = []
        steps: list[Step] = []
        assert self._nets(cell, "RSTA", "RSTB") == [0, 0]
        widths = {side: int(settings[f"DATA_WIDTH_{side}"], 2) for side in "AB"}
        if 36 in widths.values():
            self._wide(cell, widths, bits, outputs, steps)
            widths = {}
        for side, width in widths.items():
            assert width in (1, 2, 4, 9, 18)
            self._side(cell, side, width, bits, outputs, steps)

        def step() -> None:
            for drive in steps:
                drive()

        return [], outputs, step

    def _side(self, cell: Cell, side: str, width: int, bits: list[int], outputs: list[int], steps: list[Step]) -> None:
        address, data = self._bus(cell, f"AD{side}", 14), self._bus(cell, f"DI{side}", 18)
        word = [(cell["connections"].get(f"DO{side}{place}") or [None])[0] for place in range(width)]
        enable, out_enable, write = self._nets(cell, f"CE{side}", f"OCE{side}", f"WE{side}")
        kept = {"latch": [0] * width, "register": [0] * width}
        shown = {"NOREG": "latch", "OUTREG": "register"}[cell["parameters"][f"REGMODE_{side}"]]
        outputs += [net for net in word if net is not None]

        def drive() -> None:
            for net, value in zip(word, kept[shown], strict=True):
                if net is not None:
                    self.values[net] = value

        def prepare() -> Step:
            v = self.values
            new = {"register": kept["latch"]} if v[out_enable] else {}
            if not v[enable]:
                return lambda: kept.update(new)
            place = self._number(address)
            # Widths below 9 leave out the ninth bit of each half word.
            start = (place >> 4) * 18 + (
                9 * (place >> 3 & 1) + (place & 7 & ~(width - 1) if width < 9 else 0) if width < 18 else 0
            )
            new["latch"] = bits[start : start + width]
            lanes = [v[address[lane // 9]] if width == 18 else 1 for lane in range(width)]
            stored = [v[data[lane]] if lanes[lane] else bits[start + lane] for lane in range(width)] if v[write] else None

            def commit() -> None:
                kept.update(new)
                if stored is not None:
                    bits[start : start + width] = stored

            return commit

        self.states.append(prepare)
        steps.append(drive)

    def _wide(self, cell: Cell, widths: dict[str, int], bits: list[int], outputs: list[int], steps: list[Step]) -> None:
        """A memory of 36 bits: written by side A, read by side B, shown by both sides."""
        settings = cell["parameters"]
        modes = {settings["REGMODE_A"], settings["REGMODE_B"]}
        assert widths["B"] == 36
        assert len(modes) == 1
        registered = modes == {"OUTREG"}
        enable, write, out_enable, other_enable = self._nets(cell, "CEB", "CEA", "OCEB", "OCEA")
        assert self._nets(cell, "WEA", "WEB") == [1, 0]
        assert not registered or out_enable == other_enable
        address, target = self._bus(cell, "ADB", 14), self._bus(cell, "ADA", 14)
        data = [net for side in "AB" for net in self._bus(cell, f"DI{side}", 18)]
        word = [(cell["connections"].get(f"DO{side}{place}") or [None])[0] for side in "AB" for place in range(18)]
        latch, register = [0] * 36, [0] * 36
        shown = register if registered else latch
        outputs += [net for net in word if net is not None]

        def drive() -> None:
            for net, value in zip(word, shown, strict=True):
                if net is not None:
                    self.values[net] = value

        def prepare() -> Step:
            start = (self._number(address) >> 5) * 36
            new = bits[start : start + 36] if self.values[enable] else latch[:]
            kept = latch[:] if self.values[out_enable] else register[:]
            place = (self._number(target) >> 5) * 36
            writes = self.values[write]
            lanes = [self.values[target[bit // 9]] for bit in range(36)]  # an enable for each nine bits
            stored = [
                self.values[net] if lane else bits[place + i] for i, (net, lane) in enumerate(zip(data, lanes, strict=True))
            ]

            def commit() -> None:
                latch[:], register[:] = new, kept
                if writes:
                    bits[place : place + 36] = stored

            return commit

        self.states.append(prepare)
        steps.append(drive)
