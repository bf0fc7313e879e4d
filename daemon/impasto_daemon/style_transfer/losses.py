"""What is minimised: content, style and total variation (Gatys, Ecker and Bethge, CVPR 2016).

It knows activations and pictures, not how they are improved.

Departures from the paper: every loss of activations is divided by the size of its own target,
so that one setting suits networks whose activations differ in magnitude; and every mean is
taken over positions, so that it suits all sizes of pictures. Total variation is an addition
(Mahendran and Vedaldi, CVPR 2015, section 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.vgg import VGG, BeforeLayer
from impasto_shared.settings import StyleSettings

CONTENT_LAYER = "relu4_2"

STYLE_LAYERS: Mapping[str, float] = {
    "relu1_1": 0.2,
    "relu2_1": 0.2,
    "relu3_1": 0.2,
    "relu4_1": 0.2,
    "relu5_1": 0.2,
}
"""The layers of the style and their shares: equal, as in the paper."""

LAYERS = frozenset({CONTENT_LAYER, *STYLE_LAYERS})
"""All layers at which `Objective` reads the network."""

STYLE_WEIGHT = 1.0
CONTENT_WEIGHT = 0.05
TV_WEIGHT = 1.0

# A target of nothing but zeros (no real network gives one) leaves its loss undivided by it.
_SMALLEST_POWER = 1e-12


def gram_matrix(activation: Tensor) -> Tensor:
    """Correlations of the channels, the statistic of style (equation 3 of the paper).

    activation: (1, C, H, W). Returns (C, C), divided by H * W, so that neither the picture's
    size nor the painting's matters (the paper divides the loss by both sizes, equation 4).
    """
    flat = activation.squeeze(0).flatten(start_dim=1)  # (C, H*W)
    return flat @ flat.T / flat.shape[1]


def relative_error(actual: Tensor, target: Tensor) -> Tensor:
    """Squared distance of `actual` from `target`, over the squared length of `target`."""
    power = target.square().mean().clamp_min(_SMALLEST_POWER)
    return (actual - target).square().mean() / power


def total_variation(rgb: Tensor) -> Tensor:
    """Mean squared difference of neighbours, across plus down; rgb: (N, C, H, W), sides >= 2."""
    across = rgb[:, :, :, 1:] - rgb[:, :, :, :-1]
    down = rgb[:, :, 1:, :] - rgb[:, :, :-1, :]
    return across.square().mean() + down.square().mean()


@dataclass(frozen=True)
class Objective:
    """The whole loss of a picture, ready to be minimised.

    content_target: activation of the photo at `CONTENT_LAYER`.
    style_targets: Gram matrix of the painting at each of `STYLE_LAYERS`.
    """

    network: VGG
    settings: StyleSettings
    content_target: Tensor
    style_targets: Mapping[str, Tensor]

    def __call__(self, rgb: Tensor, before_layer: BeforeLayer) -> Tensor:
        """The loss (a scalar) of `rgb`: (1, 3, H, W) in [0, 1], of the photo's size."""
        activations = self.network.features(rgb, LAYERS, before_layer)
        return (
            CONTENT_WEIGHT * relative_error(activations[CONTENT_LAYER], self.content_target)
            + STYLE_WEIGHT * self.settings.style_strength * self._style_loss(activations)
            + TV_WEIGHT * self.settings.smoothness * total_variation(rgb)
        )

    def _style_loss(self, activations: Mapping[str, Tensor]) -> Tensor:
        losses = [
            share * relative_error(gram_matrix(activations[layer]), self.style_targets[layer])
            for layer, share in STYLE_LAYERS.items()
        ]
        return torch.stack(losses).sum()


def measure_targets(
    network: VGG, content: Tensor, style: Tensor, settings: StyleSettings, before_layer: BeforeLayer
) -> Objective:
    """The objective of painting `content` in the style of `style`.

    content, style: (1, 3, H, W) in [0, 1], each of any size that the network takes.
    """
    with torch.no_grad():
        content_target = network.features(content, [CONTENT_LAYER], before_layer)[CONTENT_LAYER]
        activations = network.features(style, STYLE_LAYERS, before_layer)
        style_targets = {layer: gram_matrix(activations[layer]) for layer in STYLE_LAYERS}
    return Objective(network, settings, content_target, style_targets)
