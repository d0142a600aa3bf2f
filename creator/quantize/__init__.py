"""Quantizers for training: values and gradients on a grid, with straight-through gradients. One family a file.

docs/quantizers.md says which is which, under what names other systems know them, and what hardware they become.
"""

from creator.quantize.affine import fake_quantize_affine
from creator.quantize.block_floating_point import BFP16, MX6, MX9, BlockFloat, MicroExponent
from creator.quantize.blocks import Blocks, fake_quantize_blocks, from_blocks, to_blocks
from creator.quantize.fake_quant import FakeQuant, disable_fake_quant, disable_observer, enable_fake_quant, enable_observer
from creator.quantize.fixed_point import fake_quantize, quantize_gradient
from creator.quantize.float8 import (
    DequantE4M3Function,
    DequantE5M2Function,
    QuantE4M3Function,
    QuantE5M2Function,
)
from creator.quantize.float_format import BF16, E2M1, E2M3, E3M2, E4M3, E5M2, FP16, Float, Specials
from creator.quantize.float_quantizer import BlockQuantizer, FloatQuantizer
from creator.quantize.fxp import (
    FixedPointQuantF,
    FixedPointQuantizer,
    fixed_point_quantize_wrapper,
    get_range_fixed_point,
    quantize_to_fxp_hte,
    quantize_to_fxp_stochastic,
)
from creator.quantize.granularity import (
    Granularity,
    PerAxis,
    PerBlock,
    PerGroup,
    PerRow,
    PerTensor,
    PerToken,
    get_block_size,
)
from creator.quantize.lfsr import Lfsr
from creator.quantize.lsq import LSQ, LSQQuantize
from creator.quantize.microscaling import (
    MXFP4,
    MXFP6_E2M3,
    MXFP6_E3M2,
    MXFP8_E4M3,
    MXFP8_E5M2,
    MXINT8,
    Microscaling,
    SharedExponent,
)
from creator.quantize.min_max import MinMaxQuant
from creator.quantize.minifloat import fake_quantize_float, from_bits, to_bits
from creator.quantize.non_scaled import NonScaledFakeQuantizeFunction, NonScaledRealQuantizeFunction
from creator.quantize.observers import (
    FixedQParamsObserver,
    HistogramObserver,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    NoopObserver,
    Observer,
    PerChannelMinMaxObserver,
    PlaceholderObserver,
    RangeObserver,
    RecordingObserver,
    Scheme,
    default_fixed_qparams_range_0to1_observer,
    default_fixed_qparams_range_neg1to1_observer,
)
from creator.quantize.quantized_tensor import QuantizedTensor, integer_dtype, quantize_per_channel, quantize_per_tensor
from creator.quantize.quantizer import Quantizer
from creator.quantize.rounding import Round, round_tensor
from creator.quantize.scaled import DeQuantizeFunction, ScaledFakeQuantizeFunction, ScaledRealQuantizeFunction
from creator.quantize.straight_through import Gradients, StraightThrough
from creator.quantize.tqt import TQT, TQTQuantize

__all__ = [
    "BF16",
    "BFP16",
    "E2M1",
    "E2M3",
    "E3M2",
    "E4M3",
    "E5M2",
    "FP16",
    "LSQ",
    "MX6",
    "MX9",
    "MXFP4",
    "MXFP6_E2M3",
    "MXFP6_E3M2",
    "MXFP8_E4M3",
    "MXFP8_E5M2",
    "MXINT8",
    "TQT",
    "BlockFloat",
    "BlockQuantizer",
    "Blocks",
    "DeQuantizeFunction",
    "DequantE4M3Function",
    "DequantE5M2Function",
    "FakeQuant",
    "FixedPointQuantF",
    "FixedPointQuantizer",
    "FixedQParamsObserver",
    "Float",
    "FloatQuantizer",
    "Gradients",
    "Granularity",
    "HistogramObserver",
    "LSQQuantize",
    "Lfsr",
    "MicroExponent",
    "Microscaling",
    "MinMaxObserver",
    "MinMaxQuant",
    "MovingAverageMinMaxObserver",
    "MovingAveragePerChannelMinMaxObserver",
    "NonScaledFakeQuantizeFunction",
    "NonScaledRealQuantizeFunction",
    "NoopObserver",
    "Observer",
    "PerAxis",
    "PerBlock",
    "PerChannelMinMaxObserver",
    "PerGroup",
    "PerRow",
    "PerTensor",
    "PerToken",
    "PlaceholderObserver",
    "QuantE4M3Function",
    "QuantE5M2Function",
    "QuantizedTensor",
    "Quantizer",
    "RangeObserver",
    "RecordingObserver",
    "Round",
    "ScaledFakeQuantizeFunction",
    "ScaledRealQuantizeFunction",
    "Scheme",
    "SharedExponent",
    "Specials",
    "StraightThrough",
    "TQTQuantize",
    "default_fixed_qparams_range_0to1_observer",
    "default_fixed_qparams_range_neg1to1_observer",
    "disable_fake_quant",
    "disable_observer",
    "enable_fake_quant",
    "enable_observer",
    "fake_quantize",
    "fake_quantize_affine",
    "fake_quantize_blocks",
    "fake_quantize_float",
    "fixed_point_quantize_wrapper",
    "from_bits",
    "from_blocks",
    "get_block_size",
    "get_range_fixed_point",
    "integer_dtype",
    "quantize_gradient",
    "quantize_per_channel",
    "quantize_per_tensor",
    "quantize_to_fxp_hte",
    "quantize_to_fxp_stochastic",
    "round_tensor",
    "to_bits",
    "to_blocks",
]
