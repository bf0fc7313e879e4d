"""The regions that a photo is split into, as suggestions of where styles could apply."""

from __future__ import annotations

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image

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
            f"A photo can be split into {MIN_REGIONS} to {MAX_REGIONS} regions, or 0 for as many "
            f"as it has; got {regions}.",
        )
    if max(photo.width, photo.height) > LARGEST_SEGMENTED_PX:
        raise InvalidImage(
            f"A photo to split into regions can have {LARGEST_SEGMENTED_PX} pixels a side; got "
            f"{photo.width} × {photo.height}. Scale it down first."
        )


def masks_of(photo: Image, segmented: Image) -> list[Image]:
    """Returns the masks in the result of splitting `photo`, the largest region first.

    Raises:
        InvalidImage: if they do not have the size of the photo.
    """
    count, remainder = divmod(segmented.height, photo.height)
    if segmented.width != photo.width or remainder or not count:
        raise InvalidImage(
            f"The masks of a photo of {photo.width} × {photo.height} pixels lie one below the "
            f"other; they cannot have {segmented.width} × {segmented.height}."
        )
    pixels, size = memoryview(segmented.pixels), memoryview(segmented.pixels).nbytes // count
    return [
        Image(photo.width, photo.height, segmented.format, pixels[number * size :][:size])
        for number in range(count)
    ]
