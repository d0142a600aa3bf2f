"""Files reach the disk whole or not at all, and only where they may."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import creator
from creator import CreatorError
from creator.render import FileSet
from creator.render.fileset import KIND, MANIFEST, check_writable
from tests.graph.chains import of_everything


@pytest.fixture(scope="module")
def design() -> creator.Design:
    return creator.translate(of_everything())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def small(text: str = "new") -> FileSet:
    files = FileSet()
    files.add("a/b/deep.txt", text)
    files.add("z.bin", b"\0\xff\r\n")
    files.add(MANIFEST, json.dumps({"kind": KIND, "sha256": files.hashes()}))
    return files


BAD_PATHS = [
    "",
    ".",
    "..",
    "/",
    "/etc/passwd",
    "../x",
    "a/../x",
    "a/..",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "a\\b",
    "..\\x",
    "//a",
    "C:\\x",
]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    with pytest.raises(CreatorError, match="is not a plain relative path"):
        FileSet().add(path, "x")


@pytest.mark.parametrize("second", ["vhdl/a.vhd", "vhdl/A.vhd", "VHDL/a.VHD"])
def test_a_second_file_of_the_same_name_is_refused_whatever_its_case(second: str) -> None:
    files = FileSet()
    files.add("vhdl/a.vhd", "x")
    with pytest.raises(CreatorError, match="exists already"):
        files.add(second, "y")
    assert files["vhdl/a.vhd"] == b"x"
    assert len(files) == 1


def test_write_writes_exactly_the_files(tmp_path: Path) -> None:
    target = small().write(tmp_path / "new" / "build")
    assert target == tmp_path / "new" / "build"
    found = contents(target)
    assert json.loads(found.pop(MANIFEST))["kind"] == KIND
    assert found == {"a/b/deep.txt": b"new", "z.bin": b"\0\xff\r\n"}
    assert [path.name for path in target.parent.iterdir()] == ["build"]
    assert target.stat().st_mode & 0o777 == 0o755


def test_text_is_written_with_the_line_ends_that_it_has(tmp_path: Path) -> None:
    files = FileSet()
    files.add("x", "a\nb\r\né\n")
    files.write(tmp_path / "b")
    assert (tmp_path / "b" / "x").read_bytes() == b"a\nb\r\n\xc3\xa9\n"


def test_an_earlier_build_is_replaced_altogether(tmp_path: Path) -> None:
    target = small().write(tmp_path / "build")
    (target / "synthesis" / "ecp5").mkdir(parents=True)
    (target / "synthesis" / "ecp5" / "report.json").write_text("{}")
    (target / "waves.ghw").write_text("x")
    again = FileSet()
    again.add(MANIFEST, json.dumps({"kind": KIND}))
    again.write(target)
    assert list(contents(target)) == [MANIFEST]
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize("name", ["REPORT.md", "pins/board.lpf", "vhdl/mine.vhd", "notes/waves.ghw"])
def test_a_build_with_a_file_of_the_users_is_refused(tmp_path: Path, name: str) -> None:
    target = small().write(tmp_path / "build")
    (target / name).parent.mkdir(exist_ok=True)
    (target / name).write_text("mine")
    with pytest.raises(CreatorError, match=f"holds {name}, which creator did not write"):
        small().write(target)
    assert (target / name).read_text() == "mine"


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    small().write(tmp_path / "build")
    assert (tmp_path / "build" / "z.bin").is_file()


def foreign(folder: Path, kind: str) -> Path:
    target = folder / "target"
    if kind == "folder":
        target.mkdir()
        (target / "thesis.tex").write_text("precious")
    elif kind == "other manifest":
        target.mkdir()
        (target / MANIFEST).write_text('{"kind": "something else"}')
    elif kind == "broken manifest":
        target.mkdir()
        (target / MANIFEST).write_bytes(b"\xff{")
    elif kind == "list as manifest":
        target.mkdir()
        (target / MANIFEST).write_text('["kind"]')
    elif kind == "file":
        target.write_text("precious")
    elif kind == "symlink":
        (folder / "real").mkdir()
        target.symlink_to(folder / "real")
    elif kind == "dangling symlink":
        target.symlink_to(folder / "nowhere")
    return target


@pytest.mark.parametrize(
    "kind", ["folder", "other manifest", "broken manifest", "list as manifest", "file", "symlink", "dangling symlink"]
)
def test_what_creator_did_not_write_is_not_overwritten(tmp_path: Path, kind: str) -> None:
    target = foreign(tmp_path, kind)
    before = contents(tmp_path)
    with pytest.raises(CreatorError, match="choose another output folder"):
        small().write(target)
    assert contents(tmp_path) == before
    assert target.is_symlink() == ("symlink" in kind)


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(CreatorError, match="cannot be written"):
        small().write(tmp_path / "file" / "build")
    assert (tmp_path / "file").read_text() == "precious"


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreatorError):
        small().write(tmp_path / ("a" * 5000))
    assert list(tmp_path.iterdir()) == []


def failing(method: str, on_call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the ``on_call``-th call of a method of Path fail."""
    original, calls = getattr(Path, method), []

    def replacement(self: Path, *args: object) -> object:
        calls.append(self)
        if len(calls) == on_call:
            raise error
        return original(self, *args)

    monkeypatch.setattr(Path, method, replacement)
    if method == "rename":  # as on a system that cannot exchange two names in one step
        monkeypatch.setattr("creator.disk._exchanged", lambda *_: False)


FAILURES = [("write_bytes", 1), ("write_bytes", 2), ("write_bytes", 3), ("chmod", 1), ("rename", 1), ("rename", 2)]


@pytest.mark.parametrize(("method", "on_call"), FAILURES)
def test_a_failure_midway_leaves_the_old_build_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, on_call: int
) -> None:
    target = small("old").write(tmp_path / "build")
    before = contents(target)
    failing(method, on_call, OSError(28, "No space left on device"), monkeypatch)
    with pytest.raises(CreatorError, match="cannot be written: No space left on device"):
        small("new").write(target)
    assert contents(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize(("method", "on_call"), FAILURES)
def test_an_interruption_midway_leaves_a_whole_build_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, on_call: int
) -> None:
    target = small("old").write(tmp_path / "build")
    before = contents(target)
    failing(method, on_call, KeyboardInterrupt(), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        small("new").write(target)
    assert contents(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize(("method", "on_call"), FAILURES[:5])
def test_a_failure_without_an_old_build_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, on_call: int
) -> None:
    failing(method, on_call, OSError(5, "Input/output error"), monkeypatch)
    with pytest.raises(CreatorError, match="cannot be written"):
        small().write(tmp_path / "build")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exchanged", [True, False])
def test_an_earlier_build_is_replaced_with_and_without_an_exchange_of_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanged: bool
) -> None:
    target = small("old").write(tmp_path / "build")
    if not exchanged:
        monkeypatch.setattr("creator.disk._exchanged", lambda *_: False)
    small("new").write(target)
    assert contents(target)["a/b/deep.txt"] == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["build"]


@pytest.mark.parametrize("place", [".", "..", "inner/.."])
def test_the_folder_that_one_works_in_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "empty" / "inner" if place == ".." else tmp_path / "empty")
    with pytest.raises(CreatorError, match="is the folder that you are in, or around it"):
        small().write(place)
    assert Path.cwd().is_dir()
    assert contents(tmp_path) == {}


def test_folders_that_were_made_for_a_failed_build_go_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing("write_bytes", 2, OSError(28, "No space left on device"), monkeypatch)
    with pytest.raises(CreatorError, match="No space left"):
        small().write(tmp_path / "a" / "b" / "build")
    assert list(tmp_path.iterdir()) == []


def test_a_whole_disk_as_the_output_is_refused_at_its_first_file() -> None:
    begun = time.monotonic()
    with pytest.raises(CreatorError, match=r"did not write|that you are in"):
        check_writable(Path("/usr"))
    assert time.monotonic() - begun < 1


# The files of a design.


def test_the_manifest_has_the_hash_of_every_other_file(design: creator.Design, tmp_path: Path) -> None:
    folder = design.write(tmp_path / "build")
    manifest = json.loads((folder / MANIFEST).read_text())
    files = contents(folder)
    del files[MANIFEST]
    assert manifest["sha256"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert manifest == design.manifest
    assert set(manifest["sources"]) == {name for name in files if name.startswith("vhdl/")}


def test_the_manifest_says_what_the_design_is(design: creator.Design) -> None:
    manifest, graph = design.manifest, design.graph
    for side, kind in (("input", graph.input_type), ("output", graph.output_type)):
        assert manifest[side]["shape"] == list(kind.shape)
        assert manifest[side]["format"] == str(kind.format)
        assert manifest[side]["total_bits"] == kind.format.total_bits
        assert manifest[side]["beat_bits"] % 8 == 0
        assert 0 <= manifest[side]["beat_bits"] - kind.format.total_bits < 8
    assert (manifest["interval"], manifest["latency"]) == (design.interval, design.latency)
    assert [layer["operation"] for layer in manifest["layers"]] == [
        *("linear", "clamp", "quantize", "slice", "concatenate", "multiply", "add", "lookup", "slope", "polynomial", "rescale")
    ]


def test_the_manifest_says_what_a_code_is_worth(design: creator.Design) -> None:
    assert design.manifest["input"]["frac_bits"] == 4
    assert not {"scale", "zero_point"} & set(design.manifest["input"])
    output = json.loads(json.dumps(design.manifest["output"]))
    assert (output["scale"], output["zero_point"]) == (0.1, 3)
    assert "frac_bits" not in output


def test_the_graph_in_the_build_is_the_one_that_was_translated(design: creator.Design, tmp_path: Path) -> None:
    folder = design.write(tmp_path / "build")
    assert creator.load(folder / "graph.creator").text() == design.graph.text() == (folder / "graph.txt").read_text()


def test_sources_compile_in_the_order_of_the_manifest(design: creator.Design) -> None:
    seen: set[str] = set()
    for name in design.manifest["sources"]:
        text = design.files[name].decode()
        used = {line.split("entity work.")[1].split()[0] for line in text.splitlines() if ": entity work." in line}
        assert used <= seen, name
        seen.add(Path(name).stem)
    assert design.manifest["top"] in seen


def test_the_same_graph_gives_the_same_bytes(design: creator.Design) -> None:
    again = creator.translate(of_everything())
    assert again.files.hashes() == design.files.hashes()
    assert list(again.files) == list(design.files)


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_a_fresh_process_gives_the_same_bytes(design: creator.Design, seed: str) -> None:
    script = (
        "import json, creator; from tests.graph.chains import of_everything; "
        "print(json.dumps(creator.translate(of_everything()).files.hashes()))"
    )
    environment = os.environ | {"PYTHONHASHSEED": seed}
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == design.files.hashes()
