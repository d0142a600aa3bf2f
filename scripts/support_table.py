"""Writes the table of README.md that says what is supported: layer, arguments, lanes, hardware, cycles, tests, and what others have.

    python scripts/support_table.py            writes
    python scripts/support_table.py --check    exits with 1 if README.md is out of date

Every layer is looked up in ``creator.nn`` or ``torch.nn``, every operation among the operations, and every test file on the
disk, so that the table cannot name what does not exist. What others have was read in their sources; docs/peers.md says in
which files: yes, or how; "not found" where their lists of layers have nothing of the kind. "?" is for what nobody looked for.
"""

# ruff: noqa: E501 - one row a line or two

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import torch

from creator import nn
from creator.ops import REGISTRY

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "README.md"
BEGIN, END = "<!-- support -->", "<!-- /support -->"

ANY, DIVIDE, ELEMENTS = "any", "divide the channels", "N/i"
PEERS = ("elasticai.creator 0.67", "hls4ml 1.3", "FINN, development", "da4ml 0.6, HGQ2 0.2", "chisel4ml 0.3")
YES, NO = "yes", "not found"


class Row(NamedTuple):
    """A line of the table.

    ``layers``: names in ``creator.nn``, or in ``torch.nn`` where they begin with "torch."; ``also``: how else it is written.
    ``ops``: operations, whose cases in ``tests/cases`` are its tests. ``peers``: in the order of ``PEERS``.
    """

    layers: tuple[str, ...]
    also: str
    arguments: str
    lanes: str
    hardware: str
    cycles: str
    ops: tuple[str, ...]
    peers: tuple[str, str, str, str, str]


ROWS = [
    Row(("Quantize",), "", "every format, rounding, overflow; a network begins with one", ANY, "none as the first layer; a requantizer elsewhere", ELEMENTS,
        ("quantize", "rescale"), ("inside its layers, one format each", "from QONNX, QKeras, HGQ; none from torch", "as thresholds, up to 8 bits unless told otherwise; zero point 0", "HGQ2's fixed point", "from QONNX; scales become shifts")),
    Row(("Linear",), "", "all; over the last axis of the input; sums up to 52 bits", "any i x o", "i * o multipliers, or fewer where two products share one; weight ROM; two banks of inputs", "ceil(N/i) * ceil(M/o)",
        ("linear",), ("one multiplier a layer; wrong with two layers", YES, YES, "all at once", YES)),
    Row(("Conv1d", "Conv2d"), "", "kernel, stride, padding (numbers, same, valid), dilation, groups, depthwise, bias; padding mode zeros only", "divide the channels of a group, in and out; or those of several whole groups", "the same multipliers; a ring of K - 1 rows and K pixels, and one step", "windows * taps * ceil(C/i) * M/o, C the channels of a group",
        ("conv",), ("Conv1d in development", "yes; groups only depthwise, none from torch", "yes; groups only depthwise", "all at once", "2-D; groups only depthwise")),
    Row(("Quantize", "Linear", "Conv1d", "Conv2d"), "with `FloatQuantizer(E4M3)` as output", "every format that saturates and needs up to 52 bits, every rounding, scale a power of two; not as the network's input", "as above; any for the rounding", "an exact sum, then a rounding core of six registers", ELEMENTS,
        ("minifloat",), ("trains only", "as a type of HLS", NO, "no: fixed point only", NO)),
    Row(("Quantize",), "with `BlockQuantizer(MXFP8_E4M3)` and the like", "every element, block size and rounding, any axis; fixed-point input; not as the network's input", "divide the block", "a store of two blocks, a rounder of eight registers a lane", ELEMENTS,
        ("microscale",), (NO, NO, NO, NO, NO)),
    Row(("Linear", "Conv1d", "Conv2d"), "with `FloatQuantizer` or `BlockQuantizer` as weight", "every format, block size and axis, scales powers of two; sums up to 52 bits", "as above", "as above, with weights as wide as their numbers need", "as above",
        ("linear", "conv"), ("trains only", "floats as a type of HLS; no blocks", "no: integers only", "HGQ2's floats, as constants; no blocks", NO)),
    Row(("ConvTranspose1d", "ConvTranspose2d"), "", "all; padding up to `dilation * (kernel_size - 1)`", "as a convolution", "zeros between pixels, then a convolution", "of the convolution over them",
        ("pad", "conv"), (NO, NO, "2-D, groups 1", NO, NO)),
    Row(("BatchNorm1d", "BatchNorm2d"), "", "all; anywhere; with running statistics", "as a convolution", "none after `Linear` or a convolution: folded; elsewhere a depthwise convolution with a kernel of one", "N where it is not folded",
        ("linear", "conv"), ("folded, as `BatchNormedLinear`", "folded, or a scale and an offset", "into thresholds", "folded, or a scale and an offset", NO)),
    Row(("torch.MaxPool1d", "torch.MaxPool2d", "torch.AdaptiveMaxPool1d", "torch.AdaptiveMaxPool2d"), "`max_pool2d`, `amax`, `amin`, `max(dim)`, `x[..., ::2]`", "any axes of a sample; kernel, stride, padding, dilation, ceil_mode; no indices; adaptive: parts of one size", DIVIDE, "a comparison a lane for each window that is open; one or few rows of partial results", ELEMENTS,
        ("maxpool",), (NO, YES, "yes; stride up to the kernel", YES, "2-D; windows side by side")),
    Row(("AvgPool1d", "AvgPool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d"), "torch's own and `mean`, where they divide by a power of two; `sum`", "as above; any axes of a sample; the average is an exact sum, then a multiplier and a shift, or a shift", DIVIDE, "the same with sums; one multiplier a lane, none for a power of two", ELEMENTS,
        ("sumpool", "rescale"), (NO, YES, "square without padding, or global", YES, NO)),
    Row(("torch.ZeroPad1d", "torch.ZeroPad2d", "torch.ConstantPad1d", "torch.ConstantPad2d"), "`pad`", "constants of the format, on spatial axes and channels", DIVIDE, "two registers and counters", "beats out",
        ("pad",), (NO, "zeros", "zeros, within convolutions", NO, "zeros, before convolutions")),
    Row(("torch.Upsample", "torch.UpsamplingNearest2d"), "`interpolate`", "nearest, whole factors", DIVIDE, "a memory of one row and one of a pixel", "beats out",
        ("upsample",), (NO, "nearest", "nearest; square images, or one column", "as Keras's repeat", NO)),
    Row(("ReLU", "HardTanh", "torch.ReLU", "torch.ReLU6", "torch.Hardtanh"), "`relu`, `clamp`", "bounds on the grid, or beyond the range", ANY, "none after what rounds; else limits", ELEMENTS,
        ("clamp",), ("ReLU, HardTanh", "ReLU; hard tanh through QKeras", "ReLU, HardTanh, as thresholds", "ReLU, with bounds", "ReLU")),
    Row(("Sigmoid", "Tanh", "SiLU", "GELU", "ELU", "Softplus", "Mish", "Exp", "SELU", "CELU", "LogSigmoid", "Softsign", "TanhShrink", "HardShrink", "SoftShrink", "HardSigmoid", "HardSwish", "LeakyReLU", "Lookup"), "any function of one value", "every argument of torch's; input up to 12 bits; with `input=`, or after `creator.convert`, up to 20", ANY, "a table, smaller by symmetry and where it saturates; for wide inputs a piecewise polynomial, within one step of the function", ELEMENTS,
        ("lookup", "polynomial"), ("Sigmoid, Tanh, SiLU, as if/elsif chains", "tables of 1024 entries unless told otherwise, no interpolation; of every code through HGQ2", "SELU as thresholds; GELU, SiLU, Sigmoid, Tanh as polynomials in float32, on Versal", "a table of every code", NO)),
    Row(("PReLU", "LeakyReLU", "HardSigmoid", "HardSwish"), "with `slope=`; `abs`", "quantized slopes, one or one a channel; any input width", ANY, "sums of shifted inputs; a multiplier a lane where channels have slopes of their own, and for a hard swish", ELEMENTS,
        ("slope",), ("PReLU of one slope, an if/elsif chain; HardSigmoid", "yes, with multipliers", NO, "LeakyReLU, PReLU", NO)),
    Row(("Add", "Subtract"), "`x + y`, `x - y`, `-x`, `maximum`, `minimum`", "two values of one shape, or of one element along an axis; or a value and constants; without a layer the result is exact", ANY, "an adder and a requantizer a lane", ELEMENTS,
        ("add", "slope"), (NO, YES, YES, YES, "a bias only")),
    Row(("Multiply",), "`x * y`, `x / c`, `x**2`, `expand`, `expand_as`", "the same; quotients with powers of two", ANY, "a multiplier and a requantizer a lane; nothing for a power of two, sums of shifted inputs for another constant", ELEMENTS,
        ("multiply", "shift", "slope"), (NO, YES, YES, YES, NO)),
    Row(("GLU",), "", "any axis; formats of the gate and the product; `glu` through `creator.prepare`", ANY, "two slices, a table, a multiplier a lane", ELEMENTS,
        ("multiply",), (NO, NO, "no layer; a split of the last axis, a sigmoid in float32 on Versal, a product", "no layer; slices, a table, a product", NO)),
    Row(("Concatenate",), "`cat`, `stack`, `split`, `chunk`, `unbind`, `narrow`, `select`, `x[:, a:b]`", "formats aligned exactly, or rounded to an output format; any axis but the batch", ANY, "a choice between streams, a counter, or wires; forks, and queues as deep as they have to be", ELEMENTS,
        ("concatenate", "slice"), (NO, "of two; no split", "last axis", YES, NO)),
    Row(("torch.Flatten", "torch.Unflatten", "torch.Identity", "torch.Dropout"), "`reshape`, `view`, `permute`, `transpose`", "the batch stays first", "1 where a frame is stored", "none; two frames, or parts of them, for an exchange of axes inside the network", "N for an exchange of axes",
        ("reshape", "permute"), ("Identity", "yes; permute from Keras and QONNX", "flatten; transposes, with reshapes around them", YES, "flatten")),
    Row(("torch.PixelShuffle", "torch.PixelUnshuffle", "torch.ChannelShuffle"), "as functions, too", "all", "1", "two rows of pixels; two pixels for `ChannelShuffle`", "N",
        ("permute",), (NO, "no layer; reshapes around a transpose, from Keras and QONNX", "no layer; reshapes around a transpose; qonnx makes one transposed convolution of a convolution and a pixel shuffle", "no layer; reshapes and `Moveaxis`", NO)),
    Row(("ArgMax", "Top1"), "`argmax`", "any axis; of several largest the first; score and index in one fixed-point format", "part of one row, or whole rows", "comparisons by pairs, and the best so far", ELEMENTS,
        ("argmax", "top1"), (NO, "one-hot, in place of Softmax", "indices of the largest k, no scores", "maximum only", NO)),
    Row(("Softmax",), "", "any axis; fixed-point input; a table of up to 4096 entries; `softmax` through `creator.prepare`", "part of one row, or all of it", "a table of exponentials, two stores of rows, a divider of one stage a bit", ELEMENTS,
        ("softmax",), (NO, "tables of exponentials and reciprocals", "last axis; result in float32", "tables of exponentials and reciprocals", NO)),
    Row(("Greater", "MultiThreshold"), "", "1 to 256 thresholds, for all or for each channel; any input", ANY, "comparisons and a count by pairs; a ROM where channels differ", ELEMENTS,
        ("threshold",), (NO, "binary and ternary tanh", YES, "`>` in its trace, no layer", "sign")),
    Row(("torch.Threshold",), "`threshold`", "the value on the grid; input up to 12 bits unless it is a limit", ANY, "a limit or a table", ELEMENTS,
        ("threshold",), (NO, "thresholds from 0 up, value 0", NO, "value 0", NO)),
]  # fmt: skip


def name_of(layer: str) -> str:
    """How a layer is shown.

    Raises:
        AttributeError: if there is none of that name.
    """
    if layer.startswith("torch."):
        return f"torch's `{getattr(torch.nn, layer.removeprefix('torch.')).__name__}`"
    return f"`{getattr(nn, layer).__name__}`"


def tests_of(row: Row) -> str:
    """Links to the cases of a row's operations.

    Raises:
        FileNotFoundError: if one has none.
    """
    found = []
    for op in row.ops:
        path = f"tests/cases/{REGISTRY[op].name}.py"
        if not (ROOT / path).is_file():
            raise FileNotFoundError(path)
        found.append(f"[{op}]({path})")
    return ", ".join(found)


def table() -> str:
    """The table in Markdown."""
    head = ["layer", "arguments", "lanes", "hardware", "cycles", "tests", *PEERS]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in ROWS:
        names = ", ".join([*map(name_of, row.layers), *([row.also] if row.also else [])])
        cells = [names, row.arguments, row.lanes, row.hardware, row.cycles, tests_of(row), *row.peers]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page() -> str:
    """README.md with the table as it should be."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main() -> int:
    """Writes README.md, or checks it."""
    wanted = page()
    if "--check" in sys.argv[1:]:
        return int(wanted != PAGE.read_text())
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
