"""A network of inverted residuals with squeeze-and-excite, in floating point, through ``creator.prepare``."""

import numpy as np
import pytest
import torch
from torch import nn

import creator
from creator.graph.vectors import check_vectors
from creator.preparation import default_affine_qconfig, default_qconfig, default_tqt_qconfig
from tests.preparation.models import seeded, settle


class Excite(nn.Module):
    """As torchvision's ``SqueezeExcitation`` computes."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.avgpool, self.activation, self.scale_activation = nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Hardsigmoid()
        self.fc1, self.fc2 = nn.Conv2d(channels, 2, 1), nn.Conv2d(2, channels, 1)

    def forward(self, x):
        return self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x))))) * x


class Inverted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Hardswish())
        self.block = nn.Sequential(
            nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False), nn.BatchNorm2d(4), nn.ReLU(), Excite(4),
            nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4),
        )  # fmt: skip
        self.norm, self.head = nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.stem(x)
        return self.head(torch.relu(self.norm(x + self.block(x))).mean((2, 3)))


CONFIGS = {"8 bits": default_qconfig, "tqt": default_tqt_qconfig, "affine": default_affine_qconfig}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_squeeze_and_excite(config) -> None:
    x = torch.randn(32, 2, 4, 4, generator=seeded(1))
    model = settle(Inverted(), x)
    prepared = creator.prepare(model, x, config)
    creator.calibrate(prepared, [x])
    fixed = creator.convert(prepared).eval()
    assert (fixed(x) - model(x)).abs().mean() < 0.1
    graph = creator.trace(fixed, (2, 4, 4))
    names = [node.op.name for node in graph.nodes]
    assert (names.count("upsample"), names.count("multiply"), names.count("permute")) == (1, 1, 1)
    codes = check_vectors(graph, 20, seed=1)
    with torch.no_grad():
        y = fixed(torch.from_numpy(graph.input_format.from_integers(codes)).float()).double().numpy()
    assert np.array_equal(graph.output_format.from_integers(graph.run(codes)), y)
