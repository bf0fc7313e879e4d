"""The style loss of a region: how far its statistics are from those of its paintings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.guides import GuidedMeasure, guide_at
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.losses.moments import Features, Moments, blend, moments
from impasto_daemon.style_transfer.losses.style_losses import STYLE_LOSSES, LayerStyleLoss
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Statistic
from impasto_shared.settings import StyleLoss


class RegionStyleLoss(Loss):
    """The style loss of one layer in one region, times its weight (Gatys et al., equation 5)."""

    def __init__(self, weight: float, loss: LayerStyleLoss, measure: GuidedMeasure) -> None:
        self.measure = measure
        self._weight = weight
        self._loss = loss

    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns weight × the layer's style loss."""
        return self._weight * self._loss(statistic)


def style_losses(
    network: Network, region: Region, style_loss: StyleLoss, weights: Mapping[str, float]
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and the region's style loss of that weight."""
    features, targets = _targets(network, region, style_loss, weights)
    for layer, weight in weights.items():
        measure = GuidedMeasure(features[layer], guide_at(network, layer, region.mask))
        yield layer, RegionStyleLoss(weight, STYLE_LOSSES[style_loss](targets[layer]), measure)


def _targets(
    network: Network, region: Region, style_loss: StyleLoss, layers: Mapping[str, float]
) -> tuple[Mapping[str, Features], Mapping[str, Statistic]]:
    """Returns the features to compare at each layer, and the paintings' means of them."""
    plain = dict.fromkeys(layers, moments)
    targets = _blended(network, region, plain)
    features = {
        layer: STYLE_LOSSES[style_loss].features(Moments(*target))
        for layer, target in targets.items()
    }
    return features, targets if features == plain else _blended(network, region, features)


def _blended(
    network: Network, region: Region, features: Mapping[str, Features]
) -> dict[str, Statistic]:
    """Returns the statistic of all paintings of the region together, by layer."""
    statistics = [_statistics(network, painting, features) for painting in region.paintings]
    shares = [painting.share for painting in region.paintings]
    return {
        layer: blend(shares, (of_painting[layer] for of_painting in statistics))
        for layer in features
    }


def _statistics(
    network: Network, painting: Painting, features: Mapping[str, Features]
) -> dict[str, Statistic]:
    measures = {
        layer: [GuidedMeasure(of_layer, guide_at(network, layer, painting.part))]
        for layer, of_layer in features.items()
    }
    statistics = network.statistics(painting.rgb, measures) if measures else {}
    return {layer: statistic for layer, (statistic,) in statistics.items()}
