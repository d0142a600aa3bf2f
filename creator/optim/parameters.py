"""Which parameters an optimizer keeps on which grid, and what to call them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint
from creator.optim.grids import limits
from creator.quantize.quantizer import Quantizer

Formats: TypeAlias = FixedPoint | Mapping[torch.Tensor, FixedPoint] | torch.nn.Module
"""One format for all, one for each parameter, or a model whose layers have a method ``parameter_formats``."""

_HINT = "pass a model with creator layers, a dict from parameters to formats, or one FixedPoint"


class Chosen:
    """The format of each parameter, and its name for messages.

    Raises:
        CreatorError: for what is no choice of formats, and where two layers share a parameter but not its format.
    """

    def __init__(self, formats: Formats) -> None:
        self.names: dict[torch.Tensor, str] = {}
        self.formats: dict[torch.Tensor, FixedPoint] = {}
        self.default: FixedPoint | None = None
        if isinstance(formats, FixedPoint):
            self.default = formats
        elif isinstance(formats, torch.nn.Module):
            self.names = {parameter: name for name, parameter in formats.named_parameters()}
            for path, module in formats.named_modules():
                self._add(path, module)
            if not self.formats and any(isinstance(module, Quantizer) for module in formats.modules()):
                what = "the formats of the model's weights are observed or learned, so they are not fixed yet"
                raise CreatorError(what, "QuantizedOptimizer", "calibrate the model and call creator.convert first")
        elif isinstance(formats, Mapping):
            for parameter, fmt in formats.items():
                if not isinstance(parameter, torch.Tensor):
                    raise CreatorError(f"{parameter!r:.80} is not a parameter", "formats", _HINT)
                self.formats[parameter] = _checked(fmt, "formats")
        else:
            raise CreatorError(f"{formats!r:.80} chooses no formats", "formats", _HINT)

    def _add(self, path: str, module: torch.nn.Module) -> None:
        choose = getattr(module, "parameter_formats", None)
        if not callable(choose):
            return
        for name, fmt in choose().items():
            place = f"{path}.{name}".lstrip(".")
            parameter = module._parameters.get(name)
            if parameter is None:  # no bias, or computed from others by torch.nn.utils.parametrize
                continue
            known = self.formats.setdefault(parameter, _checked(fmt, place))
            if known != fmt:
                raise CreatorError(
                    f"its format is {fmt}, but as {self.names[parameter]} it has {known}", place,
                    "layers that share a parameter need the same format",
                )  # fmt: skip

    def covered(self, groups: list[dict[str, Any]]) -> dict[torch.Tensor, FixedPoint]:
        """Those parameters of an optimizer's groups that have a format, with it.

        Raises:
            CreatorError: for one that cannot be kept on its grid: see :func:`check`; where there is none.
        """
        found: dict[torch.Tensor, FixedPoint] = {}
        for number, group in enumerate(groups):
            for index, parameter in enumerate(group["params"]):
                fmt = self.formats.get(parameter, self.default)
                if fmt is None:
                    continue
                names = group.get("param_names") or ()
                place = names[index] if index < len(names) else f"parameter {index} of group {number}"
                self.names.setdefault(parameter, place)
                try:
                    check(parameter, fmt)
                except CreatorError as error:
                    raise error.at(self.names[parameter]) from None
                found[parameter] = fmt
        if not found:
            raise CreatorError("no parameter of the optimizer has a format", "QuantizedOptimizer", _HINT)
        return found


def check(parameter: torch.Tensor, fmt: FixedPoint) -> None:
    """Refuses what cannot be kept on a grid: a tensor that is no dense leaf of a suitable dtype, NaN and infinities."""
    limits(fmt, parameter.dtype)
    if not parameter.is_leaf:
        raise CreatorError("is computed from other tensors", hint="optimize the leaf that it is computed from")
    if parameter.layout is not torch.strided:
        raise CreatorError(f"its layout is {parameter.layout}", hint="make it dense")
    if parameter.is_inference():
        raise CreatorError("was made in inference mode", hint="make the model outside torch.inference_mode()")
    check_finite(parameter)


def check_finite(values: torch.Tensor) -> None:
    """Refuses NaN and infinities, which saturation would hide; on the meta device there is nothing to look at."""
    if not values.is_meta and not bool(torch.isfinite(values).all()):
        raise CreatorError("is NaN or infinite", hint="training diverged; restore an earlier state")


def _checked(fmt: object, where: str) -> FixedPoint:
    if isinstance(fmt, FixedPoint):
        return fmt
    raise CreatorError(f"{fmt!r:.80} is not a FixedPoint", where)
