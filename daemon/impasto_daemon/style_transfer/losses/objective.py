"""The objective: what is minimised (Gatys, Ecker and Bethge, CVPR 2016, equation 7).

    L(image) = α Σ w_l · content_l  +  β Σ r · w_l · style_l  +  smoothness  +  range

The sums are over layers l, and over regions of the share r. It knows activations and images, not
how they are improved.

Departures from the paper: every loss of activations is divided by the power of its target, so that
one setting suits networks whose activations differ in magnitude; and every mean is taken over
positions, so that it suits all sizes of images. Total variation and the price of colours out of
range are additions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.images.tileable import mask_interior, pad_circular
from impasto_daemon.style_transfer.losses.content import content_losses
from impasto_daemon.style_transfer.losses.image_losses import OutOfRangeLoss, TotalVariationLoss
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.losses.region_style import style_losses
from impasto_daemon.style_transfer.networks.network import Network, missing_layers
from impasto_daemon.style_transfer.networks.statistics import IMAGE
from impasto_shared.errors import InvalidSettings
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Mode, StyleSettings

# Found by looking at pictures, at style strength 1 (docs/benchmarks.md). The content weighs little
# compared with the style: the photo as the initial image does most to keep it. Much more, or a
# strong total variation, leaves halos and a weave in flat areas instead of paint.
CONTENT_WEIGHT = 0.002
TV_WEIGHT = 0.001
RANGE_WEIGHT = 10.0


@dataclass(frozen=True)
class Objective:
    """The loss of an image, ready to be minimised.

    losses: the terms that are added up, by the layer that they are measured at, or IMAGE.
    is_tileable: whether the image continues from each edge at the opposite one.
    """

    network: Network
    losses: Mapping[str, Sequence[Loss]]
    is_tileable: bool = False

    def __call__(self, image: Tensor) -> Tensor:
        """Returns the loss, a scalar, of an image (1, 3, H, W) of the photo's size."""
        if self.is_tileable:
            image = pad_circular(image)
        measures = {
            layer: [loss.measure for loss in losses] for layer, losses in self.losses.items()
        }
        statistics = self.network.statistics(image, measures)
        return torch.stack(
            [
                loss(statistic)
                for layer, losses in self.losses.items()
                for loss, statistic in zip(losses, statistics[layer], strict=True)
            ]
        ).sum()

    def loss_and_gradient(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the loss of `image` and its gradient, in the image's shape."""
        variable = image.detach().requires_grad_()
        loss = self(variable)
        (gradient,) = torch.autograd.grad(loss, variable)
        return loss.detach(), gradient


@torch.no_grad()
def build_objective(
    network: Network, content: Tensor, regions: Sequence[Region], settings: StyleSettings
) -> Objective:
    """Returns the objective of painting `content` in the styles of `regions`.

    content: (1, 3, H, W) in [0, 1], of any size that the network takes, like the paintings; for a
        tileable image its sides are multiples of `tileable.SIDE_STEP_PX`.

    Raises:
        InvalidSettings: for a layer that the network lacks.
    """
    content_shares = _shares(network, settings.content_layers, "content_layers")
    style_shares = _shares(network, settings.style_layers, "style_layers")
    if settings.mode is Mode.TEXTURE:
        content_shares = {}
    elif settings.mode is Mode.CONTENT or settings.style_strength == 0:
        style_shares, regions = {}, []
    photo = pad_circular(content) if settings.tileable else content
    # Both settings are squared: a hundred and a hundred and ten look the same.
    alpha, beta, smoothness = CONTENT_WEIGHT, settings.style_strength**2, settings.smoothness**2

    losses: dict[str, list[Loss]] = {
        IMAGE: [TotalVariationLoss(TV_WEIGHT * smoothness), OutOfRangeLoss(RANGE_WEIGHT)]
    }
    content_weights = {layer: alpha * share for layer, share in content_shares.items()}
    for layer, loss in content_losses(network, photo, content_weights):
        losses.setdefault(layer, []).append(loss)
    for region in regions:
        share_of_region = 1.0 if region.mask is None else region.mask.mean().item()
        if settings.tileable:
            region = _within_copies(region, content)
        weights = {layer: beta * share_of_region * share for layer, share in style_shares.items()}
        for layer, style in style_losses(network, region, settings.style_loss, weights):
            losses.setdefault(layer, []).append(style)
    return Objective(network, losses, settings.tileable)


def _within_copies(region: Region, content: Tensor) -> Region:
    """Returns `region` of an image that is surrounded by copies of itself, which do not count."""
    mask = torch.ones_like(content[:, :1]) if region.mask is None else region.mask
    return Region(region.paintings, mask_interior(mask))


def _shares(network: Network, layers: str, setting: str) -> dict[str, float]:
    """Returns the share of each layer that a setting names; they add up to 1."""
    weights = parse_layer_weights(layers)
    if missing := missing_layers(network, weights):
        raise InvalidSettings(
            setting,
            f"The network has no layer {', '.join(missing)}. For {setting}, choose from: "
            f"{', '.join(network.layers)}.",
        )
    total = sum(weights.values())
    return {layer: weight / total for layer, weight in weights.items()}
