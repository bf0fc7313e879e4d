"""Which painting's style goes where: styles as they were sent, as regions of tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.images import colours
from impasto_daemon.style_transfer.images.pixels import from_image
from impasto_daemon.style_transfer.images.source_image import Layer, strips
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, fitted_size
from impasto_shared.style import Style


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


def regions_of(styles: Sequence[Style], *, region_px: int, painting_px: int) -> list[Region]:
    """The styles with the same region together, on the CPU.

    Styles without a region have what the regions of the others leave.

    region_px, painting_px: the longest sides that masks of regions, and paintings with their
        parts, are reduced to. Nobody looks at them any closer, and at the size that they were sent
        in they would fill the memory.

    Raises:
        InvalidImage: where a region, or a part of a painting, holds nothing.
    """
    grouped: dict[bytes, list[Style]] = {}
    for style in styles:
        grouped.setdefault(_digest(style.region), []).append(style)
    masks = {
        digest: _mask(group[0].region, region_px, "The region of a style")
        for digest, group in grouped.items()
        if group[0].region is not None
    }
    if masks and _EVERYWHERE in grouped:
        left = (1 - torch.stack(list(masks.values())).sum(dim=0)).clamp_min(0)
        if not left.any():
            raise InvalidImage(
                "A style has no region, and the regions of the others leave nothing of the photo "
                "for it. Give it a region, or leave it out."
            )
        masks[_EVERYWHERE] = left
    return [
        Region(_paintings(group, painting_px), masks.get(digest))
        for digest, group in grouped.items()
    ]


def reduced_mask(mask: Tensor, height: int, width: int) -> Tensor:
    """`mask` (1, 1, H, W) reduced to height × width: how much of each new pixel it has."""
    return functional.interpolate(mask, (height, width), mode="area")


def _paintings(styles: Sequence[Style], longest_side_px: int) -> list[Painting]:
    whole = sum(style.weight for style in styles)
    return [
        Painting(
            Layer(style.image).fitted(longest_side_px).rgb,
            style.weight / whole,
            None
            if style.part is None
            else _mask(style.part, longest_side_px, "The part of a painting"),
        )
        for style in styles
    ]


_EVERYWHERE = b""


def _digest(region: Image | None) -> bytes:
    """The same for regions that are alike."""
    if region is None:
        return _EVERYWHERE
    digest = hashlib.sha256(region.pixels)
    digest.update(f"{region.width} {region.height} {region.format.value}".encode())
    return digest.digest()


def _mask(image: Image, longest_side_px: int, name: str) -> Tensor:
    """How light each pixel of `image` is, (1, 1, H, W) in [0, 1]; transparent ones are black."""
    height, width = fitted_size(image.height, image.width, longest_side_px)
    narrow = torch.empty(1, 1, image.height, width)
    for rows, strip in strips(image):
        picture = from_image(strip)
        mask = colours.luminance(picture.rgb)
        if picture.alpha is not None:
            mask = mask * picture.alpha
        narrow[:, :, rows] = reduced_mask(mask, strip.height, width)
    if not narrow.any():
        raise InvalidImage(f"{name} is black everywhere: paint white where the style is to be.")
    return reduced_mask(narrow, height, width)
