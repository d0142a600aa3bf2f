"""Every rendered and hand-written VHDL file keeps to the subset that simulates and synthesizes alike, and reads well."""

from __future__ import annotations

import functools
import getpass
import importlib
import re
import socket
from pathlib import Path

import pytest

import creator
from creator import FixedPoint, Overflow, Rounding
from creator.affine import Affine
from creator.ops import REGISTRY, Clamp
from creator.resources import resource_folder
from tests.graph.chains import IN, chain, linear, of_everything, quantize, rescale, table
from tests.render.narrowing import narrowing

F = FixedPoint
MODES = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]
COLUMNS = 132

FORBIDDEN = {
    "shift_right": r"\bshift_right\b|\bsra\b|\bsrl\b",
    "abs": r"\babs\b",
    "maximum, minimum": r"\b(maximum|minimum)\s*\(",
    "case?": r"\bcase\s*\?",
    "case generate": r"\bcase\b[^;]*\bgenerate\b",
    "math_real": r"\bmath_real\b",
    "signed division": r"\)\s*/\s*[\w(]|\b(mod|rem)\b",
    "non-standard packages": r"\bstd_logic_(unsigned|signed|arith)\b",
    "a record or an integer on a port": r":\s*(in|out|inout)\s+(?!\s|std_logic(_vector)?\b)",
    "an unconstrained port": r":\s*(in|out|inout)\s+std_logic_vector\s*(;|\)|$)",
    "a buffer port": r":\s*(inout|buffer)\b",
    "a shared variable": r"\bshared\b",
    "waiting": r"\b(wait|after)\b",
    "an initial value of a signal": r"\bsignal\b[^;]*:=",
    "asynchronous reset": r"process\s*\(\s*\w+\s*,\s*reset",
}


def code_of(text: str) -> str:
    """Without comments."""
    return "\n".join(line.split("--")[0] for line in text.splitlines())


def designs() -> dict[str, creator.Design]:
    graphs = {"everything": of_everything()}
    for mode in MODES:
        for overflow in Overflow:
            graphs[f"{mode} {overflow}"] = chain(
                linear(output=F(5, 3), rounding=mode, overflow=overflow, low=-3, high=9),
                quantize(F(4, 1, signed=False), mode, overflow),
                table(bits=4),
                quantize(F(9, 9), mode, overflow),
            )
    graphs["unsigned and 1 bit"] = chain(
        linear(7, 1, weight_format=F(1, 0), entry=F(1, 0, signed=False), output=F(1, 0, signed=False)),
        table(F(1, 0), bits=1),
        shape=(7,),
        entry=F(1, 0, signed=False),
    )
    graphs["wide"] = chain(
        linear(3, 2, weight_format=F(24, 20), entry=F(24, 20), output=F(40, 1), align=3), entry=F(24, 20), shape=(3,)
    )
    graphs["widest"] = chain(quantize(F(52, -1)), quantize(F(3, -52)), quantize(F(52, 0), Rounding.FLOOR), entry=F(52, 51))
    graphs["all bits dropped"] = chain(*(quantize(F(2, -53), mode) for mode in MODES[:1]), entry=F(52, 0))
    graphs["far finer"] = chain(quantize(F(8, 60)), entry=F(8, 4))
    for mode in MODES:
        graphs[f"rescale {mode}"] = chain(
            linear(output=F(52, 8)),
            rescale([3, 40000, 65535], 20, Affine(0.1, -20, 8), mode),
            rescale([4], 3, F(9, 2), mode),
            rescale([2**31 - 1], 30, Affine(0.007874015748031496, 200, 8, signed=False), mode),
            rescale([2**20 + 1, 7, 0], 12, F(40, 0), mode),
            rescale([1023], 12, F(52, 0), mode),
            rescale([1], 40, Affine(1 / 3, 1, 12), mode),
            rescale([8], 2, F(14, 0), mode),
        )
    graphs["rescale unsigned"] = chain(
        rescale([1, 0, 1, 1], 0, F(4, 0, signed=False)),
        rescale([3], 62, Affine(1e-30, 1, 2, signed=False)),
        rescale([0], 1, F(1, 0)),
        entry=F(52, 0, signed=False),
    )
    graphs["large"] = chain(linear(64, 40), linear(40, 3), shape=(64,))
    graphs["long path"] = chain(linear(), paths=(".".join(["some_encoder_block"] * 12),))
    found = {name: creator.translate(graph) for name, graph in graphs.items()}
    narrow = {"weight_format": F(4, 2)}
    wide = chain(
        linear(12, 9, **narrow),
        Clamp(0, 90),
        table(IN),
        linear(9, 7, **narrow),
        linear(7, 2, weight_format=F(2, 1)),
        shape=(12,),
    )
    for name, options in {
        "lanes": {
            "lanes": {"layer.0": (5, 4), "layer.1": 3, "layer.2": 2, "layer.3": (4, 3), "layer.4": (3, 2)},
            "packing": True,
        },
        "all lanes": {"parallelism": "full-lanes"},
        "some cycles": {"parallelism": 12, "packing": True},
        "a device": {"target": "ecp5-25k"},
    }.items():
        found[name] = creator.translate(wide, **options)
    shares = chain(linear(output=F(52, 8)), rescale([3, 40000, 65535], 20, Affine(0.1, -20, 8)), rescale([4], 3, F(9, 2)))
    for op in sorted(set(REGISTRY) - {"linear", "clamp", "quantize", "lookup", "rescale", "reshape"}):
        for case in importlib.import_module(f"tests.cases.{op}").CASES:
            found[f"{op} {case.name}".replace(":", "")] = creator.translate(case.graph(), **case.options)
    found["scales in lanes"] = creator.translate(shares, lanes={"layer.0": (2, 3), "layer.1": 2, "layer.2": 2})
    return found


@functools.cache
def rendered() -> dict[str, bytes]:
    """The files of all designs, by design and path; of those that are equal one. Made when a test asks, not on import."""
    found: dict[tuple[str, bytes], str] = {}
    for name, design in designs().items():
        files = [path for path in design.files if path.startswith("vhdl/")]
        assert files
        for path in files:
            found.setdefault((path, design.files[path]), f"{name}: {path}")
    return {name: content for (_, content), name in found.items()}


STATIC = {path.name: path.read_bytes() for path in sorted(resource_folder("vhdl").glob("*.vhd"))}
TEMPLATES = {path.name: path.read_bytes() for path in sorted(resource_folder("templates").glob("*.j2"))}


@functools.cache
def all_files() -> dict[str, bytes]:
    """Those of the designs, those that are the same for all, and a bench."""
    return rendered() | {"bench": creator.translate(of_everything()).files["sim/file_bench.vhd"]} | STATIC


def offenders(files: dict[str, bytes], pattern: str, comments: bool = False) -> list[str]:
    """Where the pattern occurs: file, line and text."""
    found = []
    for name, content in files.items():
        text = content.decode()
        for match in re.finditer(pattern, text if comments else code_of(text), re.IGNORECASE | re.MULTILINE):
            found.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0][:80]!r}")
    return found


def test_there_is_something_to_scan() -> None:
    files = rendered()
    assert len(files) > 100
    assert set(STATIC) == {
        "creator_deep_fifo.vhd",
        "creator_fifo_memory.vhd",
        "creator_ram.vhd",
        "creator_row_store.vhd",
        "creator_ring.vhd",
        "creator_stream_fifo.vhd",
        "creator_stream_fork.vhd",
        "creator_stream_queue.vhd",
        "creator_stream_register.vhd",
    }
    stems = {name.split(".")[0] for name in TEMPLATES}
    assert {"linear", "conv", "window", "permute", "clamp", "quantize", "lookup", "rescale", "network", "top"} <= stems
    assert {"mac", "mac_array", "adapter", "requantizer", "limit", "rom", "multiplier"} <= stems
    names = " ".join(files)
    for part in ("_adapter.vhd", "creator_stream_queue.vhd", "creator_stream_register.vhd"):
        assert part in names
    for signal in (b"pair_operand", b"lone_product", b"level_2", b"in_push"):
        assert any(signal in content for content in files.values()), signal


@pytest.mark.parametrize("construct", FORBIDDEN)
def test_synthesized_code_has_no(construct: str) -> None:
    assert offenders(rendered() | STATIC, FORBIDDEN[construct]) == []


@pytest.mark.parametrize(
    ("construct", "code"),
    [
        ("shift_right", "y <= shift_right(x, 3);"),
        ("abs", "y <= abs x;"),
        ("maximum, minimum", "y <= maximum(a, b);"),
        ("case?", "case? x is"),
        ("case generate", "g : case width generate"),
        ("math_real", "use ieee.math_real.all;"),
        ("signed division", "y <= signed(x) / 3;"),
        ("a record or an integer on a port", "x : in integer;"),
        ("an unconstrained port", "x : in std_logic_vector;"),
        ("waiting", "wait until x;"),
    ],
)
def test_the_scan_finds(construct: str, code: str) -> None:
    assert offenders({"x": code.encode()}, FORBIDDEN[construct])
    assert not offenders({"x": b"-- " + code.encode()}, FORBIDDEN[construct])


@pytest.mark.parametrize("construct", ["shift_right", "abs", "maximum, minimum", "case?", "case generate", "math_real"])
def test_templates_have_no(construct: str) -> None:
    assert offenders(TEMPLATES, FORBIDDEN[construct]) == []


def test_no_narrowing_resize_of_a_constant_width() -> None:
    """Each resize goes to at least the width that its operand is declared with."""
    for name, content in rendered().items():
        assert narrowing(code_of(content.decode())) == [], name


@pytest.mark.parametrize(
    ("resize", "found"),
    [("x, 8", False), ("x, 7", True), ("x(6 downto 2), 5", False), ("x(6 downto 2), 4", True), ("a(2 * (row) + 1), 4", False),
     ("a(2 * (row) + 1), 3", True)],
)  # fmt: skip
def test_a_narrowing_resize_is_found(resize: str, found: bool) -> None:
    declared = "type a_t is array (0 to 1) of signed(3 downto 0);\nsignal x : signed(7 downto 0);\nsignal a : a_t;\n"
    assert bool(narrowing(f"{declared}y <= resize({resize});")) == found


LAYOUT = {"a tab": r"\t", "a trailing blank": r"[ \t]+$", "a carriage return": r"\r", "two empty lines": r"\n\n\n"}


@pytest.mark.parametrize("fault", LAYOUT)
def test_the_text_has_no(fault: str) -> None:
    assert offenders(all_files(), LAYOUT[fault], comments=True) == []


def test_lines_are_not_too_long() -> None:
    assert [
        f"{name}:{number} has {len(line)} columns"
        for name, content in all_files().items()
        for number, line in enumerate(content.decode().splitlines(), 1)
        if len(line) > COLUMNS
    ] == []


def test_files_end_with_one_newline() -> None:
    for name, content in all_files().items():
        assert content.endswith(b"\n"), name
        assert not content.endswith(b"\n\n"), name


def test_files_are_plain_ascii() -> None:
    for name, content in (all_files() | TEMPLATES).items():
        assert content.isascii(), name


def test_each_file_begins_with_a_comment_that_names_its_entity() -> None:
    for name, content in all_files().items():
        text = content.decode()
        entity = re.search(r"^entity (\w+) is$", text, re.MULTILINE)
        assert entity is not None, name
        assert text.startswith(f"-- {entity[1]}: "), name


def test_each_file_is_named_after_its_only_entity() -> None:
    for name, content in rendered().items():
        entities = re.findall(r"^entity (\w+) is$", content.decode(), re.MULTILINE)
        assert entities == [Path(name.split(": ")[1]).stem]


def test_nothing_says_when_or_where_it_was_rendered() -> None:
    here = [str(Path.cwd()), str(Path.home()), "/tmp", socket.gethostname(), getpass.getuser()]
    words = [re.escape(word) for word in here if len(word) > 3]
    dates = r"\b(19|20)\d\d-\d\d|\b\d\d:\d\d:\d\d\b|\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) "
    assert offenders(all_files(), "|".join([*words, dates]), comments=True) == []


def test_no_template_syntax_is_left() -> None:
    assert offenders(all_files(), r"\{\{|\}\}|\{%|%\}|(?-i:\bNone\b|\bTrue\b|\bUndefined\b)", comments=True) == []


def test_every_signal_is_used() -> None:
    for name, content in rendered().items():
        code = code_of(content.decode())
        for signal in re.findall(r"^  signal (\w+)", code, re.MULTILINE):
            assert len(re.findall(rf"\b{signal}\b", code)) >= 3, f"{name}: {signal}"
