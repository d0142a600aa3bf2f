"""Normalisations that ``creator.prepare`` folds into no layer."""

import copy

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, nn
from creator.graph.vectors import check_vectors
from creator.preparation import (
    QConfig,
    QConfigMapping,
    default_affine_qconfig,
    default_lsq_qconfig,
    default_per_channel_qconfig,
    default_qconfig,
    default_tqt_qconfig,
)
from tests.preparation.models import seeded, settle

CONFIGS = [default_qconfig, default_tqt_qconfig, default_affine_qconfig, default_lsq_qconfig, default_per_channel_qconfig]


class Everywhere(torch.nn.Module):
    """Normalisations first, behind a pool, behind a sum, behind an activation, twice, and of a layer that two read.

    ``sums``: whether there are sums, which have no arbitrary scales.
    """

    def __init__(self, sums: bool) -> None:
        super().__init__()
        self.sums = sums
        torch.manual_seed(4)
        self.first, self.pool, self.pooled = torch.nn.BatchNorm2d(2), torch.nn.MaxPool2d(2), torch.nn.BatchNorm2d(2)
        self.conv, self.folded = torch.nn.Conv2d(2, 2, 3, padding=1), torch.nn.BatchNorm2d(2)
        self.again, self.summed = torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2, affine=False)
        self.shared, self.elsewhere = torch.nn.Conv2d(2, 2, 1), torch.nn.BatchNorm2d(2)
        self.flat = torch.nn.BatchNorm1d(8)

    def forward(self, x):
        x = self.pooled(self.pool(self.first(x)))
        y = self.again(self.folded(self.conv(x)))
        x = torch.relu(self.summed(x + y if self.sums else y))
        y = self.shared(x)
        x = torch.relu(self.elsewhere(y)) + y if self.sums else self.elsewhere(y)
        return self.flat(x.flatten(1))


def images(seed=3, size=40):
    return torch.randn(size, 2, 4, 4, generator=seeded(seed)) * torch.tensor([1.0, 0.3])[:, None, None] + 0.2


@pytest.mark.parametrize("config", CONFIGS, ids=["power of two", "tqt", "affine", "lsq", "per channel"])
def test_normalisations_everywhere(config):
    sums = CONFIGS.index(config) < 2
    model = settle(Everywhere(sums), images())
    prepared = creator.prepare(model, images(), config)
    norms = {path: module for path, module in prepared.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert {path for path, norm in norms.items() if not norm.alone} == {"folded", *([] if sums else ["elsewhere"])}
    assert norms["summed"].rectifies
    creator.calibrate(prepared, [images()])
    with torch.no_grad():
        assert (prepared.eval()(images()) - model(images())).abs().mean() < 0.2  # the first steps of LSQ are coarse
    optimizer = torch.optim.Adam(prepared.train().parameters(), 0.001)
    for _ in range(3):
        optimizer.zero_grad()
        prepared(images()).square().mean().backward()
        optimizer.step()
    fixed = creator.convert(prepared).eval()
    graph = creator.trace(fixed, (2, 4, 4))
    names = [node.op.name for node in graph.nodes]
    assert names.count("conv") == (8 if sums else 7)
    x = check_vectors(graph, 20, seed=1)
    with torch.no_grad():
        y = fixed(torch.from_numpy(graph.input_format.from_integers(x)).float()).double().numpy()
    assert np.array_equal(graph.output_format.from_integers(graph.run(x)), y)


def test_statistics_move_in_training_as_those_of_torch():
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2))
    wide = QConfig(FixedPoint(24, 16), FixedPoint(24, 18))
    prepared = creator.prepare(copy.deepcopy(model).train(), torch.zeros(2, 3), wide).train()
    for step in range(4):
        x = torch.randn(16, 3, generator=seeded(step)) + 1
        torch.testing.assert_close(prepared(x), model.train()(x), rtol=0, atol=1e-3)
    torch.testing.assert_close(prepared.get_buffer("0.running_var"), model[0].running_var, rtol=1e-3, atol=1e-3)


def test_its_configuration_is_that_of_its_own_name():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.BatchNorm1d(4))
    own = QConfig(FixedPoint(6, 3), FixedPoint(5, 2), FixedPoint(9, 6), 20)
    mapping = QConfigMapping(QConfig(FixedPoint(8, 4), FixedPoint(8, 6)))
    norm = creator.prepare(model, torch.zeros(2, 3), mapping.set_object_type(torch.nn.BatchNorm1d, own)).get_submodule("2")
    assert (norm.output_format, norm.weight_format, norm.bias_format) == (FixedPoint(6, 3), FixedPoint(5, 2), FixedPoint(9, 6))
    assert (norm.accumulator, norm.where) == (20, "2")


def test_one_without_statistics_is_refused():
    model = torch.nn.Sequential(torch.nn.BatchNorm1d(4, track_running_stats=False), torch.nn.Linear(4, 2))
    with pytest.raises(CreatorError, match=r"^0: it has no running statistics"):
        creator.prepare(model, torch.zeros(2, 4))
