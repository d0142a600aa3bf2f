"""Wraps a torch optimizer so that the parameters lie on their grids after every step."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch

from creator.errors import CreatorError
from creator.formats import FixedPoint, Rounding
from creator.optim.grids import Grid, limits, round_
from creator.optim.parameters import Chosen, Formats, check_finite
from creator.quantize.on_grid import Marks
from creator.quantize.rounding import Generator

_NAME = "QuantizedOptimizer"
_OWN_STATE = "quantized"
_NOT_COPIED = ("step", "_zero_grad_profile_name", "_marks")  # a scheduler puts its own ``step`` into the instance


class QuantizedOptimizer(torch.optim.Optimizer):
    """Any torch optimizer, with the parameters on their grids after every step, rounded and saturated.

    It shares ``param_groups``, ``state`` and ``defaults`` with the optimizer that it wraps, :attr:`inner`, and is a
    ``torch.optim.Optimizer`` itself: learning-rate schedulers, hooks and ``clip_grad_norm_`` work as usual. The parameters
    are put on their grids at once (to nearest where ``rounding`` is stochastic), and marked
    (:mod:`creator.quantize.on_grid`), so that a layer in training does not quantize them again. A parameter without a format
    is left alone. Move a model to its device before making an optimizer, as always in torch; formats are read once, so
    calibrate before, too.

    ``master=False``: the parameter itself is all there is. An update of less than half a step is lost, except in the mean
    over many steps of ``Rounding.STOCHASTIC``.

    ``master=True``: the inner optimizer works on a floating-point master of each parameter, of its dtype; the parameter
    holds what the master rounds to. The gradient at the rounded value moves the master, unchanged (straight-through);
    after each step the master is clamped to the format's range, so that no value ever saturates: the masked and
    the identity gradient (:class:`~creator.quantize.StraightThrough`) are the same here, and no master drifts away outside.
    What is written into a parameter between steps (``load_state_dict``, ``copy_``) goes to its master, except for elements
    that are a rounding of their master already. Writes that torch does not count, through ``parameter.data`` in place, are
    lost. With stochastic rounding a parameter is drawn anew when its master changes.

    A closure sees quantized parameters each time that the inner optimizer calls it, in ``master=True``; in ``master=False``
    the first time, and later (LBFGS) what the inner optimizer has made of them. Its first loss is returned.

    A NaN stays a NaN; an infinity saturates. Call :meth:`check` to look for them; a layer in eval mode refuses NaN.

    Args:
        optimizer: an instance; not one with ``differentiable=True``.
        formats: a model, whose layers state their formats (``parameter_formats() -> dict[str, FixedPoint]``, by parameter
            name), a dict from parameters to formats, or one format for all parameters.
        rounding: from float to the grid.
        generator: what stochastic rounding draws from, a ``torch.Generator`` or an LFSR; its state is saved and loaded with
            the optimizer's. ``None`` is torch's own, whose state is not.
        momentum: format of the optimizer's state of those parameters that have a format: every floating-point tensor of the
            parameter's shape, except one called ``step``. Or a dict from names of the state to formats, such as
            ``{"exp_avg": FixedPoint(16, 12)}``: a second moment rounded to zero makes Adam divide by almost nothing.
        master: whether to keep floating-point masters.

    Raises:
        CreatorError: where no parameter has a format, and, naming it, for a parameter that is NaN or infinite, no leaf,
            sparse, or of a dtype that cannot hold the format's range. A dtype with fewer digits than the format, such as
            bfloat16, uses the values of the format that it holds.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        formats: Formats,
        *,
        rounding: Rounding = Rounding.HALF_EVEN,
        generator: Generator = None,
        momentum: FixedPoint | Mapping[str, FixedPoint] | None = None,
        master: bool = False,
    ) -> None:
        self.inner = _checked_optimizer(optimizer)
        self.rounding, self.generator, self.master = Rounding(rounding), generator, bool(master)
        self.momentum = _checked_momentum(momentum)
        self._chosen = Chosen(formats)
        self._grids: list[Grid] = []
        self._parameters: list[torch.Tensor] = []
        self._masters: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self.__setstate__({})  # the part of Optimizer.__init__ that is not about groups: tables of hooks
        with torch.no_grad():
            self._install()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of the inner optimizer."""
        return self.inner.param_groups

    @property
    def state(self) -> Any:
        """That of the inner optimizer."""
        return self.inner.state

    @property
    def defaults(self) -> dict[str, Any]:
        """Those of the inner optimizer."""
        return self.inner.defaults

    def _install(self) -> None:
        """Puts the parameters on their grids; those that were there keep their masters."""
        masters = dict(zip(self._parameters, self._masters, strict=True)) if self.master else {}
        shared: dict[tuple[Any, ...], list[torch.Tensor]] = {}
        for parameter, fmt in self._chosen.covered(self.param_groups).items():
            shared.setdefault((fmt, parameter.dtype, parameter.device), []).append(parameter)
            for momentum in self.momentum.values() if isinstance(self.momentum, dict) else (self.momentum,):
                _ = momentum is None or limits(momentum, parameter.dtype)
        self._grids = [
            Grid(fmt, found, [masters.get(p, p) for p in found], self.master, self.rounding, self.generator)
            for (fmt, _, _), found in shared.items()
        ]
        self._parameters = [p for grid in self._grids for p in grid.parameters]
        self._masters = [m for grid in self._grids for m in grid.masters]
        self._values = [v for grid in self._grids for v in grid.values]
        self._mark()
        self._show_values()

    def _mark(self) -> None:
        self._marks = Marks(self._parameters, [grid.format for grid in self._grids for _ in grid.parameters])

    def _show_values(self) -> None:
        torch._foreach_copy_(self._parameters, self._values)
        self._marks.renew()

    def _show_masters(self) -> None:
        torch._foreach_copy_(self._parameters, self._masters)

    def _catch_up(self) -> None:
        """Follows what happened to the parameters since the last step, if anything did."""
        if self._marks.hold():
            return
        if not all(grid.fits() for grid in self._grids):
            self._install()
        elif self.master:
            for grid in self._grids:
                grid.follow()

    def _quantize(self, final: bool) -> None:
        """Takes what the inner optimizer made of the parameters, and shows its quantized values."""
        draws = self.master and self.rounding is Rounding.STOCHASTIC
        before = [grid.all_masters.clone() if draws else None for grid in self._grids]
        torch._foreach_copy_(self._masters, self._parameters)
        for grid, masters in zip(self._grids, before, strict=True):
            grid.round(final, masters)
        self._show_values()

    def _quantize_state(self) -> None:
        for parameter in self._parameters:
            for name, value in self.state.get(parameter, {}).items():
                fmt = self.momentum.get(name) if isinstance(self.momentum, dict) else self.momentum
                if fmt is None or name == "step" or not isinstance(value, torch.Tensor):
                    continue
                if value.shape == parameter.shape and value.is_floating_point() and value.layout is torch.strided:
                    round_(value, fmt, self.rounding, self.generator)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of the inner optimizer, then everything on its grid; returns the closure's (first) loss."""
        args: tuple[Any, ...] = (self,) if closure is None else (self, closure)
        kwargs: dict[str, Any] = {}
        for before in self._optimizer_step_pre_hooks.values():
            args, kwargs = before(self, args, kwargs) or (args, kwargs)
        with torch.no_grad():
            loss = self._step(*args[1:], **kwargs)
        for after in self._optimizer_step_post_hooks.values():
            after(self, args, kwargs)
        return loss

    # The inner optimizer's step is wrapped for torch's profiler and global hooks, which is once enough and costs 5 us.
    step.hooked = True  # type: ignore[attr-defined]

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        self._catch_up()
        if self.master:
            self._show_masters()
        try:
            loss = self.inner.step() if closure is None else self._step_with(closure)
            self._quantize(final=True)
        except BaseException:
            if self.master:
                self._show_values()
            raise
        if self.momentum is not None:
            self._quantize_state()
        return loss

    def _step_with(self, closure: Callable[[], Any]) -> Any:
        first: list[Any] = []

        def evaluate() -> Any:
            if self.master:
                with torch.no_grad():
                    self._quantize(final=False)
            with torch.enable_grad():
                loss = closure()
            if self.master:
                with torch.no_grad():
                    self._show_masters()
            if not first:
                first.append(loss)
            return loss

        loss = self.inner.step(evaluate)
        return first[0] if loss is None and first else loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Resets the gradients of all parameters."""
        self.inner.zero_grad(set_to_none)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group to the inner optimizer; its parameters are put on their grids, if they have formats.

        Groups that are added to the inner optimizer itself go unnoticed.
        """
        self.inner.add_param_group(param_group)
        try:
            with torch.no_grad():
                self._install()
        except CreatorError:
            self.inner.param_groups.pop()
            raise

    def check(self) -> None:
        """Looks for NaN and infinities in parameters and masters.

        Raises:
            CreatorError: for the first, with the parameter's name.
        """
        for parameter, master in zip(self._parameters, self._masters, strict=True):
            self._check(parameter, parameter)
            self._check(parameter, master)

    def _check(self, parameter: torch.Tensor, values: torch.Tensor) -> None:
        try:
            check_finite(values)
        except CreatorError as error:
            raise error.at(self._chosen.names[parameter]) from None

    def _indices(self) -> dict[torch.Tensor, int]:
        """The number of each parameter in a ``state_dict``."""
        every = dict.fromkeys(p for group in self.param_groups for p in group["params"])
        return {parameter: index for index, parameter in enumerate(every)}

    def state_dict(self) -> dict[str, Any]:
        """The inner optimizer's state, and under ``"quantized"`` the masters and the generator's state.

        With the model's ``state_dict`` it resumes training bit for bit. Only tensors and plain values, which
        torch reads with ``weights_only=True``.
        """
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        with torch.no_grad():
            self._catch_up()
        indices = self._indices()
        masters = zip(self._parameters, self._masters, strict=True) if self.master else ()
        own = {"masters": {indices[p]: m.clone() for p, m in masters}, "generator": _generator_state(self.generator)}
        result = {**self.inner.state_dict(), _OWN_STATE: own}
        for after in self._optimizer_state_dict_post_hooks.values():
            result = after(self, result) or result
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Loads what :meth:`state_dict` returned, or a state of the inner optimizer, which leaves the masters as they are.

        The parameters become what their masters round to; the model's state may be loaded before or after.

        Raises:
            CreatorError: if the masters do not match in number or shape, are NaN, or a generator is missing.
        """
        state_dict = dict(state_dict)
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            state_dict = before(self, state_dict) or state_dict
        own = state_dict.pop(_OWN_STATE, None)
        masters = [] if own is None else self._matching(own["masters"])
        if own is not None and own["generator"] is not None and self.generator is None:
            raise CreatorError("the state is that of a generator, too", _NAME, "pass one to QuantizedOptimizer")
        self.inner.load_state_dict(state_dict)
        if masters:
            with torch.no_grad():
                torch._foreach_copy_(self._masters, masters)
                for grid in self._grids:
                    grid.settle()
                self._show_values()
        if own is not None and own["generator"] is not None:
            _load_generator(self.generator, own["generator"])
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    def _matching(self, saved: Mapping[int, torch.Tensor]) -> list[torch.Tensor]:
        """The saved masters in the order of the parameters; refused if they are not of these."""
        indices = self._indices()
        expected = {indices[p]: p for p in self._parameters} if self.master else {}
        if set(saved) != set(expected):
            raise CreatorError(
                f"the state has {len(saved)} masters, the optimizer {len(expected)}, or others", _NAME,
                "use the same parameters, formats and master= as when it was saved",
            )  # fmt: skip
        for index, parameter in expected.items():
            if saved[index].shape != parameter.shape:
                what = f"its master in the state has shape {tuple(saved[index].shape)}, not {tuple(parameter.shape)}"
                raise CreatorError(what, self._chosen.names[parameter])
            self._check(parameter, saved[index])
        return [saved[index] for index in expected]

    def __getstate__(self) -> dict[str, Any]:
        hooks = [name for name in vars(self) if name.startswith("_optimizer_")]
        return {name: value for name, value in vars(self).items() if name not in (*_NOT_COPIED, *hooks)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if state:
            self._mark()

    def __deepcopy__(self, memo: dict[int, Any]) -> QuantizedOptimizer:
        # Parameters are copied as well, as torch's optimizers do; copy.deepcopy((model, optimizer)) keeps them together.
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        new.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        for name, value in vars(self.inner).items():  # torch's copy has groups and state only; LBFGS needs more
            if name not in vars(new.inner) and name not in _NOT_COPIED:
                setattr(new.inner, name, copy.deepcopy(value, memo))
        return new

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.inner!r}, {self.rounding}, master={self.master})"


def _checked_optimizer(optimizer: object) -> torch.optim.Optimizer:
    if not isinstance(optimizer, torch.optim.Optimizer) or isinstance(optimizer, QuantizedOptimizer):
        raise CreatorError(f"{optimizer!r:.80} cannot be wrapped", _NAME, "pass an instance of a torch.optim.Optimizer")
    if any(group.get("differentiable") for group in optimizer.param_groups):
        raise CreatorError("a differentiable optimizer cannot be wrapped", _NAME, "leave differentiable=False")
    return optimizer


def _checked_momentum(momentum: object) -> FixedPoint | dict[str, FixedPoint] | None:
    if momentum is None or isinstance(momentum, FixedPoint):
        return momentum
    if isinstance(momentum, Mapping) and all(isinstance(fmt, FixedPoint) for fmt in momentum.values()):
        return dict(momentum)
    raise CreatorError(f"momentum={momentum!r:.80} is no format", _NAME, "pass a FixedPoint, or a dict from names to them")


def _generator_state(generator: Any) -> Any:
    if isinstance(generator, torch.Generator):
        return generator.get_state()
    return copy.deepcopy(getattr(generator, "state", None))


def _load_generator(generator: Any, state: Any) -> None:
    if isinstance(generator, torch.Generator):
        generator.set_state(state.cpu())
    else:
        generator.state = copy.deepcopy(state)
