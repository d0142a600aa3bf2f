import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from creator import CreatorError, FixedPoint, nn
from tests.nn.helpers import codes_of, integer_linear, nearest_codes, random_codes, seeded
from tests.oracle import OVERFLOWS, ROUNDINGS

INPUT = FixedPoint(8, 4)


class Pair(torch.nn.Module):
    """A linear layer and the normalisation that folds into it, with statistics and parameters that differ by channel."""

    def __init__(self, inputs=6, outputs=4, seed=0, bias=FixedPoint(10, 6), affine=True, momentum=0.1, **choices):  # noqa: B008
        super().__init__()
        torch.manual_seed(seed)
        choices = {"weight": FixedPoint(8, 6), "output": FixedPoint(8, 4), **choices}
        self.linear = nn.Linear(inputs, outputs, bias, **choices)
        self.norm = nn.BatchNorm1d(outputs, affine=affine, momentum=momentum)
        g = seeded(seed)
        with torch.no_grad():
            self.norm.running_mean.normal_(generator=g)
            self.norm.running_var.uniform_(0.2, 3.0, generator=g)
            if affine:
                self.norm.weight.uniform_(-1.5, 1.5, generator=g)
                self.norm.bias.normal_(generator=g)

    def forward(self, x):
        return self.norm(self.linear(x))


def numpy64(x):
    return x.detach().double().numpy()


def folded(pair):
    """Weight and bias of the one linear layer that the two are, in float64."""
    linear, norm = pair.linear, pair.norm
    gamma, beta = (1.0, 0.0) if norm.weight is None else (numpy64(norm.weight), numpy64(norm.bias))
    scale = gamma / np.sqrt(numpy64(norm.running_var) + norm.eps)
    bias = 0.0 if linear.bias is None else numpy64(linear.bias)
    return numpy64(linear.weight) * scale[:, None], beta + (bias - numpy64(norm.running_mean)) * scale


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("bias", [False, True, FixedPoint(14, 11)], ids=str)
@pytest.mark.parametrize("affine", [True, False])
def test_eval_is_one_integer_linear_layer_with_folded_parameters(rounding, overflow, bias, affine):
    pair = Pair(bias=bias, affine=affine, rounding=rounding, overflow=overflow).eval()
    linear = pair.linear
    codes = random_codes((20, 6), INPUT, 1)
    weight, shift = folded(pair)
    expected = integer_linear(
        codes, INPUT, nearest_codes(weight, linear.weight_format), linear.weight_format,
        nearest_codes(shift, linear.bias_format), linear.bias_format, linear.output_format, rounding, overflow,
    )  # fmt: skip
    y = pair(torch.from_numpy(INPUT.from_integers(codes)).float())
    assert codes_of(y, linear.output_format).tolist() == expected.tolist()


def test_folded_returns_the_float64_parameters():
    pair = Pair()
    weight, bias = pair.norm.folded(pair.linear)
    expected = folded(pair)
    assert weight.dtype == bias.dtype == torch.float64
    np.testing.assert_allclose(numpy64(weight), expected[0], rtol=1e-15)
    np.testing.assert_allclose(numpy64(bias), expected[1], rtol=1e-14)


def train_reference(pair, x):
    """What torch's own normalisation makes of the same quantized sum, before the output is rounded."""
    linear, norm = pair.linear, pair.norm
    reference = torch.nn.BatchNorm1d(norm.num_features, affine=norm.affine, momentum=norm.momentum)
    reference.load_state_dict(norm.state_dict())
    gamma = torch.ones(norm.num_features) if norm.weight is None else norm.weight.detach()
    scale = gamma / torch.sqrt(norm.running_var + norm.eps)
    fmt = linear.weight_format
    weight = torch.from_numpy(fmt.from_integers(fmt.to_integers((linear.weight.detach() * scale[:, None]).numpy())))
    y = (x.double() @ weight.T / scale.double()).float()
    bias = 0.0 if linear.bias is None else linear.bias.detach()
    before, after = (tensor.double().square().sum(1) for tensor in (linear.weight.detach() * scale[:, None], weight))
    if bool(((after / before - 1).abs() <= 0.1).all()):
        return reference, reference(y + bias)
    # Weights that saturate: the statistics are those of the sum with the weights as they are.
    plain = x @ linear.weight.detach().T + bias
    reference(plain)
    variance, mean = torch.var_mean(plain, 0, correction=0)
    shift = 0.0 if norm.bias is None else norm.bias.detach()
    return reference, (y + bias - mean) / torch.sqrt(variance + norm.eps) * gamma + shift


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 0.7, None])
def test_training_normalises_and_keeps_statistics_as_torch_does_on_the_quantized_sum(bias, affine, momentum):
    pair = Pair(bias=bias, affine=affine, momentum=momentum)
    for step in range(3):
        x = torch.randn(16, 6, generator=seeded(step))
        reference, expected = train_reference(pair, x)
        y = pair(x)
        torch.testing.assert_close(pair.norm.running_mean, reference.running_mean)
        torch.testing.assert_close(pair.norm.running_var, reference.running_var)
        assert pair.norm.num_batches_tracked.item() == step + 1
        fmt = pair.linear.output_format
        difference = codes_of(y, fmt) - fmt.to_integers(expected.detach().numpy())
        assert np.abs(difference).max() <= 1  # float32 sums may differ at a tie
        assert np.count_nonzero(difference) <= 1


@pytest.mark.parametrize("spread", [1.0, 0.1, 0.01])
def test_weights_that_saturate_do_not_make_the_statistics_run_away(spread):
    torch.manual_seed(5)
    linear, norm = nn.Linear(16, 4, weight=FixedPoint(8, 6)), nn.BatchNorm1d(4)
    reference = torch.nn.BatchNorm1d(4)
    model = torch.nn.Sequential(nn.Quantize(FixedPoint(12, 11)), linear, norm)
    for step in range(300):
        x = torch.randn(256, 16, generator=seeded(step)) * spread
        trained = model(x)
        reference(model[0](x) @ linear.weight.detach().T + linear.bias.detach())
    saturated = (linear.weight * norm.scale(torch.float32)[:, None]).abs().max() > linear.weight_format.max_value
    assert bool(saturated) == (spread < 1)
    torch.testing.assert_close(norm.running_var, reference.running_var, rtol=0.05, atol=1e-7)
    evaluated = model.eval()(x)
    assert (trained - evaluated).abs().mean() < 0.1  # training shows what evaluation will


@pytest.mark.parametrize("spread", [0.3, 0.1])
def test_what_trains_with_saturated_weights_evaluates_as_well(spread):
    torch.manual_seed(6)
    x = torch.randn(1000, 16, generator=seeded(7)) * spread
    labels = (x @ torch.randn(16, 6, generator=seeded(8))).relu() @ torch.randn(6, 4, generator=seeded(9))
    labels = (labels - labels.mean(0)).argmax(1)
    model = torch.nn.Sequential(
        nn.Quantize(FixedPoint(12, 11)), nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4)
    )
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
    trained = (model(x).argmax(1) == labels).float().mean()
    evaluated = (model.eval()(x).argmax(1) == labels).float().mean()
    assert trained > 0.7
    assert evaluated > trained - 0.03


def test_eval_leaves_the_statistics_alone():
    pair = Pair().eval()
    before = copy.deepcopy(pair.state_dict())
    pair(torch.randn(8, 6, generator=seeded(1)))
    assert all(torch.equal(value, before[name]) for name, value in pair.state_dict().items())


def test_training_then_eval_agree_once_the_statistics_have_settled():
    pair = Pair(output=FixedPoint(10, 6), weight=FixedPoint(10, 7), momentum=0.1)
    x = torch.round(torch.randn(4096, 6, generator=seeded(2)) * 16) / 16
    with torch.no_grad():
        for _ in range(300):
            trained = pair(x)
        evaluated = pair.eval()(x)
    difference = (trained - evaluated).abs() / pair.linear.output_format.step
    assert difference.max().item() <= 2  # the bias is rounded in eval only, and torch's running variance is unbiased
    assert difference.mean().item() < 0.5
    assert evaluated.std().item() > 0.3


def test_gradients_reach_all_parameters_and_the_input():
    pair = Pair()
    x = torch.randn(16, 6, generator=seeded(3), requires_grad=True)
    incoming = torch.randn(16, 4, generator=seeded(4))
    pair(x).backward(incoming)
    for name, parameter in [*pair.named_parameters(), ("x", x)]:
        assert torch.isfinite(parameter.grad).all(), name
        # The bias before a normalisation has no effect, so no gradient either.
        assert name == "linear.bias" or parameter.grad.abs().max() > 0, name
    torch.testing.assert_close(pair.norm.bias.grad, incoming.sum(0))


def test_a_gamma_of_zero_gives_finite_gradients_and_a_constant_output():
    pair = Pair()
    with torch.no_grad():
        pair.norm.weight[1] = 0.0
    x = torch.randn(16, 6, generator=seeded(3), requires_grad=True)
    y = pair(x)
    y.square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in [*pair.parameters(), x])
    fmt = pair.linear.output_format
    assert set(codes_of(y, fmt)[:, 1]) == {int(fmt.to_integers(pair.norm.bias[1].item()))}
    assert len(set(codes_of(pair.eval()(x), fmt)[:, 1])) == 1


def test_gradient_formats_of_the_linear_layer_apply():
    grid = FixedPoint(4, 2)
    pair = Pair(gradient=nn.Gradients(activation=grid), ste="identity")
    incoming = torch.tensor([[0.3, -1.9, 5.0, -0.1]]).repeat(2, 1)
    pair(torch.randn(2, 6, generator=seeded(5))).backward(incoming)
    assert pair.norm.bias.grad.tolist() == [0.5, -4.0, 3.5, 0.0]


@pytest.mark.parametrize("gamma", ["weight", "running_var"])
def test_diverged_parameters_are_refused_in_eval(gamma):
    pair = Pair().eval()
    with torch.no_grad():
        getattr(pair.norm, gamma)[0] = float("nan")
    with pytest.raises(CreatorError, match="NaN"):
        pair(torch.zeros(1, 6))


def between(*layers, inputs=3):
    return torch.nn.Sequential(nn.Linear(inputs, 2), *layers, nn.BatchNorm1d(2))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("layer", [nn.ReLU(inplace=True), nn.HardTanh(inplace=True)], ids=["relu", "hardtanh"])
def test_what_a_layer_gave_and_something_changed_in_place_is_refused(layer, training):
    with pytest.raises(
        CreatorError, match=r"what Linear gave was changed in place before BatchNorm1d .hint: use inplace=False"
    ):
        between(layer).train(training)(torch.randn(4, 3, generator=seeded(6)))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_change_in_place_is_refused_without_gradients_too(mode):
    with mode(), pytest.raises(CreatorError, match="was changed in place"):
        between(nn.ReLU(inplace=True)).eval()(torch.randn(4, 3, generator=seeded(6)))


def test_identity_in_between_changes_nothing():
    torch.manual_seed(0)
    model = between(nn.Identity()).eval()
    x = torch.randn(4, 3, generator=seeded(6))
    assert torch.equal(model(x), torch.nn.Sequential(model[0], model[2])(x))


def test_a_different_number_of_features_is_refused():
    with pytest.raises(CreatorError, match=r"BatchNorm1d\(3\) follows Linear with 2 outputs"):
        torch.nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(3))(torch.zeros(2, 4))


def test_without_running_statistics_eval_is_refused():
    model = torch.nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False)).eval()
    with pytest.raises(CreatorError, match=r"depends on the batch.*track_running_stats=True"):
        model(torch.zeros(2, 3))


def test_eval_of_the_normalisation_alone_uses_its_statistics_in_training():
    pair = Pair()
    pair.norm.eval()
    x = torch.round(torch.randn(8, 6, generator=seeded(7)) * 16) / 16
    before = pair.norm.running_mean.clone()
    y = pair(x)
    assert torch.equal(pair.norm.running_mean, before)
    assert torch.equal(y, pair.eval()(x))


def test_state_of_torch_loads_and_deepcopy_computes_the_same():
    torch.manual_seed(2)
    plain = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4))
    plain(torch.randn(32, 6, generator=seeded(8)))
    model = torch.nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    model.load_state_dict(plain.state_dict())
    x = torch.randn(5, 6, generator=seeded(9))
    y = model.eval()(x)
    assert torch.equal(copy.deepcopy(model)(x), y)
    assert (y - plain.eval()(x)).abs().max() < 0.2
