"""Cells of Gowin, after Yosys's own simulation models; block RAMs and multipliers after the vendor's user guides."""

from __future__ import annotations

from tests.synthesis.cells_shared import Memory, choice, multiplier, read_port, small_memory, table, units, write_port
from tests.synthesis.netlist_simulator import Cell, Expression, Model, Netlist, number


def _lut(inputs: int) -> Model:
    return lambda net, cell: net.assign(cell.net("F"), table(cell.number("INIT"), cell.bus("I", inputs)))


def _buffer(net: Netlist, cell: Cell) -> None:
    net.assign(cell.net("O"), cell.net("I"))


def _mux(net: Netlist, cell: Cell) -> None:
    net.assign(cell.net("O"), choice(cell.net("S0"), cell.net("I1"), cell.net("I0")))


def _alu(net: Netlist, cell: Cell) -> None:
    cell.require(ALU_MODE=2)
    one, two, add, carry = (cell.net(port) for port in ("I0", "I1", "I3", "CIN"))
    half = f"({one} ^ {two} ^ 1 ^ {add})"
    net.assign(cell.net("SUM"), f"{half} ^ {carry}")
    net.assign(cell.net("COUT"), choice(half, carry, one))


def _flip_flop(kind: str) -> Model:
    """The letters of the name: R resets to 0, S to 1, E has an enable, which the reset does not need."""
    value = int("S" in kind)

    def model(net: Netlist, cell: Cell) -> None:
        reset = cell.net("SET" if value else "RESET")
        start = cell.number("INIT", value)
        net.flip_flop(cell.net("Q"), cell.net("D"), cell.net("CE", "1"), reset, value=value, start=start)

    return model


def _ram16sdp4(net: Netlist, cell: Cell) -> None:
    columns = [cell.number(f"INIT_{bit}") for bit in range(4)]
    words = [sum((column >> index & 1) << bit for bit, column in enumerate(columns)) for index in range(16)]
    small_memory(net, cell, cell.net("WRE"), words)


def _mult(net: Netlist, cell: Cell) -> None:
    assert not cell.parameters, "the registers of a multiplier are not modelled"
    cell.tied("0", "ASEL", "BSEL", "RESET")
    sides = [(cell.nets(side), cell.net(f"{side}SIGN"), None) for side in "AB"]
    multiplier(net, sides, cell.nets("DOUT"), None)


def _contents(cell: Cell, bits: int) -> Memory:
    return Memory(units(cell, [f"INIT_RAM_{part:02X}" for part in range(64)], bits, bits), bits)


def _lanes(address: list[Expression], width: int) -> Expression:
    """The enables of a word's units, which stand in the lowest bits of the address."""
    return number(address[: width // 8]) if width > 9 else "1"


def _single(bits: int) -> Model:
    """One port; while it writes it shows the word that was there, in mode 2, or the new one, or keeps the last."""

    def model(net: Netlist, cell: Cell) -> None:
        cell.require(READ_MODE=0, BLK_SEL=0)
        cell.tied("0", "BLKSEL", "RESET")
        memory, width = net.share(_contents(cell, bits)), cell.number("BIT_WIDTH")
        port, enable, write = (number(cell.nets("AD")), width), cell.net("CE"), cell.net("WRE")
        assert write == "0" or cell.number("WRITE_MODE") == 2
        net.spread(cell.nets("DO")[:width], read_port(net, memory, port, enable))
        write_port(net, memory, port, f"{enable} and {write}", cell.nets("DI")[:width], _lanes(cell.nets("AD"), width))

    return model


def _double(bits: int) -> Model:
    """Two ports; what a port shows of the word that it writes is not modelled, and must not be read."""

    def model(net: Netlist, cell: Cell) -> None:
        cell.require(READ_MODE0=0, READ_MODE1=0, BLK_SEL_0=0, BLK_SEL_1=0)
        cell.tied("0", "BLKSELA", "BLKSELB", "RESETA", "RESETB")
        memory = net.share(_contents(cell, bits))
        widths = {"A": cell.number("BIT_WIDTH_0"), "B": cell.number("BIT_WIDTH_1")}
        ports = {side: (number(cell.nets(f"AD{side}")), width) for side, width in widths.items()}
        writes = {side: f"({cell.net(f'CE{side}')} & {cell.net(f'WRE{side}')})" for side in "AB"}
        lanes = {side: _lanes(cell.nets(f"AD{side}"), width) for side, width in widths.items()}
        for side, width in widths.items():
            clashes = [(f"{writes[other]} and {lanes[other]}", ports[other]) for other in "AB"]
            net.spread(cell.nets(f"DO{side}")[:width], read_port(net, memory, ports[side], cell.net(f"CE{side}"), clashes))
            write_port(net, memory, ports[side], writes[side], cell.nets(f"DI{side}")[:width], lanes[side])

    return model


def _semi_double(bits: int) -> Model:
    """Written by port A, read by port B."""

    def model(net: Netlist, cell: Cell) -> None:
        cell.require(READ_MODE=0, BLK_SEL_0=0, BLK_SEL_1=0)
        cell.tied("0", "BLKSELA", "BLKSELB", "RESETA", "RESETB")
        memory = net.share(_contents(cell, bits))
        target, port = ((number(cell.nets(f"AD{s}")), cell.number(f"BIT_WIDTH_{i}")) for i, s in enumerate("AB"))
        lanes = _lanes(cell.nets("ADA"), target[1])
        word = read_port(net, memory, port, cell.net("CEB"), [(f"{cell.net('CEA')} and {lanes}", target)])
        net.spread(cell.nets("DO")[: port[1]], word)
        write_port(net, memory, target, cell.net("CEA"), cell.nets("DI")[: target[1]], lanes)

    return model


MODELS: dict[str, Model] = {
    "IBUF": _buffer,
    "OBUF": _buffer,
    "ALU": _alu,
    "RAM16SDP4": _ram16sdp4,
    "SP": _single(8),
    "SPX9": _single(9),
    "DPB": _double(8),
    "DPX9B": _double(9),
    "SDPB": _semi_double(8),
    "SDPX9B": _semi_double(9),
}
MODELS |= {f"LUT{inputs}": _lut(inputs) for inputs in range(1, 5)}
MODELS |= {f"MUX2_LUT{inputs}": _mux for inputs in range(5, 9)}
MODELS |= {kind: _flip_flop(kind) for kind in ("DFF", "DFFE", "DFFR", "DFFRE", "DFFS", "DFFSE")}
MODELS |= dict.fromkeys(("MULT9X9", "MULT18X18", "MULT36X36"), _mult)
