"""Saved graphs: what is loaded is what was saved, and damage is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save as to_bytes

import creator
from creator import CreatorError, Graph
from creator.graph.storage import graph_bytes
from creator.graph.text import arrays_of
from creator.graph.vectors import check_vectors, corner_vectors
from tests.graph.chains import chain, linear, of_everything
from tests.graph.ends import of_ends

KEY = "creator-graph"
EVERYTHING = pytest.mark.parametrize("graph", [of_everything(), of_ends()], ids=["everything", "ends"])


def refused(path: Path) -> str:
    with pytest.raises(CreatorError) as info:
        creator.load(path)
    assert "\n" not in str(info.value)
    return str(info.value)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@EVERYTHING
def test_save_and_load_give_the_same_graph(graph: Graph, tmp_path: Path) -> None:
    graph.save(tmp_path / "g.creator")
    again = creator.load(tmp_path / "g.creator")
    assert again.text() == graph.text()
    assert (tmp_path / "g.creator").read_bytes() == graph_bytes(graph) == graph_bytes(again)
    x = check_vectors(graph, 50)
    assert np.array_equal(again.run(x), graph.run(x))
    assert [p.name for p in tmp_path.iterdir()] == ["g.creator"]


def test_a_graph_without_arrays_can_be_saved(tmp_path: Path) -> None:
    chain().save(tmp_path / "g.creator")
    assert creator.load(tmp_path / "g.creator") == chain()


def test_saving_replaces_an_earlier_file(tmp_path: Path) -> None:
    (tmp_path / "g").write_text("old")
    of_everything().save(str(tmp_path / "g"))
    assert creator.load(str(tmp_path / "g")).text() == of_everything().text()


def test_saving_into_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CreatorError, match="the folder does not exist"):
        chain().save(tmp_path / "nowhere" / "g")


def test_saving_over_a_folder_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "g").mkdir()
    with pytest.raises(CreatorError, match="cannot be written"):
        chain().save(tmp_path / "g")
    assert [p.name for p in tmp_path.iterdir()] == ["g"]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "g").write_text("old")
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CreatorError, match="No space left"):
        chain().save(tmp_path / "g")
    assert (tmp_path / "g").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["g"]


def test_a_truncated_file_is_refused_at_every_length(tmp_path: Path) -> None:
    whole = graph_bytes(chain(linear()))
    assert len(whole) > 500
    for length in [*range(0, len(whole), 7), *range(len(whole) - 10, len(whole))]:
        refused(written(tmp_path / "g", whole[:length]))


def test_a_longer_file_is_refused(tmp_path: Path) -> None:
    refused(written(tmp_path / "g", graph_bytes(chain(linear())) + b"\0"))


def test_flipped_bits_are_refused_or_give_a_sound_graph(tmp_path: Path) -> None:
    whole = graph_bytes(chain(linear()))
    refusals: list[str] = []
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path = written(tmp_path / "g", bytes(damaged))
        try:
            graph = creator.load(path).verify()
        except CreatorError as error:
            refusals.append(str(error))
        else:
            graph.output_format.check(graph.run(corner_vectors(graph)), "output")
    assert len(refusals) > len(whole) // 6
    assert not any("\n" in text for text in refusals)


def test_a_weight_outside_its_format_is_refused(tmp_path: Path) -> None:
    graph = chain(linear(), paths=("fc",))
    arrays = {name: values.copy() for name, values in arrays_of(graph).items()}
    arrays["fc.weight"][1, 2] = 32
    message = refused(written(tmp_path / "g", to_bytes(arrays, {KEY: graph.text()})))
    assert "fc" in message
    assert "code 32 is outside fixed<6,4>" in message
    assert str(tmp_path / "g") in message


def test_other_tensors_than_the_graph_needs_are_refused(tmp_path: Path) -> None:
    graph = chain(linear(), paths=("fc",))
    assert "is missing" in refused(written(tmp_path / "g", to_bytes({}, {KEY: graph.text()})))


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_another_safetensors_file_is_refused(tmp_path: Path, metadata: dict[str, str] | None) -> None:
    message = refused(written(tmp_path / "w", to_bytes({"a": np.zeros(3)}, metadata)))
    assert "not a saved graph" in message
    assert "hint" in message


@pytest.mark.parametrize(
    "dtype", ["F8_E4M3", "F8_E5M2", "F8_E8M0", "BF16", "F16", "F32", "F64", "BOOL", "U8", "I8", "U16", "U32", "U64", "C64"]
)
def test_a_tensor_of_another_type_is_refused(tmp_path: Path, dtype: str) -> None:
    size = 8 if "64" in dtype else 4 if "32" in dtype else 2 if "16" in dtype else 1
    header = {"a": {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    refused(written(tmp_path / "w", len(text).to_bytes(8, "little") + text + bytes(size)))


@pytest.mark.parametrize("content", [b"", b"\0", b"\0" * 8, b"\xff" * 64, b"PK\x03\x04", b"\x80\x04K\x01.", b"{}", b"x" * 999])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "hint" in refused(written(tmp_path / "g", content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    message = refused(tmp_path / "nowhere")
    assert "no such file" in message
    assert str(tmp_path / "nowhere") in message


@pytest.mark.parametrize("name", ["", "a" * 5000, "nul\0"])
def test_a_path_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    refused(tmp_path / name)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path)


def test_loading_makes_no_writable_array(tmp_path: Path) -> None:
    graph: Graph = chain(linear(), paths=("fc",))
    graph.save(tmp_path / "g")
    (node,) = creator.load(tmp_path / "g").nodes
    with pytest.raises(ValueError, match="read-only"):
        node.op.weight[0, 0] = 1  # type: ignore[attr-defined]
