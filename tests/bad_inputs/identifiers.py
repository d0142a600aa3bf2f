"""Names that are no identifiers somewhere, that meet another name, or that try to be code. Each group has its reason."""

from __future__ import annotations

GROUPS: dict[str, tuple[str, ...]] = {
    "reserved in VHDL": (
        "entity", "ENTITY", "architecture", "signal", "process", "in", "out", "is", "end", "begin", "all", "label", "map",
        "port", "range", "register", "units", "xnor", "view", "private", "default", "force", "parameter", "postponed", "vunit",
    ),
    "reserved in Verilog": (
        "module", "endmodule", "wire", "reg", "always", "assign", "initial", "negedge", "supply0", "tri1", "specparam",
        "casex", "pullup", "uwire",
    ),
    "reserved in SystemVerilog": (
        "logic", "always_ff", "do", "this", "new", "void", "var", "with", "priority", "unique", "endclass", "foreach", "final",
        "inside", "covergroup", "chandle", "nettype", "string", "shortreal", "iff",
    ),
    "commands of Tcl": ("exec", "eval", "source", "proc", "set", "puts", "exit", "open", "file", "expr", "unset", "rename"),
    "used from libraries": (
        "work", "ieee", "std", "std_logic", "std_logic_vector", "numeric_std", "signed", "unsigned", "resize", "rising_edge",
        "to_integer", "boolean", "natural", "bit", "time", "shift_left", "to_signed", "textio",
    ),
    "names that creator gives": (
        "network", "network_top", "creator", "creator_ram", "creator_stream_register", "clock", "reset", "rtl", "in_valid",
        "out_data", "aclk", "s_axis_tdata", "file_bench", "watched",
    ),
    "differ only by case or by marks": (
        "Alpha", "alpha", "ALPHA", "al_pha", "al__pha", "al.pha", "al-pha", "_alpha", "alpha_", "alpha_2", "Alpha_2",
        "alpha_core", "alpha.cut", "alpha_valid",
    ),
    "not ASCII": (
        "\u00e9", "gr\u00f6\u00dfe", "\u65e5\u672c", "\ufb01n", "\u0130n", "\u0131n", "\u017fignal", "\u212aey", "\u00b5",
        "\u03bb", "na\u00efve", "x\u0301", "\u202egnp.vhd", "\ufeffbom", "a\u200bb", "\u0663", "x\u00b2", "\U0001f600",
        "\ud800", "\x85", "a\u2028b", "\u0430lpha",
    ),
    "empty or blank": ("", " ", "\t", "\n", "\r\n", "\0", "a\0b", "\x7f", "\x1b[31mred", "_", "__", "."),
    "no letter first": ("1", "1st", "9" * 40, "-", "-o", "--help", "+x", "'a'"),
    "long": ("a" * 300, "a_" * 150 + "a", "é" * 300, "x" * 5000, "a" * 48 + "_1", "a" * 48 + "_2"),
    "injection into VHDL": (
        "x; end entity; --", "x\nend architecture;", "x is port (a: in bit); end; entity y", 'a" & "b', "\\extended\\",
        "x--", "/* x */", "x\u2028end entity;", "work.std.all", "a'range", 'report "x" severity failure',
    ),
    "injection into Tcl": ("[exec touch pwned]", "$env(HOME)", "a;exec touch pwned", "{a} b", "}", "a\\\nb", '"; exit; "'),
    "injection into a shell": ("$(touch pwned)", "`touch pwned`", "a;touch pwned", "a|b", "a&&b", "a>pwned", "*", "~root"),
    "injection into a template": ("{{ 7 * 7 }}", "{% include '/etc/passwd' %}", "{# x #}", "%s%n", "${x}"),
    "injection into Yosys": ("x/m:*\nexec -- touch pwned", "!touch pwned", "t:*", "\\x %a"),
    "injection into JSON and YAML": ('", "top": "x', "a: &b [*b]", "- x", "!!python/object:os.system"),
    "paths": (
        "../x", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "..", "~", "file:///etc/passwd", "con", "nul",
        "aux.vhd",
    ),
}  # fmt: skip


def shown(name: str) -> str:
    text = ascii(name)[1:-1]
    return text if len(text) <= 40 else f"{text[:20]}...{text[-10:]} ({len(name)})"


NAMES = [name for group in GROUPS.values() for name in group]
CASES = [f"{group}: {shown(name)}" for group, names in GROUPS.items() for name in names]
