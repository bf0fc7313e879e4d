"""Which painting's style goes where: styles as they were sent, as regions of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer import colours
from impasto_daemon.style_transfer.losses import Painting, Region
from impasto_daemon.style_transfer.tensors import from_image, visible_colours
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image
from impasto_shared.style import Style

_Mask = tuple[int, int, str, bytes]


def regions_of(styles: Sequence[Style]) -> list[Region]:
    """The styles with the same region together, at full size, on the CPU.

    Styles without a region have what the regions of the others leave.

    Raises:
        InvalidImage: where a region, or a part of a painting, holds nothing.
    """
    grouped: dict[_Mask | None, list[Style]] = {}
    for style in styles:
        grouped.setdefault(_key(style.region), []).append(style)
    masks = {
        key: _mask(group[0].region, "The region of a style")
        for key, group in grouped.items()
        if group[0].region is not None
    }
    if masks and None in grouped:
        left = (1 - torch.stack(list(masks.values())).sum(dim=0)).clamp_min(0)
        if not left.any():
            raise InvalidImage(
                "A style has no region, and the regions of the others leave nothing of the photo "
                "for it. Give it a region, or leave it out."
            )
        masks[None] = left
    return [Region(_paintings(group), masks.get(key)) for key, group in grouped.items()]


def with_mask_of_size(region: Region, height: int, width: int) -> Region:
    """`region` with its mask reduced to height × width."""
    if region.mask is None:
        return region
    return replace(region, mask=functional.interpolate(region.mask, (height, width), mode="area"))


def _paintings(styles: Sequence[Style]) -> list[Painting]:
    whole = sum(style.weight for style in styles)
    return [
        Painting(
            visible_colours(from_image(style.image)),
            style.weight / whole,
            None if style.part is None else _mask(style.part, "The part of a painting"),
        )
        for style in styles
    ]


def _key(region: Image | None) -> _Mask | None:
    if region is None:
        return None
    return region.width, region.height, region.format.value, bytes(region.pixels)


def _mask(image: Image, name: str) -> Tensor:
    """How light each pixel of `image` is, (1, 1, H, W) in [0, 1]; transparent ones are black."""
    picture = from_image(image)
    mask = colours.luminance(picture.rgb)
    if picture.alpha is not None:
        mask = mask * picture.alpha
    if not mask.any():
        raise InvalidImage(f"{name} is black everywhere: paint white where the style is to be.")
    return mask
