"""Gray of more than 8 bits, which Pillow would clip instead of scaling it by its range.

NumPy is imported when there is such a picture: it is a quarter of the start of most commands.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ExifTags, TiffImagePlugin
from PIL import Image as PillowImage

from impasto_shared.errors import InvalidImage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIGNED = 2  # a SampleFormat of TIFF
_WHITE_IS_ZERO = 0  # a PhotometricInterpretation of TIFF
_ROUNDING = 1 / 256


def is_deep_gray(picture: PillowImage.Image) -> bool:
    """Returns whether the pixels of `picture` are numbers of more than 8 bits."""
    return picture.mode.startswith(("I", "F"))


def check_range(picture: PillowImage.Image, path: Path | str) -> None:
    """Raises InvalidImage if the numbers of a TIFF are signed, so that black is not known."""
    if _SIGNED in _tiff_numbers(picture, TiffImagePlugin.SAMPLEFORMAT):
        raise InvalidImage(
            f"{path} has signed numbers: it is unknown which of them are black and white. Save it "
            "with 8 or 16 bits per channel first."
        )


def eight_bits(picture: PillowImage.Image, path: Path | str) -> PillowImage.Image:
    """Returns a deep gray picture as L, or as LA if the file names a transparent gray.

    Raises:
        InvalidImage: if there are floats outside [0, 1].
    """
    import numpy as np

    numbers = np.asarray(picture)
    gray = _unit_floats(numbers, path) if picture.mode == "F" else _unit(numbers, picture)
    if _WHITE_IS_ZERO in _tiff_numbers(picture, ExifTags.Base.PhotometricInterpretation):
        gray = 1 - gray
    result = PillowImage.fromarray(np.rint(gray * 255).astype(np.uint8))
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        opacity = np.where(numbers == transparent, 0, 255).astype(np.uint8)
        result.putalpha(PillowImage.fromarray(opacity))
    return result


def _unit_floats(numbers: NDArray[np.float32], path: Path | str) -> NDArray[np.float32]:
    """Returns floats in [0, 1]; raises InvalidImage if they mean something else."""
    low, high = float(numbers.min()), float(numbers.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):  # nor NaN
        raise InvalidImage(
            f"{path} has floating-point numbers from {low:g} to {high:g}, but black is 0 and white "
            "is 1. Save it with 8 or 16 bits per channel first."
        )
    return numbers.clip(0, 1)


def _unit(numbers: NDArray[np.integer], picture: PillowImage.Image) -> NDArray[np.float32]:
    """Returns unsigned integers scaled to [0, 1] by the bits that they have in the file."""
    import numpy as np

    bits = next(iter(_tiff_numbers(picture, ExifTags.Base.BitsPerSample)), 16)
    if bits == 32:
        numbers = numbers.view(np.uint32)  # Pillow reads them as signed
    return (numbers / np.float64(2**bits - 1)).astype(np.float32)


def _tiff_numbers(picture: PillowImage.Image, tag: int) -> tuple[int, ...]:
    """Returns the numbers of a tag of a TIFF file; none of another one."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return ()
    value = picture.tag_v2.get(tag, ())
    return tuple(value) if isinstance(value, tuple) else (value,)
