"""Which quantizer goes where: ``QConfig`` for a layer, ``QConfigMapping`` for a model."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.quantize import Gradients
from creator.quantize.fake_quant import FakeQuant
from creator.quantize.lsq import LSQ
from creator.quantize.observers import (
    HistogramObserver,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    Observer,
    PerChannelMinMaxObserver,
    PlaceholderObserver,
    RecordingObserver,
)
from creator.quantize.quantizer import Quantizer
from creator.quantize.tqt import TQT

Factory = Callable[..., Quantizer]


@dataclass(frozen=True)
class QConfig:
    """The formats of one layer.

    Args:
        activation: of the layer's output: a format, or what makes a quantizer: a class such as ``TQT``, or
            ``functools.partial(LSQ, bits=4)``. Where a ReLU follows, what takes an argument ``signed`` is called with
            ``signed=False`` unless it fixes that argument itself: an unsigned output is a ReLU.
        weight: of its weight, likewise.
        bias: format of its bias; ``None`` follows the output.
        accumulator: bits that its sum may have; ``None``: as many as it needs.
        gradient: formats of its gradients; see :class:`~creator.quantize.Gradients`.
    """

    activation: Format | Factory
    weight: Format | Factory
    bias: FixedPoint | None = None
    accumulator: int | None = None
    gradient: FixedPoint | Gradients | None = None

    def __post_init__(self) -> None:
        for name in ("activation", "weight"):
            choice = getattr(self, name)
            if isinstance(choice, Quantizer):
                kind = type(choice).__name__
                hint = f"layers share no quantizer: pass {kind} or functools.partial({kind}, ...)"
                raise CreatorError(f"{name} is a quantizer, not what makes one", "QConfig", hint)
            if not isinstance(choice, (FixedPoint, Affine)) and not callable(choice):
                raise CreatorError(f"{name}={choice!r} is neither a format nor makes a quantizer", "QConfig")
        Gradients.of(self.gradient)

    def make(self, name: str, signed: bool | None = None) -> Format | Quantizer:
        """The format, or a new quantizer, for ``"activation"`` or ``"weight"``."""
        choice = getattr(self, name)
        if isinstance(choice, (FixedPoint, Affine)):
            return choice
        given: dict[str, Any] = {}
        if signed is not None and takes(choice, "signed"):
            given["signed"] = signed
            if not signed and takes(choice, "scheme", fixed=True):
                given["scheme"] = "affine"  # of values that are not negative: all codes, and 0 for the value zero
        try:
            made = choice(**given)
        except TypeError as error:
            raise CreatorError(f"{name} makes no quantizer: {error}", hint="check the arguments of its partial") from None
        if not isinstance(made, Quantizer):
            kind = type(made).__name__
            hint = "pass FakeQuant, LSQ or TQT"
            hint = f"pass functools.partial(FakeQuant, observer={kind})" if isinstance(made, Observer) else hint
            raise CreatorError(f"{name} makes {kind}, which is no Quantizer", "QConfig", hint)
        return made


def takes(factory: Any, name: str, fixed: bool = False) -> bool:
    """Whether ``factory`` takes the argument ``name``, and leaves it to its caller unless ``fixed``."""
    if not fixed and isinstance(factory, functools.partial) and name in factory.keywords:
        return False
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(parameter.name == name or parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


@dataclass
class QConfigMapping:
    """The configuration of every layer of a model.

    What is more specific wins: global < type of the module < regular expression on its name < its name < its name, type and
    order. Of several regular expressions that match, the first one set wins. ``None`` leaves a layer in floating point.
    """

    global_qconfig: QConfig | None = None
    object_types: dict[Any, QConfig | None] = field(default_factory=dict)
    name_regexes: dict[str, QConfig | None] = field(default_factory=dict)
    names: dict[str, QConfig | None] = field(default_factory=dict)
    orders: dict[tuple[str, Any, int], QConfig | None] = field(default_factory=dict)

    def set_global(self, qconfig: QConfig | None) -> QConfigMapping:
        """For every layer that nothing else names."""
        self.global_qconfig = _checked(qconfig)
        return self

    def set_object_type(self, object_type: Any, qconfig: QConfig | None) -> QConfigMapping:
        """For modules of exactly this class, such as ``torch.nn.Linear``."""
        if not isinstance(object_type, type):
            raise CreatorError(f"{object_type!r:.60} is not a class", "QConfigMapping", "for example torch.nn.Linear")
        self.object_types[object_type] = _checked(qconfig)
        return self

    def set_module_name_regex(self, regex: str, qconfig: QConfig | None) -> QConfigMapping:
        """For modules whose whole path matches."""
        try:
            re.compile(regex)
        except re.error as error:
            raise CreatorError(f"{regex!r} is not a regular expression: {error}", "QConfigMapping") from None
        self.name_regexes[regex] = _checked(qconfig)
        return self

    def set_module_name(self, name: str, qconfig: QConfig | None) -> QConfigMapping:
        """For the module with this path, and for those inside it that nothing names more closely."""
        self.names[name] = _checked(qconfig)
        return self

    def set_module_name_object_type_order(
        self, name: str, object_type: Any, index: int, qconfig: QConfig | None
    ) -> QConfigMapping:
        """For the ``index``-th module, from 0 and in the order of the data, of this class inside the module ``name``."""
        self.orders[name, object_type, index] = _checked(qconfig)
        return self

    def find(self, path: str, kind: Any, orders: dict[str, int]) -> QConfig | None:
        """The configuration of the module at ``path``.

        Args:
            path: its module path.
            kind: its class.
            orders: for each module that contains it, by path, how many modules of its class in there come before it.
        """
        parents = _parents(path)
        for name in parents:
            if (name, kind, orders.get(name, 0)) in self.orders:
                return self.orders[name, kind, orders.get(name, 0)]
        for name in (path, *parents):
            if name in self.names:
                return self.names[name]
        for regex, qconfig in self.name_regexes.items():
            if re.fullmatch(regex, path):
                return qconfig
        return self.object_types.get(kind, self.global_qconfig)

    def unused(self, paths: set[str], kinds: set[Any]) -> list[str]:
        """Names and classes that no module of the model has: most likely mistakes."""
        known = paths | {parent for path in paths for parent in _parents(path)}
        lost = [name for name in (*self.names, *(name for name, _, _ in self.orders)) if name not in known]
        lost += [getattr(kind, "__name__", str(kind)) for kind in self.object_types if kind not in kinds]
        return lost + [regex for regex in self.name_regexes if not any(re.fullmatch(regex, path) for path in paths)]

    @classmethod
    def of(cls, config: QConfig | QConfigMapping | None) -> QConfigMapping:
        """What the ``config`` argument of :func:`creator.prepare` means."""
        if config is None:
            return default_qconfig_mapping()
        if isinstance(config, QConfig):
            return cls(config)
        if isinstance(config, cls):
            return config
        raise CreatorError(f"config={config!r} is not a configuration", "prepare", "pass a QConfig, a QConfigMapping or None")


def _checked(qconfig: QConfig | None) -> QConfig | None:
    if qconfig is None or isinstance(qconfig, QConfig):
        return qconfig
    hint = "for example QConfig(FixedPoint(8, 4), FixedPoint(8, 6))"
    raise CreatorError(f"{qconfig!r:.60} is not a QConfig", "QConfigMapping", hint)


def _parents(path: str) -> list[str]:
    """The paths of the modules that contain ``path``, the nearest first, the model itself, "", last."""
    parts = path.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, -1, -1)]


def observed_qconfig(
    bits: int = 8, weight_bits: int | None = None, power_of_two: bool = True, per_channel: bool = False, **choices: Any
) -> QConfig:
    """Observed formats: moving averages for activations, the extremes for weights.

    Args:
        bits, weight_bits: widths; ``weight_bits`` is ``bits`` unless given.
        power_of_two: whether scales are powers of two, which cost no multiplier.
        per_channel: a scale for each output channel of a weight, which costs a multiplier.
        choices: other arguments of :class:`QConfig`.
    """
    weight_observer = PerChannelMinMaxObserver if per_channel else MinMaxObserver
    return QConfig(
        functools.partial(FakeQuant, observer=MovingAverageMinMaxObserver, bits=bits, power_of_two=power_of_two),
        functools.partial(
            FakeQuant, observer=weight_observer, bits=weight_bits or bits, signed=True, power_of_two=power_of_two
        ),
        **choices,
    )


default_qconfig = observed_qconfig()
"""8 bits, observed, power-of-two scales: no multiplier besides the layers' own."""

default_qat_qconfig = default_qconfig
"""The same: calibrating and training differ in what is done with the model, not in the model."""

default_histogram_qconfig = QConfig(
    functools.partial(FakeQuant, observer=HistogramObserver, bits=8, power_of_two=True), default_qconfig.weight
)
"""Activations by the range with the least squared error of a histogram; for calibrating without training."""

default_affine_qconfig = QConfig(
    functools.partial(FakeQuant, observer=MovingAverageMinMaxObserver, bits=8, scheme="affine"),
    functools.partial(FakeQuant, observer=MinMaxObserver, bits=8),
)
"""torch.ao's default: any scale, activations with a zero point."""

default_per_channel_qconfig = QConfig(
    default_affine_qconfig.activation, functools.partial(FakeQuant, observer=PerChannelMinMaxObserver, bits=8)
)
"""The same with a scale for each output channel of a weight."""

default_tqt_qconfig = QConfig(functools.partial(TQT, bits=8), functools.partial(TQT, bits=8, signed=True))
"""Learned power-of-two scales."""

default_lsq_qconfig = QConfig(functools.partial(LSQ, bits=8), functools.partial(LSQ, bits=8, signed=True))
"""Learned scales."""

default_dynamic_qconfig = QConfig(
    functools.partial(FakeQuant, observer=PlaceholderObserver, is_dynamic=True), default_qconfig.weight
)
"""Ranges of activations are found when the network runs, so in training they stay in floating point, as in torch.ao; weights
are quantized. Translation refuses it."""

default_debug_qconfig = QConfig(functools.partial(FakeQuant, observer=RecordingObserver), default_qconfig.weight)
"""Keeps every activation that passes, and quantizes none: to look at them."""


def default_qconfig_mapping() -> QConfigMapping:
    """``default_qconfig`` for every layer."""
    return QConfigMapping(default_qconfig)
