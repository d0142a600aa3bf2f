"""What cannot become exact hardware is refused in one line: where, what, and what to do."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import creator
from creator import CreatorError, FixedPoint, Overflow, Rounding, nn

Q = FixedPoint
IN = Q(8, 4)
Sequential = torch.nn.Sequential


def refusal(make, where: str, what: str, hint: str = "hint: ") -> None:
    """Calls ``make``; its refusal begins with the place, says what and, unless ``hint`` is empty, hints."""
    with pytest.raises(CreatorError) as info:
        make()
    text = str(info.value)
    assert text.startswith(f"{where}: "), text
    assert what in text
    assert hint in text
    assert "\n" not in text
    assert info.value.hint or not hint


def body(*layers: torch.nn.Module, shape: int | tuple[int, ...] = 4, where: str = "body.1", **expected: str) -> None:
    """Traces the layers, inside a submodule ``body`` after a Quantize, and expects a refusal."""

    class Outer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = Sequential(nn.Quantize(IN), *layers)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    refusal(lambda: creator.trace(Outer(), shape), where, **expected)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quantize = nn.Quantize(IN)
        self.fc = nn.Linear(4, 4)
        self.register_buffer("limit", torch.tensor(1.0))


def custom(forward, where: str, what: str, hint: str = "hint: ") -> None:
    kind = type("Custom", (Net,), {"forward": forward})
    refusal(lambda: creator.trace(kind(), 4), where, what, hint)


@pytest.mark.parametrize(
    ("layer", "hint"),
    [
        (torch.nn.Linear(4, 2), "use creator.nn.Linear"),
        (torch.nn.Conv1d(1, 1, 1), "use creator.nn.Conv1d"),
        (torch.nn.Conv2d(1, 1, 1), "use creator.nn.Conv2d"),
        (torch.nn.Conv3d(1, 1, 1), "creator.nn has Quantize, Linear"),
        (torch.nn.LSTM(4, 2), "networks with recurrence are not translated"),
        (torch.nn.LayerNorm(4), "use creator.nn.BatchNorm1d"),
        (torch.nn.LogSoftmax(1), "leave it out, since argmax finds the same"),
        (torch.nn.Sigmoid(), "use creator.nn.Sigmoid"),
        (torch.nn.Tanh(), "use creator.nn.Tanh"),
        (torch.nn.SiLU(), "use creator.nn.SiLU"),
        (torch.nn.BatchNorm1d(4), "use creator.nn.BatchNorm1d"),
        (torch.nn.Softmax(1), "use creator.nn.Softmax"),
        (torch.nn.CELU(), "use creator.nn.CELU"),
        (torch.nn.GLU(), "use creator.nn.GLU"),
        (torch.nn.MaxPool3d(2), "creator.nn has"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, torch.nn.Module) else "",
)
def test_unsupported_modules(layer: torch.nn.Module, hint: str) -> None:
    body(layer, what=f"{type(layer).__name__} is not supported", hint=hint)


@pytest.mark.parametrize(
    ("function", "name", "hint"),
    [
        (torch.sigmoid, "sigmoid", "use creator.nn.Sigmoid"),
        (torch.tanh, "tanh", "use creator.nn.Tanh"),
        (torch.nn.functional.silu, "silu", "use creator.nn.SiLU"),
        (torch.exp, "exp", "creator.nn"),
        (torch.sqrt, "sqrt", "use creator.nn.Lookup(torch.sqrt)"),
        (lambda x: x // 2, "floordiv", "use creator.nn.Quantize"),
        (lambda x: x**3, "pow", "x * x and x**2 are products"),
        (lambda x: x % 2, "mod", "creator.nn"),
        (lambda x: x.argmin(1), "argmin", "use (-x).argmax(dim)"),
        (lambda x: x.t(), "t", "creator.nn"),
        (lambda x: x[:, [0, 1]], "getitem", "use numbers and slices"),
        (lambda x: x.T, "fc.getattr", "x.transpose(1, 2)"),
        (lambda x: x.flip(1), "flip", "turn the data"),
        (lambda x: torch.log_softmax(x, 1), "log_softmax", "leave it out"),
        (lambda x: x.repeat(1, 2), "repeat", "torch.cat"),
        (lambda x: torch.nn.functional.dropout(x), "dropout", ""),
        (lambda x: torch.nn.functional.linear(x, torch.eye(4)), "linear", ""),
    ],
)
def test_unsupported_functions(function, name: str, hint: str) -> None:
    custom(lambda self, x: self.fc(function(self.quantize(x))), name, "not supported", hint)


def test_an_unsupported_function_is_named_with_its_module() -> None:
    class Inner(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.exp(x)

    body(Inner(), where="body.1.exp", what="not supported")


def test_a_refused_branch_gives_a_hint() -> None:
    custom(lambda self, x: self.quantize(x) + self.fc(self.quantize(x)), "quantize", "quantized in two places")
    custom(lambda self, x: ((y := self.quantize(x)[:, :3]).view(-1, 3, 1) + y).flatten(1), "add", "the batch meets another one")


def test_a_constant_in_the_forward_is_refused() -> None:
    custom(lambda self, x: self.quantize(x) + torch.full((3, 4), 0.5), "add", "adds axes", "keep the value's axes")
    custom(lambda self, x: torch.clamp(self.quantize(x), max=self.limit), "clamp", "not supported", "")


def test_an_unknown_rounding() -> None:
    with pytest.raises(CreatorError, match=r"unknown rounding 'up' .hint: choose one of 'half_even', 'half_up'"):
        nn.Linear(4, 2, rounding="up")  # type: ignore[arg-type]
    with pytest.raises(CreatorError, match=r"unknown overflow 'clip' .hint: choose one of 'saturate', 'wrap'"):
        nn.Quantize(IN, overflow="clip")  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["weight", "output"])
@pytest.mark.parametrize("value", [8, "fixed<8,4>", None, (8, 4), 8.0])
def test_a_width_is_not_a_format(argument: str, value: object) -> None:
    refusal(lambda: nn.Linear(4, 2, **{argument: value}), "Linear", f"{argument}={value!r} is not", f"{argument}=FixedPoint(")


def test_a_linear_layer_of_another_size() -> None:
    body(nn.Linear(5, 2), what="takes 5 inputs, but gets shape (4,)")
    body(nn.Linear(4, 2), nn.Linear(3, 2), where="body.2", what="takes 3 inputs, but gets shape (2,)")


@pytest.mark.parametrize("shape", [(2, 2), (4, 1), (2, 2, 1)])
def test_a_linear_layer_on_images(shape: tuple[int, ...]) -> None:
    body(nn.Linear(4, 2), shape=shape, what=f"takes 4 inputs, but gets shape {shape}", hint="nn.Flatten")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["weight", "bias"])
def test_parameters_that_are_not_finite(value: float, name: str) -> None:
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        getattr(layer, name)[-1] = value
    body(layer, what="NaN or infinite", hint="training diverged")


def test_batch_statistics_that_are_not_finite() -> None:
    norm = nn.BatchNorm1d(2)
    norm.running_mean[0] = math.nan
    body(nn.Linear(4, 2), norm, what="NaN or infinite")
    norm = nn.BatchNorm1d(2)
    norm.running_var[0] = math.inf
    body(nn.Linear(4, 2), norm, what="its running variance is NaN or infinite")


def test_no_calibration() -> None:
    refusal(lambda: creator.trace(Sequential(nn.Quantize(), nn.Linear(4, 2)), 4), "0", "has no format yet", "calibrate")
    body(nn.Linear(4, 2), nn.Quantize(), where="body.2", what="has no format yet", hint="calibrate")


@pytest.mark.parametrize("layer", [nn.Linear(4, 2), nn.ReLU(), nn.Tanh(), torch.nn.Hardtanh()])
def test_no_quantizer_first(layer: torch.nn.Module) -> None:
    refusal(lambda: creator.trace(Sequential(layer, nn.Quantize(IN)), 4), "0", "no number format", "nn.Quantize(FixedPoint")


def test_no_quantizer_at_all() -> None:
    refusal(lambda: creator.trace(Sequential(torch.nn.Flatten()), 4), "output", "no number format", "nn.Quantize")
    custom(lambda self, x: torch.relu(x), "relu", "no number format")


def test_two_inputs() -> None:
    kind = type("Two", (Net,), {"forward": lambda self, x, y: self.fc(self.quantize(x))})
    with pytest.raises(CreatorError, match=r"forward takes 2 inputs .hint: a network has exactly one"):
        creator.trace(kind(), 4)


@pytest.mark.parametrize("pack", [lambda y: (y, y), lambda y: [y], lambda y: {"y": y}, lambda y: None, lambda y: 3])
def test_an_output_that_is_not_one_value(pack) -> None:
    custom(lambda self, x: pack(self.fc(self.quantize(x))), "output", "must return one value")


def test_a_forward_that_cannot_be_traced() -> None:
    custom(lambda self, x: self.fc(x) if x.sum() > 0 else x, "Custom", "cannot be traced", "control flow")
    custom(lambda self, x: self.no_such_layer(x), "Custom", "cannot be traced")
    custom(lambda self, x: next(self.fc(row) for row in x), "Custom", "cannot be traced", "control flow")


def test_a_forward_that_mixes_the_batch() -> None:
    custom(lambda self, x: torch.flatten(self.quantize(x)), "flatten", "mixes the batch", "batch as the first axis")
    custom(lambda self, x: self.quantize(x).sum(), "sum", "mixes the batch", "name axes of a sample: dim=1")
    custom(lambda self, x: self.quantize(x).view(4, -1), "view", "mixes the batch")
    custom(lambda self, x: self.quantize(x).unsqueeze(0), "unsqueeze", "mixes the batch")


def test_a_forward_that_works_for_one_batch_size_only() -> None:
    kind = type("Fixed", (Net,), {"forward": lambda self, x: self.fc(self.quantize(x).view(3, -1))})
    with pytest.raises(CreatorError):
        creator.trace(kind(), 4)


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_on_a_layer(register: str) -> None:
    layer = nn.Linear(4, 2)
    getattr(layer, register)(lambda *_: None)
    body(layer, what="forward hooks", hint="remove them")


def rarely_different(x: Tensor, y: Tensor) -> Tensor:
    """``y``, but for one input code in 256 something else: what 32 samples of one element can miss."""
    return torch.where(x[:, :1] == 77 / 16, y - 0.5, y)


def rare_model(layer: torch.nn.Module) -> Sequential:
    return Sequential(nn.Quantize(IN), layer)


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_hooks_on_a_container(register: str) -> None:
    inner = Sequential(nn.Linear(4, 2))
    getattr(inner, register)(lambda *_: None)
    body(inner, what="forward hooks", hint="remove them")


def test_a_hook_on_the_whole_model_that_rarely_shows() -> None:
    model = rare_model(nn.Linear(1, 1))
    model.register_forward_hook(lambda module, args, y: rarely_different(args[0], y))
    with pytest.raises(CreatorError):
        creator.trace(model, 1)


def test_a_forward_replaced_on_the_instance_that_rarely_shows() -> None:
    model = rare_model(nn.Linear(1, 1))
    original = model[1].forward
    model[1].forward = lambda x: rarely_different(x, original(x))
    with pytest.raises(CreatorError):
        creator.trace(model, 1)


@pytest.mark.parametrize("parent", [nn.Linear, nn.ReLU, nn.Quantize, nn.Lookup, nn.Sigmoid, torch.nn.Dropout, torch.nn.Flatten])
def test_an_overridden_forward_that_rarely_shows(parent: type[torch.nn.Module]) -> None:
    class Special(parent):  # type: ignore[misc, valid-type]
        def forward(self, x: Tensor) -> Tensor:
            return rarely_different(x, super().forward(x))

    arguments = {nn.Linear: (1, 1), nn.Quantize: (IN,), nn.Lookup: (torch.sin,)}.get(parent, ())
    with pytest.raises(CreatorError, match=r"^1: Special overrides forward"):
        creator.trace(rare_model(Special(*arguments)), 1)


def test_an_overridden_helper_that_rarely_shows() -> None:
    class Special(nn.Linear):
        def compute(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return rarely_different(x, super().compute(x, weight, bias))

    with pytest.raises(CreatorError, match=r"^1: Special overrides compute of Linear"):
        creator.trace(rare_model(Special(1, 1)), 1)


@pytest.mark.parametrize("bounds", [(-0.1, 1.0), (-1.0, 1.03), (0.0, 1 / 3)])
def test_clamp_bounds_off_the_grid(bounds: tuple[float, float]) -> None:
    body(nn.HardTanh(*bounds), what="is not a value of fixed<8,4>, whose step is 0.0625", hint="multiple of the step")


@pytest.mark.parametrize("bounds", [(20.0, 30.0), (-30.0, -20.0), (8.0, 9.0), (-9.0, -8.0625)])
def test_clamp_bounds_outside_the_format(bounds: tuple[float, float]) -> None:
    body(nn.HardTanh(*bounds), what="lies outside fixed<8,4>", hint="widen the format")


@pytest.mark.parametrize("bounds", [(math.nan, 1.0), (1.0, 1.0), (2.0, 1.0), (-math.inf, 1.0)])
def test_clamp_bounds_that_make_no_sense(bounds: tuple[float, float]) -> None:
    with pytest.raises(CreatorError, match=r"^HardTanh: needs min_val < max_val"):
        nn.HardTanh(*bounds)


def test_functional_clamp_bounds_that_make_no_sense() -> None:
    custom(lambda self, x: self.quantize(x).clamp(math.nan, 1), "clamp", "NaN", "")
    custom(lambda self, x: self.quantize(x).clamp(2, 1), "clamp", "exceeds", "")


@pytest.mark.parametrize("layer", [nn.Sigmoid(), nn.Lookup(math.sin)])
def test_a_table_of_13_bits(layer: nn.Lookup) -> None:
    model = Sequential(nn.Quantize(Q(13, 4)), layer)
    refusal(lambda: creator.trace(model, 4), "1", "13 input bits is too large", "at most 12 bits")


@pytest.mark.parametrize("function", [torch.log, torch.reciprocal, math.sqrt, lambda v: 1 / v, lambda v: math.exp(v * 200)])
def test_a_function_that_is_not_finite(function) -> None:
    body(nn.Lookup(function), what="the function is not finite at ", hint="limit its input")


def asserts(v: float) -> float:
    assert v < 1.0
    return v


@pytest.mark.parametrize(
    "function", [asserts, lambda v: [v][int(v)], lambda v: v if v < 1 else "no", lambda v: v if v < 1 else None]
)
def test_a_function_that_fails_somewhere(function) -> None:
    with pytest.raises(CreatorError):
        creator.trace(Sequential(nn.Quantize(IN), nn.Lookup(function)), 4)


def test_sums_of_more_than_52_bits() -> None:
    layer = nn.Linear(4, 2, weight=Q(32, 16), output=Q(32, 4))
    torch.nn.init.constant_(layer.weight, 20000.0)
    model = Sequential(nn.Quantize(Q(24, 4)), layer)
    refusal(lambda: creator.trace(model, 4), "1", "bits, more than 52", "narrower formats")


@pytest.mark.parametrize("layer", [nn.Linear(4, 2, rounding=Rounding.STOCHASTIC), nn.Quantize(IN, Rounding.STOCHASTIC)])
def test_stochastic_rounding(layer: torch.nn.Module) -> None:
    body(layer, what="stochastic rounding is for training only", hint="another rounding")
    entry = nn.Quantize(IN, Rounding.STOCHASTIC)
    refusal(lambda: creator.trace(Sequential(entry), 4), "0", "stochastic rounding is for training only")


def test_a_symmetric_format_that_wraps() -> None:
    with pytest.raises(CreatorError, match=r"symmetric> cannot wrap .hint: "):
        nn.Linear(4, 2, output=Q(8, 4, symmetric=True), overflow=Overflow.WRAP)


@pytest.mark.parametrize("between", [nn.ReLU(inplace=True), torch.nn.Hardtanh(-1.0, 1.0, inplace=True)])
def test_batch_normalisation_of_what_changed_in_place(between: torch.nn.Module) -> None:
    what = "what Linear gave was changed in place before BatchNorm1d"
    body(nn.Linear(4, 4), between, nn.BatchNorm1d(4), where="body.3", what=what, hint="output=FixedPoint(8, 4)")


def test_batch_normalisation_without_statistics() -> None:
    body(nn.Linear(4, 2), nn.BatchNorm1d(2, track_running_stats=False), what="depends on the batch")


def test_batch_normalisation_of_another_size() -> None:
    with pytest.raises(CreatorError, match=r"^body\.[12]: |^[12]: "):
        creator.trace(Sequential(nn.Quantize(IN), nn.Linear(4, 2), nn.BatchNorm1d(3)), 4)


@pytest.mark.parametrize("parallelism", ["full", "8", "", "SERIAL", 8.0, True])
def test_parallelism(parallelism: object) -> None:
    model = Sequential(nn.Quantize(IN), nn.Linear(4, 2))
    what = f"parallelism={parallelism!r} is unknown"
    refusal(lambda: creator.translate(model, parallelism, input_shape=4), "schedule", what, "serial")


def test_a_network_that_computes_nothing() -> None:
    for layers in ([], [torch.nn.Flatten()]):
        model = Sequential(nn.Quantize(IN), *layers)
        refusal(lambda: creator.translate(model, input_shape=(2, 2)), "schedule", "computes nothing")  # noqa: B023


@pytest.mark.parametrize("shape", [(), 0, -1, (4, 0), (4.0,), ("4",), True, (True,), 4.0, None, "4"])
def test_a_shape_that_is_none(shape: object) -> None:
    with pytest.raises(CreatorError, match=r"^trace: input_shape=") as info:
        creator.trace(Sequential(nn.Quantize(IN)), shape)  # type: ignore[arg-type]
    assert info.value.hint


@pytest.mark.parametrize("size", [10**15, 10**30])
def test_a_shape_beyond_the_memory(size: int) -> None:
    with pytest.raises(CreatorError):
        creator.trace(Sequential(nn.Quantize(IN), nn.ReLU()), size)


def test_translating_a_module_needs_a_shape() -> None:
    refusal(lambda: creator.translate(Sequential(nn.Quantize(IN), nn.ReLU())), "translate", "needs input_shape")


@pytest.mark.parametrize("model", [None, 3, "model.py", torch.relu, nn.Linear, []])
def test_something_that_is_no_module(model: object) -> None:
    with pytest.raises(CreatorError, match=r"^trace: expected a torch.nn.Module"):
        creator.trace(model, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype: torch.dtype) -> None:
    kind = type("Half", (Net,), {"forward": lambda self, x: self.fc(self.quantize(x.to(dtype)))})
    with pytest.raises(CreatorError):
        creator.trace(kind(), 4)
