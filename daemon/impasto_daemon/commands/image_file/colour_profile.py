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
    colours, alpha = _split(picture)
    if profile and profile != srgb_profile():
        colours = _converted(colours, profile, note)
    if colours.mode != "RGB":
        colours = colours.convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _split(
    picture: PillowImage.Image,
) -> tuple[PillowImage.Image, PillowImage.Image | None]:
    """Returns the colours of a picture, as L, RGB or CMYK, and its transparency if it has any."""
    if picture.mode in _SIMPLER_MODES:
        picture = picture.convert(_SIMPLER_MODES[picture.mode])
    has_alpha = picture.has_transparency_data
    is_gray = picture.mode in ("1", "L", "LA")
    if picture.mode != "CMYK":
        mode = ("LA" if has_alpha else "L") if is_gray else ("RGBA" if has_alpha else "RGB")
        picture = picture if picture.mode == mode else picture.convert(mode)
    if not has_alpha:
        return picture, None
    return picture.convert("L" if is_gray else "RGB"), picture.getchannel("A")


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
