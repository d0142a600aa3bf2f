"""From a floating-point model to one that trains with quantization, and on to one whose formats are fixed."""

from creator.preparation.calibration import calibrate
from creator.preparation.config import QConfig, QConfigMapping, default_qconfig, default_qconfig_mapping
from creator.preparation.conversion import convert
from creator.preparation.preparing import prepare
from creator.preparation.target import Target

__all__ = [
    "QConfig",
    "QConfigMapping",
    "Target",
    "calibrate",
    "convert",
    "default_qconfig",
    "default_qconfig_mapping",
    "prepare",
]
