"""A style: a painting, with its weight, its region in the photo and the part of it to use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.settings import Mode, StyleSettings
from impasto_shared.text.sentences import sentence

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
                sentence("weight-out-of-range", limit=f"{MAX_WEIGHT:g}", value=repr(self.weight)),
            )
        if self.part is not None:
            check_same_size(self.part, self.image, "part-of-another-size")

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
        raise InvalidImage(sentence("no-style"))
    if len(styles) > MAX_STYLES:
        raise InvalidImage(sentence("too-many-styles", limit=MAX_STYLES, count=len(styles)))
    for style in styles:
        if style.region is not None:
            check_same_size(style.region, content, "region-of-another-size")


def check_same_size(mask: Image, image: Image, code: str) -> None:
    """Raises InvalidImage, with the sentence of `code`, if a mask does not have an image's size."""
    if (mask.width, mask.height) != (image.width, image.height):
        raise InvalidImage(
            sentence(
                code,
                width=mask.width,
                height=mask.height,
                right_width=image.width,
                right_height=image.height,
            )
        )
