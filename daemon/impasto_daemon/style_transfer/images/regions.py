"""The regions of the photo and the paintings whose style each gets, as tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images import colours
from impasto_daemon.style_transfer.images.pixels import from_image
from impasto_daemon.style_transfer.images.source_image import SourceImage, row_bands
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, fitted_size
from impasto_shared.style import Style
from impasto_shared.text.sentences import sentence


@dataclass(frozen=True)
class Painting:
    """A painting that the style is taken from.

    rgb: The painting: (1, 3, H, W) in [0, 1].
    share: The weight relative to the other paintings of its region; together they have 1.
    part: A mask of the part that the style is taken from, (1, 1, H, W) in [0, 1]; None for all.
    """

    rgb: Tensor
    share: float = 1.0
    part: Tensor | None = None


def _unchanged(image: Tensor) -> Tensor:
    return image


@dataclass(frozen=True)
class Region:
    """A region of the photo that gets the blended style of some paintings.

    paintings: The paintings.
    mask: The region, (1, 1, H, W) in [0, 1], of the photo's size; None for the whole photo.
    """

    paintings: Sequence[Painting]
    mask: Tensor | None = None

    def mapped(
        self,
        *,
        rgb: Callable[[Tensor], Tensor] = _unchanged,
        part: Callable[[Tensor], Tensor] = _unchanged,
        mask: Callable[[Tensor], Tensor] = _unchanged,
    ) -> Region:
        """Returns this region with functions applied to its paintings, their parts and its mask."""
        paintings = [
            replace(
                painting,
                rgb=rgb(painting.rgb),
                part=None if painting.part is None else part(painting.part),
            )
            for painting in self.paintings
        ]
        return Region(paintings, None if self.mask is None else mask(self.mask))


def regions_of(styles: Sequence[Style], *, region_px: int, painting_px: int) -> list[Region]:
    """Returns the styles grouped by their regions, on the CPU.

    Styles without a region get the rest of the photo.

    region_px: the longest side to which the masks of regions are reduced.
    painting_px: that of paintings and their parts. No larger size is used, and the original sizes
        would fill the memory.

    Raises:
        InvalidImage: if a region, or the part of a painting, is empty.
    """
    groups: dict[bytes, list[Style]] = {}
    for style in styles:
        groups.setdefault(_digest(style.region), []).append(style)
    masks = {
        digest: _mask(group[0].region, region_px, _EMPTY_REGION)
        for digest, group in groups.items()
        if group[0].region is not None
    }
    if masks and _EVERYWHERE in groups:
        masks[_EVERYWHERE] = _remainder(list(masks.values()))
    return [
        Region(_paintings(group, painting_px), masks.get(digest))
        for digest, group in groups.items()
    ]


def reduced_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """Returns `mask` (1, 1, H, W) reduced to height × width by averaging areas."""
    return functional.interpolate(mask, (height, width), mode="area")


def _remainder(masks: list[Tensor]) -> Tensor:
    """Returns the mask of the photo without `masks`."""
    remainder = (1 - torch.stack(masks).sum(dim=0)).clamp_min(0)
    if not remainder.any():
        raise InvalidImage(sentence("no-region-left"))
    return remainder


def _paintings(styles: Sequence[Style], longest_side_px: int) -> list[Painting]:
    total = sum(style.weight for style in styles)
    return [
        Painting(
            SourceImage(style.image).fitted(longest_side_px).rgb,
            style.weight / total,
            None if style.part is None else _mask(style.part, longest_side_px, _EMPTY_PART),
        )
        for style in styles
    ]


_EVERYWHERE = b""
_EMPTY_REGION = "region-empty"
_EMPTY_PART = "part-empty"


def _digest(region: Image | None) -> bytes:
    """Returns a digest that is the same for equal regions."""
    if region is None:
        return _EVERYWHERE
    digest = hashlib.sha256(region.pixels)
    digest.update(f"{region.width} {region.height} {region.format.value}".encode())
    return digest.digest()


def _mask(image: Image, longest_side_px: int, if_empty: str) -> Tensor:
    """Returns the luminance of `image`, (1, 1, H, W) in [0, 1]; transparent pixels are black.

    Raises InvalidImage with the sentence of the code `if_empty` if it is black everywhere.
    """
    height, width = fitted_size(image.height, image.width, longest_side_px)
    narrow = torch.empty(1, 1, image.height, width)
    for rows, band in row_bands(image):
        pixels = from_image(band)
        mask = colours.luminance(pixels.rgb)
        if pixels.alpha is not None:
            mask = mask * pixels.alpha
        narrow[:, :, rows] = reduced_mask(mask, band.height, width)
    if not narrow.any():
        raise InvalidImage(sentence(if_empty))
    return reduced_mask(narrow, height, width)
