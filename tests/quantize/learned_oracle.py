"""Trial values, and the gradients of a learned scale by automatic differentiation in float64."""

import math

import torch

from creator import Rounding


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def trial_values(scale, low, high, count=1_000_000):
    """Noise over twice the range, every tie in and around it, their neighbours, subnormals, zeros, infinities."""
    ties = (torch.arange(2 * low - 9, 2 * high + 10) / 2 * scale).float()
    inf = torch.tensor(math.inf)
    special = torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e-38, 3e38, -3e38, math.inf, -math.inf])
    ties = torch.cat([ties, torch.nextafter(ties, inf), torch.nextafter(ties, -inf), special])
    noise = torch.rand(max(0, count - ties.numel()), generator=seeded(1)) * 2 - 1
    return torch.cat([ties, noise * 2 * scale * max(high, -low)])


def round_half(v, rounding):
    """``v`` in float64 rounded, by its floor and what is above it."""
    low = torch.floor(v)
    part = v - low
    if rounding is Rounding.FLOOR:
        return low
    up = {Rounding.HALF_UP: part == 0.5, Rounding.HALF_AWAY: (part == 0.5) & (v > 0), Rounding.HALF_EVEN: low % 2 != 0}
    return low + ((part > 0.5) | ((part == 0.5) & up[rounding]))


def closed_form(x, grad, scale, low, high, zero=0, rounding=Rounding.HALF_EVEN, axis=None):
    """Values, their gradient, that of the scale and what it is small against; float64.

    The rounding error is a constant of the differentiation, which is what straight-through means; the codes outside are, too.
    """
    units = (x * (1 / scale)).double()
    codes = round_half(units, rounding)
    inside = (codes + zero >= low) & (codes + zero <= high)
    error, ends = codes - units, torch.where(codes + zero < low, low - zero, high - zero).double()
    leaf, step = x.double().requires_grad_(), scale.double().requires_grad_()
    y = torch.where(inside, (leaf / step + error) * step, ends * step)
    each = torch.where(inside, error, ends) * grad.double()
    others = [k for k in range(x.ndim) if axis is None or k != axis % x.ndim]
    y.backward(grad.double())
    return y.detach(), leaf.grad, step.grad, each.abs().sum(others)
