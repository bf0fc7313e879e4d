"""A photo split into regions such as sky, building and ground, by the activations of the network.

Positions of the network's deep layers become points (`spectral`), which are merged into regions
(`clustering`). The edges of the regions are moved to those of the photo (`guided_filter`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images.pixels import resize, to_image
from impasto_daemon.style_transfer.images.source_image import SourceImage
from impasto_daemon.style_transfer.networks.network import (
    MIN_SIDE_PX,
    Interrupt,
    WholeImageNetwork,
    never,
)
from impasto_daemon.style_transfer.planning.segmentation import SEEN_PX
from impasto_daemon.style_transfer.segmentation.clustering import Merge, k_means, merges
from impasto_daemon.style_transfer.segmentation.guided_filter import GuidedFilter
from impasto_daemon.style_transfer.segmentation.spectral import spectral_points
from impasto_shared.image import Image
from impasto_shared.segmentation import MAX_REGIONS, MIN_REGIONS

_LAYERS = ("relu3_4", "relu4_4", "relu5_4")
_GRID_LAYER = "relu4_4"
_DIMENSIONS = 9
_CELLS = 30
# What a position at the edge of its cell counts: thin outlines are merged with what they outline.
_EDGE_SHARE = 0.05
# A region is split as long as that explains this share of all distances.
_WORTH_A_REGION = 0.1
_RADIUS_PX = 12
_EPSILON = 3e-4
# Makes the masks harder; 1 would leave the guided filter's haze.
_HARDNESS = 4
_SEED = 0


def segment(
    network: WholeImageNetwork,
    photo: Image,
    regions: int = 0,
    *,
    interrupt: Interrupt = never,
) -> Image:
    """Returns the masks of the regions of `photo`, one below the other, the largest region first.

    Together they are white everywhere. The same photo gives the same masks on the same machine.

    network: a VGG-19.
    regions: their number, from 2 to 6; 0: as many as the photo has.
    interrupt: called before each layer and each other step; an error that it raises ends the work.
    """
    source = SourceImage(photo)
    visible = source.fitted(max(source.size)).rgb
    view = _view(visible)
    activations = _activations(network, view, interrupt)
    grid = activations[_GRID_LAYER].shape[2:]
    interrupt()
    points = spectral_points(list(activations.values()), resize(view, *grid), _DIMENSIONS)
    interrupt()
    labels = _labels(points, regions, *grid)
    interrupt()
    masks = _refined(labels, view, visible)
    order = masks.mean(dim=(1, 2, 3)).argsort(descending=True, stable=True)
    stacked = masks[order].reshape(1, 1, -1, photo.width)
    return to_image(stacked.expand(-1, 3, -1, -1))


def _view(photo: Tensor) -> Tensor:
    """Returns the photo as the network views it, enlarged if it is small."""
    height, width = photo.shape[2:]
    factor = SEEN_PX / max(height, width)
    return resize(photo, *(max(MIN_SIDE_PX, round(side * factor)) for side in (height, width)))


def _activations(
    network: WholeImageNetwork, view: Tensor, interrupt: Interrupt
) -> dict[str, Tensor]:
    with torch.no_grad(), network.interrupted_by(interrupt):
        activations = network.activations(view.to(network.device), _LAYERS)
        return {name: activation.float().cpu() for name, activation in activations}


def _labels(points: Tensor, regions: int, height: int, width: int) -> Tensor:
    """Returns the region of each position: (height, width)."""
    generator = torch.Generator().manual_seed(_SEED)
    cells = k_means(points, min(_CELLS, len(points)), generator)
    _, cells = torch.unique(cells, return_inverse=True)
    members = functional.one_hot(cells).T.to(points)
    centres = members @ points / members.sum(dim=1, keepdim=True)
    history = merges(centres, _sizes(members, height, width))
    clusters = history[-_number(history, regions) + 1].clusters
    return clusters[cells].view(height, width)


def _sizes(members: Tensor, height: int, width: int) -> Tensor:
    """Returns the size of each cell, in which positions at its edge count little."""
    shape = members.view(-1, 1, height, width)
    padded = functional.pad(shape, (1, 1, 1, 1), mode="replicate")
    inner = -functional.max_pool2d(-padded, 3, stride=1)
    return torch.lerp(inner, shape, _EDGE_SHARE).sum(dim=(1, 2, 3))


def _number(history: list[Merge], regions: int) -> int:
    """Returns the number of regions; 0 asks for a suggestion."""
    if regions:
        return min(regions, len(history) + 1)
    total = sum(merge.cost for merge in history)
    costs = [merge.cost for merge in reversed(history)]  # the last joins two regions
    number = MIN_REGIONS
    while number < min(MAX_REGIONS, len(costs)) and costs[number - 1] > _WORTH_A_REGION * total:
        number += 1
    return number


def _refined(labels: Tensor, view: Tensor, photo: Tensor) -> Tensor:
    """Returns a mask for each region, with the edges of the photo: (k, 1, H, W), 1 in sum."""
    masks = functional.one_hot(labels).permute(2, 0, 1).unsqueeze(1).float()
    masks = functional.interpolate(masks, view.shape[2:], mode="bilinear")
    masks = functional.one_hot(masks.argmax(dim=0)[0]).permute(2, 0, 1).unsqueeze(1).float()
    guided = GuidedFilter(view, radius_px=_RADIUS_PX, epsilon=_EPSILON)
    for size in (view, photo):
        # One after the other, since all together would need much memory.
        filtered = [guided.filtered(mask, size) for mask in torch.split(masks, 1)]
        hard = torch.cat(filtered).clamp_min_(0).pow_(_HARDNESS)
        masks = hard.div_(hard.sum(dim=0).clamp_min(1e-12))
    return masks
