"""Lines: PReLU of one and of several slopes, leaky ReLU and the hard sigmoid, widths, signs, rounding."""

from __future__ import annotations

import torch

from creator import FixedPoint, Rounding, nn
from creator.ops import Clamp
from tests.cases import Case, GraphCase, constants, sequential
from tests.graph.chains import chain, slope

F = FixedPoint
ENTRY = F(8, 4)
DETERMINISTIC = [mode for mode in Rounding if mode is not Rounding.STOCHASTIC]


def layers(name: str, entry: FixedPoint, *modules: torch.nn.Module, shape: tuple[int, ...] = (4,), **options: object) -> Case:
    return Case(name, lambda: sequential(nn.Quantize(entry), *modules), shape, options)


def prelu(slopes: list[float], **choices: object) -> nn.PReLU:
    layer = nn.PReLU(len(slopes), **choices)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(slopes))
    return layer


def case(name: str, *ops: object, shape: tuple[int, ...] = (4,), entry: FixedPoint = ENTRY, **options: object) -> GraphCase:
    return GraphCase(name, lambda: chain(*ops, shape=shape, entry=entry), options)


def blending() -> dict[str, torch.nn.Module]:
    return {"conv": nn.Conv2d(2, 2, 2, weight=F(5, 4)), "sigmoid": nn.Sigmoid(F(6, 5))}


CASES = [
    constants("a number more", lambda s, x: x + 1.5),
    constants("a finer number more", lambda s, x: x - 0.0078125),
    constants("a number less it", lambda s, x: 1 - x),
    constants("its opposite", lambda s, x: -x),
    constants("times a number", lambda s, x: x * -1.375, lanes={"mul": 3}),
    constants("times twelve", lambda s, x: 12 * x),
    constants("a line", lambda s, x: 0.75 * x + 2),
    constants("times a number for each feature", lambda s, x: x * s.three),
    constants("times a number for each channel", lambda s, x: s.conv(x) * s.pair, (2, 3, 3), blending),
    constants("times a number for each column", lambda s, x: x * s.three, (2, 2, 3)),
    constants("a blend", lambda s, x: x[:, :, 1:, 1:] * (g := s.sigmoid(s.conv(x))) + (1 - g) * s.conv(x), (2, 3, 3), blending),
    *(constants(f"a number for each feature, rounded {mode}", lambda s, x: s.out(x, s.three[None]),
                layers=lambda mode=mode: {"out": nn.Multiply(F(6, 3), mode, "wrap")}) for mode in DETERMINISTIC),
    constants("a quantized number for each channel", lambda s, x: s.out(s.quantize(s.pair)[None], x), (2, 3, 3),
              lambda: {"out": nn.Multiply(F(6, 3)), "quantize": nn.Quantize(F(3, 1))}),
    layers("prelu", F(8, 4), nn.PReLU()),
    layers("prelu of 18 bits", F(18, 12), prelu([0.3], output=F(12, 7))),
    layers("prelu with a slope a channel", F(8, 4), prelu([0.1, 0.25, -0.5, 0.9])),
    layers("prelu, wrapping", F(8, 4), prelu([0.7], output=F(5, 3), overflow="wrap")),
    layers("prelu of unsigned values", F(8, 4, signed=False), nn.PReLU(), nn.PReLU()),
    layers("prelu with steep slopes", F(6, 3), prelu([3.0, -8.0, 100.0], slope=F(5, -1), output=F(14, 6)), shape=(3,)),
    layers("prelu in a row with relu", F(8, 4), prelu([-0.6]), nn.ReLU(), prelu([0.5, 1.0, 0.0, 0.75]), nn.HardTanh(-1, 1)),
    layers("prelu between layers", F(8, 4), nn.Linear(5, 6), prelu([0.05 * n for n in range(6)]), nn.Linear(6, 2), shape=(5,)),
    layers("prelu, 3 lanes", F(8, 4), prelu([0.1, 0.25, -0.5, 0.9, 0.3]), shape=(5,), lanes={"1": (3, 3)}),
    layers("prelu, all lanes", F(8, 4), prelu([0.1, 0.25, -0.5]), shape=(3,), parallelism="full-lanes"),
    layers("prelu of channels", ENTRY, prelu([0.1, 0.25, -0.5]), shape=(3, 2)),
    layers("prelu after a convolution", ENTRY, nn.Conv1d(2, 3, 2), prelu([0.1, 0.25, -0.5]), shape=(2, 4)),
    layers("leaky relu", F(16, 12), nn.LeakyReLU(0.2, F(12, 8), slope=F(8, 9))),
    layers("leaky relu of a power of two", F(14, 10), nn.LeakyReLU(0.125, F(10, 6), slope=F(4, 5)), shape=(2, 3)),
    layers("leaky relu, 2 lanes", F(9, 4), nn.LeakyReLU(0.3, slope=F(8, 8)), shape=(2, 3), lanes={"1": (2, 2)}),
    layers("hard sigmoid", F(16, 12), nn.HardSigmoid(slope=F(8, 9))),
    layers("hard sigmoid, signed output", F(9, 5), nn.HardSigmoid(F(9, 7), slope=F(12, 14), rounding="floor")),
    layers("hard sigmoid of unsigned values", F(7, 4, signed=False), nn.HardSigmoid(slope=F(4, 5))),
    layers("hard sigmoid of coarse values", F(5, -2), nn.HardSigmoid(F(4, 1), slope=F(3, 3))),
    layers("hard sigmoid, no fraction", F(8, 4), nn.HardSigmoid(F(4, 0), slope=F(6, 8))),
    constants("magnitude", lambda _, x: abs(x), entry=F(6, 2)),
    layers("hard swish", F(8, 4), nn.HardSwish(slope=F(8, 9))),
    layers("hard swish of wide values", F(16, 12), nn.HardSwish(F(12, 8), slope=F(6, 7)), nn.ReLU(), shape=(2, 3)),
    layers("hard swish of unsigned values", F(7, 4, signed=False), nn.HardSwish(F(8, 4), slope=F(4, 5))),
    layers("hard swish of coarse values", F(5, -2), nn.HardSwish(F(4, 1), slope=F(3, 3))),
    layers("hard swish, wrapping", F(7, 3), nn.HardSwish(F(5, 3), slope=F(8, 9), overflow="wrap")),
    layers("hard swish between layers", F(8, 4), nn.Conv1d(2, 3, 2, weight=F(5, 4)), nn.HardSwish(slope=F(8, 9)),
           nn.Conv1d(3, 2, 1, weight=F(5, 4)), shape=(2, 4)),
    layers("hard swish, all at once", F(8, 4), nn.HardSwish(slope=F(8, 9)), parallelism="full-lanes"),
    *(layers(f"hard swish, {mode}", F(7, 3), nn.HardSwish(F(6, 2), slope=F(5, 6), rounding=mode)) for mode in DETERMINISTIC),
    *(case(f"{mode}, one slope", slope([11], 5, F(6, 3), mode)) for mode in DETERMINISTIC),
    *(case(f"{mode}, a slope a channel", slope([3, -12, 0, 7], 5, F(7, 3), mode)) for mode in DETERMINISTIC),
    *(case(f"one slope, {value}", slope([value], 6, F(12, 6)), shape=(3,))
      for value in (0, 1, -1, 2, -8, 3, -3, 5, -5, 7, -7, 9, -9, 43, -43, 85, 107, -107, 127, -128)),
    *(case(f"everywhere, {value} + {offset}", slope([value], 6, F(12, 6), everywhere=1, offset=offset), shape=(3,))
      for value, offset in ((0, 0), (0, 77), (1, 0), (-1, 5), (-3, 100), (43, -1000), (-128, 3), (-107, 0))),
    case("everywhere, a slope a channel", slope([3, -12, 0, 7], 4, F(7, 3), everywhere=1, offset=9)),
    case("everywhere, unsigned", slope([37], 4, F(9, 3), everywhere=1, offset=-50), entry=F(8, 4, signed=False)),
    case("slopes of unsigned values", slope([37, 3, -9], 4, F(9, 3), everywhere=1), shape=(3,), entry=F(8, 4, signed=False)),
    case("operands of two blocks", slope([2**17 - 1, -(2**17), 3], 17, F(24, 12)), shape=(3,), entry=F(20, 10)),
    case("slopes of two blocks", slope([2**22 - 1, -(2**23), 3], 20, F(24, 12)), shape=(3,), entry=F(18, 10)),
    case("four blocks", slope([2**22 - 1, -(2**23)], 20, F(30, 12)), shape=(2,), entry=F(22, 10)),
    case("a long slope", slope([0b10101010101010101010101], 22, F(24, 12)), entry=F(20, 10)),
    case("1 bit", slope([3], 1, F(4, 2)), entry=F(1, 0)),
    case("1 bit, slope 0", slope([0], 0, F(4, 2)), entry=F(1, 0)),
    case("symmetric", slope([-5], 2, F(5, 2, symmetric=True)), entry=F(6, 2, symmetric=True)),
    case("finer", slope([5], 1, F(16, 12))),
    case("a clamp after it", slope([-5, 3, 2, 1], 2, F(8, 4)), Clamp(-3, 40)),
    case("rows of channels", slope([3, 12, 5], 4, F(8, 4)), shape=(3, 2, 3)),
    case("many channels", slope([n - 20 for n in range(40)], 4, F(8, 4)), shape=(40,)),
]  # fmt: skip
