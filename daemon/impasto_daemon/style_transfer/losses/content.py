"""The content loss: how far a layer's activations are from their targets.

The target of a reconstruction is the photo's own activations; `style_swap` has another one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.guides import Guide
from impasto_daemon.style_transfer.losses.loss import SMALLEST_POWER, Loss
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import Network
from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic


class Target(ABC):
    """The activations that an image should have at the positions of a layer."""

    @abstractmethod
    def cut(self, crop: Crop) -> Tensor:
        """Returns the activations (1, C, h, w) at the positions of `crop`."""


class StoredTarget(Target):
    """A target that is kept as it is: (1, C, h, w)."""

    def __init__(self, activation: Tensor) -> None:
        self._activation = activation

    def cut(self, crop: Crop) -> Tensor:
        """Returns the activations at the positions of `crop`."""
        return crop.cut(self._activation)


class ContentLoss(Loss):
    """The squared distance from a target, over the power of the layer (Gatys et al., equation 1).

    power: the mean square that the distance is relative to.
    guide: how much each position counts; None if all count alike.
    """

    def __init__(
        self, weight: float, target: Target, power: Tensor, guide: Guide | None = None
    ) -> None:
        self.measure = _SquaredDistance(target, guide)
        self._weight = weight
        self._power = power.clamp_min(SMALLEST_POWER)

    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns weight × |F - T|² / power."""
        (squared_distance,) = statistic
        return self._weight * squared_distance / self._power


class _SquaredDistance(Measure):
    """The mean squared distance of a layer's activations from `target`."""

    def __init__(self, target: Target, guide: Guide | None) -> None:
        self._target = target
        self._guide = guide

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Returns what a crop contributes to the mean (see `Measure.statistic`)."""
        return (_SquaredDistanceFunction.apply(activation, self, crop),)

    def mean(self, activation: Tensor, crop: Crop) -> Tensor:
        """Returns what a crop contributes to the mean, without a gradient."""
        difference = activation - self._target.cut(crop)
        kind = torch.promote_types(difference.dtype, torch.float32)
        lengths: Tensor = torch.linalg.vector_norm(difference, dim=1, keepdim=True, dtype=kind)
        return (self._weights(crop, lengths) * lengths.square()).sum() / activation.shape[1]

    def backward(self, activation: Tensor, crop: Crop, gradient: Statistic) -> Tensor:
        """Returns the gradient with respect to `activation` (see `Measure.backward`)."""
        (of_mean,) = gradient
        factor = 2 / activation.shape[1] * of_mean * self._weights(crop, of_mean)
        return (activation - self._target.cut(crop)) * factor.to(activation.dtype)

    def _weights(self, crop: Crop, like: Tensor) -> Tensor:
        if self._guide is None:
            # Filled on the device: a CUDA graph cannot record a copy to it.
            return like.new_full((), 1 / (crop.height * crop.width))
        return crop.cut(self._guide.weights(crop.height, crop.width)).to(like)


class _SquaredDistanceFunction(torch.autograd.Function):
    """The mean squared distance; its gradient keeps no more than the activation itself."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, measure: _SquaredDistance, crop: Crop) -> Tensor:
        ctx.save_for_backward(activation)
        ctx.measure, ctx.crop = measure, crop
        return measure.mean(activation, crop)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (activation,) = ctx.saved_tensors
        return ctx.measure.backward(activation, ctx.crop, (gradient,)), None, None


class _Recording(Measure):
    """The activations of a layer, which it keeps as `activation` along the way; no statistic."""

    activation: Tensor

    def statistic(self, activation: Tensor, crop: Crop) -> Statistic:
        """Keeps the activations of a crop."""
        if crop.fraction == 1:
            self.activation = activation
        else:
            if not hasattr(self, "activation"):
                size = (*activation.shape[:2], crop.height, crop.width)
                empty = activation.new_empty(size)
                self.activation = empty.contiguous(memory_format=torch.channels_last)
            crop.cut(self.activation).copy_(activation)
        return ()


def activations_of(
    network: Network, image: Tensor, layers: Collection[str]
) -> Mapping[str, Tensor]:
    """Returns the activations (1, C, h, w) of `image` (1, 3, H, W) at each of `layers`."""
    recordings = {layer: [_Recording()] for layer in layers}
    if recordings:
        network.statistics(image, recordings)
    return {layer: recording.activation for layer, (recording,) in recordings.items()}


def reconstruction_losses(
    activations: Mapping[str, Tensor],
    weights: Mapping[str, float],
    guides: Mapping[str, Guide | None],
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and its distance from the photo's own activations.

    activations: the photo's. guides: see `ContentLoss`.
    """
    for layer, weight in weights.items():
        activation = activations[layer]
        power = mean_square(activation)
        yield layer, ContentLoss(weight, StoredTarget(activation), power, guides[layer])


def mean_square(activation: Tensor) -> Tensor:
    """Returns the mean square of an activation, a scalar, in float32 at least."""
    kind = torch.promote_types(activation.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(activation, dtype=kind)
    return norm.square() / activation.numel()
