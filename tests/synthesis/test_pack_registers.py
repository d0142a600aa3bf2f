"""Which registers move: small netlists made by hand, each condition violated once."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from creator.synthesis.pack_registers import pack_registers

Module = dict[str, Any]
CLOCK, ENABLE, OTHER, SPARE = 2, 3, 4, 5
"""Nets of the ports; below 100 for the ports, then data, operands, products and results."""

FF = {"CEMUX": "CE", "CLKMUX": "CLK", "GSR": "DISABLED", "LSRMUX": "LSR", "REGSET": "RESET", "SRMODE": "LSR_OVER_CE"}
NOTHING = {"memory outputs": 0, "products": 0, "operands": 0, "flip-flops": 0}


def cell(kind: str, parameters: dict[str, str], inputs: dict[str, Any], outputs: dict[str, Any]) -> dict[str, Any]:
    directions = dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output")
    connections = {port: [bit] for port, bit in (inputs | outputs).items()}
    return {"type": kind, "parameters": parameters, "attributes": {}, "port_directions": directions, "connections": connections}


def flip_flop(data: int, output: int) -> dict[str, Any]:
    return cell("TRELLIS_FF", dict(FF), {"CLK": CLOCK, "CE": ENABLE, "DI": data, "LSR": "0"}, {"Q": output})


def ports(**outputs: list[int]) -> dict[str, Any]:
    inputs = {"clock": [CLOCK], "enable": [ENABLE], "other": [OTHER], "spare": [SPARE], "data": [*range(100, 140)]}
    return {name: {"direction": "input", "bits": bits} for name, bits in inputs.items()} | {
        name: {"direction": "output", "bits": bits} for name, bits in outputs.items()
    }


def multiplier() -> Module:
    """A of 8 bits, sign-extended; B of 4 bits and zeros; 12 bits of the product are read."""
    a, b = [200, 201, 202, 203, 204, 205, 206] + [207] * 11, [220, 221, 222, 223] + ["0"] * 14
    inputs = {f"A{i}": bit for i, bit in enumerate(a)} | {f"B{i}": bit for i, bit in enumerate(b)}
    inputs |= {f"C{i}": "0" for i in range(18)} | {"SIGNEDA": "1", "SIGNEDB": "1", "SOURCEA": "0", "SOURCEB": "0"}
    cells = {"mult": cell("MULT18X18D", {}, inputs, {f"P{i}": 300 + i for i in range(36)})}
    cells |= {f"a{i}": flip_flop(100 + i, 200 + i) for i in range(8)} | {f"b{i}": flip_flop(120 + i, 220 + i) for i in range(4)}
    cells |= {f"p{i}": flip_flop(300 + i, 400 + i) for i in range(12)}
    return {"ports": ports(result=[*range(400, 412)]), "cells": cells, "netnames": {}}


def memory() -> Module:
    """A ROM of 6 bits, read by side A."""
    parameters = {"DATA_WIDTH_A": f"{9:032b}", "DATA_WIDTH_B": f"{18:032b}", "REGMODE_A": "NOREG", "REGMODE_B": "NOREG"}
    parameters |= {"CLKAMUX": "CLKA", "CLKBMUX": "CLKB", "GSR": "DISABLED", "RESETMODE": "ASYNC"}
    inputs = {
        "CLKA": CLOCK,
        "CEA": ENABLE,
        "OCEA": "1",
        "RSTA": "0",
        "WEA": "0",
        "CLKB": "0",
        "CEB": "0",
        "OCEB": "1",
        "RSTB": "0",
    }
    inputs |= {f"AD{side}{i}": 100 + i for side in "AB" for i in range(14)}
    outputs = {f"DO{side}{i}": 300 + i + 30 * (side == "B") for side in "AB" for i in range(18)}
    cells = {"rom": cell("DP16KD", parameters, inputs, outputs)} | {f"d{i}": flip_flop(300 + i, 400 + i) for i in range(6)}
    return {"ports": ports(result=[*range(400, 406)]), "cells": cells, "netnames": {}}


def packed(module: Module) -> dict[str, int]:
    return pack_registers({"modules": {"top": module}}, "top")


def test_a_multiplier_takes_in_all_its_registers() -> None:
    module = multiplier()
    assert packed(module) == {"memory outputs": 0, "products": 1, "operands": 1, "flip-flops": 24}
    assert [*module["cells"]] == ["mult"]
    connections, parameters = module["cells"]["mult"]["connections"], module["cells"]["mult"]["parameters"]
    assert [connections[f"A{i}"] for i in range(18)] == [[100 + min(i, 7)] for i in range(18)]
    assert [connections[f"B{i}"] for i in range(18)] == [[120 + i] if i < 4 else ["0"] for i in range(18)]
    assert [connections[f"P{i}"] for i in range(36)] == [[(400 if i < 12 else 300) + i] for i in range(36)]
    assert (connections["CLK0"], connections["CE0"], connections["RST0"]) == ([CLOCK], [ENABLE], ["0"])
    assert parameters == {
        f"REG_{register}_{setting}": value
        for register in ("INPUTA", "INPUTB", "OUTPUT")
        for setting, value in (("CLK", "CLK0"), ("CE", "CE0"), ("RST", "RST0"))
    } | {"RESETMODE": "SYNC", "GSR": "DISABLED"}


def test_a_memory_takes_in_its_output_register() -> None:
    module = memory()
    assert packed(module) == {"memory outputs": 1, "products": 0, "operands": 0, "flip-flops": 6}
    assert [*module["cells"]] == ["rom"]
    rom = module["cells"]["rom"]
    assert [rom["connections"][f"DOA{i}"] for i in range(18)] == [[(400 if i < 6 else 300) + i] for i in range(18)]
    assert (rom["connections"]["OCEA"], rom["connections"]["OCEB"]) == ([ENABLE], ["1"])
    assert (rom["parameters"]["REGMODE_A"], rom["parameters"]["REGMODE_B"]) == ("OUTREG", "NOREG")


def test_without_an_enable_the_registers_are_always_enabled() -> None:
    for make in (multiplier, memory):
        module = make()
        for name, part in module["cells"].items():
            if part["type"] == "TRELLIS_FF":
                part["parameters"]["CEMUX"] = "1"
            elif name == "rom":
                part["connections"]["CEA"] = ["1"]
        assert packed(module)["flip-flops"] > 0
        (block,) = module["cells"].values()
        assert block["connections"].get("CE0", block["connections"].get("OCEA")) == ["1"]


def change(name: str, port: str, bit: Any) -> Callable[[Module], None]:
    return lambda module: module["cells"][name]["connections"].__setitem__(port, [] if bit is None else [bit])


def setting(name: str, parameter: str, value: str | None) -> Callable[[Module], None]:
    def act(module: Module) -> None:
        parameters = module["cells"][name]["parameters"]
        if value is None:
            del parameters[parameter]
        else:
            parameters[parameter] = value

    return act


def keep(name: str) -> Callable[[Module], None]:
    return lambda module: module["cells"][name]["attributes"].__setitem__("keep", "1")


def read(net: int) -> Callable[[Module], None]:
    """Another cell reads the net."""
    lut = cell("LUT4", {"INIT": "0" * 15 + "1"}, {"A": net, "B": "0", "C": "0", "D": "0"}, {"Z": 900})
    return lambda module: module["cells"].__setitem__("lut", lut)


def show(net: int) -> Callable[[Module], None]:
    """An output of the module reads the net."""
    return lambda module: module["ports"].__setitem__("shown", {"direction": "output", "bits": [net]})


def drive(net: int) -> Callable[[Module], None]:
    """Another cell drives the net too."""
    lut = cell("LUT4", {"INIT": "0" * 15 + "1"}, {"A": SPARE, "B": "0", "C": "0", "D": "0"}, {"Z": net})
    return lambda module: module["cells"].__setitem__("lut", lut)


def second(net: int) -> Callable[[Module], None]:
    """A second flip-flop takes the net."""
    return lambda module: module["cells"].__setitem__("second", flip_flop(net, 901))


def register_faults(name: str) -> dict[str, Callable[[Module], None]]:
    return {
        "another clock": change(name, "CLK", OTHER),
        "another enable": change(name, "CE", OTHER),
        "no enable": setting(name, "CEMUX", "1"),
        "never enabled": setting(name, "CEMUX", "0"),
        "enable inverted": setting(name, "CEMUX", "INV"),
        "enable not stated": setting(name, "CEMUX", None),
        "enable open": change(name, "CE", None),
        "clock inverted": setting(name, "CLKMUX", "INV"),
        "a reset": change(name, "LSR", SPARE),
        "always reset": change(name, "LSR", "1"),
        "reset open": change(name, "LSR", None),
        "reset inverted": setting(name, "LSRMUX", "INV"),
        "starts at one": setting(name, "REGSET", "SET"),
        "global reset": setting(name, "GSR", "ENABLED"),
        "global reset not stated": setting(name, "GSR", None),
        "something unknown": setting(name, "REG_SD", "1"),
        "a second data input": change(name, "M", SPARE),
        "to be kept": keep(name),
    }


PRODUCT = register_faults("p3") | {
    "product read elsewhere": read(303),
    "product shown": show(303),
    "product in two registers": second(303),
    "a bit without register": lambda module: module["cells"].pop("p3") and read(303)(module),
    "a second driver of the result": drive(403),
}
OPERAND = register_faults("a3") | {
    "data undefined": change("a3", "DI", "x"),
    "data constant": change("a3", "DI", "1"),
    "a bit from elsewhere": change("mult", "A3", SPARE),
    "a bit undefined": change("mult", "B17", "x"),
    "a bit open": change("mult", "B17", None),
    "a second driver of the operand": drive(203),
    "ones on both sides": lambda module: (change("mult", "A17", "1")(module), change("mult", "B17", "1")(module)),
}
MULTIPLIER: dict[str, Callable[[Module], None]] = {
    "registered already": setting("mult", "REG_OUTPUT_CLK", "CLK0"),
    "clocked already": change("mult", "CLK1", CLOCK),
    "shifted operand": change("mult", "SOURCEA", "1"),
    "sign from a net": change("mult", "SIGNEDB", SPARE),
    "a cascade": change("mult", "SROA3", 950),
    "to be kept": keep("mult"),
}
MEMORY = register_faults("d3") | {
    "word read elsewhere": read(303),
    "word shown": show(303),
    "word in two registers": second(303),
    "a bit without register": lambda module: module["cells"].pop("d3") and read(303)(module),
    "enable of the memory": change("rom", "CEA", OTHER),
    "memory always enabled": change("rom", "CEA", "1"),
    "clock of the memory": change("rom", "CLKA", OTHER),
    "clock of the memory inverted": setting("rom", "CLKAMUX", "INV"),
    "enable of the memory inverted": setting("rom", "CEAMUX", "INV"),
    "output enable in use": change("rom", "OCEA", ENABLE),
    "output enable inverted": setting("rom", "OCEAMUX", "INV"),
    "reset of the memory": change("rom", "RSTA", SPARE),
    "reset of the memory open": change("rom", "RSTA", None),
    "registered already": setting("rom", "REGMODE_A", "OUTREG"),
    "36 bits": setting("rom", "DATA_WIDTH_B", f"{36:032b}"),
    "width not stated": setting("rom", "DATA_WIDTH_A", None),
    "global reset of the memory": setting("rom", "GSR", "AUTO"),
    "memory to be kept": keep("rom"),
}


@pytest.mark.parametrize("fault", PRODUCT)
def test_products_stay_outside(fault: str) -> None:
    module = multiplier()
    PRODUCT[fault](module)
    assert packed(module)["products"] == 0
    assert {f"p{i}" for i in range(12) if i != 3} <= set(module["cells"])
    assert not any("OUTPUT" in name for name in module["cells"]["mult"]["parameters"])


@pytest.mark.parametrize("fault", OPERAND)
def test_operands_stay_outside(fault: str) -> None:
    module = multiplier()
    OPERAND[fault](module)
    before = copy.deepcopy(module)
    assert packed(module) == {"memory outputs": 0, "products": 1, "operands": 0, "flip-flops": 12}
    for name in (f"{side}{i}" for side in "ab" for i in range(8 if side == "a" else 4)):
        assert module["cells"][name] == before["cells"][name]
    for port, bits in before["cells"]["mult"]["connections"].items():
        assert port[0] == "P" or module["cells"]["mult"]["connections"][port] == bits
    assert not any("INPUT" in name for name in module["cells"]["mult"]["parameters"])


@pytest.mark.parametrize("fault", MULTIPLIER)
def test_an_unusual_multiplier_is_left_alone(fault: str) -> None:
    module = multiplier()
    MULTIPLIER[fault](module)
    before = copy.deepcopy(module)
    assert packed(module) == NOTHING
    assert module == before


@pytest.mark.parametrize("fault", MEMORY)
def test_words_stay_outside(fault: str) -> None:
    module = memory()
    MEMORY[fault](module)
    before = copy.deepcopy(module)
    assert packed(module) == NOTHING
    assert module == before


def test_an_operand_that_is_read_elsewhere_is_copied() -> None:
    module = multiplier()
    read(203)(module)
    show(221)(module)
    assert packed(module)["operands"] == 1
    assert {"a3", "b1"} <= set(module["cells"])
    assert not {"a2", "b0"} & set(module["cells"])
    assert module["cells"]["mult"]["connections"]["A3"] == [103]


def test_an_operand_of_two_multipliers_moves_into_both() -> None:
    module = multiplier()
    module["cells"]["other"] = copy.deepcopy(module["cells"]["mult"])
    module["cells"]["other"]["connections"] |= {f"P{i}": [500 + i] for i in range(36)}
    module["cells"] |= {f"o{i}": flip_flop(500 + i, 600 + i) for i in range(12)}
    assert packed(module) == {"memory outputs": 0, "products": 2, "operands": 2, "flip-flops": 36}
    assert sorted(module["cells"]) == ["mult", "other"]
    assert module["cells"]["other"]["connections"]["A3"] == [103]


def test_a_one_on_one_side_may_be_registered() -> None:
    module = multiplier()
    change("mult", "B17", "1")(module)
    assert packed(module)["operands"] == 1


def test_the_word_before_a_multiplier_goes_into_the_memory() -> None:
    """It gains more there, 4.6 ns against 3.4 ns. A second register goes into the multiplier."""
    for stages in (1, 2):
        module, source = multiplier(), memory()
        for i in range(4):
            del module["cells"][f"b{i}"]
            register = flip_flop(700 + i, 220 + i if stages == 1 else 750 + i)
            module["cells"] |= {f"w{i}": register} | ({f"b{i}": flip_flop(750 + i, 220 + i)} if stages == 2 else {})
        rom = source["cells"]["rom"]
        rom["connections"] |= {f"DO{side}{i}": [700 + i + 30 * (side == "B")] for side in "AB" for i in range(18)}
        module["cells"]["rom"] = rom
        found = packed(module)
        assert (found["memory outputs"], found["products"], found["operands"]) == (1, 1, stages - 1)
        assert module["cells"]["mult"]["connections"]["B0"] == [220 if stages == 1 else 750]
        assert rom["connections"]["DOA0"] == [220 if stages == 1 else 750]
