"""The objective: what is minimised (Gatys, Ecker and Bethge, CVPR 2016, equation 7).

    L(image) = α Σ r · w_l · content_l  +  β Σ r · w_l · style_l  +  smoothness  +  chroma  +  range
               (+ temporal)

The sums are over layers l, and over regions of the share r. It knows activations and images, not
how they are improved.

Departures from the paper: every loss of activations is divided by the power of the photo's or the
paintings' activations, so that one setting suits networks of any magnitude; and every mean is taken
over positions, so that it suits all sizes of images. Total variation, of the chroma in particular,
and the price of colours out of range are additions; the temporal loss is that of frames of a video.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.images.tileable import border_px, pad_circular
from impasto_daemon.style_transfer.losses.areas import Area, areas_of
from impasto_daemon.style_transfer.losses.content import activations_of, reconstruction_losses
from impasto_daemon.style_transfer.losses.guides import guide_at
from impasto_daemon.style_transfer.losses.image_losses import (
    ImageLoss,
    chroma_variation,
    out_of_range,
    total_variation,
)
from impasto_daemon.style_transfer.losses.loss import Loss
from impasto_daemon.style_transfer.losses.region_style import Origin, style_losses
from impasto_daemon.style_transfer.losses.style_swap import style_swap_losses
from impasto_daemon.style_transfer.losses.target_cache import NO_CACHE, TargetCache
from impasto_daemon.style_transfer.losses.temporal import FormerFrame, temporal_loss
from impasto_daemon.style_transfer.networks.network import Network, missing_layers
from impasto_daemon.style_transfer.networks.statistics import IMAGE
from impasto_shared.errors import InvalidSettings
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import ContentLoss, Mode, StyleSettings
from impasto_shared.text.sentences import sentence

# Found by looking at pictures, at style strength 1 (docs/benchmarks.md). Much more total variation
# leaves a weave in flat areas instead of paint.
CONTENT_WEIGHT: Mapping[ContentLoss, float] = {
    ContentLoss.STYLE_SWAP: 0.05,
    # Little compared with the style: much more leaves halos, and the photo's own look.
    ContentLoss.RECONSTRUCTION: 0.002,
}
TV_WEIGHT = 0.001
# Brings the noise in the chroma down to what paintings have, and keeps the edges of colours.
CHROMA_WEIGHT = 0.2
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


@dataclass(frozen=True)
class _Subject:
    """A network, and the photo as it sees it: the losses of activations are made from them.

    cache: their targets from former objectives.
    """

    network: Network
    photo: Tensor
    areas: Sequence[Area]
    cache: TargetCache


@torch.no_grad()
def build_objective(
    network: Network,
    content: Tensor,
    regions: Sequence[Region],
    settings: StyleSettings,
    content_factor: float = 1.0,
    cache: TargetCache = NO_CACHE,
    former: FormerFrame | None = None,
) -> Objective:
    """Returns the objective of painting `content` in the styles of `regions`.

    content: (1, 3, H, W) in [0, 1], of any size that the network takes, like the paintings; for a
        tileable image its sides are multiples of `tileable.SIDE_STEP_PX`.
    content_factor: of the weight of a style swap (see `calibration`).
    cache: targets of `network` from former calls.
    former: the frame before this one, of the size of the content; None if there is none.

    Raises:
        InvalidSettings: for a layer that the network lacks.
    """
    content_shares = _shares(network, settings.content_layers, "content_layers")
    style_shares = _shares(network, settings.style_layers, "style_layers")
    losses: dict[str, list[Loss]] = {IMAGE: _image_losses(settings)}
    if former is not None:
        losses[IMAGE].append(temporal_loss(former, border_px(settings)))
    photo = pad_circular(content) if settings.tileable else content
    subject = _Subject(network, photo, areas_of(content, regions, settings), cache)
    if settings.mode is not Mode.TEXTURE:
        alpha = CONTENT_WEIGHT[settings.content_loss]
        weights = {layer: alpha * share for layer, share in content_shares.items()}
        swap_factor = content_factor / _style_factor(settings)
        for layer, loss in _content_losses(subject, settings, weights, swap_factor):
            losses.setdefault(layer, []).append(loss)
    weights = {layer: _style_factor(settings) * share for layer, share in style_shares.items()}
    for layer, loss in _style_losses(subject, settings, weights):
        losses.setdefault(layer, []).append(loss)
    return Objective(network, losses, settings.tileable)


def _image_losses(settings: StyleSettings) -> list[Loss]:
    """Returns the losses of the image itself; a content alone brings no noise that would cost."""
    smoothness = settings.smoothness**2  # squared: a hundred and a hundred and ten look the same
    brings_noise = 0.0 if settings.mode is Mode.CONTENT else style_distance(settings.style_strength)
    margin = border_px(settings)
    return [
        ImageLoss(total_variation, TV_WEIGHT * smoothness, margin),
        ImageLoss(chroma_variation, CHROMA_WEIGHT * brings_noise, margin),
        ImageLoss(out_of_range, RANGE_WEIGHT, margin),
    ]


def _style_factor(settings: StyleSettings) -> float:
    """Returns how much more than usual the style weighs: above a strength of 1 its square."""
    return max(1.0, settings.style_strength) ** 2


def style_distance(strength: float) -> float:
    """Returns the fraction of the way that the style goes from the photo to the paintings.

    The root: half the strength looks like half the style.
    """
    return min(1.0, math.sqrt(strength))


def _content_losses(
    subject: _Subject,
    settings: StyleSettings,
    weights: Mapping[str, float],
    swap_factor: float,
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and the content loss of that weight, area by area.

    swap_factor: of the weight where paintings are swapped in, and not of the rest of the photo.
    """
    network, photo, areas, cache = subject.network, subject.photo, subject.areas, subject.cache
    activations = cache.get(
        "activations", [photo, *weights], lambda: activations_of(network, photo, weights)
    )
    if settings.content_loss is ContentLoss.RECONSTRUCTION:
        areas = [Area(Region([]), 1.0)]
    for area in areas:
        of_area = {layer: area.share * weight for layer, weight in weights.items()}
        if area.region.paintings:
            of_swap = {layer: swap_factor * weight for layer, weight in of_area.items()}
            yield from style_swap_losses(
                network,
                photo,
                activations,
                area.region,
                of_swap,
                style_distance(settings.style_strength),
                cache,
            )
        else:
            guides = {layer: guide_at(network, layer, area.region.mask) for layer in weights}
            yield from reconstruction_losses(activations, of_area, guides)


def _style_losses(
    subject: _Subject, settings: StyleSettings, weights: Mapping[str, float]
) -> Iterator[tuple[str, Loss]]:
    """Yields each layer of `weights` and the style loss of that weight, area by area."""
    origin = None
    if settings.mode is Mode.TRANSFER and settings.style_strength < 1:
        origin = Origin(subject.photo, style_distance(settings.style_strength))
    for area in subject.areas:
        if area.region.paintings:
            of_area = {layer: area.share * weight for layer, weight in weights.items()}
            yield from style_losses(
                subject.network, area.region, settings.style_loss, of_area, origin, subject.cache
            )


def _shares(network: Network, layers: str, setting: str) -> dict[str, float]:
    """Returns the share of each layer that a setting names; they add up to 1."""
    weights = parse_layer_weights(layers)
    if missing := missing_layers(network, weights):
        raise InvalidSettings(
            setting,
            sentence(
                "no-layer",
                layers=", ".join(missing),
                setting=setting,
                choices=", ".join(network.layers),
            ),
        )
    total = sum(weights.values())
    return {layer: weight / total for layer, weight in weights.items()}
