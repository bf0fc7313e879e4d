"""How far one layer's activations are from the painting's, in the ways that a setting names.

Each loss is made from the painting's activations at one layer, (1, C, H, W), and then gives the
distance of a picture's activations, (1, C, h, w), as a scalar: (nearly) 0 where the statistics
agree, and relative to the painting's own, so that it does not depend on the size of pictures or
activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from impasto_daemon.style_transfer.moments import Moments, moments
from impasto_daemon.style_transfer.wasserstein import OptimalTransport
from impasto_shared.settings import StyleLoss

Distance = Callable[[Tensor], Tensor]

# A target of nothing but zeros (no real network gives one) leaves its loss undivided by it.
SMALLEST_POWER = 1e-12
# Keeps the slope of a standard deviation finite where a channel never changes.
_SMALLEST_VARIANCE = 1e-12
# How often the positions are paired anew: more pairs, less noise in the estimate.
_PAIRINGS = 4


def relative_error(actual: Tensor, target: Tensor) -> Tensor:
    """Squared distance of `actual` from `target`, over the squared length of `target`."""
    power = target.square().mean().clamp_min(SMALLEST_POWER)
    return (actual - target).square().mean() / power


def gram(painting: Tensor) -> Distance:
    """Gatys, Ecker and Bethge 2016, equation 4: the squared distance of the Gram matrices."""
    target = moments(painting).second
    return lambda activation: relative_error(moments(activation).second, target)


def wasserstein(painting: Tensor) -> Distance:
    """The squared 2-Wasserstein distance between normal distributions with these moments."""
    target = moments(painting)
    transport = OptimalTransport(target.covariance)
    power = target.power.clamp_min(SMALLEST_POWER)

    def distance(activation: Tensor) -> Tensor:
        actual = moments(activation)
        apart = (actual.mean - target.mean).square().sum()
        return (apart + transport.distance(actual.covariance)) / power

    return distance


def batch_norm(painting: Tensor) -> Distance:
    """Li et al. 2017, section 4.2: the squared distance of means and standard deviations."""
    target = moments(painting)
    deviation = _deviation(target)
    power = target.power.clamp_min(SMALLEST_POWER)

    def distance(activation: Tensor) -> Tensor:
        actual = moments(activation)
        apart = (actual.mean - target.mean).square().sum()
        return (apart + (_deviation(actual) - deviation).square().sum()) / power

    return distance


def _deviation(of: Moments) -> Tensor:
    return of.covariance.diagonal().clamp_min(_SMALLEST_VARIANCE).sqrt()


def mmd_linear(painting: Tensor) -> Distance:
    """Li et al. 2017, table 1: MMD² with the kernel x·y, which compares the means alone."""
    target = moments(painting).mean
    return lambda activation: relative_error(moments(activation).mean, target)


def mmd_polynomial(painting: Tensor) -> Distance:
    """Li et al. 2017, table 1: MMD² with the kernel (x·y + c)², c the painting's mean x·x.

    With c = 0 it would be the Gram loss (their equation 7); c adds 2 c times that of the means.
    """
    target = moments(painting)
    offset = target.power.clamp_min(SMALLEST_POWER)
    unit = target.second.square().sum() + 2 * offset * target.mean.square().sum()

    def distance(activation: Tensor) -> Tensor:
        actual = moments(activation)
        of_seconds = (actual.second - target.second).square().sum()
        of_means = (actual.mean - target.mean).square().sum()
        return (of_seconds + 2 * offset * of_means) / unit.clamp_min(SMALLEST_POWER)

    return distance


def mmd_gaussian(painting: Tensor) -> Distance:
    """Li et al. 2017: MMD² with a Gaussian kernel, estimated in linear time from random pairs.

    The estimate is unbiased but for the few positions paired with themselves, and so can be
    negative (Gretton et al. 2012, lemma 14). The pairs
    stay the same for one picture size (the paper draws them anew at every step), since L-BFGS
    must see one function. The kernel's width is the painting's own mean squared distance.
    """
    generator = torch.Generator().manual_seed(0)
    positions = _positions(painting)  # (n, C)
    pairs_of_size: dict[int, tuple[Tensor, Tensor]] = {}

    def distance(activation: Tensor) -> Tensor:
        of_picture = _positions(activation)  # (m, C)
        count = len(of_picture)
        if count not in pairs_of_size:
            pairs_of_size[count] = (
                _pairs(count, count, generator),
                _pairs(len(positions), count, generator),
            )
        pairs, painting_pairs = pairs_of_size[count]
        x, x_other = of_picture[pairs[0]], of_picture[pairs[1]]
        y, y_other = positions[painting_pairs[0]], positions[painting_pairs[1]]
        width = (y - y_other).square().sum(dim=1).mean().clamp_min(SMALLEST_POWER)

        def kernel(one: Tensor, other: Tensor) -> Tensor:
            return torch.exp(-(one - other).square().sum(dim=1) / width).mean()

        return kernel(x, x_other) + kernel(y, y_other) - kernel(x, y_other) - kernel(x_other, y)

    return distance


def _positions(activation: Tensor) -> Tensor:
    return activation.squeeze(0).flatten(start_dim=1).T  # (H*W, C)


def _pairs(available: int, wanted: int, generator: torch.Generator) -> Tensor:
    """Two rows of positions below `available`, `wanted` pairs and more: (2, n)."""
    orders = [torch.randperm(available, generator=generator) for _ in range(_PAIRINGS)]
    drawn = torch.cat(orders)
    repeated = drawn.repeat(-(-wanted * _PAIRINGS // len(drawn)))[: wanted * _PAIRINGS // 2 * 2]
    return repeated.view(2, -1)


STYLE_LOSSES: Mapping[StyleLoss, Callable[[Tensor], Distance]] = {
    StyleLoss.WASSERSTEIN: wasserstein,
    StyleLoss.GRAM: gram,
    StyleLoss.BATCH_NORM: batch_norm,
    StyleLoss.MMD_LINEAR: mmd_linear,
    StyleLoss.MMD_POLYNOMIAL: mmd_polynomial,
    StyleLoss.MMD_GAUSSIAN: mmd_gaussian,
}
"""What makes each loss from the painting's activations."""
