"""What quantization does to a model: a table of every format on a batch, and a comparison of a model with its hardware."""

from creator.diagnostics.comparison import Comparison, compare
from creator.diagnostics.summary import Row, Summary, summarize

__all__ = ["Comparison", "Row", "Summary", "compare", "summarize"]
