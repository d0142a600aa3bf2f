"""Functions that pool, pad or upsample, and what they do in terms of modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F

from creator.errors import CreatorError
from creator.tracing.pooling import SPATIAL, Made, axes_of, padded
from creator.tracing.requantized import Context


def _max(kind: Any) -> Callable[..., torch.nn.Module]:
    def make(
        kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> torch.nn.Module:  # fmt: skip
        made: torch.nn.Module = kind(kernel_size, stride or None, padding, dilation, return_indices, ceil_mode)
        return made

    return make


def _upsample(
    size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: Any = None,
    recompute_scale_factor: Any = None, antialias: bool = False,
) -> torch.nn.Module:  # fmt: skip
    if antialias:
        raise CreatorError("antialias=True is not supported", hint="use nearest upsampling")
    return torch.nn.Upsample(size, scale_factor, mode, align_corners, recompute_scale_factor)


_FUNCTIONS: dict[Any, Callable[..., torch.nn.Module]] = {
    F.max_pool1d: _max(torch.nn.MaxPool1d),
    torch.max_pool1d: _max(torch.nn.MaxPool1d),
    F.max_pool2d: _max(torch.nn.MaxPool2d),
    torch.max_pool2d: _max(torch.nn.MaxPool2d),
    F.adaptive_max_pool1d: torch.nn.AdaptiveMaxPool1d,
    F.adaptive_max_pool2d: torch.nn.AdaptiveMaxPool2d,
    F.avg_pool1d: torch.nn.AvgPool1d,
    F.avg_pool2d: torch.nn.AvgPool2d,
    F.adaptive_avg_pool1d: torch.nn.AdaptiveAvgPool1d,
    F.adaptive_avg_pool2d: torch.nn.AdaptiveAvgPool2d,
    F.interpolate: _upsample,
    **dict.fromkeys((F.pixel_shuffle, torch.pixel_shuffle), torch.nn.PixelShuffle),
    **dict.fromkeys((F.pixel_unshuffle, torch.pixel_unshuffle), torch.nn.PixelUnshuffle),
    **dict.fromkeys((F.channel_shuffle, torch.channel_shuffle), torch.nn.ChannelShuffle),
}
"""The module that does what a function does, from the function's other arguments."""

_REDUCTIONS: dict[Any, tuple[Any, Any]] = {
    torch.mean: (torch.nn.AvgPool1d, torch.nn.AvgPool2d),
    "mean": (torch.nn.AvgPool1d, torch.nn.AvgPool2d),
    torch.amax: (torch.nn.MaxPool1d, torch.nn.MaxPool2d),
    "amax": (torch.nn.MaxPool1d, torch.nn.MaxPool2d),
}
"""Functions over whole axes, and the pools that do the same with windows as wide as those."""


def _reduction(target: Any, shape: tuple[int, ...], arguments: tuple[Any, ...], named: Mapping[str, Any]) -> torch.nn.Module:
    """The pool that reduces spatial axes of a value of torch's ``shape`` (channels, ...), all of whose axes remain.

    Raises:
        CreatorError: for other axes, and for other arguments than ``dim`` and ``keepdim``.
    """
    dim = arguments[0] if arguments else named.get("dim", ())
    if set(named) - {"dim", "keepdim"} or len(arguments) > 2:
        raise CreatorError("its arguments are not supported", hint="pass dim and keepdim only")
    rank = len(shape) + 1
    dims = {int(d) % rank for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
    if rank not in (3, 4) or not dims or not dims <= set(range(2, rank)):
        raise CreatorError(
            f"dim={dim!r} of (batch, channels, ...) of {rank} axes is not supported", hint="reduce spatial axes: dim=(2, 3)"
        )
    kernel = tuple(size if axis + 1 in dims else 1 for axis, size in enumerate(shape))[1:]
    made: torch.nn.Module = _REDUCTIONS[target][rank - 3](kernel if rank == 4 else kernel[0])
    return made


AVERAGES: frozenset[Any] = frozenset(
    {F.avg_pool1d, F.avg_pool2d, F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, torch.mean, "mean", torch.sum, "sum"}
)
"""What averages or sums, so that its result has a format of its own."""

SPATIAL_CALLS: frozenset[Any] = frozenset({F.pad, *_FUNCTIONS, *_REDUCTIONS})
"""Functions, and names of methods, that :func:`spatial_call` understands."""


def spatial_call(
    target: Any, shape: tuple[int, ...], arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> tuple[Callable[[Context], Made], int | None]:
    """What a call makes of a value of torch's ``shape`` (channels, ...), and how many spatial axes it reads.

    Axes that a reduction leaves out remain, with one position.

    Raises:
        CreatorError: for arguments that have no hardware.
    """
    if target is F.pad:
        edges, value = _understood(_edges, *arguments, **named)
        return lambda context: padded(edges, value, context), None
    module = spatial_module(target, shape, arguments, named)
    make = SPATIAL[type(module)]
    return lambda context: make(module, context), axes_of(module)


def spatial_module(
    target: Any, shape: tuple[int, ...], arguments: tuple[Any, ...], named: Mapping[str, Any]
) -> torch.nn.Module:
    """The module that does what a call, not of ``pad``, does; axes that a reduction leaves out remain."""
    if target in _REDUCTIONS:
        return _understood(_reduction, target, shape, arguments, named)  # type: ignore[no-any-return]
    return _understood(_FUNCTIONS[target], *arguments, **named)  # type: ignore[no-any-return]


def _understood(make: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """What ``make`` makes of a call's arguments."""
    try:
        return make(*arguments, **named)
    except CreatorError:
        raise
    except (TypeError, ValueError) as error:
        raise CreatorError(f"its arguments are not supported: {error}") from None


def _edges(pad: Any, mode: str = "constant", value: Any = None) -> tuple[tuple[int, ...], Any]:
    """The arguments of torch's ``pad``."""
    if mode != "constant":
        raise CreatorError(f"mode={mode!r} is not supported", hint='use mode="constant"')
    return tuple(pad), 0.0 if value is None else value
