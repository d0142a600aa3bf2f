"""A ResNet-18 (He et al. 2016, "Deep residual learning for image recognition") from the blocks of plain torch or of creator.

Needs torch, and creator for its own version. ReLU is an unsigned output format there, also after the additions.
"""

from __future__ import annotations

import torch
from training_others import BITS, FRACTION, WEIGHT_FRACTION

WIDTHS = (64, 128, 256, 512)
CLASSES = 1000
IMAGE = (3, 224, 224)


class PlainBlocks:
    """What the network is made of, in plain torch."""

    def entry(self) -> torch.nn.Module:
        """At the network's input."""
        return torch.nn.Identity()

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int, relu: bool) -> torch.nn.Module:
        """Convolution, batch normalisation and, if asked for, ReLU."""
        conv = torch.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        return torch.nn.Sequential(conv, torch.nn.BatchNorm2d(outputs), *[torch.nn.ReLU(inplace=True)] * relu)

    def after_sum(self) -> torch.nn.Module:
        """On a residual sum."""
        return torch.nn.ReLU(inplace=True)

    def after_pool(self) -> torch.nn.Module:
        """On the average that the last layer gets."""
        return torch.nn.Identity()

    def linear(self, inputs: int, outputs: int) -> torch.nn.Module:
        """The last layer."""
        return torch.nn.Linear(inputs, outputs)


class CreatorBlocks(PlainBlocks):
    """The same from creator's layers, everything with 8 bits; the normalisation is folded into the convolution."""

    def __init__(self) -> None:
        from creator import FixedPoint, nn

        self.nn = nn
        self.weight, self.signed = FixedPoint(BITS, WEIGHT_FRACTION), FixedPoint(BITS, FRACTION)
        self.unsigned = FixedPoint(BITS, FRACTION, signed=False)

    def entry(self) -> torch.nn.Module:
        """Defines the input's format."""
        return self.nn.Quantize(self.signed)

    def conv(self, inputs: int, outputs: int, kernel: int, stride: int, relu: bool) -> torch.nn.Module:
        """The output's format is unsigned where there is ReLU."""
        formats = {"weight": self.weight, "output": self.unsigned if relu else self.signed}
        conv = self.nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, **formats)
        norm = self.nn.BatchNorm2d(outputs)
        conv.fuse(norm)
        return torch.nn.Sequential(conv, norm)

    def after_sum(self) -> torch.nn.Module:
        """The sum has a bit more than its terms: one rounding, ReLU in it."""
        return self.nn.Quantize(self.unsigned)

    def after_pool(self) -> torch.nn.Module:
        """The average lies on a finer grid than its terms."""
        return self.nn.Quantize(self.unsigned)

    def linear(self, inputs: int, outputs: int) -> torch.nn.Module:
        """Logits have 8 bits as well."""
        return self.nn.Linear(inputs, outputs, weight=self.weight, output=self.signed)


class Residual(torch.nn.Module):
    """Two convolutions 3x3, and around them the input, or where shapes differ a convolution 1x1 of it."""

    def __init__(self, blocks: PlainBlocks, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        first = blocks.conv(inputs, outputs, 3, stride, relu=True)
        self.body = torch.nn.Sequential(first, blocks.conv(outputs, outputs, 3, 1, relu=False))
        same = stride == 1 and inputs == outputs
        self.around = torch.nn.Identity() if same else blocks.conv(inputs, outputs, 1, stride, relu=False)
        self.after_sum = blocks.after_sum()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height / stride, width / stride)."""
        return self.after_sum(self.body(x) + self.around(x))


def resnet(blocks: PlainBlocks, widths: tuple[int, ...] = WIDTHS, classes: int = CLASSES) -> torch.nn.Module:
    """The network, in training mode and channels_last."""
    stages: list[torch.nn.Module] = []
    inputs = widths[0]
    for number, outputs in enumerate(widths):
        stages += [Residual(blocks, inputs, outputs, 2 if number else 1), Residual(blocks, outputs, outputs, 1)]
        inputs = outputs
    model = torch.nn.Sequential(
        blocks.entry(),
        blocks.conv(IMAGE[0], widths[0], 7, 2, relu=True),
        torch.nn.MaxPool2d(3, 2, 1),
        *stages,
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        blocks.after_pool(),
        blocks.linear(inputs, classes),
    )
    return model.to(memory_format=torch.channels_last).train()


class InLowPrecision(torch.nn.Module):
    """``model`` under autocast to ``dtype``, its logits in float32; ``None`` leaves it in float32."""

    def __init__(self, model: torch.nn.Module, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.model, self.dtype = model, dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits."""
        with torch.autocast(x.device.type, self.dtype, enabled=self.dtype is not None):
            return self.model(x).float()
