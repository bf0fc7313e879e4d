"""Guides: how much each position of a layer counts (Gatys et al. 2017, section 4).

A guide confines a style to a region of the photo, or takes it from a part of a painting.
"""

from __future__ import annotations

from torch import Tensor

from impasto_daemon.style_transfer.losses.moments import Features
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic

_SMALLEST_SUM = 1e-12


class Guide:
    """The weights of a layer's positions, from a mask of the image."""

    def __init__(self, network: Network, layer: str, mask: Tensor) -> None:
        self._network, self._layer, self._mask = network, layer, mask
        self._weights: dict[tuple[int, int], Tensor] = {}

    def weights(self, height: int, width: int) -> Tensor:
        """Returns the weights (1, 1, height, width) of all positions; they add up to 1."""
        if (height, width) not in self._weights:
            reduced = self._network.reduced_mask(self._mask, self._layer, height, width)
            self._weights[height, width] = reduced / reduced.sum().clamp_min(_SMALLEST_SUM)
        return self._weights[height, width]


def guide_at(network: Network, layer: str, mask: Tensor | None) -> Guide | None:
    """Returns the guide of a layer; None if there is no mask, and all positions count alike.

    mask: (1, 1, H, W) in [0, 1], of the image.
    """
    return None if mask is None else Guide(network, layer, mask)


class GuidedMeasure(Measure):
    """The means of `features` over a layer's positions, weighted by a guide if there is one."""

    def __init__(self, features: Features, guide: Guide | None) -> None:
        self._features = features
        self._guide = guide

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the means (see `Measure.statistic`)."""
        means = self._features(activation, self._weights(crop))
        if self._guide is not None or crop.fraction == 1:
            return means
        return tuple(crop.fraction * mean for mean in means)

    def backward(self, activation: Tensor, crop: Crop, gradient: Statistic) -> Tensor:
        """Returns the gradient with respect to `activation` (see `Measure.backward`)."""
        if self._guide is None and crop.fraction != 1:
            gradient = tuple(crop.fraction * mean for mean in gradient)
        return self._features.backward(activation, self._weights(crop), gradient)

    def _weights(self, crop: Crop) -> Tensor | None:
        if self._guide is None:
            return None
        return crop.cut(self._guide.weights(crop.height, crop.width)).flatten()
