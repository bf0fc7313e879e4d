"""Pictures as Explore sends and shows them, made with Pillow."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage

from impasto_shared.image import Image, PixelFormat

PAPER = "#ffffff"
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Originals:
    """The pictures that all others are made from; there may be no painting."""

    photo: Image
    painting: Image | None

    def captioned(self) -> list[tuple[str, Image]]:
        """Returns each original with its caption, none with a longer side than the photo."""
        originals = [("The photo", self.photo)]
        if self.painting is not None:
            side = max(self.photo.width, self.photo.height)
            originals.append(("The painting", flattened(self.painting, side)))
        return originals


def flattened(image: Image, longest_side_px: int | None = None) -> Image:
    """Returns `image` as RGB on white, scaled down to `longest_side_px` if it is larger."""
    picture = to_pillow(image)
    if longest_side_px is not None:
        picture.thumbnail((longest_side_px, longest_side_px), PillowImage.Resampling.LANCZOS)
    return Image(picture.width, picture.height, PixelFormat.RGB_U8, picture.tobytes())


def to_pillow(image: Image) -> PillowImage.Image:
    """Returns an image of 8 bits a channel as a Pillow image, on white if it has alpha."""
    mode = "RGBA" if image.format.has_alpha else "RGB"
    picture = PillowImage.frombytes(mode, (image.width, image.height), image.pixels)
    if mode == "RGB":
        return picture
    paper = PillowImage.new("RGBA", picture.size, PAPER)
    return PillowImage.alpha_composite(paper, picture).convert("RGB")


def as_jpeg(picture: Path | Image) -> bytes:
    """Returns a picture, or the one in a file, as a JPEG."""
    stream = io.BytesIO()
    opened = to_pillow(picture) if isinstance(picture, Image) else PillowImage.open(picture)
    opened.convert("RGB").save(stream, "JPEG", quality=_JPEG_QUALITY)
    return stream.getvalue()
