"""Moves the contents of ROMs out of GHDL's Verilog: Yosys 0.70 takes minutes to read 100 thousand assignments, and no time to
read a file of as many words."""

from __future__ import annotations

import re

_ROM = re.compile(
    r"(?P<declaration>reg (?:\[(?P<left>\d+):0\] )?(?P<name>\w+)\[(?P<last>\d+):0\] ;[^\n]*\n)"
    r"\s*initial begin\n(?P<words>(?:\s*(?P=name)\[\d+\] = \d+'b[01]+;\n)+)\s*end\n"
)
_WORD = re.compile(r"\[(\d+)\] = (\d+)'b([01]+);")
_MODULE = re.compile(r"^module (\w+)", re.MULTILINE)


def with_rom_files(verilog: str) -> tuple[str, dict[str, str]]:
    """GHDL's Verilog with ``$readmemb`` in place of the assignments that fill its ROMs, and the files that it reads.

    A file has one word a line, address 0 first, and is named after the module. A memory of which not every word is set exactly
    once, in its full width, stays as it is.
    """
    files: dict[str, str] = {}
    modules = [(found.start(), found[1]) for found in _MODULE.finditer(verilog)]

    def replace(rom: re.Match[str]) -> str:
        depth, width = int(rom["last"]) + 1, int(rom["left"] or 0) + 1
        assigned = _WORD.findall(rom["words"])
        words = {int(address): bits for address, size, bits in assigned if int(size) == len(bits) == width}
        if len(words) != len(assigned) or set(words) != set(range(depth)):
            return rom[0]
        module = next((name for start, name in reversed(modules) if start < rom.start()), "rom")
        number = sum(name.startswith(f"{module}.") for name in files)
        file = f"{module}.{number}.mem" if number else f"{module}.mem"
        files[file] = "".join(f"{words[address]}\n" for address in range(depth))
        return f'{rom["declaration"]}  initial $readmemb("{file}", {rom["name"]}, 0, {depth - 1});\n'

    return _ROM.sub(replace, verilog), files
