"""Guides: how much each position of a layer counts (Gatys et al. 2017, section 4).

A guide confines a style to a region of the photo, takes it from a part of a painting, or keeps the
content of those positions that have any.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.losses.moments import Features, precise
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic

_SMALLEST_SUM = 1e-12
# With 1, as much of the weave remains as with equal weights.
_DETAIL_EXPONENT = 3


class Guide(ABC):
    """The weights of a layer's positions."""

    @abstractmethod
    def weights(self, height: int, width: int) -> Tensor:
        """Returns the weights (1, 1, height, width) of all positions; they add up to 1."""


class MaskGuide(Guide):
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


class DetailGuide(Guide):
    """The weights of a layer's positions by the detail around them in the photo.

    A flat area has nothing to keep, and one target for all its positions would cover it with a
    weave as wide as the layer's stride.

    activation: the photo's, (1, C, h, w). area: the guide of the area that is weighted, if any.
    """

    def __init__(self, activation: Tensor, area: Guide | None) -> None:
        activation = precise(activation)
        variance = _averaged(activation.square()) - _averaged(activation).square()
        variance = variance.clamp_min(0).mean(dim=1, keepdim=True)
        detail = variance / (variance + variance.mean().clamp_min(_SMALLEST_SUM))
        # Without any detail, as in a photo of a single colour, all positions count alike.
        weights = _averaged(detail) ** _DETAIL_EXPONENT + _SMALLEST_SUM
        if area is not None:
            weights = weights * area.weights(*activation.shape[2:])
        self._weights = weights / weights.sum()

    def weights(self, height: int, width: int) -> Tensor:
        """Returns the weights (1, 1, height, width) of all positions; they add up to 1."""
        if self._weights.shape[2:] != (height, width):
            raise ValueError(f"these are the weights of another layer than {height} × {width}")
        return self._weights


def _averaged(activation: Tensor) -> Tensor:
    """Returns the means over 3 × 3 positions, in the same shape."""
    padded = functional.pad(activation, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(padded, 3, stride=1)


def guide_at(network: Network, layer: str, mask: Tensor | None) -> Guide | None:
    """Returns the guide of a layer; None if there is no mask, and all positions count alike.

    mask: (1, 1, H, W) in [0, 1], of the image.
    """
    return None if mask is None else MaskGuide(network, layer, mask)


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
