"""Small networks of torch.ao, prepared, calibrated and converted in each of its ways; torch warns of each of them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import torch.ao.nn.quantized as quantized  # noqa: F401
    from torch.ao import quantization
    from torch.ao.quantization import fx, quantize_fx  # noqa: F401
    from torch.ao.quantization.fx import _decomposed  # noqa: F401 - registers the operators of PT2E


ENGINES = tuple(engine for engine in torch.backends.quantized.supported_engines if engine != "none")
Factory = Callable[[], torch.nn.Module]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(*shape: int, seed: int = 0, spread: float = 1.3) -> torch.Tensor:
    return torch.randn(shape, generator=seeded(seed)) * spread


def qconfig(signed: bool = False, weight: str = "channel", zero: bool = False, bits: int = 8) -> Any:
    """Activations with or without a sign; weights per channel, or per tensor with or without a zero point."""
    observer = quantization.MinMaxObserver if weight == "tensor" else quantization.PerChannelMinMaxObserver
    schemes = {"channel": (torch.per_channel_symmetric, torch.per_channel_affine),
               "tensor": (torch.per_tensor_symmetric, torch.per_tensor_affine)}  # fmt: skip
    low, high = ((0, 127), (0, 255))[bits == 8]
    activation = quantization.MinMaxObserver.with_args(
        dtype=torch.qint8 if signed else torch.quint8, quant_min=low - 128 * signed, quant_max=high - 128 * signed
    )
    weights = observer.with_args(dtype=torch.qint8, qscheme=schemes[weight][zero])
    return quantization.QConfig(activation=activation, weight=weights)


def eager(make: Factory, x: torch.Tensor, config: Any = None, fuse: Any = None) -> torch.nn.Module:
    """The eager mode: stubs around, ``fuse`` names what is fused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        model = make().eval()
        model.qconfig = config or qconfig()
        if fuse:
            model = quantization.fuse_modules(model, fuse)
        prepared = quantization.prepare(model)
        prepared(x)
        return quantization.convert(prepared)


def wrapped(*layers: torch.nn.Module) -> Factory:
    """Layers in a row between a QuantStub and a DeQuantStub, with parameters drawn anew."""

    def make() -> torch.nn.Module:
        fresh = copy.deepcopy(layers)
        for layer in fresh:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        return quantization.QuantWrapper(torch.nn.Sequential(*fresh))

    return make


def trained(make: Factory, x: torch.Tensor, engine: str, fuse: Any) -> torch.nn.Module:
    """The eager mode with quantization-aware training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        model = make().train()
        model.qconfig = quantization.get_default_qat_qconfig(engine)
        prepared = quantization.prepare_qat(quantization.fuse_modules_qat(model, fuse))
        optimizer = torch.optim.SGD(prepared.parameters(), 0.1)
        for _ in range(10):
            optimizer.zero_grad()
            (prepared(x) - x[:, :3]).square().mean().backward()
            optimizer.step()
        return quantization.convert(prepared.eval())


def graph_mode(make: Factory, x: torch.Tensor, kind: str = "quantized", config: Any = None) -> torch.nn.Module:
    """The FX graph mode, to quantized modules, to reference modules, or to the operators of PT2E."""
    converters = {
        "quantized": quantize_fx.convert_fx,
        "reference": quantize_fx.convert_to_reference_fx,
        "decomposed": quantize_fx._convert_to_reference_decomposed_fx,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        mapping = quantization.get_default_qconfig_mapping("x86") if config is None else config
        prepared = quantize_fx.prepare_fx(make().eval(), mapping, (x,))
        prepared(x)
        return converters[kind](prepared)


def codes_of(values: torch.Tensor, fmt: Any) -> np.ndarray:
    """The codes of values on the grid of ``fmt``."""
    codes = fmt.to_integers(values.detach().double().numpy())
    assert np.array_equal(fmt.from_integers(codes), values.detach().double().numpy())
    return codes


class Engine:
    """Another engine of torch for a while."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.before = torch.backends.quantized.engine
        torch.backends.quantized.engine = self.name

    def __exit__(self, *_: object) -> None:
        torch.backends.quantized.engine = self.before
