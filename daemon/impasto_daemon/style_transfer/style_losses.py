"""How far one layer's activations are from the paintings', in the ways that a setting names.

Each loss is made from what is seen of the paintings at one layer, and then gives the distance of
what is seen of a picture, as a scalar: (nearly) 0 where the statistics agree, and relative to the
paintings' own, so that it does not depend on the size of pictures or activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.moments import Moments, blend, moments, positions_of, precise
from impasto_daemon.style_transfer.wasserstein import OptimalTransport
from impasto_shared.settings import StyleLoss


@dataclass(frozen=True)
class Seen:
    """What is seen of one picture at one layer.

    activation: (1, C, H, W).
    guide: how much each position counts, (H * W), adding up to 1; None where all count alike.
    share: how much it counts beside others; those of the paintings of a style add up to 1.
    """

    activation: Tensor
    guide: Tensor | None = None
    share: float = 1.0

    @property
    def moments(self) -> Moments:
        """The moments of the positions that count."""
        return moments(self.activation, self.guide)


Paintings = Sequence[Seen]
Distance = Callable[[Seen], Tensor]

# A target of nothing but zeros (no real network gives one) leaves its loss undivided by it.
SMALLEST_POWER = 1e-12
# Keeps the slope of a standard deviation finite where a channel never changes.
_SMALLEST_VARIANCE = 1e-12
# How many random cosines stand for a Gaussian kernel.
_FEATURES = 256


def _blended(paintings: Paintings) -> Moments:
    # Raw moments can be blended; covariances cannot.
    return blend((painting.share, painting.moments) for painting in paintings)


def relative_error_from(target: Tensor) -> Callable[[Tensor], Tensor]:
    """The squared distance of a tensor from `target`, over the squared length of `target`."""
    target = target.to(torch.promote_types(target.dtype, torch.float32))
    power = target.square().mean().clamp_min(SMALLEST_POWER)
    return lambda actual: (actual - target).square().mean() / power


def gram(paintings: Paintings) -> Distance:
    """Gatys, Ecker and Bethge 2016, equation 4: the squared distance of the Gram matrices."""
    error = relative_error_from(_blended(paintings).second)
    return lambda seen: error(seen.moments.second)


def wasserstein(paintings: Paintings) -> Distance:
    """The squared 2-Wasserstein distance between normal distributions with these moments."""
    target = _blended(paintings)
    transport = OptimalTransport(target.covariance)
    power = target.power.clamp_min(SMALLEST_POWER)

    def distance(seen: Seen) -> Tensor:
        actual = seen.moments
        apart = (actual.mean - target.mean).square().sum()
        return (apart + transport.distance(actual.covariance)) / power

    return distance


def batch_norm(paintings: Paintings) -> Distance:
    """Li et al. 2017, section 4.2: the squared distance of means and standard deviations."""
    target = _blended(paintings)
    deviation = _deviation(target)
    power = target.power.clamp_min(SMALLEST_POWER)

    def distance(seen: Seen) -> Tensor:
        actual = seen.moments
        apart = (actual.mean - target.mean).square().sum()
        return (apart + (_deviation(actual) - deviation).square().sum()) / power

    return distance


def _deviation(of: Moments) -> Tensor:
    return of.covariance.diagonal().clamp_min(_SMALLEST_VARIANCE).sqrt()


def mmd_linear(paintings: Paintings) -> Distance:
    """Li et al. 2017, table 1: MMD² with the kernel x·y, which compares the means alone."""
    error = relative_error_from(_blended(paintings).mean)
    return lambda seen: error(seen.moments.mean)


def mmd_polynomial(paintings: Paintings) -> Distance:
    """Li et al. 2017, table 1: MMD² with the kernel (x·y + c)², c the painting's mean x·x.

    With c = 0 it would be the Gram loss (their equation 7); c adds 2 c times that of the means.
    """
    target = _blended(paintings)
    offset = target.power.clamp_min(SMALLEST_POWER)
    unit = target.second.square().sum() + 2 * offset * target.mean.square().sum()

    def distance(seen: Seen) -> Tensor:
        actual = seen.moments
        of_seconds = (actual.second - target.second).square().sum()
        of_means = (actual.mean - target.mean).square().sum()
        return (of_seconds + 2 * offset * of_means) / unit.clamp_min(SMALLEST_POWER)

    return distance


def mmd_gaussian(paintings: Paintings) -> Distance:
    """Li et al. 2017: MMD² with a Gaussian kernel, in linear time by random features.

    The kernel's width is the paintings' own mean squared distance. The paper estimates MMD² from
    random pairs of positions, drawn anew at every step. L-BFGS must see one function, and learns
    fixed pairs by heart: the loss falls below zero and the picture to noise. The means of random
    cosines (Rahimi and Recht 2007, algorithm 1) are as fast and take in every position, and no
    picture is nearer to the paintings than they are themselves.
    """
    target = _blended(paintings)
    variance = target.covariance.trace().clamp_min(SMALLEST_POWER)
    generator = torch.Generator().manual_seed(0)
    # exp(-|d|² / w) is the mean of cos(f · d) over normal f with variance 2 / w, and the mean
    # squared distance w of two positions is twice their variance.
    drawn = torch.randn(len(target.mean), _FEATURES, generator=generator, dtype=torch.float64)
    frequencies = drawn.to(variance) / variance.sqrt()
    phases = 2 * torch.pi * torch.rand(_FEATURES, generator=generator, dtype=torch.float64)
    phases = phases.to(variance)

    def features(seen: Seen) -> Tensor:
        positions = precise(positions_of(seen.activation))  # (n, C)
        cosines = torch.cos(torch.addmm(phases, positions, frequencies))
        return cosines.mean(dim=0) if seen.guide is None else seen.guide.to(cosines) @ cosines

    wanted = torch.stack([painting.share * features(painting) for painting in paintings]).sum(dim=0)
    return lambda seen: 2 * (features(seen) - wanted).square().mean()


STYLE_LOSSES: Mapping[StyleLoss, Callable[[Paintings], Distance]] = {
    StyleLoss.WASSERSTEIN: wasserstein,
    StyleLoss.GRAM: gram,
    StyleLoss.BATCH_NORM: batch_norm,
    StyleLoss.MMD_LINEAR: mmd_linear,
    StyleLoss.MMD_POLYNOMIAL: mmd_polynomial,
    StyleLoss.MMD_GAUSSIAN: mmd_gaussian,
}
"""What makes each loss from what is seen of the paintings."""
