"""Names of modules are text: torch.fx would write them into Python code and run it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn

CODE = "a\", None) or exec(\"open('pwned', 'w')\") or getattr(self, \"a"
NO_CODE = ["in", "with", "None", "a b", "ﬁn", "größe", 'a"b', "a\\", "a\nb", "\ud800", "{x}", "self", "torch", CODE]
PLAIN = ("a b", "größe", "{x}", "self", "torch")


def network(layer: type[torch.nn.Module], name: str) -> torch.nn.Sequential:
    torch.manual_seed(0)
    model = torch.nn.Sequential()
    if layer is nn.Linear:
        model.add_module("entry", nn.Quantize(FixedPoint(8, 4)))
    model.add_module(name, layer(3, 2))
    return model.eval()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", NO_CODE, ids=ascii)
def test_any_name_is_traced_and_summarized(folder: Path, name: str) -> None:
    model = network(nn.Linear, name)
    graph = creator.trace(model, 3)
    assert graph.nodes[-1].paths[-1] == name
    x = torch.randint(-128, 128, (9, 3), generator=torch.Generator().manual_seed(0)) / 16
    with torch.no_grad():
        assert (graph.run((x * 16).long().numpy()) == (model(x) * 2**graph.output_format.frac_bits).long().numpy()).all()
    assert any(row.module == name for row in creator.summarize(model, x).rows)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", NO_CODE, ids=ascii)
def test_a_model_with_a_name_that_could_be_code_is_not_prepared(folder: Path, name: str) -> None:
    model = network(torch.nn.Linear, name)
    if name in PLAIN:
        creator.prepare(model, example_input=torch.zeros(1, 3))
    else:
        with pytest.raises(CreatorError, match=r"cannot stand in Python code .hint: rename the module"):
            creator.prepare(model, example_input=torch.zeros(1, 3))
    assert list(folder.iterdir()) == []
