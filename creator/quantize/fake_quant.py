"""The quantizer that observes its range: an observer and fake quantization in one module."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import torch

from creator.affine import Format, simplest
from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.quantize.affine import FakeQuantizeAffine, from_integers, to_codes
from creator.quantize.fixed_point import fake_quantize
from creator.quantize.granularity import PerAxis, PerTensor, get_block_size, spread
from creator.quantize.observer import Observer
from creator.quantize.observers import MovingAverageMinMaxObserver
from creator.quantize.quantized_tensor import integer_dtype
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import Generator
from creator.quantize.straight_through import StraightThrough


class _Current(NamedTuple):
    """Scale and zero point as they are now: numbers if there is one of each, and on a CPU."""

    scale: float | torch.Tensor
    zero_point: int | torch.Tensor
    fixed: FixedPoint | None  #: the format, where the scale is a power of two by choice


_format = functools.lru_cache(maxsize=1024)(simplest)


class FakeQuant(Quantizer):
    """Observes values and rounds them to the grid that the observer finds.

    In training each call observes first, if the observer is on, and then quantizes, if fake quantization is on. Outside
    training nothing is observed (torch observes there, too); :meth:`calibrate` does, and :meth:`freeze` ends it everywhere.
    There is one scale: what training computes with is what :attr:`format` and :meth:`to_integers` say. With an observer that
    never has a range, values pass unchanged, and there is no format.

    Args:
        observer: class of the observer, or what makes one from ``choices``.
        rounding: any mode.
        ste: the gradient; the scale gets none.
        generator: of stochastic rounding.
        choices: arguments of the observer: ``bits``, ``signed``, ``scheme``, ``power_of_two`` and so on.

    Attributes:
        observer: the observer.
        observer_enabled: 1 or 0, uint8, shape (1,).
        fake_quant_enabled: 1 or 0, uint8, shape (1,).

    Raises:
        CreatorError: for a choice out of range; when called, for NaN and infinities that are observed, and where nothing was
            observed yet.
    """

    observer_enabled: torch.Tensor
    fake_quant_enabled: torch.Tensor

    def __init__(
        self,
        observer: Callable[..., Observer] = MovingAverageMinMaxObserver,
        rounding: Rounding = Rounding.HALF_EVEN,
        ste: StraightThrough = StraightThrough.MASKED,
        generator: Generator = None,
        **choices: Any,
    ) -> None:
        super().__init__()
        made = observer(**choices) if callable(observer) and not isinstance(observer, torch.nn.Module) else None
        if not isinstance(made, Observer):
            raise CreatorError(
                f"observer={observer!r} makes no observer", "FakeQuant", "pass a class, for example MinMaxObserver"
            )
        self.observer = made
        self.rounding, self.ste, self.generator = Rounding(rounding), StraightThrough(ste), generator
        self.register_buffer("observer_enabled", torch.ones(1, dtype=torch.uint8))
        self.register_buffer("fake_quant_enabled", torch.ones(1, dtype=torch.uint8))
        self._switches: dict[str, tuple[torch.Tensor, int, bool]] = {}
        self._kept: tuple[list[tuple[torch.Tensor, int]], _Current] | None = None

    @classmethod
    def with_args(cls, **choices: Any) -> functools.partial[Self]:
        """What makes such a quantizer with these arguments."""
        return functools.partial(cls, **choices)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``x`` on the grid, observed before if in training; same shape, same dtype.

        NaN that is not observed becomes the smallest code, as in torch; with ``power_of_two`` and one scale it stays NaN, as
        in a fixed-point format.
        """
        observes = self.training and self._is_on("observer_enabled")
        if observes:
            self._observe(x)
        if not self._is_on("fake_quant_enabled") or not self.observer.has_range:
            return x
        scale, zero_point, fixed = self._read() if observes else self._current()
        if fixed is not None and x.dtype in (torch.float32, torch.float64):
            return fake_quantize(x, fixed, self.rounding, ste=self.ste, generator=self.generator)
        if isinstance(scale, torch.Tensor):
            scale, zero_point = self._shaped(scale, x.shape), self._shaped(zero_point, x.shape)
        low, high = self.observer.quant_min, self.observer.quant_max
        return FakeQuantizeAffine.apply(
            x, scale, zero_point, low, high, self.rounding, self.ste, self.generator, observes and isinstance(scale, float)
        )

    def _is_on(self, name: str) -> bool:
        # The buffers may lie on another device, where looking at them would mean to wait for it; so their versions are watched.
        buffer, kept = self._buffers[name], self._switches.get(name)
        if kept is not None and kept[0] is buffer and kept[1] == buffer._version:
            return kept[2]
        assert buffer is not None
        on = bool(buffer.any())
        if not buffer.is_inference():  # those count no changes
            self._switches[name] = buffer, buffer._version, on
        return on

    def _current(self) -> _Current:
        buffers = list(self.observer._buffers.values())
        if any(buffer is None or buffer.is_inference() for buffer in buffers):
            return self._read()
        state = [(buffer, buffer._version) for buffer in buffers if buffer is not None]
        if self._kept is None or any(a is not b or n != m for (a, n), (b, m) in zip(state, self._kept[0], strict=True)):
            self._kept = state, self._read()
        return self._kept[1]

    def _read(self) -> _Current:
        observer = self.observer
        scale, zero_point = observer.qparams()
        if isinstance(scale, torch.Tensor):
            if isinstance(zero_point, torch.Tensor) and zero_point.device.type == "cpu" and not bool(zero_point.any()):
                zero_point = 0
            return _Current(scale, zero_point, None)
        scale, fmt = float(scale), None
        if observer.power_of_two and zero_point == 0 and not observer.limited:
            fmt = _format(scale, 0, observer.quant_min, observer.quant_max)
        return _Current(scale, zero_point, fmt if isinstance(fmt, FixedPoint) else None)

    def _shaped(self, part: Any, shape: torch.Size) -> Any:
        """A scale or a zero point so that it broadcasts against values of ``shape``."""
        if not isinstance(part, torch.Tensor) or not part.dim():
            return part
        return spread(part, shape, get_block_size(shape, self.observer.granularity))

    def calculate_qparams(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and zero point, as the observer gives them."""
        return self.observer.calculate_qparams()

    def calibrate(self, x: torch.Tensor) -> None:
        """Observes ``x``, unless the observer is off."""
        if self._is_on("observer_enabled"):
            self._observe(x)

    def _observe(self, x: torch.Tensor) -> None:
        try:
            self.observer(x)
        except CreatorError as error:
            raise error.at(self.where) from None

    def freeze(self) -> None:
        """Switches the observer off: scale and zero point stay as they are."""
        self.disable_observer()

    def enable_observer(self, enabled: bool = True) -> None:
        """Switches the observer on, or off."""
        self.observer_enabled.fill_(bool(enabled))

    def disable_observer(self) -> None:
        """Switches the observer off."""
        self.enable_observer(False)

    def enable_fake_quant(self, enabled: bool = True) -> None:
        """Switches fake quantization on, or off: values then pass unchanged."""
        self.fake_quant_enabled.fill_(bool(enabled))

    def disable_fake_quant(self) -> None:
        """Switches fake quantization off: values pass unchanged."""
        self.enable_fake_quant(False)

    @property
    def format(self) -> Format:
        """The format that hardware would use now: a FixedPoint where one power of two is the scale, else an Affine.

        Raises:
            CreatorError: where fake quantization is off, if nothing was observed yet, for an observer without a range, scales
                for anything but the tensor or the indices along an axis, zero points that differ along it, and codes that are
                not all of a width.
        """
        if not self._is_on("fake_quant_enabled"):
            raise CreatorError("its fake quantization is off: values pass unchanged", hint="call enable_fake_quant()")
        observer = self.observer
        scale, zero_point = observer.calculate_qparams()
        low, high = observer.quant_min, observer.quant_max
        if isinstance(observer.granularity, PerTensor):
            return _format(scale.item(), zero_point.item(), low, high)
        if not isinstance(observer.granularity, PerAxis):
            raise CreatorError(
                f"{observer.granularity} has no hardware: weights may have a scale for each output channel, other values one",
                hint="use PerTensor(), or PerAxis(0) for weights",
            )
        zeros = set(zero_point.tolist())
        if len(zeros) > 1:
            raise CreatorError("its zero points differ along the axis", hint="use scheme='symmetric' with signed codes")
        return _format(tuple(scale.tolist()), zeros.pop(), low, high, observer.granularity.axis)

    def to_integers(self, x: torch.Tensor) -> torch.Tensor:
        """The codes of ``x``, in the narrowest integer dtype that holds them all; :meth:`from_integers` of them is what
        quantization makes of ``x``.

        Raises:
            CreatorError: for NaN, and where nothing was observed yet.
        """
        if bool(x.isnan().any()):
            raise CreatorError("NaN has no code", hint="find where it comes from")
        scale, zero_point, _ = self._current()
        scale, zero_point = self._shaped(scale, x.shape), self._shaped(zero_point, x.shape)
        low, high = self.observer.quant_min, self.observer.quant_max
        codes = to_codes(x.detach(), scale, zero_point, low, high, self.rounding, self.generator)
        return codes.to(integer_dtype(low, high))

    def from_integers(self, q: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """The values of the codes ``q``, any integer dtype, as ``dtype``."""
        scale, zero_point, _ = self._current()
        work = torch.float64 if dtype is torch.float64 else torch.float32
        return from_integers(q.to(work), self._shaped(scale, q.shape), self._shaped(zero_point, q.shape)).to(dtype)

    def extra_repr(self) -> str:
        """The rounding, the gradient and what is switched off."""
        off = [name for name in ("observer", "fake_quant") if not self._is_on(f"{name}_enabled")]
        return f"{self.rounding}, {self.ste}" + "".join(f", {name} off" for name in off)


def enable_observer(module: torch.nn.Module) -> None:
    """Switches the observer of a :class:`FakeQuant` on; for ``model.apply``."""
    if isinstance(module, FakeQuant):
        module.enable_observer()


def disable_observer(module: torch.nn.Module) -> None:
    """Switches the observer of a :class:`FakeQuant` off; for ``model.apply``."""
    if isinstance(module, FakeQuant):
        module.disable_observer()


def enable_fake_quant(module: torch.nn.Module) -> None:
    """Switches fake quantization of a :class:`FakeQuant` on; for ``model.apply``."""
    if isinstance(module, FakeQuant):
        module.enable_fake_quant()


def disable_fake_quant(module: torch.nn.Module) -> None:
    """Switches fake quantization of a :class:`FakeQuant` off; for ``model.apply``."""
    if isinstance(module, FakeQuant):
        module.disable_fake_quant()
