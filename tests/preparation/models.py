"""Floating-point models to prepare."""

from collections import OrderedDict

import torch
import torch.nn.functional as F


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def mlp(norm=False, bias=True):
    torch.manual_seed(0)
    layers = {"flat": torch.nn.Flatten(), "first": torch.nn.Linear(12, 8, bias)}
    layers |= {"norm": torch.nn.BatchNorm1d(8)} if norm else {}
    layers |= {"relu": torch.nn.ReLU(), "drop": torch.nn.Dropout(0.1), "second": torch.nn.Linear(8, 6)}
    layers |= {"relu2": torch.nn.ReLU(), "last": torch.nn.Linear(6, 3)}
    return torch.nn.Sequential(OrderedDict(layers))


class Functional(torch.nn.Module):
    """Activations as functions and methods, a nested module, a shape that is computed."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.body = torch.nn.Sequential(torch.nn.Linear(12, 8), torch.nn.BatchNorm1d(8))
        self.head = torch.nn.ModuleDict({"last": torch.nn.Linear(8, 3)})

    def forward(self, x):
        x = self.body(x.reshape(x.shape[0], -1))
        x = F.dropout(F.relu(x), 0.1, self.training)
        return torch.sigmoid(self.head["last"](x))


def convnet():
    torch.manual_seed(2)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1, bias=False), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Conv2d(4, 4, 3, 2, groups=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 3),
    )  # fmt: skip


def batch(seed=3, size=64):
    return torch.randn(size, 3, 4, generator=seeded(seed))


def images(seed=3, size=32):
    return torch.randn(size, 1, 6, 6, generator=seeded(seed))


def settle(model, x):
    """Gives normalisations statistics of their own."""
    model.train()
    with torch.no_grad():
        for _ in range(20):
            model(x)
    return model.eval()
