"""From a floating-point model to one that trains with quantization, and on to one whose formats are fixed."""

from creator.preparation.calibration import calibrate
from creator.preparation.config import (
    QConfig,
    QConfigMapping,
    default_affine_qconfig,
    default_debug_qconfig,
    default_dynamic_qconfig,
    default_histogram_qconfig,
    default_lsq_qconfig,
    default_per_channel_qconfig,
    default_qat_qconfig,
    default_qconfig,
    default_qconfig_mapping,
    default_tqt_qconfig,
    observed_qconfig,
)
from creator.preparation.conversion import convert
from creator.preparation.preparing import prepare
from creator.preparation.target import Target

__all__ = [
    "QConfig",
    "QConfigMapping",
    "Target",
    "calibrate",
    "convert",
    "default_affine_qconfig",
    "default_debug_qconfig",
    "default_dynamic_qconfig",
    "default_histogram_qconfig",
    "default_lsq_qconfig",
    "default_per_channel_qconfig",
    "default_qat_qconfig",
    "default_qconfig",
    "default_qconfig_mapping",
    "default_tqt_qconfig",
    "observed_qconfig",
    "prepare",
]
