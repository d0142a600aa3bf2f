"""What the hardware supports, so that a configuration that it cannot honour is refused before training, not after."""

from __future__ import annotations

from dataclasses import dataclass

from creator.affine import Affine, Format
from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.preparation.config import QConfig


@dataclass(frozen=True)
class Target:
    """What the cores of a device support.

    Args:
        weight_bits, activation_bits: the widest formats.
        multipliers: whether scales may be other than powers of two, which takes a multiplier at each output.
        per_channel: whether each output channel of a weight may have a scale of its own.
        zero_points: whether activations may have a zero point.
        accumulator_bits: the widest sum.
    """

    weight_bits: int = 24
    activation_bits: int = 24
    multipliers: bool = True
    per_channel: bool = True
    zero_points: bool = True
    accumulator_bits: int = 52

    def check(self, qconfig: QConfig, path: str) -> None:
        """Refuses a configuration that this target cannot honour.

        Raises:
            CreatorError: naming the module and the limit.
        """
        for name, limit in (("weight", self.weight_bits), ("activation", self.activation_bits)):
            self._check(_describe(qconfig.make(name)), name, limit, path)  # type: ignore[arg-type]
        if qconfig.accumulator is not None and not 1 <= qconfig.accumulator <= self.accumulator_bits:
            raise CreatorError(
                f"accumulator={qconfig.accumulator} is not 1 to {self.accumulator_bits} bits",
                path,
                "or None, for what it needs",
            )

    def _check(self, asked: Asked, name: str, limit: int, path: str) -> None:
        if asked.bits is not None and asked.bits > limit:
            raise CreatorError(f"{name} has {asked.bits} bits, more than the target's {limit}", path, "use fewer bits")
        if asked.any_scale and not self.multipliers:
            raise CreatorError(
                f"{name} has a scale that is no power of two", path, "use power_of_two=True, or a target with it"
            )
        if asked.channels and not self.per_channel:
            raise CreatorError(f"{name} has a scale for each channel", path, "use one scale a tensor")
        if asked.zero and not self.zero_points:
            raise CreatorError(f"{name} has a zero point", path, "use a symmetric scheme")


@dataclass(frozen=True)
class Asked:
    """What a format or a quantizer asks of hardware, as far as it says."""

    bits: int | None
    any_scale: bool
    channels: bool
    zero: bool


def _describe(choice: Format | object) -> Asked:
    if isinstance(choice, FixedPoint):
        return Asked(choice.total_bits, False, False, False)
    if isinstance(choice, Affine):
        return Asked(choice.bits, True, choice.axis is not None, choice.zero_point != 0)
    choice = getattr(choice, "observer", choice)
    power_of_two = getattr(choice, "power_of_two", True)
    axis = getattr(getattr(choice, "granularity", choice), "axis", None)
    return Asked(
        getattr(choice, "bits", None), not power_of_two, axis is not None, getattr(choice, "scheme", "symmetric") == "affine"
    )
