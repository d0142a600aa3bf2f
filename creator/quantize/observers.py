"""The observers of ``torch.ao.quantization``, under its names; :mod:`creator.quantize.observer` has their rules."""

from __future__ import annotations

from typing import Any

import torch

from creator.errors import CreatorError
from creator.quantize.granularity import PerAxis
from creator.quantize.histogram import HistogramObserver
from creator.quantize.observer import Observer, Range, RangeObserver, Scheme, arithmetic, number

__all__ = [
    "FixedQParamsObserver",
    "HistogramObserver",
    "MinMaxObserver",
    "MovingAverageMinMaxObserver",
    "MovingAveragePerChannelMinMaxObserver",
    "NoopObserver",
    "Observer",
    "PerChannelMinMaxObserver",
    "PlaceholderObserver",
    "RangeObserver",
    "RecordingObserver",
    "Scheme",
    "default_fixed_qparams_range_0to1_observer",
    "default_fixed_qparams_range_neg1to1_observer",
]


class MinMaxObserver(RangeObserver):
    """Observes the extremes of all batches. ``choices`` are those of :class:`Observer`."""

    def _merge(self, min_val: Range, max_val: Range, low: Range, high: Range) -> tuple[Range, Range]:
        by = arithmetic(low)
        return by.smaller(min_val, low), by.larger(max_val, high)


class MovingAverageMinMaxObserver(RangeObserver):
    """Observes moving averages of the batches' extremes: the first batch's, then ``min += constant * (new - min)``.

    Args:
        averaging_constant: the weight of a new batch, above 0 and at most 1.
        choices: those of :class:`Observer`.

    Raises:
        CreatorError: for a choice out of range.
    """

    def __init__(self, averaging_constant: float = 0.01, **choices: Any) -> None:
        super().__init__(**choices)
        if not 0 < averaging_constant <= 1:
            raise CreatorError(f"averaging_constant={averaging_constant} is not above 0 and at most 1", type(self).__name__)
        self.averaging_constant = averaging_constant

    def _merge(self, min_val: Range, max_val: Range, low: Range, high: Range) -> tuple[Range, Range]:
        constant = arithmetic(low).constant(self.averaging_constant)
        return min_val + constant * (low - min_val), max_val + constant * (high - max_val)


class PerChannelMinMaxObserver(MinMaxObserver):
    """Observes the extremes of each channel: a :class:`MinMaxObserver` with ``PerAxis(ch_axis)``."""

    def __init__(self, ch_axis: int = 0, **choices: Any) -> None:
        super().__init__(granularity=PerAxis(ch_axis), **choices)


class MovingAveragePerChannelMinMaxObserver(MovingAverageMinMaxObserver):
    """Observes moving averages for each channel: a :class:`MovingAverageMinMaxObserver` with ``PerAxis(ch_axis)``."""

    def __init__(self, averaging_constant: float = 0.01, ch_axis: int = 0, **choices: Any) -> None:
        super().__init__(averaging_constant, granularity=PerAxis(ch_axis), **choices)


class FixedQParamsObserver(Observer):
    """Has the scale and the zero point that it was given, for values whose range is known: those of a sigmoid.

    Args:
        scale: positive.
        zero_point: one of the codes.
        choices: those of :class:`Observer`; codes are unsigned unless told otherwise, as in torch.

    Raises:
        CreatorError: for a choice out of range.
    """

    scale: torch.Tensor
    zero_point: torch.Tensor

    def __init__(self, scale: float, zero_point: int = 0, signed: bool = False, **choices: Any) -> None:
        super().__init__(signed=signed, **choices)
        if not 2.0**-126 <= scale <= 2.0**126:
            raise CreatorError(f"scale={scale} is not between 2**-126 and 2**126", type(self).__name__)
        if zero_point != int(zero_point) or not self.quant_min <= zero_point <= self.quant_max:
            raise CreatorError(
                f"zero_point={zero_point} is no code of {self.quant_min} ... {self.quant_max}", type(self).__name__
            )
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("zero_point", torch.tensor(int(zero_point), dtype=torch.int32))

    @property
    def has_range(self) -> bool:
        """True."""
        return True

    @property
    def observed(self) -> bool:
        """True: there is nothing to wait for."""
        return True

    def qparams(self) -> tuple[Range, Range | int]:
        """What was given."""
        zero_point = self.zero_point
        return number(self.scale), zero_point.item() if zero_point.device.type == "cpu" else zero_point

    def extra_repr(self) -> str:
        """The codes, the scale and the zero point."""
        codes = f"{self.quant_min} ... {self.quant_max}"
        return f"{codes}, scale={self.scale.item()}, zero_point={self.zero_point.item()}"


default_fixed_qparams_range_0to1_observer = FixedQParamsObserver.with_args(scale=2.0**-8, zero_point=0)
"""For the gates of an LSTM behind a sigmoid: codes 0 to 255, scale 1/256."""

default_fixed_qparams_range_neg1to1_observer = FixedQParamsObserver.with_args(scale=2.0**-7, zero_point=128)
"""For the gates of an LSTM behind a tanh: codes 0 to 255, scale 2/256, zero point 128. As signed codes without a zero point, a
``FixedPoint(8, 7)`` has the same values."""


class NoopObserver(Observer):
    """Observes nothing: marks a place that is not to be quantized."""


class PlaceholderObserver(Observer):
    """Observes nothing: stands for a range that is found elsewhere, or with every input anew.

    Args:
        is_dynamic: the range depends on each input; there is no hardware for that.
        choices: those of :class:`Observer`.
    """

    def __init__(self, is_dynamic: bool = False, **choices: Any) -> None:
        super().__init__(**choices)
        self.is_dynamic = bool(is_dynamic)

    def qparams(self) -> tuple[Range, Range | int]:
        """Always refused.

        Raises:
            CreatorError: always.
        """
        if self.is_dynamic:
            raise CreatorError("dynamic ranges have no static hardware", hint="use a MinMaxObserver and calibrate it")
        return super().qparams()

    def extra_repr(self) -> str:
        """The codes, and whether the range is dynamic."""
        return f"{super().extra_repr()}, is_dynamic={self.is_dynamic}"


class RecordingObserver(Observer):
    """Keeps copies of all values, without their gradients, for debugging; they are no part of its state.

    Attributes:
        tensor_val: the copies, in the order of the calls.
    """

    def __init__(self, **choices: Any) -> None:
        super().__init__(**choices)
        self.tensor_val: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Keeps a copy of ``x``, any shape, and returns ``x``."""
        self.tensor_val.append(x.detach().clone())
        return x

    def get_tensor_value(self) -> list[torch.Tensor]:
        """The copies, in the order of the calls."""
        return self.tensor_val

    def reset(self) -> None:
        """Forgets the copies."""
        self.tensor_val = []
