"""A style: a painting, with its weight, its region in the photo and the part of it to use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.settings import Mode, StyleSettings

MAX_STYLES = 8
MAX_WEIGHT = 1000.0


@dataclass(frozen=True)
class Style:
    """The style of `image`, the painting.

    weight: weight relative to other styles in the same region, in (0, 1000].
    region: mask of the photo's size: white where the style applies, black elsewhere, grey for a
        blend; transparent counts as black. None: everywhere outside the regions of other styles.
    part: mask of the painting's size, in the same notation, of the part to take the style from;
        None: all of the painting.

    Raises InvalidSettings or InvalidImage if a field is out of range or sizes differ.
    """

    image: Image
    weight: float = 1.0
    region: Image | None = None
    part: Image | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and 0 < self.weight <= MAX_WEIGHT):
            raise InvalidSettings(
                "weight",
                f"The weight of a style must be above 0 and at most {MAX_WEIGHT:g}; "
                f"got {self.weight!r}.",
            )
        if self.part is not None:
            _check_same_size(self.part, self.image, "part", "painting")

    @property
    def images(self) -> tuple[Image, ...]:
        """The painting, and its region and part if it has them."""
        images = (self.image, self.region, self.part)
        return tuple(image for image in images if image is not None)


def check_styles(styles: Sequence[Style], content: Image, settings: StyleSettings) -> None:
    """Checks that `styles` can be applied to the photo `content`.

    Raises:
        InvalidImage: if there are too many styles or none, or a region does not have the size of
            the photo.
    """
    if not styles and settings.mode is not Mode.CONTENT:
        raise InvalidImage("No style is given. Choose a painting to take the style from.")
    if len(styles) > MAX_STYLES:
        raise InvalidImage(f"A picture can have at most {MAX_STYLES} styles; got {len(styles)}.")
    for style in styles:
        if style.region is not None:
            _check_same_size(style.region, content, "region", "photo")


def _check_same_size(mask: Image, image: Image, purpose: str, image_name: str) -> None:
    if (mask.width, mask.height) != (image.width, image.height):
        raise InvalidImage(
            f"The mask for a {purpose} is {mask.width} × {mask.height} pixels, but the "
            f"{image_name} is {image.width} × {image.height}. Give the mask the size of the "
            f"{image_name}."
        )
