"""The content loss: how far a layer's activations are from the photo's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.loss import SMALLEST_POWER, Loss
from impasto_daemon.style_transfer.losses.moments import precise
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic


class ContentLoss(Loss):
    """The squared distance from the target, over the target's power (Gatys et al., equation 1).

    target: the photo's activations at the layer, (1, C, h, w); power: their mean square.
    """

    def __init__(self, weight: float, target: Tensor, power: Tensor) -> None:
        self.measure = _SquaredDistance(target)
        self._weight = weight
        self._power = power.clamp_min(SMALLEST_POWER)

    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns weight × |F - P|² / |P|²."""
        (squared_distance,) = statistic
        return self._weight * squared_distance / self._power


class _SquaredDistance(Measure):
    """The mean squared distance of a layer's activations from `target`."""

    def __init__(self, target: Tensor) -> None:
        self._target = target

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the mean (see `Measure.statistic`)."""
        difference = precise(activation) - precise(crop.cut(self._target))
        return (crop.fraction * difference.square().mean(),)


class _Recording(Measure):
    """The mean square of a layer's activations, which it keeps as `activation` along the way."""

    activation: Tensor

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the mean (see `Measure.statistic`)."""
        if crop.fraction == 1:
            self.activation = activation
        else:
            if not hasattr(self, "activation"):
                size = (*activation.shape[:2], crop.height, crop.width)
                empty = activation.new_empty(size)
                self.activation = empty.contiguous(memory_format=torch.channels_last)
            crop.cut(self.activation).copy_(activation)
        return (crop.fraction * precise(activation).square().mean(),)


def content_losses(
    network: Network, photo: Tensor, weights: Mapping[str, float]
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and its content loss of that weight.

    photo: (1, 3, H, W) in [0, 1].
    """
    recordings = {layer: [_Recording()] for layer in weights}
    powers = network.statistics(photo, recordings) if weights else {}
    for layer, weight in weights.items():
        ((power,),) = powers[layer]
        yield layer, ContentLoss(weight, recordings[layer][0].activation, power)
