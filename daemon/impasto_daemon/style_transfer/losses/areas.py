"""The areas of the photo, each with the paintings that it is to look like, if any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.images.tileable import mask_interior
from impasto_shared.settings import Mode, StyleSettings

# Resized masks that cover the photo together do so up to this.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Area:
    """A region of the image that the network sees, and its share of the photo.

    region: without paintings where the photo stays as it is.
    """

    region: Region
    share: float


def areas_of(photo: Tensor, regions: Sequence[Region], settings: StyleSettings) -> list[Area]:
    """Returns the areas of `photo` (1, 3, H, W) that get the styles of `regions`, and the rest."""
    if settings.mode is Mode.CONTENT or settings.style_strength == 0:
        regions = [Region([])]
    elif settings.mode is Mode.TRANSFER:
        regions = [*regions, *_remainder(regions)]
    shares = [1.0 if region.mask is None else region.mask.mean().item() for region in regions]
    if settings.tileable:
        regions = [_within_copies(region, photo) for region in regions]
    return [Area(region, share) for region, share in zip(regions, shares, strict=True)]


def has_remainder(regions: Sequence[Region]) -> bool:
    """Returns whether the regions leave anything of the photo."""
    return bool(_remainder(regions))


def _remainder(regions: Sequence[Region]) -> list[Region]:
    """Returns what the regions leave of the photo, without paintings."""
    masks = [region.mask for region in regions if region.mask is not None]
    if len(masks) < len(regions):
        return []
    if not masks:
        return [Region([])]
    rest = (1 - torch.stack(masks).sum(dim=0)).clamp_min(0)
    return [Region([], rest)] if rest.max() > _ROUNDING else []


def _within_copies(region: Region, photo: Tensor) -> Region:
    """Returns `region` of an image that is surrounded by copies of itself, which do not count."""
    mask = torch.ones_like(photo[:, :1]) if region.mask is None else region.mask
    return Region(region.paintings, mask_interior(mask))
