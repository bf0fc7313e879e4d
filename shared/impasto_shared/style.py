"""A painting whose style is to be used, and where."""

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

    weight: how much it counts beside other styles in the same region, in (0, 1000].
    region: where in the photo it goes, an image of the photo's size: white there, black
        elsewhere, greys between; transparent is black. None: wherever no other style has a region.
    part: the part of the painting that is taken, an image of the painting's size, read alike;
        None: all of it.

    Raises InvalidSettings or InvalidImage where a field is out of range or sizes differ.
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
            _check_same_size(self.part, self.image, "The part", "its painting")

    @property
    def images(self) -> tuple[Image, ...]:
        """All that there is of the painting, its region and its part."""
        found = (self.image, self.region, self.part)
        return tuple(image for image in found if image is not None)


def check_styles(styles: Sequence[Style], content: Image, settings: StyleSettings) -> None:
    """Checks that `styles` can be used for the photo `content`.

    Raises:
        InvalidImage: where there are too many or too few of them, or a region is not of the
            photo's size.
    """
    if not styles and settings.mode is not Mode.CONTENT:
        raise InvalidImage("No style is given: name the painting whose manner to use.")
    if len(styles) > MAX_STYLES:
        raise InvalidImage(f"At most {MAX_STYLES} styles are possible; got {len(styles)}.")
    for style in styles:
        if style.region is not None:
            _check_same_size(style.region, content, "The region of a style", "the photo")


def _check_same_size(mask: Image, image: Image, mask_name: str, image_name: str) -> None:
    if (mask.width, mask.height) != (image.width, image.height):
        raise InvalidImage(
            f"{mask_name} is {mask.width} × {mask.height} pixels and must be as large as "
            f"{image_name}, {image.width} × {image.height}."
        )
