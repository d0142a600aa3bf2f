"""Training with few bits: gradients and weights lie on their grids, and 8 bits everywhere learn what float32 learns.

The recipe is that of the study in ``docs/training.md``, for fewer epochs.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from creator import CreatorError, FixedPoint
from creator.formats import Rounding
from creator.quantize import Gradients

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import low_precision_recipe as recipe

SEED = 0
EPOCHS = 6
BOUND = 2.0
"""Points; what the study finds for 40 epochs is 1."""


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The order of floating-point sums, and so the result, depends on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def baseline() -> float:
    """Test accuracy in percent of the network in float32."""
    torch.set_num_threads(1)
    return recipe.float_record(recipe.trained_float(SEED, EPOCHS))["accuracy"]


def on_grid(values: torch.Tensor, fmt: FixedPoint) -> bool:
    """Whether all of ``values`` are values of ``fmt``."""
    codes = values.double() * 2.0**fmt.frac_bits
    return bool(((codes == codes.round()) & (codes >= fmt.min_code) & (codes <= fmt.max_code)).all())


@pytest.mark.parametrize("condition", [recipe.NEAREST, recipe.STOCHASTIC, recipe.GRID], ids=lambda one: one.name)
def test_eight_bits_everywhere_learn_digits(condition: recipe.Condition, baseline: float) -> None:
    found = recipe.quantized_record(recipe.trained(condition, 8, SEED, EPOCHS))
    assert baseline > 94
    assert found["accuracy"] >= baseline - BOUND
    assert found["mismatches"] == 0


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("condition", recipe.CONDITIONS[1:], ids=lambda one: one.name)
def test_gradients_of_parameters_lie_on_their_grids(condition: recipe.Condition, bits: int) -> None:
    model, optimizer = recipe.prepared(condition, bits, SEED)
    seen = dict.fromkeys((name for name, _ in model.named_parameters()), 0)

    def look() -> None:
        for layer, module in model.named_children():
            for name, parameter in module.named_parameters():
                fmt = getattr(module.gradient, name)
                assert fmt.total_bits == bits
                assert on_grid(parameter.grad, fmt), (layer, name)
                seen[f"{layer}.{name}"] += int(parameter.grad.count_nonzero())

    recipe.fit(model, optimizer, itertools.islice(recipe.batches(SEED, 1), 12), 100, look)
    assert min(seen.values()) > 0


def test_gradients_that_are_not_quantized_do_not_lie_on_those_grids() -> None:
    model, optimizer = recipe.prepared(recipe.VALUES, 8, SEED)
    formats = recipe.gradient_formats(8, Rounding.HALF_EVEN, torch.Generator(), SEED)

    def look() -> None:
        for layer, chosen in zip(recipe.linears(model), formats, strict=True):
            assert not on_grid(layer.weight.grad, chosen.weight)
            assert not on_grid(layer.bias.grad, chosen.bias)

    recipe.fit(model, optimizer, itertools.islice(recipe.batches(SEED, 1), 3), 100, look)


@pytest.mark.parametrize("rounding", [Rounding.HALF_EVEN, Rounding.STOCHASTIC], ids=str)
def test_gradients_of_activations_lie_on_their_grids(rounding: Rounding) -> None:
    # The bias's gradient is their sum over the batch, exact in float32: at most 32 codes of 8 bits.
    generator = torch.Generator().manual_seed(SEED)
    formats = recipe.gradient_formats(8, rounding, generator, SEED)
    torch.manual_seed(SEED)
    model = recipe.quantized_network(8, [replace(one, weight=None, bias=None) for one in formats])
    seen = 0

    def look() -> None:
        nonlocal seen
        for layer, chosen in zip(recipe.linears(model), formats, strict=True):
            fmt = chosen.activation
            assert on_grid(layer.bias.grad, FixedPoint(fmt.total_bits + 5, fmt.frac_bits))
            seen += int(layer.bias.grad.count_nonzero())

    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.RATE)
    recipe.fit(model, optimizer, itertools.islice(recipe.batches(SEED, 1), 12), 100, look)
    assert seen > 0


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("condition", [recipe.MASTER, recipe.GRID, recipe.GRID_NEAREST], ids=lambda one: one.name)
def test_weights_lie_on_their_grid_between_steps(condition: recipe.Condition, bits: int) -> None:
    model, optimizer = recipe.prepared(condition, bits, SEED)
    start = [parameter.clone() for parameter in model.parameters()]

    def look() -> None:
        assert all(on_grid(parameter, recipe.covering(bits, recipe.PARAMETER)) for parameter in model.parameters())

    recipe.fit(model, optimizer, itertools.islice(recipe.batches(SEED, 1), 24), 100, look)
    look()
    moved = sum(int((old != new).sum()) for old, new in zip(start, model.parameters(), strict=True))
    # The learning rate is at most 0.01, and half a step of 4 bits is 0.0625: rounded to nearest such updates are lost.
    assert (moved == 0) == (condition is recipe.GRID_NEAREST and bits == 4)


@pytest.mark.parametrize("condition", [recipe.STOCHASTIC, recipe.GRID], ids=lambda one: one.name)
def test_a_seed_gives_the_same_network_again(condition: recipe.Condition) -> None:
    models = [recipe.trained(condition, 8, seed, 1) for seed in (SEED, SEED, SEED + 1)]
    first, again, other = (model[1].weight for model in models)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_rule_for_ranges_of_gradients() -> None:
    assert [recipe.exponent(x) for x in (1.0, 1.01, 2.0, 0.5, 0.51, 2.0**-20)] == [0, 1, 1, -1, 0, -20]
    assert recipe.covering(8, -5) == FixedPoint(8, 12)
    assert recipe.covering(8, 2, signed=False) == FixedPoint(8, 6, signed=False)
    for largest in (0.0, float("nan"), float("inf")):
        with pytest.raises(CreatorError, match="largest gradient"):
            recipe.exponent(largest)
    for bits in (8, 4):
        formats = recipe.gradient_formats(bits, Rounding.HALF_EVEN, torch.Generator(), SEED)
        assert len(formats) == 3
        for one in formats:
            assert isinstance(one, Gradients)
            assert {one.activation.total_bits, one.weight.total_bits, one.bias.total_bits} == {bits}
        # The gradient at the scores is (probability - target) / 32, at most 1 / 32 and soon near to it.
        assert formats[-1].activation == recipe.covering(bits, -5)
