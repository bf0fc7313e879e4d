"""The style loss of a region: how far its statistics are from those of its paintings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.guides import GuidedMeasure, guide_at
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.losses.moments import Features, Moments, blend, moments
from impasto_daemon.style_transfer.losses.style_losses import STYLE_LOSSES, LayerStyleLoss
from impasto_daemon.style_transfer.losses.target_cache import NO_CACHE, TargetCache
from impasto_daemon.style_transfer.losses.wasserstein import OptimalTransport
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Statistic
from impasto_shared.settings import StyleLoss


@dataclass(frozen=True)
class Origin:
    """The photo, (1, 3, H, W) in [0, 1], and the fraction of the way from it to the paintings."""

    photo: Tensor
    distance: float


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
    network: Network,
    region: Region,
    style_loss: StyleLoss,
    weights: Mapping[str, float],
    origin: Origin | None = None,
    cache: TargetCache = NO_CACHE,
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and the region's style loss of that weight.

    origin: the photo, if its style is to change a part of the way only.
    """
    inputs = [region, style_loss, *weights]
    features, targets = cache.get(
        "style", inputs, lambda: _targets(network, region, style_loss, weights)
    )
    if origin is not None:
        painting = Painting(origin.photo, part=region.mask)
        photo = cache.get(
            "origin", [*inputs, origin.photo], lambda: _statistics(network, painting, features)
        )
        targets = {
            layer: _part_of_the_way(photo[layer], target, origin.distance)
            for layer, target in targets.items()
        }
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


def _part_of_the_way(photo: Statistic, paintings: Statistic, distance: float) -> Statistic:
    """Returns a statistic between two others: `distance` of the way from the first to the second.

    Moments are those of the photo's activations moved along the optimal transport map (McCann
    1997): every colour goes a part of its way. Other features are mixed.
    """
    if len(photo) != len(Moments._fields):
        return blend([1 - distance, distance], [photo, paintings])
    origin, end = Moments(*photo), Moments(*paintings)
    identity = torch.eye(len(origin.mean)).to(origin.mean)
    transport = OptimalTransport(end.covariance).map(origin.covariance)
    step = torch.lerp(identity, transport, distance)
    mean = torch.lerp(origin.mean, end.mean, distance)
    return Moments(mean, step @ origin.covariance @ step.T + mean.outer(mean))
