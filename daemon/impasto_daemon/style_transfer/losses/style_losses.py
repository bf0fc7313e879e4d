"""How far one layer's activations are from the paintings', in the ways that a setting names.

Each loss compares means over positions, as `moments` gives them: those of a picture with those of
the paintings. It is a scalar, (nearly) 0 where they agree, and relative to the paintings' own, so
that it does not depend on the size of pictures or activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.moments import (
    Measure,
    Moments,
    Statistic,
    moments,
    positions_of,
    precise,
)
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_shared.settings import StyleLoss

Distance = Callable[[Statistic], Tensor]
"""The loss of a picture's statistic."""

# A target of nothing but zeros (no real network gives one) leaves its loss undivided by it.
SMALLEST_POWER = 1e-12
# Keeps the slope of a standard deviation finite where a channel never changes.
_SMALLEST_VARIANCE = 1e-12
# How many random cosines stand for a Gaussian kernel.
_FEATURES = 256


def relative_error_from(target: Tensor) -> Callable[[Tensor], Tensor]:
    """The squared distance of a tensor from `target`, over the squared length of `target`."""
    target = target.to(torch.promote_types(target.dtype, torch.float32))
    power = target.square().mean().clamp_min(SMALLEST_POWER)
    return lambda actual: (actual - target).square().mean() / power


def gram(target: Statistic) -> Distance:
    """Gatys, Ecker and Bethge 2016, equation 4: the squared distance of the Gram matrices."""
    error = relative_error_from(Moments(*target).second)
    return lambda actual: error(Moments(*actual).second)


def wasserstein(target: Statistic) -> Distance:
    """The squared 2-Wasserstein distance between normal distributions with these moments."""
    wanted = Moments(*target)
    transport = OptimalTransport(wanted.covariance)
    power = wanted.power.clamp_min(SMALLEST_POWER)

    def distance(actual: Statistic) -> Tensor:
        seen = Moments(*actual)
        apart = (seen.mean - wanted.mean).square().sum()
        return (apart + transport.distance(seen.covariance)) / power

    return distance


def batch_norm(target: Statistic) -> Distance:
    """Li et al. 2017, section 4.2: the squared distance of means and standard deviations."""
    wanted = Moments(*target)
    deviation = _deviation(wanted)
    power = wanted.power.clamp_min(SMALLEST_POWER)

    def distance(actual: Statistic) -> Tensor:
        seen = Moments(*actual)
        apart = (seen.mean - wanted.mean).square().sum()
        return (apart + (_deviation(seen) - deviation).square().sum()) / power

    return distance


def _deviation(of: Moments) -> Tensor:
    return of.covariance.diagonal().clamp_min(_SMALLEST_VARIANCE).sqrt()


def mmd_linear(target: Statistic) -> Distance:
    """Li et al. 2017, table 1: MMD² with the kernel x·y, which compares the means alone."""
    error = relative_error_from(Moments(*target).mean)
    return lambda actual: error(Moments(*actual).mean)


def mmd_polynomial(target: Statistic) -> Distance:
    """Li et al. 2017, table 1: MMD² with the kernel (x·y + c)², c the painting's mean x·x.

    With c = 0 it would be the Gram loss (their equation 7); c adds 2 c times that of the means.
    """
    wanted = Moments(*target)
    offset = wanted.power.clamp_min(SMALLEST_POWER)
    unit = wanted.second.square().sum() + 2 * offset * wanted.mean.square().sum()

    def distance(actual: Statistic) -> Tensor:
        seen = Moments(*actual)
        of_seconds = (seen.second - wanted.second).square().sum()
        of_means = (seen.mean - wanted.mean).square().sum()
        return (of_seconds + 2 * offset * of_means) / unit.clamp_min(SMALLEST_POWER)

    return distance


def mmd_gaussian(target: Statistic) -> Distance:
    """Li et al. 2017: MMD² with a Gaussian kernel, in linear time by random features.

    The kernel's width is the paintings' own mean squared distance. The paper estimates MMD² from
    random pairs of positions, drawn anew at every step. L-BFGS must see one function, and learns
    fixed pairs by heart: the loss falls below zero and the picture to noise. The means of random
    cosines (Rahimi and Recht 2007, algorithm 1) are as fast and take in every position, and no
    picture is nearer to the paintings than they are themselves.
    """
    (wanted,) = target
    return lambda actual: 2 * (actual[0] - wanted).square().mean()


def random_cosines(paintings: Moments) -> Measure:
    """What `mmd_gaussian` compares: the means of cosines as wide as the paintings vary."""
    variance = paintings.covariance.trace().clamp_min(SMALLEST_POWER)
    generator = torch.Generator().manual_seed(0)
    # exp(-|d|² / w) is the mean of cos(f · d) over normal f with variance 2 / w, and the mean
    # squared distance w of two positions is twice their variance.
    drawn = torch.randn(len(paintings.mean), _FEATURES, generator=generator, dtype=torch.float64)
    frequencies = drawn.to(variance) / variance.sqrt()
    phases = 2 * torch.pi * torch.rand(_FEATURES, generator=generator, dtype=torch.float64)
    phases = phases.to(variance)

    def measure(activation: Tensor, guide: Tensor | None) -> Statistic:
        positions = precise(positions_of(activation))  # (n, C)
        cosines = torch.cos(torch.addmm(phases, positions, frequencies))
        return (cosines.mean(dim=0) if guide is None else guide.to(cosines) @ cosines,)

    return measure


@dataclass(frozen=True)
class Comparison:
    """One way to compare a picture with paintings.

    distance_from: makes the loss from the paintings' statistic.
    measure_like: makes what is measured of both, given the paintings' moments; None: the moments.
    """

    distance_from: Callable[[Statistic], Distance]
    measure_like: Callable[[Moments], Measure] | None = None


STYLE_LOSSES: Mapping[StyleLoss, Comparison] = {
    StyleLoss.WASSERSTEIN: Comparison(wasserstein),
    StyleLoss.GRAM: Comparison(gram),
    StyleLoss.BATCH_NORM: Comparison(batch_norm),
    StyleLoss.MMD_LINEAR: Comparison(mmd_linear),
    StyleLoss.MMD_POLYNOMIAL: Comparison(mmd_polynomial),
    StyleLoss.MMD_GAUSSIAN: Comparison(mmd_gaussian, random_cosines),
}

Measured = Callable[[Mapping[str, Measure]], Mapping[str, Statistic]]
"""The paintings' blended statistic at each layer, by each layer's measure."""


def compare(
    style_loss: StyleLoss, layers: Mapping[str, object], measured: Measured
) -> dict[str, tuple[Measure, Distance]]:
    """At each of `layers`: what is measured of a picture, and its distance from the paintings."""
    comparison = STYLE_LOSSES[style_loss]
    measures: dict[str, Measure] = dict.fromkeys(layers, moments)
    targets = measured(measures)
    if comparison.measure_like is not None:
        measures = {
            layer: comparison.measure_like(Moments(*target)) for layer, target in targets.items()
        }
        targets = measured(measures)
    return {
        layer: (measures[layer], comparison.distance_from(target))
        for layer, target in targets.items()
    }
