"""A painting's style without a photo: what is asked for, and how that becomes a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from impasto_shared.image import Image, PixelFormat, check_size
from impasto_shared.schema import IntegerSetting
from impasto_shared.settings import SETTINGS, Mode, Setting, StyleSettings

# What means nothing where there is no photo, or is given in another way there.
_NOT_OF_TEXTURES = ("mode", "size", "colours", "content_layers", "start")

_SIZE = SETTINGS.integer("size")

WIDTH = IntegerSetting(
    "width", "Width", "Width of the texture in pixels", default=512, low=1, high=_SIZE.high
)
HEIGHT = IntegerSetting(
    "height", "Height", "Height of the texture in pixels", default=512, low=1, high=_SIZE.high
)
TEXTURE_SETTINGS: tuple[Setting, ...] = tuple(
    setting for setting in SETTINGS if setting.name not in _NOT_OF_TEXTURES
)
"""The settings that a texture has beside its width and height."""


def texture_settings(values: Mapping[str, Any], width: int, height: int) -> StyleSettings:
    """The settings of the job that paints a texture; what `values` leave out keeps its default.

    Raises:
        InvalidSettings: for a size or a value that is not possible.
    """
    longest_side = max(WIDTH.check(width), HEIGHT.check(height))
    given = {name: value for name, value in values.items() if name not in _NOT_OF_TEXTURES}
    return StyleSettings.from_json(
        {**given, "mode": Mode.TEXTURE.value, "size": max(_SIZE.low, longest_side)}
    )


def canvas_of(width: int, height: int, pixel_format: PixelFormat) -> Image:
    """The content of such a job: nothing but its size and its format.

    Raises:
        InvalidImage: where no picture can be so large.
    """
    check_size(width, height, "The texture")
    return Image(width, height, pixel_format, bytes(width * height * pixel_format.bytes_per_pixel))
