"""Textures, a painting's style without a photo: their settings, and the content of their job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from impasto_shared.image import Image, PixelFormat, check_size
from impasto_shared.schema import IntegerSetting
from impasto_shared.settings import SETTINGS, Mode, Setting, StyleSettings

NAME = "The texture"

# Meaningless without a photo, or derived from the width and height of the texture.
_NOT_FOR_TEXTURES = ("mode", "size", "colours", "content_layers", "content_loss", "start")

_SIZE = SETTINGS.integer("size")

WIDTH = IntegerSetting(
    "width", "Width", "Width of the texture in pixels", default=512, low=1, high=_SIZE.high
)
HEIGHT = IntegerSetting(
    "height", "Height", "Height of the texture in pixels", default=512, low=1, high=_SIZE.high
)
TEXTURE_SETTINGS: tuple[Setting, ...] = tuple(
    setting for setting in SETTINGS if setting.name not in _NOT_FOR_TEXTURES
)
"""The settings of a texture in addition to its width and height."""


def texture_settings(values: Mapping[str, Any], width: int, height: int) -> StyleSettings:
    """Returns the settings of the job that paints a texture; missing `values` have their default.

    Raises:
        InvalidSettings: if the size or a value is out of range.
    """
    longest_side = max(WIDTH.check(width), HEIGHT.check(height))
    used = {name: value for name, value in values.items() if name not in _NOT_FOR_TEXTURES}
    return StyleSettings.from_json(
        {**used, "mode": Mode.TEXTURE.value, "size": max(_SIZE.low, longest_side)}
    )


def canvas_of(
    width: int,
    height: int,
    pixel_format: PixelFormat,
    translate: Callable[[str], str] = str,
) -> Image:
    """Returns the content of such a job: a black image that only sets size and format.

    translate: finds the text of an error in a catalogue.

    Raises:
        InvalidImage: if the size is out of bounds.
    """
    check_size(width, height, translate(NAME), translate)
    return Image(width, height, pixel_format, bytes(width * height * pixel_format.bytes_per_pixel))
