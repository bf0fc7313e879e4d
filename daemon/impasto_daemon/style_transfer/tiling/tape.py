"""The tape of a tile: what its forward pass saves for its backward pass."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torch import Tensor

from impasto_daemon.style_transfer.networks.conv_relu import relu_backward
from impasto_daemon.style_transfer.networks.pooling import pool_backward
from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer
from impasto_daemon.style_transfer.tiling.relu_masks import (
    BitMask,
    MaxPoolChoice,
    average_pool_backward,
)
from impasto_shared.settings import Pooling


class Tape:
    """Activations of some layers of a tile, and the ReLU masks of others.

    A layer of which neither is saved is recomputed for the backward pass (gradient checkpointing,
    Chen et al. 2016, in space).

    activations, masks: the layers to save the activation, or the mask, of. With masks, the choice
        of the pooling after the last layer is saved too.
    """

    def __init__(
        self,
        pooling: Pooling,
        *,
        activations: Collection[VGGLayer] = (),
        masks: Collection[VGGLayer] = (),
    ) -> None:
        self._pooling = pooling
        self._saves_activations, self._saves_masks = activations, masks
        self._activations: dict[VGGLayer, Tensor] = {}
        self._masks: dict[VGGLayer, BitMask] = {}
        self._choice: MaxPoolChoice | None = None

    def save(self, layer: VGGLayer, activation: Tensor) -> None:
        """Saves what is to be saved of a layer, given the needed part of its activation."""
        if layer in self._saves_activations:
            self._activations[layer] = activation
        elif layer in self._saves_masks:
            self._masks[layer] = BitMask.of(activation > 0)

    def save_output_pooling(self, layer: VGGLayer, activation: Tensor) -> None:
        """Saves the choice of the pooling after the last `layer`, if only its mask is saved."""
        if layer in self._masks and self._pooling is Pooling.MAX:
            self._choice = MaxPoolChoice.of(activation)

    def recompute(self, layers: Sequence[VGGLayer]) -> list[VGGLayer]:
        """Returns the first of `layers`, of which nothing is saved; saves their activations now."""
        missing = [
            layer for layer in layers if layer not in self._activations and layer not in self._masks
        ]
        self._saves_activations = missing
        return missing

    def activation(self, layer: VGGLayer) -> Tensor:
        """Returns the saved activation of a layer."""
        return self._activations[layer]

    def relu_backward(self, layer: VGGLayer, gradient: Tensor) -> Tensor:
        """Returns the gradient before the ReLU of a layer; forgets the layer."""
        if layer in self._masks:
            return self._masks.pop(layer).applied_to(gradient)
        return relu_backward(gradient, self._activations.pop(layer))

    def pool_backward(self, layer: VGGLayer, gradient: Tensor) -> Tensor:
        """Returns the gradient of a layer's activation, given that of the pooling after it."""
        if layer in self._activations:
            return pool_backward(gradient, self._activations[layer], self._pooling)
        if self._choice is not None:
            return self._choice.backward(gradient, self._masks[layer].shape)
        return average_pool_backward(gradient, self._masks[layer].shape)
