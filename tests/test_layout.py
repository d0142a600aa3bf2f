"""The shape of the project: what imports what, what belongs to what, and what does not occur."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import creator
from creator.ops import REGISTRY, Lanes, Lookup, Reshape, Shift, TensorType
from creator.ops.base import Op
from tests.graph.chains import of_everything

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "creator"
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in FILES}


def fresh(script: str) -> list[str]:
    """Runs a script in a new interpreter; returns the lines that it prints."""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


LOADED = "import sys; print([name for name in ('torch', 'cocotb', 'jinja2', 'sklearn') if name in sys.modules])"


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        ("import creator", "[]"),
        ("import creator.cli", "[]"),
        ("import creator; creator.FixedPoint, creator.CreatorError", "[]"),
        ("import creator; creator.load, creator.Graph", "[]"),
        ("import creator; creator.translate, creator.simulate, creator.synthesize", "['jinja2']"),
        ("import creator.doctor; creator.doctor.examine()", "[]"),
        ("import creator; creator.trace, creator.nn", "['torch']"),
        ("import creator; creator.prepare, creator.convert, creator.summarize, creator.optim", "['torch']"),
        ("import creator; creator.from_torch_ao", "['torch']"),
    ],
)
def test_imports_are_lazy(statement: str, loaded: str) -> None:
    found = ast.literal_eval(fresh(f"{statement}\n{LOADED}")[-1])
    if "'torch'" in loaded:
        assert "torch" in found
    else:
        assert set(found) <= set(ast.literal_eval(loaded))


@pytest.mark.parametrize(
    "command", ["['translate', 'g', '-o', 'b']", "['simulate', 'b', '--bench', 'vhdl']", "['synthesize', 'no']"]
)
def test_commands_on_saved_graphs_and_builds_do_not_load_torch(tmp_path: Path, command: str) -> None:
    graph = of_everything()
    graph.save(tmp_path / "g")
    if "simulate" in command:
        creator.translate(graph).write(tmp_path / "b")
    script = (
        f"import os, sys; from creator.cli import main; os.chdir({str(tmp_path)!r}); status = main({command}); {LOADED[12:]}"
    )
    lines = fresh(f"{script}; print(status)")
    assert "torch" not in lines[-2]
    assert lines[-1] == ("2" if "synthesize" in command else "0")


def test_every_public_name_exists() -> None:
    for name in creator.__all__:
        assert getattr(creator, name) is not None
    assert set(creator.__all__) <= set(dir(creator))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = creator.nothing


def test_files_are_short() -> None:
    tests = list((ROOT / "tests").rglob("*.py"))
    assert [str(path) for path in FILES + tests if len(path.read_text().splitlines()) > 400] == []


@pytest.mark.parametrize("name", TREES)
def test_every_module_begins_with_a_docstring(name: str) -> None:
    assert ast.get_docstring(TREES[name])


# One layer, one name.


def has_core(name: str) -> bool:
    """Whether the operation has hardware: every core is timed, and what is not timed has none."""
    without: dict[str, Op] = {"reshape": Reshape((4,)), "shift": Shift(1)}
    if name in without:
        assert without[name].timing((TensorType((4,), creator.FixedPoint(8, 4)),), Lanes()) is None
        return False
    return True


@pytest.mark.parametrize("name", REGISTRY)
def test_an_operation_has_all_of_its_files_under_one_name(name: str) -> None:
    kind = REGISTRY[name]
    assert kind.name == name
    assert kind.__name__.lower() == name
    assert kind.__module__ == f"creator.ops.{name}"
    assert (ROOT / "templates" / f"{name}.vhd.j2").is_file() == has_core(name)
    assert importlib.import_module(f"tests.cases.{name}").CASES


def test_every_node_without_hardware_is_known_by_its_timing() -> None:
    graph = of_everything()
    for node in graph.nodes:
        assert (node.op.timing(graph.input_types(node), Lanes()) is not None) == has_core(node.op.name)
    assert {node.op.name for node in graph.nodes} <= set(REGISTRY)


def stems(folder: str, suffix: str) -> set[str]:
    return {path.name.removesuffix(suffix) for path in (ROOT / folder).glob(f"*{suffix}")} - {"__init__"}


def test_no_operation_is_an_orphan() -> None:
    assert stems("creator/ops", ".py") == {*REGISTRY, "axis", "base", "window"}
    assert stems("tests/cases", ".py") == set(REGISTRY)


def test_every_operation_class_is_registered() -> None:
    found, rest = set(), list(Op.__subclasses__())
    while rest:
        kind = rest.pop()
        rest += kind.__subclasses__()
        found |= {kind} if kind.__module__.startswith("creator.") else set()
    assert {kind.__name__ for kind in found} == {kind.__name__ for kind in REGISTRY.values()}
    assert REGISTRY["lookup"] is Lookup


def strings(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_template_is_an_orphan() -> None:
    texts = "".join(path.read_text() for path in (ROOT / "templates").glob("*.j2"))
    included = set(re.findall(r'{% include "(\w+)\.vhd\.j2" %}', texts))
    rendered = set().union(*(strings(tree) for name, tree in TREES.items() if name.startswith("creator/render/")))
    assert stems("templates", ".vhd.j2") - set(REGISTRY) <= included | rendered
    assert included <= stems("templates", ".vhd.j2")
    assert stems("sim", ".vhd.j2") <= rendered


def test_no_library_file_is_an_orphan() -> None:
    rendered = set().union(*(strings(tree) for name, tree in TREES.items() if name.startswith("creator/render/")))
    assert stems("vhdl", ".vhd") <= rendered


# What does not occur.


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute chain; empty if it is none."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


FORBIDDEN_CALLS = {
    "eval", "exec", "compile", "__import__", "torch.load", "torch.jit.load", "os.system", "os.popen", "os.execv",
    "pickle.load", "pickle.loads", "marshal.loads", "tempfile.mktemp", "yaml.load", "joblib.load", "breakpoint", "input",
}  # fmt: skip
FORBIDDEN_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "pty", "commands"}
FORBIDDEN_ARGUMENTS = {("shell", True), ("allow_pickle", True), ("weights_only", False)}


def faults(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if dotted(node.func) in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: {dotted(node.func)}()"
            for argument in node.keywords:
                value = argument.value.value if isinstance(argument.value, ast.Constant) else None
                if argument.arg and (argument.arg, value) in FORBIDDEN_ARGUMENTS:
                    yield f"line {node.lineno}: {argument.arg}={value}"
        for name in imported(node):
            if name.split(".")[0] in FORBIDDEN_MODULES:
                yield f"line {node.lineno}: import {name}"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


@pytest.mark.parametrize("name", TREES)
def test_nothing_that_runs_strangers_code(name: str) -> None:
    assert list(faults(TREES[name])) == []


@pytest.mark.parametrize(
    "line",
    ["eval('1')", "exec(x)", "import pickle", "from pickle import loads", "torch.load(p)", "run(c, shell=True)",
     "np.load(p, allow_pickle=True)", "os.system('x')"],
)  # fmt: skip
def test_the_scan_finds(line: str) -> None:
    assert len(list(faults(ast.parse(line)))) == 1
    assert not list(faults(ast.parse("model.eval(); np.load(p, allow_pickle=False); run(c, shell=False)")))


# What may import what, at module level.

CORE = {"creator.errors", "creator.disk", "creator.formats", "creator.affine", "creator.bits", "creator.piecewise"}
GRAPH = CORE | {"creator.ops", "creator.graph"}
MAY_IMPORT = {
    "creator/errors.py": set(),
    "creator/disk.py": {"creator.errors"},
    "creator/formats.py": {"creator.errors", "numpy"},
    "creator/affine.py": {"creator.errors", "creator.formats", "numpy"},
    "creator/piecewise.py": {"creator.errors", "creator.formats", "numpy"},
    "creator/bits.py": {"creator.errors", "creator.formats", "numpy"},
    "creator/resources.py": {"creator.errors"},
    "creator/tools.py": {"creator.errors"},
    "creator/console.py": set(),
    "creator/ops": CORE | {"creator.ops", "numpy"},
    "creator/graph": GRAPH | {"numpy", "safetensors"},
    "creator/passes": GRAPH | {"creator.passes", "numpy"},
    "creator/targets": {"creator.errors", "creator.targets"},
    "creator/schedule": GRAPH | {"creator.schedule", "creator.targets", "numpy"},
    "creator/render": GRAPH
    | {"creator", "creator.render", "creator.schedule", "creator.passes", "creator.resources", "numpy", "jinja2"},
    "creator/build_folder.py": GRAPH | {"creator.render"},
    "creator/verification.py": GRAPH | {"creator", "creator.render"},
    "creator/simulation": GRAPH
    | {
        "creator.simulation",
        "creator.build_folder",
        "creator.render",
        "creator.tools",
        "creator.resources",
        "numpy",
        "cocotb_tools",
    },
    "creator/synthesis": CORE
    | {"creator.synthesis", "creator.targets", "creator.simulation", "creator.build_folder", "creator.render", "creator.tools"},
    "creator/export": CORE | {"creator.export", "creator.render", "creator.build_folder"},
    "creator/quantize": CORE | {"creator.quantize", "numpy", "torch"},
    "creator/nn": CORE | {"creator.nn", "creator.quantize", "numpy", "torch"},
    "creator/optim": CORE | {"creator.optim", "creator.quantize", "torch"},
    "creator/batches.py": CORE | {"torch"},
    "creator/preparation": CORE
    | {"creator", "creator.batches", "creator.preparation", "creator.nn", "creator.quantize", "creator.tracing", "torch"},
    "creator/importing": CORE | {"creator", "creator.importing", "creator.nn", "creator.tracing", "numpy", "torch"},
    "creator/diagnostics": GRAPH
    | {
        "creator",
        "creator.batches",
        "creator.tracing",
        "creator.diagnostics",
        "creator.nn",
        "creator.quantize",
        "creator.console",
        "numpy",
        "torch",
    },
    "creator/tracing": GRAPH | {"creator", "creator.tracing", "creator.passes", "creator.nn", "numpy", "torch"},
    "creator/loading.py": GRAPH,
    "creator/doctor.py": {"creator.errors", "creator.tools"},
    "creator/cli.py": {"creator", "creator.errors", "creator.disk", "creator.console"},
    "creator/__init__.py": CORE,
}


def module_level(tree: ast.Module) -> Iterator[str]:
    """Modules imported when this one is, those for type checking only left out."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"):
            for inner in ast.walk(node) if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []:
                yield from imported(inner)


def allowed(module: str, names: set[str]) -> bool:
    return any(module == name or (name != "creator" and module.startswith(f"{name}.")) for name in names)


@pytest.mark.parametrize("name", TREES)
def test_layers_import_only_what_lies_below(name: str) -> None:
    place = next(place for place in MAY_IMPORT if name == place or name.startswith(f"{place}/"))
    foreign = [module for module in module_level(TREES[name]) if module.split(".")[0] not in sys.stdlib_module_names]
    assert [module for module in foreign if not allowed(module, MAY_IMPORT[place])] == []


def test_nothing_needs_torch_ao_or_torchao() -> None:
    script = "import sys, creator; creator.from_torch_ao; import torch; a = set(sys.modules); print('torchao' in a)"
    assert fresh(script) == ["False"]
    for name, tree in TREES.items():
        found = [module for node in ast.walk(tree) for module in imported(node)]
        assert not [module for module in found if module.startswith(("torch.ao", "torchao"))], name


def test_torch_is_nowhere_below_the_layers_that_train_and_trace() -> None:
    places = (
        "formats",
        "errors",
        "ops",
        "graph",
        "passes",
        "targets",
        "schedule",
        "render",
        "simulation",
        "synthesis",
        "export",
        "build_folder",
        "verification",
        "tools",
    )
    for place in places:
        for name, tree in TREES.items():
            if name == f"creator/{place}.py" or name.startswith(f"creator/{place}/"):
                assert not [m for m in module_level(tree) if m.split(".")[0] == "torch" or m.startswith("creator.nn")], name
