"""Cells of ECP5.

The registers of multipliers and memories are modelled after Lattice's usage guides for sysDSP and sysMEM, the rest after
Yosys's own simulation models.
"""

from __future__ import annotations

from tests.synthesis.cells_shared import Memory, carry_chain, choice, multiplier, read_port, small_memory, table, write_port
from tests.synthesis.netlist_simulator import Cell, Expression, Model, Netlist, number


def _lut4(net: Netlist, cell: Cell) -> None:
    net.assign(cell.net("Z"), table(cell.number("INIT"), [cell.net(port) for port in "ABCD"]))


def _chosen(one: str, zero: str, select: str) -> Model:
    def model(net: Netlist, cell: Cell) -> None:
        net.assign(cell.net("Z"), choice(cell.net(select), cell.net(one), cell.net(zero)))

    return model


def _ccu2c(net: Netlist, cell: Cell) -> None:
    cell.require(INJECT1_0="NO", INJECT1_1="NO")
    carry_chain(net, cell, 2)


def _trellis_ff(net: Netlist, cell: Cell) -> None:
    cell.require(CLKMUX="CLK", LSRMUX="LSR")
    how, wire, reset = cell.text("CEMUX"), cell.net("CE"), cell.net("LSR")
    enable = {"1": "1", "CE": wire, "INV": f"(1 - {wire})"}[how]
    assert reset == "0" or cell.text("SRMODE") == "LSR_OVER_CE"
    start = int(cell.text("REGSET") == "SET")
    net.flip_flop(cell.net("Q"), cell.net("DI"), enable, reset, value=start, start=start)


def _trellis_dpr16x4(net: Netlist, cell: Cell) -> None:
    cell.require(WCKMUX="WCK", WREMUX="WRE")
    small_memory(net, cell, cell.net("WRE"), [0] * 16)


def _mult18x18d(net: Netlist, cell: Cell) -> None:
    registers = {name: cell.text(f"REG_{name}_CLK", "NONE") for name in ("INPUTA", "INPUTB", "OUTPUT")}
    assert set(registers.values()) <= {"NONE", "CLK0"}
    enables: dict[str, Expression | None] = dict.fromkeys(registers)
    for name, clock in registers.items():
        if clock == "CLK0":
            cell.require(**{f"REG_{name}_CE": "CE0"})
            cell.tied("0", "RST0")
            enables[name] = cell.net("CE0")
    sides = [(cell.bus(side, 18), cell.net(f"SIGNED{side}"), enables[f"INPUT{side}"]) for side in "AB"]
    multiplier(net, sides, cell.bus("P", 36), enables["OUTPUT"])


def _dp16kd(net: Netlist, cell: Cell) -> None:
    cell.tied("0", "RSTA", "RSTB")
    # Words of 18 bits, 20 bits apart: two units and two bits that nothing reads.
    halves = [cell.number(f"INITVAL_{part:02X}") >> 20 * word & (1 << 18) - 1 for part in range(64) for word in range(16)]
    memory = net.share(Memory([half >> shift & 511 for half in halves for shift in (0, 9)]))
    widths = {side: cell.number(f"DATA_WIDTH_{side}") for side in "AB"}
    ports = {side: (number(cell.bus(f"AD{side}", 14)), width) for side, width in widths.items()}
    if 36 in widths.values():
        _wide(net, cell, memory, ports)
        return
    lanes = {side: number(cell.bus(f"AD{side}", 2)) if width == 18 else "1" for side, width in widths.items()}
    for side, other in ("AB", "BA"):
        port, width, enable = ports[side], widths[side], cell.net(f"CE{side}")
        assert width in (1, 2, 4, 9, 18)
        busy = f"{cell.net(f'CE{other}')} and {cell.net(f'WE{other}')} and {lanes[other]}"
        word = read_port(net, memory, port, enable, [(busy, ports[other])])
        if cell.text(f"REGMODE_{side}") == "OUTREG":
            word = net.register(word, cell.net(f"OCE{side}"))
        net.spread(cell.bus(f"DO{side}", width), word)
        write_port(net, memory, port, f"{enable} and {cell.net(f'WE{side}')}", cell.bus(f"DI{side}", width), lanes[side])


def _wide(net: Netlist, cell: Cell, memory: str, ports: dict[str, tuple[Expression, int]]) -> None:
    """A memory of 36 bits: written by side A, read by side B, shown by both sides."""
    assert ports["B"][1] == 36
    modes = {cell.text("REGMODE_A"), cell.text("REGMODE_B")}
    assert len(modes) == 1
    cell.tied("1", "WEA")
    cell.tied("0", "WEB")
    lanes = number(cell.bus("ADA", 4))  # an enable for each nine bits
    word = read_port(net, memory, ports["B"], cell.net("CEB"), [(f"{cell.net('CEA')} and {lanes}", (ports["A"][0], 36))])
    if modes == {"OUTREG"}:
        assert cell.net("OCEA") == cell.net("OCEB")
        word = net.register(word, cell.net("OCEB"))
    net.spread([*cell.bus("DOA", 18), *cell.bus("DOB", 18)], word)
    write_port(net, memory, (ports["A"][0], 36), cell.net("CEA"), [*cell.bus("DIA", 18), *cell.bus("DIB", 18)], lanes)


MODELS: dict[str, Model] = {
    "LUT4": _lut4,
    "PFUMX": _chosen("ALUT", "BLUT", "C0"),
    "L6MUX21": _chosen("D1", "D0", "SD"),
    "CCU2C": _ccu2c,
    "TRELLIS_FF": _trellis_ff,
    "TRELLIS_DPR16X4": _trellis_dpr16x4,
    "MULT18X18D": _mult18x18d,
    "DP16KD": _dp16kd,
}
