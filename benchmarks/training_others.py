"""The peers' versions of the networks: 8-bit weights and activations, logits included where the peer does that.

Each builder imports its peer, so that a peer that did not install takes only its own rows away. A builder takes the network's
name and a factory of optimizers.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from training_workload import Layer, Trained, batch, network, plain

Factory = Callable[[Any], torch.optim.Optimizer]
Builder = Callable[[str, Factory], Trained]

BITS, WEIGHT_FRACTION, FRACTION = 8, 6, 4
GRADIENT_BITS, GRADIENT_FRACTION = 16, 15
"""As fine as all systems can: the loss is a mean over the batch, and with 12 bits of fraction few gradients would remain."""

GRADIENTS = "+ gradients"
"""How the name of a system that quantizes gradients ends."""


def relu(spec: Layer) -> list[torch.nn.Module]:
    """torch's ReLU, or none after the last layer."""
    return [] if spec.last else [torch.nn.ReLU()]


def torch_float(name: str, factory: Factory) -> Trained:
    """The baseline."""
    model = network(name, plain)
    return model, factory(model.parameters())


def brevitas(name: str, factory: Factory) -> Trained:
    """Its fixed-point quantizers: power-of-two scales, those of activations learned after some steps of statistics."""
    import brevitas.nn as qnn
    from brevitas.quant import Int8ActPerTensorFixedPoint, Int8WeightPerTensorFixedPoint, Uint8ActPerTensorFixedPoint

    # It collects for 300 steps, which are slower still, unless told otherwise; the warm-up is shorter than that.
    signed = Int8ActPerTensorFixedPoint.let(collect_stats_steps=4)
    unsigned = Uint8ActPerTensorFixedPoint.let(collect_stats_steps=4)

    def layer(spec: Layer) -> list[torch.nn.Module]:
        output = {"output_quant": signed} if spec.last else {}
        made = spec.make(qnn.QuantLinear, qnn.QuantConv2d, bias=True, weight_quant=Int8WeightPerTensorFixedPoint, **output)
        return [made, *([] if spec.last else [qnn.QuantReLU(act_quant=unsigned)])]

    model = network(name, layer, qnn.QuantIdentity(act_quant=signed))
    return model, factory(model.parameters())


def elasticai(backward: bool) -> Builder:
    """elasticai.creator's quantized_grads: parameters through a parametrization, outputs and their gradients in a module."""

    def build(name: str, factory: Factory) -> Trained:
        from elasticai.creator_plugins.quantized_grads.base_modules import Conv2d, Linear
        from elasticai.creator_plugins.quantized_grads.fixed_point import (
            FixedPointConfigV2,
            QuantizeForwHTE,
            QuantizeForwHTEBackwHTE,
            QuantizeParamSTEToFixedPointHTE,
        )

        weight, values = FixedPointConfigV2(BITS, WEIGHT_FRACTION), FixedPointConfigV2(BITS, FRACTION)
        gradient = FixedPointConfigV2(GRADIENT_BITS, GRADIENT_FRACTION)

        def quantize() -> torch.nn.Module:
            return QuantizeForwHTEBackwHTE(values, gradient) if backward else QuantizeForwHTE(values)

        def layer(spec: Layer) -> list[torch.nn.Module]:
            parameters = {f"{kind}_quantization": QuantizeParamSTEToFixedPointHTE(weight) for kind in ("weight", "bias")}
            if spec.kernel:
                arguments = {"in_channels": spec.inputs, "out_channels": spec.outputs, "kernel_size": spec.kernel}
                made = Conv2d(quantize(), **arguments, **parameters, stride=spec.stride)
            else:
                made = Linear(quantize(), spec.inputs, spec.outputs, bias=True, **parameters)
            return [made, *relu(spec)]

        model = network(name, layer, quantize())
        return model, factory(model.parameters())

    return build


def qtorch(gradients: bool) -> Builder:
    """Quantizers after each layer; its optimizer keeps float weights and quantizes them once a step, gradients as well."""

    def build(name: str, factory: Factory) -> Trained:
        from qtorch import FixedPoint
        from qtorch.optim import OptimLP
        from qtorch.quant import Quantizer, quantizer

        values, weight = FixedPoint(BITS, FRACTION), FixedPoint(BITS, WEIGHT_FRACTION)
        gradient = FixedPoint(GRADIENT_BITS, GRADIENT_FRACTION) if gradients else None

        def layer(spec: Layer) -> list[torch.nn.Module]:
            quantize = Quantizer(values, gradient, "nearest", "nearest")
            return [spec.make(torch.nn.Linear, torch.nn.Conv2d), quantize, *relu(spec)]

        model = network(name, layer, Quantizer(values, None, "nearest", "nearest"))
        optimizer = OptimLP(
            factory(model.parameters()),
            weight_quant=quantizer(forward_number=weight, forward_rounding="nearest"),
            grad_quant=quantizer(forward_number=gradient, forward_rounding="nearest") if gradients else None,
            acc_quant=lambda weight: weight,
        )
        return model, optimizer

    return build


def torch_ao(kind: str) -> Builder:
    """torch.ao's eager-mode QAT with layers and ReLU fused; ``kind``: fused, unfused or learnable fake quantization."""

    def build(name: str, factory: Factory) -> Trained:
        with _quiet():
            from torch.ao import quantization as ao

            module = network(name, plain, ao.QuantStub())
            module.qconfig = _qconfig(ao, kind)
            pairs = [[str(i), str(i + 1)] for i in range(len(module) - 1) if isinstance(module[i + 1], torch.nn.ReLU)]
            model = ao.prepare_qat(ao.fuse_modules_qat(module, pairs))
        if kind == "learnable":
            _initialise(model, name)
        return model, factory(model.parameters())

    return build


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what these packages say about their own deprecation, and about kernels for other hardware."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def _qconfig(ao: Any, kind: str) -> Any:
    activation = {"quant_min": 0, "quant_max": 255, "dtype": torch.quint8, "qscheme": torch.per_tensor_affine}
    weight = {"quant_min": -128, "quant_max": 127, "dtype": torch.qint8, "qscheme": torch.per_tensor_symmetric}
    if kind == "learnable":
        from torch.ao.quantization._learnable_fake_quantize import _LearnableFakeQuantize as Fake

        options = {"observer": ao.MovingAverageMinMaxObserver, "use_grad_scaling": True}
        return ao.QConfig(Fake.with_args(**options, **activation), Fake.with_args(**options, **weight))
    fake = ao.FusedMovingAvgObsFakeQuantize if kind == "fused" else ao.FakeQuantize
    made = [fake.with_args(observer=ao.MovingAverageMinMaxObserver, **options) for options in (activation, weight)]
    return ao.QConfig(*made)


def _initialise(model: torch.nn.Module, name: str) -> None:
    """Learned scales begin where an observer puts them; then only the learning remains."""
    from torch.ao.quantization._learnable_fake_quantize import _LearnableFakeQuantize

    fakes = [module for module in model.modules() if isinstance(module, _LearnableFakeQuantize)]
    for fake in fakes:
        fake.enable_static_estimate()
    with torch.no_grad():
        model(batch(name)[0])
    for fake in fakes:
        fake.enable_param_learning()


def pt2e(name: str, factory: Factory) -> Trained:
    """torchao's PT2E QAT: an exported graph and the x86 quantizer, weights per tensor as elsewhere; logits stay float."""
    with _quiet():
        import torchao.quantization.pt2e.quantizer.x86_inductor_quantizer as x86
        from torchao.quantization.pt2e import (
            FusedMovingAvgObsFakeQuantize,
            MovingAverageMinMaxObserver,
            move_exported_model_to_train,
        )
        from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

        config = x86.get_default_x86_inductor_quantization_config(is_qat=True)
        fake = FusedMovingAvgObsFakeQuantize.with_args(observer=MovingAverageMinMaxObserver, eps=2**-12)
        weight = replace(config.weight, qscheme=torch.per_tensor_symmetric, ch_axis=None, observer_or_fake_quant_ctr=fake)
        quantizer = x86.X86InductorQuantizer().set_global(replace(config, weight=weight))
        inputs, _ = batch(name)
        model = prepare_qat_pt2e(torch.export.export(network(name, plain), (inputs,)).module(), quantizer)
        move_exported_model_to_train(model)
    return model, factory(model.parameters())


PEERS: dict[str, Builder] = {
    "Brevitas, fixed point": brevitas,
    "elasticai.creator, forward": elasticai(backward=False),
    f"elasticai.creator, {GRADIENTS}": elasticai(backward=True),
    "qtorch": qtorch(gradients=False),
    f"qtorch, {GRADIENTS}": qtorch(gradients=True),
    "torch.ao, fused": torch_ao("fused"),
    "torch.ao, unfused": torch_ao("unfused"),
    "torch.ao, learnable": torch_ao("learnable"),
    "torchao PT2E": pt2e,
}
