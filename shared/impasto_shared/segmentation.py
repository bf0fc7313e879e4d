"""The regions that a photo is split into, as suggestions of where styles could apply."""

from __future__ import annotations

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image
from impasto_shared.text.sentences import sentence

MIN_REGIONS = 2
MAX_REGIONS = 6
LARGEST_SEGMENTED_PX = 2048
"""The longest side of a photo to split: the masks of a larger one would not be better."""


def check_segmentation(photo: Image, regions: int) -> None:
    """Checks that `photo` can be split into `regions`; 0: as many as it has.

    Raises:
        InvalidSettings: for another number of regions.
        InvalidImage: if the photo is too large.
    """
    if regions and not MIN_REGIONS <= regions <= MAX_REGIONS:
        raise InvalidSettings(
            "regions",
            sentence("regions-out-of-range", low=MIN_REGIONS, high=MAX_REGIONS, regions=regions),
        )
    if max(photo.width, photo.height) > LARGEST_SEGMENTED_PX:
        raise InvalidImage(
            sentence(
                "photo-too-large-to-split",
                limit=LARGEST_SEGMENTED_PX,
                width=photo.width,
                height=photo.height,
            )
        )


def masks_of(photo: Image, segmented: Image) -> list[Image]:
    """Returns the masks in the result of splitting `photo`, the largest region first.

    Raises:
        InvalidImage: if they do not have the size of the photo.
    """
    count, remainder = divmod(segmented.height, photo.height)
    if segmented.width != photo.width or remainder or not count:
        raise InvalidImage(
            sentence(
                "masks-of-another-size",
                right_width=photo.width,
                right_height=photo.height,
                width=segmented.width,
                height=segmented.height,
            )
        )
    pixels, size = memoryview(segmented.pixels), memoryview(segmented.pixels).nbytes // count
    return [
        Image(photo.width, photo.height, segmented.format, pixels[number * size :][:size])
        for number in range(count)
    ]
