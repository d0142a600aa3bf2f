"""What a quantizer is: a module that stands in a layer's slot for weights, outputs or inputs."""

from __future__ import annotations

from typing import Any

import torch

from creator.affine import Format


class Quantizer(torch.nn.Module):
    """Maps floating-point values to values on a grid, in training with a gradient of its own.

    A layer takes one wherever it takes a :class:`~creator.FixedPoint`. The grid may be observed or learned; :attr:`format` says
    what it is at the moment, and :func:`creator.convert` puts that in the quantizer's place.
    """

    calibrating = False
    """Set by :func:`creator.calibrate`: layers then show the quantizer floating-point values and pass them on unchanged."""

    where = ""
    """The quantizer's module path, for errors, as far as it is known."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The values of ``x`` on the grid; same shape, same dtype."""
        raise NotImplementedError

    def values(self, x: torch.Tensor) -> torch.Tensor:
        """What a layer calls: values on the grid, also where ``forward`` gives something else."""
        return self(x)  # type: ignore[no-any-return]

    @property
    def format(self) -> Format:
        """The format that hardware would use now.

        Raises:
            CreatorError: if there is none: nothing observed yet, a range that depends on the data, no such hardware.
        """
        raise NotImplementedError

    def calibrate(self, x: torch.Tensor) -> None:
        """Adapts the grid to a batch of data outside training; a quantizer with a fixed grid ignores it."""

    def freeze(self) -> None:
        """Stops adapting the grid."""

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # A float model's state knows nothing of quantizers: where it has no key of this one, the quantizer stays as it is.
        # What is inside the quantizer is loaded from the same dictionary, so it gets its own state as well.
        if not any(key.startswith(prefix) for key in state_dict):
            state_dict.update({prefix + key: value for key, value in self.state_dict().items()})
        super()._load_from_state_dict(state_dict, prefix, *rest)
