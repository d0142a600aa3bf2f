"""What layers with weights share: their formats, and one way from an input to an output that training and hardware follow."""

from __future__ import annotations

import math
from typing import Any

import torch

from creator.affine import MULTIPLIER_BITS, Affine, Format
from creator.errors import CreatorError
from creator.formats import MAX_FRAC_BITS, MAX_TOTAL_BITS, FixedPoint, Overflow, Rounding
from creator.nn.exact import exact_sum, narrowest
from creator.nn.requantize import Requantizer, requantized
from creator.nn.slots import (
    Choice,
    FloatOutput,
    OutputQuantizer,
    check_scales,
    checked_choice,
    checked_format,
    observed,
    soft_values,
    with_gradient_of,
)
from creator.quantize import Gradients, StraightThrough, fake_quantize, quantize_gradient
from creator.quantize.float_quantizer import FloatQuantizer, OwnRounding
from creator.quantize.on_grid import is_on_grid
from creator.quantize.quantizer import Quantizer

WEIGHT = FixedPoint(8, 6)
OUTPUT = FixedPoint(8, 4)


def default_bias(output: FixedPoint) -> FixedPoint:
    """A signed format with the range of ``output`` and four more fractional bits; none more where that is very wide."""
    finer = 4 if output.total_bits <= 40 else 0
    return FixedPoint(output.total_bits + finer + (not output.signed), min(output.frac_bits + finer, MAX_FRAC_BITS))


_CHOICES = ("rounding", "overflow", "ste", "gradient")


def set_gradients(model: torch.nn.Module, gradient: FixedPoint | Gradients | None) -> None:
    """Gives every layer with weights in ``model`` these formats of gradients; see :class:`~creator.quantize.Gradients`."""
    for module in model.modules():
        if isinstance(module, Weighted):
            module.gradient = Gradients.of(gradient)


def widened(fmt: FixedPoint, values: torch.Tensor) -> FixedPoint:
    """``fmt`` with as many bits more as ``values`` need, on the same grid."""
    largest = float(values.detach().abs().max()) if values.numel() else 0.0
    while math.isfinite(largest) and fmt.total_bits < MAX_TOTAL_BITS and largest > fmt.max_value:
        fmt = FixedPoint(fmt.total_bits + 1, fmt.frac_bits, fmt.signed)
    return fmt


def version_of(y: torch.Tensor) -> int | None:
    """Counts in-place changes of ``y``; ``None`` in inference mode, where torch does not count."""
    return None if y.is_inference() else y._version


class Weighted(torch.nn.Module):
    """``quantize(product(x, quantize(weight)) + quantize(bias))``: the sum is exact, and rounded once, at the output.

    A mixin before a ``torch.nn`` layer, which owns the parameters. They stay in floating point; the forward pass uses their
    quantized values (to nearest even, saturating). Output channels are axis 1 of the output, of a fully connected layer the
    last one, and axis 0 of the weight.

    Args:
        weight: format of the weights, or a quantizer that observes or learns it.
        bias: whether there is one, or its format; the default is signed, with the range of the output and four more fractional
            bits. With a quantizer at the output only eval mode rounds the bias; with an arbitrary scale anywhere, it does so
            to the grid of the sum.
        output: format of the result, or a quantizer.
        rounding, overflow: how the exact sum becomes a code of the output.
        ste: gradient of every rounding in the layer, masked or identity.
        gradient: formats of the gradients: a :class:`~creator.quantize.Gradients`, one format for all of them, or ``None``.
        accumulator: bits that the sum may have at most; translation refuses a layer that needs more. ``None``: what it needs.
        multiplier_bits: width of the multiplier between arbitrary scales.
    """

    weight: torch.nn.Parameter
    bias: torch.nn.Parameter | None
    where = ""
    """The layer's module path, for errors, as far as it is known."""
    channel_axis = 1
    """Of the output, along which its channels lie."""

    def _init_formats(
        self,
        weight: Choice = WEIGHT,
        bias: bool | FixedPoint = True,
        output: Choice = OUTPUT,
        rounding: Rounding = Rounding.HALF_EVEN,
        overflow: Overflow = Overflow.SATURATE,
        ste: StraightThrough = StraightThrough.MASKED,
        gradient: FixedPoint | Gradients | None = None,
        accumulator: int | None = None,
        multiplier_bits: int = MULTIPLIER_BITS,
    ) -> None:
        self.rounding, self.overflow, self.ste = Rounding(rounding), Overflow(overflow), StraightThrough(ste)
        self.gradient = Gradients.of(gradient)
        for name, bits, limit in (("accumulator", accumulator, 52), ("multiplier_bits", multiplier_bits, 31)):
            if bits is not None and (isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= limit):
                raise CreatorError(f"{name}={bits!r} is not 1 to {limit} bits", type(self).__name__)
        self.accumulator, self.multiplier_bits = accumulator, multiplier_bits
        self.weight_quantizer: Quantizer | None = None
        self.output_quantizer: Quantizer | None = None
        self.input_format: Format | None = None
        self.rectifies = False
        """Whether the output's quantizer sees no negative values: a ReLU, which an unsigned format is once it is fixed."""
        self._bias_format = None if isinstance(bias, bool) else checked_format(bias, "bias", self)
        self._norm: tuple[Any, ...] = ()  # the normalisation fused into this layer, in a tuple so that it is no submodule
        self.set_formats(checked_choice(weight, "weight", self), checked_choice(output, "output", self))

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _CHOICES and "_fast" in self.__dict__:  # what was derived from them
            self.__dict__["_fast"] = {}
            if self._output is not None:
                self.__dict__["_output"] = self._output_of(self._output.format)

    def set_formats(self, weight: Choice | None = None, output: Choice | None = None) -> None:
        """Replaces formats; ``None`` leaves one as it is."""
        if weight is not None:
            weight = checked_choice(weight, "weight", self)
            self.weight_quantizer = weight if isinstance(weight, Quantizer) else None
            self._weight_format = None if isinstance(weight, Quantizer) else weight
        if output is not None:
            output = checked_choice(output, "output", self)
            if self.rectifies and not isinstance(output, Quantizer) and output.min_value < 0:
                raise CreatorError(f"a ReLU is part of it, and {output} has negative values", hint="use an unsigned output")
            self.output_quantizer = output if isinstance(output, Quantizer) else None
            self._output = None if isinstance(output, Quantizer) else self._output_of(output)
        self._fast: dict[torch.dtype, Any] = {}

    def _output_of(self, fmt: Format) -> OutputQuantizer:
        return OutputQuantizer(fmt, self.rounding, self.overflow, self.ste)

    @property
    def quantizer(self) -> OutputQuantizer:
        """The output's rounding, clamping and format as they are now."""
        if isinstance(self.output_quantizer, FloatQuantizer):
            return FloatOutput(self.output_quantizer, self.rounding, self.overflow)
        if self.output_quantizer is not None:
            return self._output_of(self.output_quantizer.format)
        assert self._output is not None
        return self._output

    @property
    def output_format(self) -> Format:
        return self.quantizer.format

    @property
    def weight_format(self) -> Format:
        if self.weight_quantizer is not None:
            return self.weight_quantizer.format
        assert self._weight_format is not None
        return self._weight_format

    @property
    def bias_format(self) -> FixedPoint | None:
        """``None`` where the bias lies on the grid of the sum: with an arbitrary scale at the output."""
        if self._bias_format is not None:
            return self._bias_format
        output = self.output_format
        return default_bias(output) if isinstance(output, FixedPoint) else None

    def bias_format_of(self, bias: torch.Tensor) -> FixedPoint | None:
        """The format that eval mode and hardware round ``bias`` to.

        A default format is wide enough for a bias that training did not round: with a quantizer at the output, and where it
        comes from a normalisation. ``None`` on the grid of the sum.
        """
        fmt = self.bias_format
        if fmt is None or self._bias_format is not None or (bias is self.bias and self.output_quantizer is None):
            return fmt
        return widened(fmt, bias)

    def parameter_formats(self) -> dict[str, FixedPoint]:
        """The formats of those parameters that the forward pass uses as they are, once they lie on their grids.

        None with a fused normalisation, which scales the weights before they are rounded. A normalisation that follows without
        :meth:`fuse` is not known here.
        """
        if self._norm:
            return {}
        formats = {} if not isinstance(self._weight_format, FixedPoint) else {"weight": self._weight_format}
        if self.bias is not None and self.output_quantizer is None and self.bias_format is not None:
            formats["bias"] = self.bias_format
        return formats

    def fuse(self, norm: torch.nn.Module) -> None:
        """Computes with the normalisation ``norm``, which must be called right after; saves it from doing so once more."""
        self._norm = (norm,)

    # The forward pass.

    def rows(self) -> torch.Tensor:
        """The weight with the output channels in front; what :meth:`product` takes."""
        weight: torch.Tensor = self._parameters["weight"]  # type: ignore[assignment] # attribute access is slow
        return weight

    def biases(self) -> torch.Tensor | None:
        """The bias that goes with :meth:`rows`."""
        return self.bias

    def product(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """The layer's sum of products, in floating point."""
        raise NotImplementedError

    def quantized(
        self, weight: torch.Tensor, bias: torch.Tensor | None, training: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """``weight`` and ``bias`` on the layer's grids; in float64, exactly, unless ``training``.

        ``weight`` is what :meth:`exact_weight` gave, unless ``training``.

        Raises:
            CreatorError: outside training, for NaN and infinities, which saturation would hide.
        """
        bias_format = None if bias is None else self._bias_format_in(training, bias)
        if not training:
            weight, bias = finite(weight, "weight"), None if bias is None else finite(bias, "bias")
        grads = self.gradient
        fmt = None if training else self.weight_format_of(weight)
        values = self._soft_weight(weight) if fmt is None else soft_values(weight, fmt, ste=self.ste)
        weight = quantize_gradient(values, grads.weight, grads.rounding, grads.generator)
        if bias is not None:
            rounded = bias if bias_format is None else fake_quantize(bias, bias_format, ste=self.ste)
            bias = quantize_gradient(rounded, grads.bias, grads.rounding, grads.generator)
        return weight, bias

    @property
    def own_weights(self) -> OwnRounding | None:
        """The weights' quantizer if it rounds in its own way, to a floating-point or block format."""
        return self.weight_quantizer if isinstance(self.weight_quantizer, OwnRounding) else None

    def exact_weight(self, weight: torch.Tensor) -> torch.Tensor:
        """``weight`` as eval mode and hardware begin with it: rounded, in float64, where its quantizer rounds in its own way.

        Raises:
            CreatorError: for NaN and infinities, and for a quantizer that is not exact.
        """
        quantizer = self.own_weights
        if quantizer is None:
            return weight
        return finite(quantizer.exact(finite(weight, "weight")), f"weight in {quantizer.name}")

    def weight_format_of(self, weight: torch.Tensor) -> Format:
        """The format of the codes of what :meth:`exact_weight` gave: its own where the quantizer rounds in its own way.

        Raises:
            CreatorError: for weights that need more than 52 bits.
        """
        return self.weight_format if self.own_weights is None else narrowest(weight)

    def _bias_format_in(self, training: bool, bias: torch.Tensor) -> FixedPoint | None:
        """What ``bias`` is rounded to; in training nothing where an output's quantizer decides on the default."""
        if not training:
            return self.bias_format_of(bias)
        return self._bias_format if self.output_quantizer is not None else self.bias_format

    def _soft_weight(self, weight: torch.Tensor) -> torch.Tensor:
        if self.weight_quantizer is not None:
            return observed(self.weight_quantizer, weight)
        if weight is self.weight and is_on_grid(weight, self._weight_format):
            return weight
        return soft_values(weight, self.weight_format, ste=self.ste)

    def finish(self, y: torch.Tensor, dtype: torch.dtype, training: bool) -> torch.Tensor:
        """The layer's output from its sum; outside training from an exact one."""
        if training and self.output_quantizer is not None:
            grads = self.gradient
            y = quantize_gradient(y, grads.activation, grads.rounding, grads.generator)
            return observed(self.output_quantizer, torch.relu(y) if self.rectifies else y)
        return self.quantizer(y, training, dtype, self.gradient)

    def compute(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        """The forward pass with the given floating-point parameters in place of the layer's own."""
        if self.training:
            return self._soft(x, weight, bias)
        weight = self.exact_weight(weight)
        formats = self._eval_formats(weight)
        if formats is None:
            return self._soft(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))
        if not all(isinstance(fmt, FixedPoint) for fmt in formats):
            soft = self._soft(x.double(), weight.double(), None if bias is None else bias.double())
            exact = requantized(self.product, self._requantizer(formats), x, weight, bias, self.channel_axis)
            return with_gradient_of(soft, exact)
        weight, bias = self.quantized(weight, bias, training=False)
        return self.finish(exact_sum(self.product, x, weight, bias), x.dtype, training=False)

    def check_formats(self) -> None:
        """Refuses formats that integer arithmetic cannot bring together."""
        formats = self._eval_formats(self.exact_weight(self.rows()))
        if formats is not None and not all(isinstance(fmt, FixedPoint) for fmt in formats):
            _ = self._requantizer(formats).multiplier

    def _requantizer(self, formats: tuple[Format, Format, Format]) -> Requantizer:
        check_scales(self.output_quantizer)
        return Requantizer(*formats, self.rounding, self.overflow, self.multiplier_bits)

    def _eval_formats(self, weight: torch.Tensor) -> tuple[Format, Format, Format] | None:
        """Formats of input, weight and output; ``None`` where one has none, or is not known: before ``creator.convert``.

        Where all scales are powers of two that of the input does not matter.
        """
        own = None if self.own_weights is None else self.weight_format_of(weight)
        try:
            weights, output = own or self.weight_format, self.output_format
        except CreatorError:
            return None
        if self.input_format is None:
            return None if isinstance(weights, Affine) or isinstance(output, Affine) else (OUTPUT, weights, output)
        return self.input_format, weights, output

    def _soft(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        weight, bias = self.quantized(weight, bias, training=True)
        return self.finish(self.product(x, weight, bias), x.dtype, training=True)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        try:
            if self._norm:
                y = self._norm[0].normalised(self, input)
            else:
                parameters = self._parameters  # attribute access to a parameter is slow
                y = self.compute(input, self.rows(), parameters["bias"])
        except CreatorError as error:
            raise error.at(self.where) from None
        # A normalisation that follows folds itself into this layer, for which it needs the layer and its input.
        y.creator_source = (self, input, version_of(y))
        return y  # type: ignore[no-any-return]

    def _formats_repr(self) -> str:
        weight = self.weight_quantizer or self._weight_format
        bias = "no bias" if self.bias is None else f"bias {self._bias_format or 'by output'}"
        output = self.output_quantizer or repr(self._output)
        return f"weight {weight}, {bias}, output {output}"


def finite(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """``tensor`` in float64, refused if not finite."""
    if not bool(torch.isfinite(tensor).all()):
        raise CreatorError(f"its {name} is NaN or infinite", hint="training diverged; restore an earlier state")
    return tensor.double()
