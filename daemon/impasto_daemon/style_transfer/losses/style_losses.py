"""The distance of one layer's activations from the paintings', one class per style loss.

Each compares statistics, means over positions, of the image with those of the paintings. It is a
scalar, (nearly) 0 if they agree, and relative to the paintings' own, so that it depends neither on
the size of images nor on the magnitude of activations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.loss import SMALLEST_POWER
from impasto_daemon.style_transfer.losses.moments import (
    Features,
    Moments,
    moments,
    positions_of,
    precise,
)
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_daemon.style_transfer.networks.statistics import Statistic
from impasto_shared.settings import StyleLoss

# Keeps the gradient of a standard deviation finite for a channel that never changes.
_SMALLEST_VARIANCE = 1e-12
# The number of random cosines that stand for a Gaussian kernel.
_COSINES = 256


class LayerStyleLoss(ABC):
    """The style loss of one layer, made from the target: the paintings' statistic."""

    @staticmethod
    def features(_paintings: Moments) -> Features:
        """Returns the features to compare, given the paintings' moments."""
        return moments

    @abstractmethod
    def __init__(self, target: Statistic) -> None: ...

    @abstractmethod
    def __call__(self, actual: Statistic) -> Tensor:
        """Returns the loss of an image's statistic, a scalar."""


class RelativeError:
    """The squared distance of a tensor from `target`, over the squared length of `target`."""

    def __init__(self, target: Tensor) -> None:
        self._target = target.to(torch.promote_types(target.dtype, torch.float32))
        self._power = self._target.square().mean().clamp_min(SMALLEST_POWER)

    def __call__(self, actual: Tensor) -> Tensor:
        """Returns the relative error of `actual`, a scalar."""
        return (actual - self._target).square().mean() / self._power


class GramLoss(LayerStyleLoss):
    """The squared distance of Gram matrices (Gatys, Ecker and Bethge 2016, equation 4)."""

    def __init__(self, target: Statistic) -> None:
        self._error = RelativeError(Moments(*target).second)

    def __call__(self, actual: Statistic) -> Tensor:
        """Returns |G - G_t|² / |G_t|²."""
        return self._error(Moments(*actual).second)


class WassersteinLoss(LayerStyleLoss):
    """The squared 2-Wasserstein distance between normal distributions with these moments."""

    def __init__(self, target: Statistic) -> None:
        self._target = Moments(*target)
        self._transport = OptimalTransport(self._target.covariance)
        self._power = self._target.power.clamp_min(SMALLEST_POWER)

    def __call__(self, actual: Statistic) -> Tensor:
        """Returns (|m - m_t|² + the covariances' distance) / the target's power."""
        image = Moments(*actual)
        means = (image.mean - self._target.mean).square().sum()
        return (means + self._transport.distance(image.covariance)) / self._power


class BatchNormLoss(LayerStyleLoss):
    """The squared distance of means and standard deviations (Li et al. 2017, section 4.2)."""

    def __init__(self, target: Statistic) -> None:
        self._target = Moments(*target)
        self._deviation = _deviation(self._target)
        self._power = self._target.power.clamp_min(SMALLEST_POWER)

    def __call__(self, actual: Statistic) -> Tensor:
        """Returns (|m - m_t|² + |s - s_t|²) / the target's power."""
        image = Moments(*actual)
        means = (image.mean - self._target.mean).square().sum()
        return (means + (_deviation(image) - self._deviation).square().sum()) / self._power


def _deviation(of: Moments) -> Tensor:
    return of.covariance.diagonal().clamp_min(_SMALLEST_VARIANCE).sqrt()


class LinearMMDLoss(LayerStyleLoss):
    """MMD² with the kernel x·y, which compares the means alone (Li et al. 2017, table 1)."""

    def __init__(self, target: Statistic) -> None:
        self._error = RelativeError(Moments(*target).mean)

    def __call__(self, actual: Statistic) -> Tensor:
        """Returns |m - m_t|² / |m_t|²."""
        return self._error(Moments(*actual).mean)


class PolynomialMMDLoss(LayerStyleLoss):
    """MMD² with the kernel (x·y + c)² (Li et al. 2017, table 1); c is the paintings' mean x·x.

    With c = 0 it would be the Gram loss (their equation 7); c adds 2 c times the linear MMD².
    """

    def __init__(self, target: Statistic) -> None:
        self._target = Moments(*target)
        self._c = self._target.power.clamp_min(SMALLEST_POWER)
        size = self._target.second.square().sum() + 2 * self._c * self._target.mean.square().sum()
        self._size = size.clamp_min(SMALLEST_POWER)

    def __call__(self, actual: Statistic) -> Tensor:
        """Returns (|G - G_t|² + 2 c |m - m_t|²) / (|G_t|² + 2 c |m_t|²)."""
        image = Moments(*actual)
        grams = (image.second - self._target.second).square().sum()
        means = (image.mean - self._target.mean).square().sum()
        return (grams + 2 * self._c * means) / self._size


class GaussianMMDLoss(LayerStyleLoss):
    """MMD² with a Gaussian kernel (Li et al. 2017), in linear time by random features.

    The kernel's width is the paintings' own mean squared distance. The paper estimates MMD² from
    random pairs of positions, drawn again at every step. L-BFGS must see one function, and
    overfits fixed pairs: the loss falls below zero and the image turns to noise. The means of
    random cosines (Rahimi and Recht 2007, algorithm 1) are as fast and take in every position, and
    no image is nearer to the paintings than they are themselves.
    """

    @staticmethod
    def features(paintings: Moments) -> Features:
        """Returns random cosines of the kernel's width."""
        return RandomCosines(paintings)

    def __init__(self, target: Statistic) -> None:
        (self._target,) = target

    def __call__(self, actual: Statistic) -> Tensor:
        """Returns 2 × the mean squared difference of the cosines' means."""
        return 2 * (actual[0] - self._target).square().mean()


class RandomCosines(Features):
    """Random Fourier features of a Gaussian kernel as wide as the paintings vary."""

    def __init__(self, paintings: Moments) -> None:
        variance = paintings.covariance.trace().clamp_min(SMALLEST_POWER)
        generator = torch.Generator().manual_seed(0)
        # exp(-|d|² / w) is the mean of cos(f · d) over normal f with variance 2 / w, and the mean
        # squared distance w of two positions is twice their variance.
        shape = len(paintings.mean), _COSINES
        normal = torch.randn(shape, generator=generator, dtype=torch.float64)
        self._frequencies = normal.to(variance) / variance.sqrt()
        phases = 2 * torch.pi * torch.rand(_COSINES, generator=generator, dtype=torch.float64)
        self._phases = phases.to(variance)

    def __call__(self, activation: Tensor, weights: Tensor | None = None) -> Statistic:
        """Returns the mean of each cosine over the positions of an activation (1, C, H, W)."""
        positions = precise(positions_of(activation))  # (H * W, C)
        cosines = torch.cos(torch.addmm(self._phases, positions, self._frequencies))
        return (cosines.mean(dim=0) if weights is None else weights.to(cosines) @ cosines,)


STYLE_LOSSES: Mapping[StyleLoss, type[LayerStyleLoss]] = {
    StyleLoss.WASSERSTEIN: WassersteinLoss,
    StyleLoss.GRAM: GramLoss,
    StyleLoss.BATCH_NORM: BatchNormLoss,
    StyleLoss.MMD_LINEAR: LinearMMDLoss,
    StyleLoss.MMD_POLYNOMIAL: PolynomialMMDLoss,
    StyleLoss.MMD_GAUSSIAN: GaussianMMDLoss,
}
