"""From a network that another system quantized to one of :mod:`creator.nn`."""

from creator.importing.comparison import LayerDifference, compare_torch_ao
from creator.importing.torch_ao import from_torch_ao

__all__ = ["LayerDifference", "compare_torch_ao", "from_torch_ao"]
