"""Images as they cross the wire: size, pixel format, and raw bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from impasto_shared.errors import InvalidImage
from impasto_shared.str_enum import StrEnum
from impasto_shared.text.sentences import sentence

MAX_SIDE_PX = 65_535
MAX_PIXELS = 100_000_000
SIDE_OUT_OF_RANGE = "{name} has {width} × {height} pixels; each side must have 1 to {limit}."
TOO_MANY_PIXELS = (
    "{name} has {width} × {height} pixels ({size} megapixels); at most {limit} megapixels are "
    "possible. Scale it down first."
)


class PixelFormat(StrEnum):
    """The pixel formats of the wire, by their Babl names.

    Primes mark gamma-encoded (sRGB) values. Rows are stored top to bottom, without padding; the
    byte order is the machine's, little-endian on every supported machine. u8 and u16 map [0, 1] to
    their full range; float is 32-bit IEEE 754, nominally in [0, 1].
    """

    RGB_U8 = "R'G'B' u8"
    RGBA_U8 = "R'G'B'A u8"
    RGB_U16 = "R'G'B' u16"
    RGBA_U16 = "R'G'B'A u16"
    RGB_FLOAT = "R'G'B' float"
    RGBA_FLOAT = "R'G'B'A float"

    @property
    def has_alpha(self) -> bool:
        """True if there is a fourth channel, which holds opacity."""
        return "A" in self.value

    @property
    def channels(self) -> int:
        """The number of channels, 3 or 4."""
        return 4 if self.has_alpha else 3

    @property
    def bytes_per_channel(self) -> int:
        """The size of a channel: 1, 2 or 4."""
        return {"u8": 1, "u16": 2, "float": 4}[self.value.split()[1]]

    @property
    def bytes_per_pixel(self) -> int:
        """The size of a pixel, from 3 to 16."""
        return self.channels * self.bytes_per_channel


MAX_FRAME_BYTES = MAX_PIXELS * max(form.bytes_per_pixel for form in PixelFormat)


def check_size(
    width: int, height: int, name: str | None = None, translate: Callable[[str], str] = str
) -> None:
    """Raises InvalidImage if an image of `width` × `height` pixels is too large or empty.

    name: how to call it. translate: finds the sentence that starts with `name` in a catalogue.
    """
    if name is None:
        _check_size_of_any(width, height)
        return
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise InvalidImage(
            translate(SIDE_OUT_OF_RANGE).format(
                name=name, width=width, height=height, limit=MAX_SIDE_PX
            )
        )
    if width * height > MAX_PIXELS:
        raise InvalidImage(
            translate(TOO_MANY_PIXELS).format(
                name=name,
                width=width,
                height=height,
                size=f"{width * height / 1e6:.0f}",
                limit=f"{MAX_PIXELS / 1e6:.0f}",
            )
        )


def _check_size_of_any(width: int, height: int) -> None:
    size = {"width": width, "height": height}
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
        raise InvalidImage(sentence("image-side-out-of-range", **size, limit=MAX_SIDE_PX))
    if width * height > MAX_PIXELS:
        megapixels = {"size": width * height, "limit": MAX_PIXELS}
        rounded = {each: f"{pixels / 1e6:.0f}" for each, pixels in megapixels.items()}
        raise InvalidImage(sentence("image-of-too-many-pixels", **size, **rounded))


def fitted_size(width: int, height: int, longest_side_px: int) -> tuple[int, int]:
    """Returns a size of the same proportions whose longest side is at most `longest_side_px`.

    A smaller size is returned as it is. Both sides are treated alike: height and width may be
    passed in turn.
    """
    scale = min(1.0, longest_side_px / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True, eq=False)
class Image:
    """An image: `pixels` holds height × width × format.bytes_per_pixel bytes, row by row.

    Raises InvalidImage if the size is out of bounds or the number of bytes is wrong.
    """

    width: int
    height: int
    format: PixelFormat
    pixels: bytes | memoryview

    def __post_init__(self) -> None:
        check_size(self.width, self.height)
        expected_bytes = self.width * self.height * self.format.bytes_per_pixel
        actual_bytes = memoryview(self.pixels).nbytes
        if actual_bytes != expected_bytes:
            raise InvalidImage(
                sentence(
                    "wrong-number-of-bytes",
                    width=self.width,
                    height=self.height,
                    format=self.format.value,
                    bytes=expected_bytes,
                    actual=actual_bytes,
                )
            )
