"""What is minimised: content, style and smoothness (Gatys, Ecker and Bethge, CVPR 2016).

It knows activations and pictures, not how they are improved.

Departures from the paper: every loss of activations is divided by the size of its own target,
so that one setting suits networks whose activations differ in magnitude; and every mean is
taken over positions, so that it suits all sizes of pictures. Total variation is an addition
(Mahendran and Vedaldi, CVPR 2015, section 3), and so is the price of impossible colours, which
an optimizer without bounds needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.style_losses import STYLE_LOSSES, Distance, relative_error
from impasto_daemon.style_transfer.vgg import VGG, BeforeLayer
from impasto_shared.settings import StyleSettings

CONTENT_LAYER = "relu4_2"

STYLE_LAYERS: Mapping[str, float] = {
    "relu1_1": 16 / 31,
    "relu2_1": 8 / 31,
    "relu3_1": 4 / 31,
    "relu4_1": 2 / 31,
    "relu5_1": 1 / 31,
}
"""The layers of the style and their shares.

The paper has them equal. Halving from layer to layer keeps colours true and strokes clean: the
deep layers, whose demands contradict the content's, otherwise tear the picture apart.
"""

LAYERS = frozenset({CONTENT_LAYER, *STYLE_LAYERS})
"""All layers at which `Objective` reads the network."""

# With these, a style strength of 1 looks equally strong whatever the style loss; found by looking.
STYLE_WEIGHT = 1.0
CONTENT_WEIGHT = 0.12
TV_WEIGHT = 6.0
RANGE_WEIGHT = 10.0


def total_variation(rgb: Tensor) -> Tensor:
    """Mean squared difference of neighbours, across plus down; rgb: (N, C, H, W), sides >= 2."""
    across = rgb[:, :, :, 1:] - rgb[:, :, :, :-1]
    down = rgb[:, :, 1:, :] - rgb[:, :, :-1, :]
    return across.square().mean() + down.square().mean()


def out_of_range(rgb: Tensor) -> Tensor:
    """Mean squared distance of the colours from [0, 1]."""
    return (rgb - rgb.detach().clamp(0, 1)).square().mean()


@dataclass(frozen=True)
class Objective:
    """The whole loss of a picture, ready to be minimised.

    content_target: activation of the photo at `CONTENT_LAYER`.
    style_distances: the distance from the painting at each of `STYLE_LAYERS`.
    """

    network: VGG
    settings: StyleSettings
    content_target: Tensor
    style_distances: Mapping[str, Distance]

    def __call__(self, rgb: Tensor, before_layer: BeforeLayer) -> Tensor:
        """The loss (a scalar) of `rgb`: (1, 3, H, W), of the photo's size."""
        activations = self.network.features(rgb, LAYERS, before_layer)
        return (
            CONTENT_WEIGHT * relative_error(activations[CONTENT_LAYER], self.content_target)
            + STYLE_WEIGHT * self.settings.style_strength * self._style_loss(activations)
            + TV_WEIGHT * self.settings.smoothness * total_variation(rgb)
            + RANGE_WEIGHT * out_of_range(rgb)
        )

    def _style_loss(self, activations: Mapping[str, Tensor]) -> Tensor:
        losses = [
            share * self.style_distances[layer](activations[layer])
            for layer, share in STYLE_LAYERS.items()
        ]
        return torch.stack(losses).sum()


def measure_targets(
    network: VGG, content: Tensor, style: Tensor, settings: StyleSettings, before_layer: BeforeLayer
) -> Objective:
    """The objective of painting `content` in the style of `style`.

    content, style: (1, 3, H, W) in [0, 1], each of any size that the network takes.
    """
    distance_from = STYLE_LOSSES[settings.style_loss]
    with torch.no_grad():
        content_target = network.features(content, [CONTENT_LAYER], before_layer)[CONTENT_LAYER]
        activations = network.features(style, STYLE_LAYERS, before_layer)
        distances = {layer: distance_from(activations[layer]) for layer in STYLE_LAYERS}
    return Objective(network, settings, content_target, distances)
