"""What is minimised: content, style and smoothness (Gatys, Ecker and Bethge, CVPR 2016).

It knows activations and pictures, not how they are improved.

Departures from the paper: every loss of activations is divided by the size of its own target,
so that one setting suits networks whose activations differ in magnitude; and every mean is
taken over positions, so that it suits all sizes of pictures. Total variation is an addition
(Mahendran and Vedaldi, CVPR 2015, section 3), and so is the price of impossible colours, which
an optimizer without bounds needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.style_losses import (
    STYLE_LOSSES,
    Distance,
    Seen,
    relative_error_from,
)
from impasto_daemon.style_transfer.vgg import VGG, BeforeLayer
from impasto_shared.errors import InvalidSettings
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Mode, StyleSettings

# Found by looking, at style strength 1 (docs/benchmarks.md). The content weighs little beside the
# style: the photo that the picture begins as does most to keep it. Much more, or a strong total
# variation, leaves halos and a weave in flat places instead of paint.
CONTENT_WEIGHT = 0.002
TV_WEIGHT = 0.001
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
class Painting:
    """A painting whose style is wanted.

    rgb: (1, 3, H, W) in [0, 1].
    share: how much it counts beside the others of its region; together they have 1.
    part: which of it is taken, (1, 1, H, W) in [0, 1]; None: all.
    """

    rgb: Tensor
    share: float = 1.0
    part: Tensor | None = None


Change = Callable[[Tensor], Tensor]
"""A picture to another one, of any size."""


def _unchanged(picture: Tensor) -> Tensor:
    return picture


@dataclass(frozen=True)
class Region:
    """Where in the photo the blended style of some paintings goes.

    mask: (1, 1, H, W) in [0, 1], of the photo's size; None: everywhere.
    """

    paintings: Sequence[Painting]
    mask: Tensor | None = None

    def mapped(
        self, *, rgb: Change = _unchanged, part: Change = _unchanged, mask: Change = _unchanged
    ) -> Region:
        """This region with these applied to its paintings, to their parts, and to its mask."""
        paintings = [
            replace(
                painting,
                rgb=rgb(painting.rgb),
                part=None if painting.part is None else part(painting.part),
            )
            for painting in self.paintings
        ]
        return Region(paintings, None if self.mask is None else mask(self.mask))


@dataclass(frozen=True)
class _RegionTarget:
    """The distance from a region's paintings at each layer, and where it is measured.

    share: the part of the photo that the region has, in (0, 1].
    """

    distances: Mapping[str, Distance]
    guides: Mapping[str, Tensor | None]
    share: float


@dataclass(frozen=True)
class Objective:
    """The whole loss of a picture, ready to be minimised.

    content_errors: of an activation, relative to the photo's, at each content layer.
    content_shares, style_shares: of each layer; those of all content or style layers add up to 1.
    """

    network: VGG
    settings: StyleSettings
    content_errors: Mapping[str, Callable[[Tensor], Tensor]]
    content_shares: Mapping[str, float]
    regions: Sequence[_RegionTarget]
    style_shares: Mapping[str, float]

    def __call__(self, rgb: Tensor, before_layer: BeforeLayer) -> Tensor:
        """The loss (a scalar) of `rgb`: (1, 3, H, W), of the photo's size."""
        layers = {*self.content_shares, *self.style_shares}
        activations = self.network.features(rgb, layers, before_layer)
        losses = [
            CONTENT_WEIGHT * share * self.content_errors[layer](activations[layer])
            for layer, share in self.content_shares.items()
        ]
        # Both squared: nobody sees the difference between a hundred times and a hundred and ten.
        strength = self.settings.style_strength**2
        for region in self.regions:
            for layer, share in self.style_shares.items():
                seen = Seen(activations[layer], region.guides[layer])
                losses.append(strength * region.share * share * region.distances[layer](seen))
        smoothness = self.settings.smoothness**2
        losses.append(TV_WEIGHT * smoothness * total_variation(rgb))
        losses.append(RANGE_WEIGHT * out_of_range(rgb))
        return torch.stack(losses).sum()


def measure_targets(
    network: VGG,
    content: Tensor,
    regions: Sequence[Region],
    settings: StyleSettings,
    before_layer: BeforeLayer,
) -> Objective:
    """The objective of painting `content` in the styles of `regions`.

    content: (1, 3, H, W) in [0, 1], of any size that the network takes, as the paintings are.

    Raises:
        InvalidSettings: for a layer that the network lacks.
    """
    content_shares = _shares(network, settings.content_layers, "content_layers")
    style_shares = _shares(network, settings.style_layers, "style_layers")
    if settings.mode is Mode.TEXTURE:
        content_shares = {}
    elif settings.mode is Mode.CONTENT or settings.style_strength == 0:
        style_shares, regions = {}, []
    with torch.no_grad():
        content_errors = {
            layer: relative_error_from(activation)
            for layer, activation in network.features(content, content_shares, before_layer).items()
        }
        targets = [
            _measure_region(network, region, style_shares, settings, before_layer)
            for region in regions
        ]
    return Objective(network, settings, content_errors, content_shares, targets, style_shares)


def _measure_region(
    network: VGG,
    region: Region,
    layers: Mapping[str, float],
    settings: StyleSettings,
    before_layer: BeforeLayer,
) -> _RegionTarget:
    seen: dict[str, list[Seen]] = {layer: [] for layer in layers}
    for painting in region.paintings:
        activations = network.features(painting.rgb, layers, before_layer)
        for layer, activation in activations.items():
            guide = guide_at(layer, painting.part)
            seen[layer].append(Seen(activation, guide, painting.share))
    distance_from = STYLE_LOSSES[settings.style_loss]
    return _RegionTarget(
        {layer: distance_from(paintings) for layer, paintings in seen.items()},
        {layer: guide_at(layer, region.mask) for layer in layers},
        1.0 if region.mask is None else region.mask.mean().item(),
    )


def guide_at(layer: str, mask: Tensor | None) -> Tensor | None:
    """How much each position of a layer counts: (h * w), adding up to 1.

    mask: (1, 1, H, W) in [0, 1], reduced as the network's pooling layers reduce the picture
        (Gatys et al. 2017, section 4).
    """
    if mask is None:
        return None
    for _ in range(int(layer.removeprefix("relu")[0]) - 1):
        mask = functional.avg_pool2d(_without_remainder(mask), 2)
    guide = mask.flatten()
    return guide / guide.sum().clamp_min(1e-12)


def _without_remainder(mask: Tensor) -> Tensor:
    """`mask` with sides of an even number, what it has in an odd last row or column kept.

    Pooling drops them. A style that is to go there alone would be wanted nowhere.
    """
    height, width = mask.shape[2:]
    if height % 2:
        last = torch.maximum(mask[:, :, -2:-1], mask[:, :, -1:])
        mask = torch.cat((mask[:, :, :-2], last), dim=2)
    if width % 2:
        last = torch.maximum(mask[:, :, :, -2:-1], mask[:, :, :, -1:])
        mask = torch.cat((mask[:, :, :, :-2], last), dim=3)
    return mask


def _shares(network: VGG, layers: str, name: str) -> dict[str, float]:
    """The share of each of `layers`, which the setting `name` holds; they add up to 1."""
    weights = parse_layer_weights(layers)
    if missing := set(weights) - set(network.layers):
        raise InvalidSettings(
            name,
            f"The model has no layer {', '.join(sorted(missing))}; it has "
            f"{', '.join(network.layers)}.",
        )
    whole = sum(weights.values())
    return {layer: weight / whole for layer, weight in weights.items()}
