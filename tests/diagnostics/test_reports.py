"""What a summary says, and what it refuses."""

from __future__ import annotations

import copy
import json
import math
import warnings
from typing import Any

import pytest
import torch

from creator import CreatorError, nn
from creator.affine import Affine
from creator.diagnostics import summarize
from tests.diagnostics.models import (
    IMAGES,
    POINTS,
    TARGETS,
    G,
    P,
    find,
    network,
    pair,
    trained,
)

pytestmark = pytest.mark.filterwarnings("ignore:.*saturate in:UserWarning")


def test_a_warning_where_too_much_saturates() -> None:
    model = torch.nn.Sequential(nn.Quantize(P(8, 5, signed=False)), nn.Linear(6, 9, output=P(8, 7, signed=False)))
    with pytest.warns(UserWarning, match=r"^0 output: .*% below 0 saturate in ufixed<8,5>$") as caught:
        summary = summarize(model, POINTS)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert summary.warnings == (str(caught[0].message),)
    assert find(summary, "1").rectifies  # its negative sums are what a ReLU takes away
    assert f"warning: {summary.warnings[0]}" in str(summary)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert summarize(model, POINTS, threshold=0.9).warnings == ()
    both = torch.nn.Sequential(nn.Quantize(P(8, 7)), nn.Linear(6, 9, weight=P(8, 10)))
    with pytest.warns(UserWarning, match=r"0 output: .*% below -1 and .*% above 0.992 saturate in fixed<8,7>; and 1 more$"):
        assert [text.split(":")[0] for text in summarize(both, POINTS).warnings] == ["0 output", "1 weight"]


def test_the_threshold_itself_does_not_warn() -> None:
    x = torch.zeros(1, 100)
    x[0, 0] = 99.0
    model = torch.nn.Sequential(nn.Quantize(P(8, 4)))
    assert summarize(model, x).warnings == ()
    x[0, 1] = 99.0
    assert len(summarize(model, x).warnings) == 1


def test_a_table_for_a_terminal() -> None:
    inner: torch.nn.Module = torch.nn.Sequential(nn.Linear(6, 3, weight=Affine(1 / 300, 0, 8), gradient=G))
    for _ in range(12):
        inner = torch.nn.ModuleDict({"quite_long": inner})["quite_long"]
        holder = torch.nn.Module()
        holder.add_module("quite_a_long_name", inner)
        inner = holder
    path = ".".join(["quite_a_long_name"] * 12 + ["0"])

    class Deep(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.entry = nn.Quantize(Affine(0.0312345678, -3, 8))
            self.deep = inner

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.deep.get_submodule(path)(self.entry(x))  # type: ignore[no-any-return]

    summary = summarize(Deep(), POINTS, lambda y: y.sum())
    lines = str(summary).splitlines()
    assert max(map(len, lines)) <= 120
    assert len({line.rindex(" ") for line in lines[2:4]}) == 1
    assert any("affine<8,0.03123,-3>" in line for line in lines)
    assert any("long_name.0  grad activation" in line for line in lines)
    assert find(summary, f"deep.{path}", "gradient weight").slot == "gradient weight"
    plain = str(summarize(network().eval(), IMAGES))
    assert plain.splitlines()[0].split() == [
        "module", "slot", "format", "low", "high", "used", "satur.", "zero", "undfl.", "SQNR"
    ]  # fmt: skip


def test_as_json() -> None:
    model = torch.nn.Sequential(nn.Quantize(P(8, 5)), nn.Linear(6, 3, output=Affine(0.03, 5, 8)))
    summary = summarize(model, torch.zeros(2, 6))
    stored = json.loads(json.dumps(summary.to_json(), allow_nan=False))
    first = stored["rows"][0]
    assert (first["module"], first["slot"], first["format"], first["sqnr_db"], first["exact"]) == (
        "0", "output", "fixed<8,5>", None, True
    )  # fmt: skip
    assert stored["rows"][1]["sqnr_db"] == find(summary, "1").sqnr_db
    assert stored["threshold"] == 0.01
    assert " exact" in str(summary)


def test_rows_by_module_and_slot() -> None:
    summary = summarize(network().eval(), IMAGES)
    assert [row.slot for row in summary.select("5")] == ["output", "weight", "bias"]
    assert [row.module for row in summary.select(slot="weight")] == ["1", "5"]
    many = torch.nn.Sequential(*(nn.Quantize(P(8, 4)) for _ in range(11)), torch.nn.Sequential(nn.Quantize(P(8, 4))))
    assert [row.module for row in summarize(many, POINTS).select("1")] == ["1"]
    assert [row.module for row in summarize(many, POINTS).select("11")] == ["11.0"]
    with pytest.raises(CreatorError, match=r"no row has module='2' and slot=None .*modules are 0, 1, 5, 6"):
        summary.select("2")


def test_batches_as_loaders_give_them() -> None:
    model = trained()
    expected = summarize(model, POINTS).rows
    for batch in ((POINTS, TARGETS), [POINTS, TARGETS], {"x": POINTS, "y": TARGETS}, [{"x": (POINTS,)}]):
        assert summarize(model, batch).rows == expected


def broken(change: str) -> torch.nn.Sequential:
    model = network().eval()
    with torch.no_grad():
        owner, name = change.split(".")
        getattr(model[int(owner)], name).view(-1)[0] = math.nan if name != "bias" else math.inf
    return model


@pytest.mark.parametrize("change", ["1.weight", "1.bias", "2.running_var", "2.weight", "5.weight"])
def test_parameters_that_are_not_finite(change: str) -> None:
    owner, name = change.split(".")
    with pytest.raises(CreatorError, match=rf"^{owner}: its {name} is NaN or infinite"):
        summarize(broken(change), IMAGES)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_batches_that_are_not_finite(bad: float) -> None:
    x = IMAGES.clone()
    x[0, 0, 0, 0] = bad
    with pytest.raises(CreatorError, match=r"^0: its output is NaN or infinite before it is quantized"):
        summarize(network(), x)


@pytest.mark.parametrize(
    ("model", "batch", "message"),
    [
        (trained(), torch.zeros(0, 6), "^0: its output has no elements"),
        (trained(), "text", "a batch is str, not a tensor"),
        (3, POINTS, "expected a torch.nn.Module, got int"),
        (torch.nn.Linear(6, 2), POINTS, "the model has no layer of creator.nn"),
        (trained(), torch.ones(4, 7), "^1: fails on the batch: "),
        (torch.nn.Sequential(nn.Quantize(P(8, 4)), nn.BatchNorm1d(5)), POINTS, r"^1: expected|^1: BatchNorm1d\(5\) gets 6"),
        (torch.nn.Sequential(nn.Quantize()), POINTS, "^0: Quantize has no format yet"),
        (torch.nn.Sequential(nn.Lookup(torch.log, P(8, 4))), POINTS, "^0: its output is NaN or infinite"),
        (torch.nn.Sequential(nn.Linear(6, 2), nn.BatchNorm1d(2)), POINTS[:1], "^1: fails on the batch: Expected more than 1"),
    ],
)
def test_what_cannot_be_summarized(model: Any, batch: Any, message: str) -> None:
    with pytest.raises(CreatorError, match=message):
        summarize(model, batch)


def test_thresholds_and_models_that_cannot_be_copied() -> None:
    with pytest.raises(CreatorError, match="threshold=2 is not between"):
        summarize(trained(), POINTS, threshold=2)

    class Uncopied(torch.nn.Sequential):
        def __deepcopy__(self, memo: Any) -> Any:
            raise RuntimeError("no copies")

    with pytest.raises(CreatorError, match="Uncopied: cannot be copied: no copies"):
        summarize(Uncopied(nn.Quantize(P(8, 4))), POINTS)


def test_a_layer_by_itself() -> None:
    summary = summarize(nn.Linear(6, 3), POINTS)
    assert {row.module for row in summary.rows} == {"Linear"}


def test_models_in_other_types() -> None:
    model, _ = pair()
    expected = summarize(model, POINTS.new_ones(3, 10))
    assert summarize(copy.deepcopy(model).double(), torch.ones(3, 10, dtype=torch.float64)).rows == expected.rows
    assert summarize(copy.deepcopy(model).bfloat16(), torch.ones(3, 10)).rows[0] == expected.rows[0]
