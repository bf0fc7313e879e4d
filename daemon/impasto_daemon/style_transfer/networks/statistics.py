"""Statistics of a layer: means over its positions, which can be added up crop by crop.

Every loss of Impasto is a function of such means. That is what makes it possible to evaluate a
network tile by tile and get the numbers of the whole image.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.crops import Crop

IMAGE = "image"
"""The name under which the image itself is measured, alongside the network's layers."""

Statistic = tuple[Tensor, ...]
"""Means over positions; the weighted mean of two crops' statistics is that of both together."""


class Measure(ABC):
    """A statistic that is taken of one layer."""

    @abstractmethod
    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the means over the whole layer.

        activation: (1, C, h, w), the positions of `crop`. Of the image itself (IMAGE) it has one
            more row and column than the crop, unless the crop ends at the image's border.
        """

    def backward(self, activation: Tensor, crop: Crop, gradient: Statistic) -> Tensor:
        """Returns the gradient with respect to `activation`, in its shape.

        gradient: of the loss with respect to each tensor of the statistic.
        """
        return _backward([self], activation, crop, [gradient])


Measures = Mapping[str, Sequence[Measure]]
"""The measures to take of each layer, by the layer's name or IMAGE."""


def measures_backward(
    measures: Sequence[Measure], activation: Tensor, crop: Crop, gradients: Sequence[Statistic]
) -> Tensor:
    """Returns the gradient of all statistics of one crop with respect to `activation`.

    gradients: of the loss with respect to each statistic.
    """
    if len(measures) == 1:
        return measures[0].backward(activation, crop, gradients[0])
    return _backward(measures, activation, crop, gradients)


def _backward(
    measures: Sequence[Measure], activation: Tensor, crop: Crop, gradients: Sequence[Statistic]
) -> Tensor:
    variable = activation.detach().requires_grad_()
    with torch.enable_grad():
        means = [mean for each in measures for mean in each.statistic(variable, crop)]
    (result,) = torch.autograd.grad(
        means, variable, [mean for gradient in gradients for mean in gradient]
    )
    return result


class StatisticSums:
    """The statistics of a whole image, added up crop by crop."""

    def __init__(self, measures: Measures) -> None:
        self._measures = measures
        self._sums: dict[str, list[Statistic]] = {}

    def add(self, layer: str, activation: Tensor, crop: Crop) -> None:
        """Adds the contribution of one crop of a layer."""
        added = [measure.statistic(activation, crop) for measure in self._measures[layer]]
        if layer in self._sums:
            added = [
                tuple(mean + more for mean, more in zip(*both, strict=True))
                for both in zip(self._sums[layer], added, strict=True)
            ]
        self._sums[layer] = added

    @property
    def totals(self) -> dict[str, list[Statistic]]:
        """The statistics of each layer, one for each of its measures."""
        return {layer: self._sums[layer] for layer in self._measures}
