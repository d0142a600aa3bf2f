"""``training_speed.py --device cuda``: a ResNet-18 in channels_last, creator against float, in float32 and bf16 autocast.

Needs torch and creator's checkout only. Steps are timed with CUDA events.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from training_child import Record, check, figures, versions
from training_measure import BASELINE, WARM_UP, clocked, levels, measure
from training_ours import DEFAULT, MASTER
from training_resnet import CLASSES, IMAGE, CreatorBlocks, InLowPrecision, PlainBlocks, resnet
from training_workload import OPTIMIZERS, SEED, Trained, step

DTYPES: dict[str, torch.dtype | None] = {"ResNet-18, bf16 autocast": torch.bfloat16, "ResNet-18, float32": None}
SYSTEMS = {BASELINE: (PlainBlocks, False), DEFAULT: (CreatorBlocks, False), MASTER: (CreatorBlocks, True)}
OPTIMIZER = "SGD with momentum"
STEPS = 12
CHECKED = 8
"""Samples that the check of levels runs."""


def run(rounds: int, batch: int) -> Record:
    """All measurements, in the form of ``training_child.run``."""
    if not torch.cuda.is_available():
        raise SystemExit("torch finds no GPU: use --device cpu")
    torch.backends.cudnn.benchmark = True
    results: list[Record] = []
    missing: list[Record] = []
    for name, dtype in DTYPES.items():
        place = {"network": name, "optimizer": OPTIMIZER}
        found, failed = compare(dtype, torch.device("cuda"), rounds, batch)
        results += [{**place, "system": system, **record} for system, record in found.items()]
        missing += [{**place, "system": system, "why": why} for system, why in failed.items()]
        torch.cuda.empty_cache()
    kind = f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, TF32 in float32's convolutions"
    return {"versions": versions(), "processor": kind, "results": results, "missing": missing}


def compare(
    dtype: torch.dtype | None, device: torch.device, rounds: int, batch: int, **sizes: Any
) -> tuple[dict[str, Record], dict[str, str]]:
    """Figures of each system, and why others have none; ``sizes``: those of a smaller network than a ResNet-18."""
    generator = torch.Generator().manual_seed(SEED)
    images = torch.randn((batch, *sizes.pop("image", IMAGE)), generator=generator)
    labels = torch.randint(sizes.get("classes", CLASSES), (batch,), generator=generator).to(device)
    images = images.to(device, memory_format=torch.channels_last)
    systems: dict[str, Trained] = {}
    found: dict[str, Record] = {}
    failed: dict[str, str] = {}
    for name, (blocks, master) in SYSTEMS.items():
        torch.manual_seed(SEED)
        try:
            trained = build(blocks, master, dtype, device, sizes)
            for _ in range(WARM_UP):
                step(trained, images, labels)
            found[name] = check(name, levels(trained, images[:CHECKED], labels[:CHECKED], by_channel=True))
        except Exception as error:  # as in training_child.prepare
            if name == BASELINE:
                raise
            failed[name] = f"{type(error).__name__}: {error}".splitlines()[0]
        else:
            systems[name] = trained
    timings = measure(systems, images, labels, rounds, STEPS, timer=burst if device.type == "cuda" else clocked)
    return {name: {**found[name], **figures(timing)} for name, timing in timings.items()}, failed


def build(
    blocks: Callable[[], PlainBlocks], master: bool, dtype: torch.dtype | None, device: torch.device, sizes: dict[str, Any]
) -> Trained:
    """Model and optimizer."""
    model = resnet(blocks(), **sizes).to(device)
    optimizer = OPTIMIZERS[OPTIMIZER](model.parameters())
    if master:
        from creator.optim import QuantizedOptimizer

        optimizer = QuantizedOptimizer(optimizer, model, master=True)
    return InLowPrecision(model, dtype), optimizer


def burst(trained: Trained, inputs: torch.Tensor, labels: torch.Tensor, steps: int) -> list[float]:
    """Seconds of each of ``steps`` steps on the GPU, after one that is not counted."""
    events = [torch.cuda.Event(enable_timing=True) for _ in range(steps + 1)]
    step(trained, inputs, labels)
    events[0].record()
    for event in events[1:]:
        step(trained, inputs, labels)
        event.record()
    torch.cuda.synchronize()
    return [1e-3 * begin.elapsed_time(end) for begin, end in pairwise(events)]
