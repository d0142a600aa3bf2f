"""Random multilayer perceptrons: PyTorch, the graph and the VHDL agree on random and corner vectors."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import creator
from creator import CreatorError, FixedPoint, Overflow, Rounding, nn
from creator.graph.vectors import check_vectors
from creator.passes import LOWER, run_passes
from creator.schedule import schedule
from creator.schedule.assemble import core_nodes
from creator.schedule.timeline import frame_ends

SIZES = [1, 1, 2, 3, 5, 7, 8, 11, 13, 16, 17, 23, 29, 31, 32, 37, 40]
ROUNDINGS = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]
QUICK, EXTENDED = 60, 600
VECTORS = 20


class Fuzz:
    """A random network for one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def format(self, most: int = 16, least: int = 2, signed: bool | None = None) -> FixedPoint:
        bits = int(self.rng.integers(least, most + 1))
        frac = int(self.rng.integers(-1, bits + 2))
        signed = self.chance(0.8) if signed is None else signed
        return FixedPoint(bits, frac, signed)

    def rules(self, fmt: FixedPoint) -> dict:
        overflow = Overflow.SATURATE if self.chance(0.7) else Overflow.WRAP
        return {"output": fmt, "rounding": self.pick(ROUNDINGS), "overflow": overflow}

    def linear(self, n: int, m: int, fmt: FixedPoint) -> nn.Linear:
        bias = self.pick([True, False, self.format(signed=True)])
        layer = nn.Linear(n, m, bias=bias, weight=self.format(10), **self.rules(fmt))
        with torch.no_grad():
            span = layer.weight_format.max_value * self.pick([0.3, 1.0, 2.0])
            layer.weight.uniform_(-span, span)
            if layer.bias is not None:
                span = layer.bias_format.max_value * self.pick([0.3, 1.0, 2.0])
                layer.bias.uniform_(-span, span)
        return layer

    def normalisation(self, size: int) -> nn.BatchNorm1d:
        layer = nn.BatchNorm1d(size)
        with torch.no_grad():
            for tensor in (layer.weight, layer.bias, layer.running_mean):
                tensor.uniform_(-2, 2)
            layer.running_var.uniform_(0.1, 3)
        return layer

    def activation(self, fmt: FixedPoint) -> tuple[list[torch.nn.Module], FixedPoint]:
        """Layers and the format after them."""
        out = self.format(12)
        low, high = sorted(self.rng.integers(fmt.min_code, fmt.max_code + 1, 2).tolist())
        tables = [nn.Sigmoid, nn.Tanh, nn.SiLU, lambda **k: nn.Lookup(math.cos, **k), lambda **k: nn.Lookup(torch.square, **k)]
        match int(self.rng.integers(6)):
            case 0:
                return [], fmt
            case 1 | 2:
                return [nn.ReLU()], fmt
            case 3 if low < high:
                return [nn.HardTanh(low * fmt.step, high * fmt.step)], fmt
            case 4:
                return [nn.Quantize(out, *(self.rules(out)[key] for key in ("rounding", "overflow")))], out
        narrow = [] if fmt.total_bits <= 12 else [nn.Quantize(self.format(12, signed=fmt.signed))]
        return [*narrow, self.pick(tables)(**self.rules(out))], out

    def lanes(self, size: int, most: int) -> int:
        """One, all, or some of ``size``; at most ``most``, which keeps the simulation short."""
        return min(most, self.pick([1, 1, size, *self.rng.integers(1, size + 1, 2).tolist()]))

    def parallelism(self, graph: creator.Graph) -> dict:
        """One of the ways to ask for lanes; mostly some for each core, at random."""
        packing = self.chance(0.5)
        match int(self.rng.integers(8)):
            case 0:
                return {}
            case 1:
                return {"parallelism": int(self.rng.integers(20, 400)), "packing": packing}
            case 2 if products(graph) <= 256:
                return {"parallelism": "full-lanes", "packing": packing}
        lowered = run_passes(graph, LOWER)
        lanes: dict[str, list[int]] = {}
        for node in core_nodes(lowered):
            inputs = self.lanes(lowered.input_types(node)[0].size, 64)
            lanes[node.name] = [inputs, self.lanes(node.type.size, 128 // inputs) if node.op.name == "linear" else inputs]
        return {"lanes": lanes, "packing": packing}

    def model(self) -> tuple[torch.nn.Sequential, int]:
        sizes = [self.pick(SIZES) for _ in range(int(self.rng.integers(1, 6)) + 1)]
        fmt = self.format()
        layers: list[torch.nn.Module] = [nn.Quantize(fmt)]
        for n, m in itertools.pairwise(sizes):
            fmt = self.format()
            layers.append(self.linear(n, m, fmt))
            layers += [self.normalisation(m)] if self.chance(0.25) else []
            more, fmt = self.activation(fmt)
            layers += [*more, *([nn.Dropout(0.3)] if self.chance(0.1) else [])]
        return torch.nn.Sequential(*layers), sizes[0]


def products(graph: creator.Graph) -> int:
    """Multiplications for one sample."""
    return sum(node.op.weight.size for node in graph.nodes if node.op.name == "linear")


def agree(seed: int, folder: Path) -> int:
    """Builds and checks the network of ``seed``; the number of vectors compared."""
    fuzz = Fuzz(seed)
    model, size = fuzz.model()
    graph = creator.trace(model, (size,))
    x = check_vectors(graph, VECTORS, seed)
    with torch.no_grad():
        y = model.eval()(torch.from_numpy(graph.input_format.from_integers(x)).float())
    expected = np.ldexp(y.double().numpy(), graph.output_format.frac_bits)
    assert np.array_equal(graph.run(x), expected), "the graph differs from PyTorch"
    design = creator.translate(graph, **fuzz.parallelism(graph))
    run = creator.simulate(design.write(folder / "build"), x, bench="vhdl", stalls=seed % 3, interrupt=seed % 5)
    assert run.mismatches == 0, run.first
    assert np.array_equal(run.outputs, expected), "the VHDL differs from PyTorch"
    if seed % 3 == 0:
        assert (run.latency, run.interval) == (design.latency, design.interval)
        assert list(run.ends) == frame_ends(design.plan, len(run.ends))
    return len(x)


SEEDS = [*range(QUICK), *(pytest.param(seed, marks=pytest.mark.extended) for seed in range(QUICK, EXTENDED))]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_network(seed: int, tmp_path: Path, record_property) -> None:
    record_property("fuzz vectors", agree(seed, tmp_path))


def test_the_generator_covers_what_it_should() -> None:
    """Of the networks above: depths, sizes, every rounding, overflow, activation, bias and normalisation."""
    seen: set[str] = set()
    for seed in range(QUICK):
        fuzz = Fuzz(seed)
        model, size = fuzz.model()
        graph = creator.trace(model, (size,))
        plan = schedule(run_passes(graph, LOWER), **fuzz.parallelism(graph))
        for core in plan.cores:
            linear = core.node.op.name == "linear"
            seen |= {"packed"} if core.lanes.packed else set()
            seen.add("stores" if core.stores else "streams" if linear else "elementwise")
            seen.add(f"places {min(3, len(core.adapter.places))}" if core.adapter else "no adapter")
            seen |= {"remainder"} if core.input_type.size % core.lanes.input else set()
            seen |= {"stream register"} if core.registered else set()
            seen |= {"tree"} if linear and core.lanes.input > 2 else set()
        linears = [layer for layer in model if isinstance(layer, nn.Linear)]
        seen.add(f"depth {len(linears)}")
        for layer in model:
            seen.add(type(layer).__name__)
            if isinstance(layer, nn.Linear):
                seen |= {str(layer.quantizer.rounding), str(layer.quantizer.overflow), f"bias {layer.bias is not None}"}
                seen |= {f"size {layer.in_features}", f"size {layer.out_features}"}
    expected = (
        {f"depth {n}" for n in range(1, 6)} | {str(mode) for mode in [*ROUNDINGS, *Overflow]} | {"bias True", "bias False"}
    )
    expected |= {"ReLU", "HardTanh", "Sigmoid", "Tanh", "SiLU", "Lookup", "Quantize", "BatchNorm1d", "Dropout"}
    expected |= {f"size {n}" for n in (1, 13, 40)}
    expected |= {"packed", "stores", "streams", "elementwise", "no adapter", "remainder", "stream register", "tree"}
    expected |= {f"places {n}" for n in (1, 2, 3)}
    assert expected <= seen


def test_refusals_stay_refusals() -> None:
    """Sums beyond 52 bits are refused by name, not computed approximately."""
    wide = torch.nn.Sequential(nn.Quantize(FixedPoint(30, 0)), nn.Linear(8, 2, weight=FixedPoint(24, 0)))
    torch.nn.init.constant_(wide[1].weight, 1e7)
    with pytest.raises(CreatorError, match=r"^1: its sums need \d+ bits"):
        creator.trace(wide, (8,))
