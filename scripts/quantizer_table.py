"""Writes the tables of docs/quantizers.md: names that users of other systems know, where they live here, hardware, test.

    python scripts/quantizer_table.py            writes
    python scripts/quantizer_table.py --check    exits with 1 if the page is out of date

Each place is imported and each test file is looked up, so the page cannot name what does not exist.
"""

# ruff: noqa: E501 - one line a row

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "quantizers.md"

FREE = "nothing: training only"
GRID = "fixed-point codes"
SHIFT = "a shift: wires"
MULTIPLIER = "a multiplier and a shift at the output"
POWER = f"{SHIFT} with `power_of_two=True`, else {MULTIPLIER}"
NONE = "refused: no hardware"
DYNAMIC = "refused: depends on the data"

WEIGHTS = "of weights fixed-point codes, as wide as they need"
BLOCKS = f"{WEIGHTS}; in `nn.Quantize` a rounding core, and codes on the grid of the input"
FLOATS = f"{WEIGHTS}; of outputs a rounding core, and codes on the grid of the smallest number"

Row = tuple[str, str, str, str]
"""Name, place, hardware, test."""

FAMILIES: list[tuple[str, list[Row]]] = [
    ("Fixed point", [
        ("`Round`, `round_tensor`", "creator.quantize:Round", GRID, "tests/quantize/test_fixed_point.py"),
        ("`quantize_to_fxp_hte`", "creator.quantize:quantize_to_fxp_hte", GRID, "tests/quantize/test_fxp.py"),
        ("`quantize_to_fxp_stochastic`", "creator.quantize:quantize_to_fxp_stochastic", FREE, "tests/quantize/test_fxp.py"),
        ("forward quantizer, masked or identity", "creator.quantize:FixedPointQuantizer", GRID, "tests/quantize/test_fxp.py"),
        ("forward + backward quantizer", "creator.quantize:FixedPointQuantizer", GRID, "tests/quantize/test_fxp.py"),
        ("gradients of activations, weights, biases", "creator.quantize:Gradients", FREE, "tests/nn/test_fast_linear.py"),
        ("parameters over a float master", "creator.nn:Linear", GRID, "tests/nn/test_linear.py"),
        ("parameters kept on the grid", "creator.optim:QuantizedOptimizer", GRID, "tests/optim/test_quantized_optimizer.py"),
        ("stochastic rounding from an LFSR", "creator.quantize:Lfsr", "a shift register and an adder", "tests/quantize/test_lfsr.py"),
    ]),
    ("Min/max", [
        ("`MinMaxQuant`, `scale_factor`, `quantize`", "creator.quantize:MinMaxQuant", DYNAMIC, "tests/quantize/test_min_max.py"),
        ("`MinMaxQuant.freeze()`", "creator.quantize:MinMaxQuant", POWER, "tests/quantize/test_min_max.py"),
    ]),
    ("QTorch, XBTorch", [
        ("`fixed_point_quantize_wrapper`", "creator.quantize:fixed_point_quantize_wrapper", GRID, "tests/quantize/test_fxp.py"),
        ("`FixedPointQuantF`", "creator.quantize:FixedPointQuantF", GRID, "tests/quantize/test_fxp.py"),
        ("`get_range_fixed_point`", "creator.quantize:get_range_fixed_point", GRID, "tests/quantize/test_fxp.py"),
    ]),
    ("torch.ao.quantization", [
        ("`fake_quantize_per_tensor_affine`, `..._per_channel_affine`", "creator.quantize:fake_quantize_affine", POWER,
         "tests/quantize/test_affine.py"),
        ("`quantize_per_tensor`, `quantize_per_channel`", "creator.quantize:QuantizedTensor", POWER,
         "tests/quantize/test_quantized_tensor.py"),
        ("`MinMaxObserver`", "creator.quantize:MinMaxObserver", POWER, "tests/quantize/test_observers.py"),
        ("`MovingAverageMinMaxObserver`", "creator.quantize:MovingAverageMinMaxObserver", POWER, "tests/quantize/test_observers.py"),
        ("`PerChannelMinMaxObserver`", "creator.quantize:PerChannelMinMaxObserver", MULTIPLIER, "tests/quantize/test_observers.py"),
        ("`MovingAveragePerChannelMinMaxObserver`", "creator.quantize:MovingAveragePerChannelMinMaxObserver", MULTIPLIER,
         "tests/quantize/test_observers.py"),
        ("`HistogramObserver`", "creator.quantize:HistogramObserver", POWER, "tests/quantize/test_histogram.py"),
        ("`PlaceholderObserver`, dynamic quantization", "creator.quantize:PlaceholderObserver", DYNAMIC,
         "tests/quantize/test_observers.py"),
        ("`RecordingObserver`, `NoopObserver`", "creator.quantize:RecordingObserver", NONE, "tests/quantize/test_observers.py"),
        ("`FixedQParamsObserver`, gates of an LSTM", "creator.quantize:FixedQParamsObserver", POWER,
         "tests/quantize/test_observers.py"),
        ("`PerTensor`, `PerAxis`", "creator.quantize:PerAxis", POWER, "tests/quantize/test_granularity.py"),
        ("`PerRow`, `PerToken`, `PerGroup`, `PerBlock`", "creator.quantize:PerBlock", NONE, "tests/quantize/test_granularity.py"),
        ("`get_block_size`", "creator.quantize:get_block_size", FREE, "tests/quantize/test_granularity.py"),
        ("`FakeQuantize`", "creator.quantize:FakeQuant", POWER, "tests/quantize/test_fake_quant.py"),
        ("quantized tensor", "creator.quantize:QuantizedTensor", GRID, "tests/quantize/test_quantized_tensor.py"),
        ("`QConfig`", "creator:QConfig", FREE, "tests/preparation/test_prepare.py"),
        ("`QConfigMapping`", "creator:QConfigMapping", FREE, "tests/preparation/test_prepare.py"),
        ("`BackendConfig`", "creator:Target", FREE, "tests/preparation/test_prepare.py"),
        ("`prepare`, `prepare_qat`, `fuse_modules`", "creator:prepare", FREE, "tests/preparation/test_prepare.py"),
        ("`convert`", "creator:convert", POWER, "tests/preparation/test_convert.py"),
        ("ConvBn, LinearBn with QAT", "creator.nn:BatchNorm2d", "folded into weights and bias", "tests/nn/test_conv.py"),
        ("`freeze_bn_stats`, `update_bn_stats`: `freeze_stats()`, `freeze_stats(False)`", "creator.nn:BatchNorm1d", FREE, "tests/nn/test_conv.py"),
        ("`QuantStub`, `DeQuantStub`, `QuantWrapper`", "creator.nn:QuantWrapper", FREE, "tests/preparation/test_prepare.py"),
        ("integer linear", "creator.nn.requantize:Requantizer", MULTIPLIER, "tests/nn/test_requantize.py"),
        ("converted models, eager, FX, PT2E", "creator:from_torch_ao", POWER, "tests/importing/test_linear.py"),
        ("numeric debugger", "creator:compare", FREE, "tests/diagnostics/test_compare.py"),
    ]),
    ("AMD Quark", [
        ("`QuantE4M3Function`, `DequantE4M3Function`", "creator.quantize:QuantE4M3Function", NONE, "tests/quantize/test_float8.py"),
        ("`QuantE5M2Function`, `DequantE5M2Function`", "creator.quantize:QuantE5M2Function", NONE, "tests/quantize/test_float8.py"),
        ("general `Float(exponent, mantissa)`", "creator.quantize:Float", FLOATS, "tests/quantize/test_minifloat.py"),
        ("E4M3, E5M2 and the like in a layer", "creator.quantize:FloatQuantizer", FLOATS, "tests/ops/test_minifloat.py"),
        ("`ScaledFakeQuantizeFunction`", "creator.quantize:ScaledFakeQuantizeFunction", FREE, "tests/quantize/test_scaled.py"),
        ("`ScaledRealQuantizeFunction`, `DeQuantizeFunction`", "creator.quantize:ScaledRealQuantizeFunction", FREE,
         "tests/quantize/test_scaled.py"),
        ("`NonScaledFakeQuantizeFunction`", "creator.quantize:NonScaledFakeQuantizeFunction", NONE,
         "tests/quantize/test_non_scaled.py"),
        ("`NonScaledRealQuantizeFunction`", "creator.quantize:NonScaledRealQuantizeFunction", NONE,
         "tests/quantize/test_non_scaled.py"),
        ("MXFP8, MXFP6, MXFP4, MXINT8", "creator.quantize:BlockQuantizer", BLOCKS, "tests/quantize/test_microscaling.py"),
        ("MX6, MX9, BFP16", "creator.quantize:BlockQuantizer", WEIGHTS,
         "tests/quantize/test_block_floating_point.py"),
        ("`TQTQuantize`", "creator.quantize:TQTQuantize", SHIFT, "tests/quantize/test_tqt.py"),
        ("trained thresholds in a layer", "creator.quantize:TQT", SHIFT, "tests/quantize/test_tqt.py"),
        ("`LSQQuantize`", "creator.quantize:LSQQuantize", POWER, "tests/quantize/test_lsq.py"),
        ("learned steps in a layer", "creator.quantize:LSQ", POWER, "tests/quantize/test_lsq.py"),
    ]),
]  # fmt: skip


def place(path: str) -> str:
    """``package:Name`` as ``package.Name``, after looking it up."""
    module, name = path.split(":")
    getattr(importlib.import_module(module), name)
    return f"`{module}.{name}`"


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table, checked."""
    lines = ["| name elsewhere | here | hardware | test |", "|---|---|---|---|"]
    for name, path, hardware, test in rows:
        if not (ROOT / test).is_file():
            raise SystemExit(f"{name}: {test} does not exist")
        lines.append(f"| {name} | {place(path)} | {hardware} | [{Path(test).name}](../{test}) |")
    return "\n".join(lines)


def page() -> str:
    """The page with its tables made anew."""
    begin, end = "<!-- tables -->", "<!-- /tables -->"
    text = PAGE.read_text()
    tables = "\n\n".join(f"### {title}\n\n{table(rows)}" for title, rows in FAMILIES)
    return f"{text[: text.index(begin)]}{begin}\n{tables}\n{text[text.index(end) :]}"


def main() -> int:
    """Writes the page, or checks it."""
    text = page()
    if "--check" in sys.argv:
        return int(text != PAGE.read_text())
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
