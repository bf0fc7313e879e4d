"""Colours, converted to sRGB by the colour profile (ICC) that is embedded in the file."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

from PIL import Image as PillowImage
from PIL import ImageCms

# Modes that hold the same as another one, premultiplied or with other primaries.
_SIMPLER_MODES = {
    **{"La": "LA", "RGBa": "RGBA", "RGBX": "RGB"},
    **{"YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB"},
}
_MODES_OF_PROFILES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# The date at which a profile was made, which would make each file another one.
_DATE = slice(24, 36)


@cache
def srgb_profile() -> bytes:
    """Returns the profile that is written into every picture."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_DATE] = bytes(12)
    return bytes(profile)


def to_srgb(
    picture: PillowImage.Image, profile: bytes | None, note: Callable[[str], object]
) -> PillowImage.Image:
    """Returns `picture` as RGB, or as RGBA if it has transparency.

    profile: the ICC profile of its colours; None for sRGB.
    note: is called with a sentence about the file if its profile cannot be used.
    """
    if picture.mode in _SIMPLER_MODES:
        picture = picture.convert(_SIMPLER_MODES[picture.mode])
    if not profile or profile == srgb_profile():
        return _as_mode(picture, "RGBA" if picture.has_transparency_data else "RGB")
    colours, alpha = _split(picture)
    colours = _as_mode(_converted(colours, profile, note), "RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _split(
    picture: PillowImage.Image,
) -> tuple[PillowImage.Image, PillowImage.Image | None]:
    """Returns the colours of a picture, as L, RGB or CMYK, and its transparency if it has any."""
    colours = "L" if picture.mode in ("1", "L", "LA") else "RGB"
    if picture.has_transparency_data:
        picture = _as_mode(picture, f"{colours}A")
        return picture.convert(colours), picture.getchannel("A")
    return picture if picture.mode == "CMYK" else _as_mode(picture, colours), None


def _as_mode(picture: PillowImage.Image, mode: str) -> PillowImage.Image:
    return picture if picture.mode == mode else picture.convert(mode)


def _converted(
    colours: PillowImage.Image, profile: bytes, note: Callable[[str], object]
) -> PillowImage.Image:
    """Returns `colours` in sRGB, or as they are if the profile is damaged or for others."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES_OF_PROFILES.get(source.profile.xcolor_space.strip())
        if mode == "RGB" and colours.mode == "L":
            colours = colours.convert("RGB")
        if mode != colours.mode:
            note("has a colour profile for another kind of colours, which is ignored")
            return colours
        transform = ImageCms.buildTransform(
            source,
            ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile())),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        converted = transform.apply(colours)
    except (ImageCms.PyCMSError, OSError, ValueError):
        note("has a damaged colour profile, which is ignored: its colours are taken as sRGB")
        return colours
    return converted
