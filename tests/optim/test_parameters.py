"""Which parameters are chosen, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from creator import CreatorError, FixedPoint, Rounding
from creator.optim import QuantizedOptimizer
from tests.optim.models import BIAS, WEIGHT, OnGrid, model

NAN, INF = float("nan"), float("inf")


def sgd(*parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(list(parameters), lr=0.1)


def kept(optimizer: QuantizedOptimizer) -> dict[int, FixedPoint]:
    return {id(p): grid.format for grid in optimizer._grids for p in grid.parameters}


def test_one_format_for_all_a_dict_or_a_model() -> None:
    a, b, c = (torch.nn.Parameter(torch.zeros(2)) for _ in range(3))
    assert kept(QuantizedOptimizer(sgd(a, b), WEIGHT)) == {id(a): WEIGHT, id(b): WEIGHT}
    assert kept(QuantizedOptimizer(sgd(a, b), {a: BIAS, c: WEIGHT})) == {id(a): BIAS}
    net = model()
    expected = {id(net[0].weight): WEIGHT, id(net[0].bias): BIAS, id(net[3].weight): WEIGHT}
    assert kept(QuantizedOptimizer(sgd(*net.parameters()), net)) == expected
    assert kept(QuantizedOptimizer(sgd(net[0].weight), net)) == {id(net[0].weight): WEIGHT}


def test_subclasses_parametrized_weights_and_buffers() -> None:
    class Special(OnGrid):
        def parameter_formats(self) -> dict[str, FixedPoint]:
            return {**super().parameter_formats(), "mean": WEIGHT, "nothing": WEIGHT}

    layer = Special(2, 2)
    layer.register_buffer("mean", torch.zeros(2))
    assert set(kept(QuantizedOptimizer(sgd(*layer.parameters()), layer))) == {id(layer.weight), id(layer.bias)}
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", torch.nn.Identity())
    assert set(kept(QuantizedOptimizer(sgd(*layer.parameters()), layer))) == {id(layer.bias)}


def test_layers_that_share_a_parameter_need_the_same_format() -> None:
    class Other(OnGrid):
        def parameter_formats(self) -> dict[str, FixedPoint]:
            return {"weight": BIAS}

    net = torch.nn.Sequential(OnGrid(2, 2), Other(2, 2))
    net[1].weight = net[0].weight
    with pytest.raises(
        CreatorError, match=r"1\.weight: its format is fixed<9,9,symmetric>, but as 0\.weight it has fixed<6,7>"
    ):
        QuantizedOptimizer(sgd(*net.parameters()), net)


def test_biases_that_are_not_there_share_nothing() -> None:
    first, second = OnGrid(2, 2, bias=False), OnGrid(2, 2, bias=False)
    second.parameter_formats = lambda: {"weight": WEIGHT, "bias": WEIGHT}  # type: ignore[method-assign]
    net = torch.nn.Sequential(first, second)
    assert len(kept(QuantizedOptimizer(sgd(*net.parameters()), net))) == 2


@pytest.mark.parametrize("formats", ["fixed<8,4>", None, 8, [WEIGHT], {"0.weight": WEIGHT}])
def test_what_chooses_no_formats(formats: Any) -> None:
    with pytest.raises(CreatorError, match=r"^formats: .*pass a model with creator layers"):
        QuantizedOptimizer(sgd(torch.nn.Parameter(torch.zeros(1))), formats)


def test_formats_of_another_kind() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(CreatorError, match=r"formats: 8 is not a FixedPoint"):
        QuantizedOptimizer(sgd(parameter), {parameter: 8})  # type: ignore[dict-item]
    layer = OnGrid(1, 1)
    layer.parameter_formats = lambda: {"weight": "8"}  # type: ignore[assignment,method-assign,dict-item]
    with pytest.raises(CreatorError, match=r"0\.weight: '8' is not a FixedPoint"):
        QuantizedOptimizer(sgd(layer.weight), torch.nn.Sequential(layer))


def test_a_model_without_formats_or_another_model() -> None:
    for other in (torch.nn.Linear(2, 2), OnGrid(2, 2)):
        with pytest.raises(CreatorError, match="no parameter of the optimizer has a format"):
            QuantizedOptimizer(sgd(*OnGrid(2, 2).parameters()), other)


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_values_that_are_not_finite_are_refused_by_name(bad: float) -> None:
    net = model()
    before = net[0].weight.detach().clone()
    with torch.no_grad():
        net[3].weight[1, 2] = bad
    with pytest.raises(CreatorError, match=r"^3\.weight: is NaN or infinite \(hint: training diverged"):
        QuantizedOptimizer(sgd(*net.parameters()), net)
    assert torch.equal(before, net[0].weight), "nothing is changed before everything is checked"
    named = torch.optim.SGD([("first", torch.nn.Parameter(torch.tensor(bad)))], lr=0.1)
    with pytest.raises(CreatorError, match=r"^first: is NaN or infinite"):
        QuantizedOptimizer(named, WEIGHT)


def test_nan_stays_and_check_names_it() -> None:
    net = model()
    optimizer = QuantizedOptimizer(sgd(*net.parameters()), net, master=True)
    optimizer.check()
    net[3].weight.grad = torch.zeros(3, 8)
    net[3].weight.grad[0, 0] = NAN
    optimizer.step()
    assert net[3].weight.isnan().sum() == 1
    with pytest.raises(CreatorError, match=r"3\.weight: is NaN or infinite"):
        optimizer.check()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: torch.zeros(2, dtype=torch.int32), "torch.int32 cannot be kept on the grid"),
        (lambda: torch.zeros(2, dtype=torch.complex64), "torch.complex64 cannot be kept on the grid"),
        (lambda: torch.zeros(2).to_sparse(), "its layout is torch.sparse_coo"),
        (lambda: torch.zeros(2, dtype=torch.float8_e4m3fn), "torch.float8_e4m3fn cannot be kept"),
    ],
)
def test_tensors_that_cannot_be_kept_on_a_grid(make: Any, what: str) -> None:
    with pytest.raises(CreatorError, match=f"parameter 0 of group 0: {what}"):
        QuantizedOptimizer(sgd(make()), WEIGHT)


def test_more_tensors_that_cannot_be_kept_on_a_grid() -> None:
    leaf = torch.zeros(2, requires_grad=True)
    computed = leaf * 2
    computed.retain_grad()
    with pytest.raises(CreatorError, match="is computed from other tensors"):
        QuantizedOptimizer(sgd(computed), WEIGHT)
    with torch.inference_mode():
        made = torch.zeros(2)
    with pytest.raises(CreatorError, match="was made in inference mode"):
        QuantizedOptimizer(sgd(made), WEIGHT)
    with pytest.raises(CreatorError, match=r"torch.float16 cannot hold the values of fixed<18,0>"):
        QuantizedOptimizer(sgd(torch.zeros(2, dtype=torch.float16)), FixedPoint(18, 0))
    with pytest.raises(CreatorError, match=r"torch.float16 cannot hold the values of fixed<8,25>"):
        QuantizedOptimizer(sgd(torch.zeros(2, dtype=torch.float16)), FixedPoint(8, 25))


def test_optimizers_that_cannot_be_wrapped() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    wrapped = QuantizedOptimizer(sgd(parameter), WEIGHT)
    for bad in (torch.optim.SGD, None, wrapped, [parameter]):
        with pytest.raises(CreatorError, match=r"QuantizedOptimizer: .* cannot be wrapped"):
            QuantizedOptimizer(bad, WEIGHT)  # type: ignore[arg-type]
    with pytest.raises(CreatorError, match="a differentiable optimizer cannot be wrapped"):
        QuantizedOptimizer(torch.optim.SGD([parameter], lr=0.1, differentiable=True), WEIGHT)


@pytest.mark.parametrize("momentum", [8, "8", {"exp_avg": 8}, True])
def test_momentum_of_another_kind(momentum: Any) -> None:
    with pytest.raises(CreatorError, match=r"momentum=.* is no format"):
        QuantizedOptimizer(sgd(torch.nn.Parameter(torch.zeros(1))), WEIGHT, momentum=momentum)


def test_momentum_that_the_dtype_cannot_hold() -> None:
    half = torch.nn.Parameter(torch.zeros(1, dtype=torch.float16))
    with pytest.raises(CreatorError, match="cannot hold the values"):
        QuantizedOptimizer(sgd(half), WEIGHT, momentum={"momentum_buffer": FixedPoint(20, 0)})


def test_unknown_rounding() -> None:
    with pytest.raises(CreatorError, match="unknown rounding 'up'"):
        QuantizedOptimizer(sgd(torch.nn.Parameter(torch.zeros(1))), WEIGHT, rounding="up")  # type: ignore[arg-type]
    optimizer = QuantizedOptimizer(sgd(torch.nn.Parameter(torch.zeros(1))), WEIGHT, rounding="floor")  # type: ignore[arg-type]
    assert optimizer.rounding is Rounding.FLOOR
    assert repr(optimizer).startswith("QuantizedOptimizer(SGD (")
    assert repr(optimizer).endswith("floor, master=False)")
