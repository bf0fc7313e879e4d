"""The pictures of a photo's regions: their masks at its size, and one that shows them all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFilter, ImageFont, ImageOps

from impasto_shared.image import Image, PixelFormat, fitted_size

COLOURS = ("#e63c3c", "#3ca0e6", "#5ac85a", "#f0c83c", "#aa5ad2", "#fa8c32")
_TINT = 0.55
_OVERVIEW_PX = 1024
_NUMBER_SHARE = 0.06


def reduced(photo: Image, longest_side_px: int) -> Image:
    """Returns `photo`, scaled down if its longest side is longer."""
    size = fitted_size(photo.width, photo.height, longest_side_px)
    if size == (photo.width, photo.height):
        return photo
    picture = _picture(photo).resize(size, PillowImage.Resampling.LANCZOS)
    return Image(*size, photo.format, picture.tobytes())


def enlarged(mask: Image, width: int, height: int) -> Image:
    """Returns a mask at the size of its photo."""
    picture = _picture(mask).resize((width, height), PillowImage.Resampling.BICUBIC)
    return Image(width, height, PixelFormat.RGB_U8, picture.convert("RGB").tobytes())


def overview(photo: Image, masks: Sequence[Image]) -> Image:
    """Returns a small picture of `photo` with each region in a colour of its own, and its number.

    masks: of the regions, in the order of their numbers, which begin at 1.
    """
    size = fitted_size(photo.width, photo.height, _OVERVIEW_PX)
    small = [_picture(mask).convert("L").resize(size) for mask in masks]
    colours = PillowImage.new("RGB", size)
    for mask, colour in zip(small, COLOURS, strict=False):
        colours.paste(colour, mask=mask)
    shown = PillowImage.blend(_picture(photo).convert("RGB").resize(size), colours, _TINT)
    font = ImageFont.load_default(max(10, max(size) * _NUMBER_SHARE))
    for number, mask in enumerate(small, start=1):
        ImageDraw.Draw(shown).text(
            _middle(mask), str(number), "white", font, "mm", stroke_width=2, stroke_fill="black"
        )
    return Image(*size, PixelFormat.RGB_U8, shown.tobytes())


def _middle(mask: PillowImage.Image) -> tuple[float, float]:
    """Returns the place in a mask with the most of it around."""
    radius = max(1, min(mask.size) // 8)
    # Outside of the picture it is black.
    padded = ImageOps.expand(mask, radius)
    blurred = ImageOps.crop(padded.filter(ImageFilter.BoxBlur(radius)), radius)
    values = blurred.tobytes()
    almost = 0.95 * max(values)
    places = [divmod(at, mask.width) for at, value in enumerate(values) if value >= almost]
    row, column = (sum(axis) / len(places) for axis in zip(*places, strict=True))
    row, column = min(places, key=lambda place: math.dist(place, (row, column)))
    return column, row


def _picture(image: Image) -> PillowImage.Image:
    mode = "RGBA" if image.format.has_alpha else "RGB"
    return PillowImage.frombytes(mode, (image.width, image.height), image.pixels)
