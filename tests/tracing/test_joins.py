"""Sums, products, concatenations and parts in ``forward``: the graph computes what PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.affine import Affine
from creator.graph.vectors import check_vectors

F = FixedPoint
Body = Callable[["Branching", torch.Tensor], torch.Tensor]


class Branching(torch.nn.Module):
    """A network whose forward is given."""

    def __init__(self, body: Body, **layers: torch.nn.Module) -> None:
        super().__init__()
        self.entry, self.body = nn.Quantize(F(8, 4)), body
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(self, self.entry(x))


def traced(body: Body, shape: tuple[int, ...] = (6,), **layers: torch.nn.Module) -> creator.Graph:
    """The graph, which gives what the model gives."""
    torch.manual_seed(3)
    model = Branching(body, **layers).eval()
    graph = creator.trace(model, shape)
    x = check_vectors(graph, 60, seed=4)
    with torch.no_grad():
        y = model(torch.from_numpy(graph.input_format.from_integers(x)).float())
    assert np.array_equal(graph.output_format.from_integers(graph.run(x)), y.double().numpy())
    return graph


def operations(graph: creator.Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def layer(n: int = 6, m: int = 6) -> nn.Linear:
    return nn.Linear(n, m, output=F(8, 4))


def conv(n: int, m: int) -> nn.Conv2d:
    return nn.Conv2d(n, m, 3, padding=1, weight=F(6, 5), output=F(8, 4))


@pytest.mark.parametrize(
    ("body", "output"),
    [
        (lambda s, x: x + s.fc(x), F(9, 4)),
        (lambda s, x: s.fc(x) - x, F(9, 4)),
        (lambda s, x: torch.add(x, s.fc(x)), F(9, 4)),
        (lambda s, x: torch.add(x, other=s.fc(x)), F(9, 4)),
        (lambda s, x: x.add(s.fc(x)), F(9, 4)),
        (lambda s, x: s.fc(x).sub_(x), F(9, 4)),
        (lambda s, x: x + torch.relu(x), F(9, 4)),
        (lambda s, x: x * s.fc(x), F(16, 8)),
        (lambda s, x: torch.mul(x, x), F(16, 8)),
        (lambda s, x: x - x, F(9, 4)),
        (lambda s, x: s.coarse(x) + x, F(9, 4)),
        (lambda s, x: s.finer(x) - x, F(13, 8)),
        (lambda s, x: s.plain(x) * s.plain(x), F(12, 8, signed=False)),
        (lambda s, x: s.plain(x) + s.plain(x), F(7, 4, signed=False)),
    ],
)
def test_plain_arithmetic_is_exact(body: Body, output: FixedPoint) -> None:
    changes = {"coarse": nn.Quantize(F(6, 2)), "finer": nn.Quantize(F(8, 8)), "plain": nn.Quantize(F(6, 4, signed=False))}
    graph = traced(body, fc=layer(), **changes)
    assert graph.output_format == output


def test_a_change_of_format_takes_the_place_of_the_exact_sum() -> None:
    graph = traced(lambda s, x: torch.relu(s.out(x + s.fc(x))), fc=layer(), out=nn.Quantize(F(6, 2)))
    assert operations(graph) == ["linear", "add"]
    assert graph.nodes[-1].paths == ("add", "out", "relu")
    assert graph.intervals[graph.output].low == 0


@pytest.mark.parametrize("kind", [nn.Add, nn.Subtract, nn.Multiply])
def test_layers_round_once(kind: type[torch.nn.Module]) -> None:
    graph = traced(lambda s, x: s.join(s.finer(x), s.fc(x)), fc=layer(), join=kind(F(5, 1)), finer=nn.Quantize(F(9, 7)))
    assert graph.output_format == F(5, 1)
    assert operations(graph)[-1] == ("multiply" if kind is nn.Multiply else "add")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (lambda s, x: torch.cat([x, s.fc(x)], 1), ["linear", "concatenate"]),
        (lambda s, x: torch.cat((s.fc(x), x, x), dim=-1), ["linear", "concatenate", "concatenate"]),
        (lambda s, x: s.cat(x, s.fc(x)), ["linear", "concatenate"]),
        (lambda s, x: torch.cat([x], 1), []),
        (lambda s, x: x[:, 1:4], ["slice"]),
        (lambda s, x: x[..., :2] + x[..., 4:], ["slice", "slice", "add"]),
        (lambda s, x: x.narrow(1, 2, 3), ["slice"]),
        (lambda s, x: torch.narrow(x, dim=-1, start=-2, length=2), ["slice"]),
        (lambda s, x: x.chunk(3, 1)[2] + x.chunk(3, 1)[0], ["slice", "slice", "add"]),
        (lambda s, x: x.split([1, 5], 1)[1], ["slice"]),
        (lambda s, x: torch.split(x, 4, dim=-1)[1], ["slice"]),
        (lambda s, x: x[:, :], []),
        (lambda s, x: x[:, None, :3].flatten(1), ["slice"]),
        (lambda s, x: x[:, : x.shape[1] // 2] + x[:, x.size(-1) // 2 :], ["slice", "slice", "add"]),
        (lambda s, x: x.split(x.shape[1] // 3, dim=x.dim() - 1)[1], ["slice"]),
        (lambda s, x: x.narrow(1, 0, x.size(1) - 2), ["slice"]),
    ],
)
def test_concatenations_and_parts(body: Body, names: list[str]) -> None:
    graph = traced(body, fc=layer(), cat=nn.Concatenate())
    assert sorted(operations(graph)) == sorted(names) or not {"slice", "concatenate", "add"} & set(operations(graph)) - set(
        names
    )


@pytest.mark.parametrize(
    ("first", "second", "common"),
    [
        (F(8, 4), F(8, 3), F(9, 4)),
        (F(4, 8), F(6, -2), F(16, 8)),
        (F(8, 4, signed=False), F(8, 4), F(9, 4)),
        (F(3, 4, signed=False), F(8, 4), F(8, 4)),
        (F(8, 4, signed=False), F(8, 6, signed=False), F(10, 6, signed=False)),
        (F(30, 4), F(8, 4), F(30, 4)),
    ],
)
def test_a_concatenation_has_the_narrowest_format_that_holds_its_operands(first, second, common) -> None:
    graph = traced(lambda s, x: torch.cat([s.a(x), s.b(x)], 1), a=nn.Quantize(first), b=nn.Quantize(second))
    assert graph.output_format == common


def test_parts_that_are_unpacked() -> None:
    def body(s: Branching, x: torch.Tensor) -> torch.Tensor:
        low, high = x.chunk(2, 1)
        return s.out(s.fc(low), high)

    assert operations(traced(body, fc=layer(3, 3), out=nn.Add(F(8, 4)))) == ["slice", "slice", "linear", "add"]


@pytest.mark.parametrize(
    "body",
    [
        lambda s, x: s.out(s.conv(x), x),
        lambda s, x: s.after(torch.cat([s.conv(x), x], 1)),
        lambda s, x: torch.cat([s.conv(x), x], 2),
        lambda s, x: s.conv(x)[:, 1:] * x[:, :1],
        lambda s, x: s.conv(x)[:, :, 1:3, ::1] + x[:, :, 1:3],
        lambda s, x: s.conv(x).flatten(1)[:, 3:9],
        lambda s, x: torch.cat([s.conv(x).permute(0, 2, 3, 1), x.permute(0, 2, 3, 1)], -1),
        lambda s, x: s.conv(x) + x.flatten(1).view(-1, 2, 4, 4),
        lambda s, x: s.conv(x).transpose(1, x.dim() - 1) + x.permute(0, x.ndim - 1, 2, 1),
    ],
)
def test_axes_of_images_are_followed(body: Body) -> None:
    traced(body, (2, 4, 4), conv=conv(2, 2), after=conv(4, 3), out=nn.Add(F(8, 4)))


GATES = {
    "index": lambda s, x: x * s.gate(x)[..., None, None],
    "index of all axes": lambda s, x: s.gate(x)[:, :, None, None] * x,
    "unsqueeze": lambda s, x: s.out(x, s.gate(x).unsqueeze(-1).unsqueeze(2)),
    "view": lambda s, x: x - s.gate(x).view(-1, 2, 1, 1),
    "sizes": lambda s, x: x * s.gate(x).view(x.size(0), x.size(1), 1, 1),
    "expand_as": lambda s, x: s.gate(x)[..., None, None].expand_as(x) * x,
    "expand": lambda s, x: x + s.gate(x)[..., None, None].expand(-1, -1, 4, 3),
    "expand of one axis": lambda s, x: x + s.gate(x)[..., None, None].expand(-1, -1, 1, 3),
    "broadcast_to": lambda s, x: x + torch.broadcast_to(s.gate(x)[..., None, None], x.shape),
    "convolutions": lambda s, x: s.conv(x) * s.sigmoid(s.pointwise(x.mean((2, 3), keepdim=True))),
    "of a convolution": lambda s, x: s.out(s.sigmoid(s.gate(y := s.conv(x)))[..., None, None], y),
    "maximum": lambda s, x: x + torch.amax(s.conv(x), (2, 3), keepdim=True),
    "both": lambda s, x: x[:, :, :1] + x[:, :, :, :1],
    "channels": lambda s, x: s.conv(x) * s.conv(x)[:, :1],
    "channels of both": lambda s, x: x[:, 1:] * s.gate(x)[..., None, None],
    "columns": lambda s, x: x + torch.amax(s.conv(x), 3, keepdim=True),
    "rows": lambda s, x: x + x[:, :, 2:3],
    "rows and channels": lambda s, x: s.conv(x) + s.conv(x)[:, :1, :1],
    "twice": lambda s, x: s.gate(x)[:, :, None, None] * x + s.gate(x)[:, :1, None, None],
    "then flat": lambda s, x: (x * s.gate(x)[..., None, None]).flatten(1) + x.flatten(1),
}


@pytest.mark.parametrize("name", GATES)
def test_one_element_along_an_axis_is_repeated(name: str) -> None:
    gate = torch.nn.Sequential(torch.nn.AdaptiveMaxPool2d(1), torch.nn.Flatten(), nn.Linear(2, 2, output=F(8, 4)))
    layers = {"gate": gate, "conv": conv(2, 2), "pointwise": nn.Conv2d(2, 2, 1, output=F(6, 3)), "sigmoid": nn.Sigmoid(F(6, 5))}
    graph = traced(GATES[name], (2, 4, 3) if name != "convolutions" else (2, 4, 4), out=nn.Multiply(F(8, 4)), **layers)
    found = operations(graph)
    assert "upsample" in found
    assert found.count("permute") <= 2, "an exchange of axes within the network"


def test_rows_and_features_are_repeated() -> None:
    assert "upsample" in operations(traced(lambda s, x: x * x[:, :1]))
    assert "upsample" in operations(traced(lambda s, x: s.out(x, x.mean(2, keepdim=True)), (3, 4), out=nn.Subtract(F(6, 3))))
    assert traced(lambda s, x: x[:, :, None] * x[:, None]).output_shape == (6, 6)


def test_a_value_that_a_normalised_layer_and_another_one_read() -> None:
    def body(s: Branching, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(s.norm(s.fc(x)))
        return s.out(s.last(y), y)

    graph = traced(body, fc=layer(), norm=nn.BatchNorm1d(6), last=layer(), out=nn.Add(F(8, 4)))
    assert operations(graph) == ["linear", "linear", "add"]


def test_an_index_along_an_axis() -> None:
    graph = traced(lambda s, x: x[:, 2] + x[:, 0], (3, 4))
    assert graph.output_shape == (4,)


@pytest.mark.parametrize(
    ("branch", "where", "what"),
    [
        (lambda x: x @ x.t(), "t", "not supported"),
        (lambda x: x + x[:, :2], "add", "fails on an input"),
        (lambda x: x[:, :3] + x[:, :3, None], "add", "shapes (3,) and (3, 1), and torch aligns the last axes"),
        (lambda x: x[:, :1].expand(4, -1, 3), "expand", "mixes the batch"),
        (lambda x: x[:, :1].expand(2, -1, -1), "expand", "mixes the batch"),
        (lambda x: torch.add(x, x, alpha=2), "add", "these arguments are not supported"),
        (lambda x: torch.add(x, x, out=torch.zeros(3, 4)), "add", "these arguments are not supported"),
        (lambda x: torch.cat([x, x]), "cat", "dim=0 is not an axis of a sample"),
        (lambda x: torch.cat([x, torch.zeros(3, 4)], 1), "cat", "an operand that is no value of the network"),
        (lambda x: torch.cat([x, x[:, None]], -1), "cat", "fails on an input"),
        (lambda x: x.split(1)[0], "split", "mixes the batch with other axes"),
        (lambda x: x[1:], "getitem", "mixes the batch with other axes"),
        (lambda x: x[0], "getitem", "the batch"),
        (lambda x: x.narrow(0, 0, 1), "narrow", "these arguments are not supported"),
        (lambda x: x.view(-1, 2, 2)[:, 0, [1, 0]], "getitem", "the index [1, 0] is not supported"),
    ],
)
def test_what_is_refused(branch: Callable[[torch.Tensor], torch.Tensor], where: str, what: str) -> None:
    with pytest.raises(CreatorError) as info:
        creator.trace(Branching(lambda s, x: branch(x)), 4)
    assert str(info.value).startswith(f"{where}: ")
    assert what in str(info.value)
    assert "hint" in str(info.value) or "fails on" in str(info.value)


@pytest.mark.parametrize(
    ("layer", "formats", "message"),
    [
        (nn.Concatenate(), (F(40, 4), F(40, 30)), "its operands have the formats .*, and one for all needs 66 bits"),
        (nn.Concatenate(1, Affine(0.3)), (F(8, 4), F(8, 4)), "it has an arbitrary scale, and does not know .*creator.convert"),
        (nn.Multiply(F(8, 4)), (F(30, 4), F(30, 4)), "its products need 60 bits, more than 52"),
        (nn.Add(F(8, 4)), (F(40, 4), F(40, 40)), r"its sums need 7\d bits, more than 52"),
        (
            nn.Add(Affine(0.3)),
            (F(8, 4), F(8, 4)),
            "it has an arbitrary scale, and does not know that its inputs are .*creator.convert",
        ),
        (nn.Add(), (F(8, 4),) * 3, "takes two values, but gets 3"),
        (nn.Concatenate(), (), "an operand that is no value of the network"),
    ],
    ids=str,
)
def test_layers_that_are_refused(layer: torch.nn.Module, formats: tuple[FixedPoint, ...], message: str) -> None:
    changes = torch.nn.ModuleList(nn.Quantize(fmt) for fmt in formats)
    model = Branching(lambda s, x: s.join(*(change(x) for change in s.changes)), join=layer, changes=changes)
    with pytest.raises(CreatorError, match=rf"^join: {message}"):
        creator.trace(model, 4)
