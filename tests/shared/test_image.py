"""Images have a format, a bounded size, and exactly the bytes that both imply."""

import pytest

from impasto_shared.errors import InvalidImage
from impasto_shared.image import (
    MAX_PIXELS,
    MAX_SIDE_PX,
    SIDE_OUT_OF_RANGE,
    TOO_MANY_PIXELS,
    Image,
    PixelFormat,
    check_size,
    fitted_size,
)


@pytest.mark.parametrize(
    ("form", "bytes_per_pixel"),
    [
        (PixelFormat.RGB_U8, 3),
        (PixelFormat.RGBA_U8, 4),
        (PixelFormat.RGB_U16, 6),
        (PixelFormat.RGBA_U16, 8),
        (PixelFormat.RGB_FLOAT, 12),
        (PixelFormat.RGBA_FLOAT, 16),
    ],
)
def test_format_knows_its_bytes(form: PixelFormat, bytes_per_pixel: int) -> None:
    assert form.bytes_per_pixel == bytes_per_pixel
    assert Image(2, 3, form, bytes(6 * bytes_per_pixel)).format is form


@pytest.mark.parametrize("difference", [-1, 1])
def test_image_with_a_byte_too_few_or_many_is_refused(difference: int) -> None:
    with pytest.raises(InvalidImage, match="has 18 bytes; got"):
        Image(2, 3, PixelFormat.RGB_U8, bytes(18 + difference))


@pytest.mark.parametrize(
    ("width", "height"),
    [(0, 1), (1, 0), (-3, 5), (MAX_SIDE_PX + 1, 1), (1, MAX_SIDE_PX + 1), (60_000, 60_000)],
)
def test_size_out_of_bounds_is_refused(width: int, height: int) -> None:
    with pytest.raises(InvalidImage, match="pixels"):
        check_size(width, height)


@pytest.mark.parametrize("text", [SIDE_OUT_OF_RANGE, TOO_MANY_PIXELS])
def test_both_sentences_are_translated(text: str) -> None:
    size = (MAX_SIDE_PX + 1, 1) if text == SIDE_OUT_OF_RANGE else (20_000, 20_000)
    german = {text: "{name} ist zu groß."}
    with pytest.raises(InvalidImage, match="Die Ebene ist zu groß"):
        check_size(*size, "Die Ebene", german.__getitem__)


def test_largest_sizes_are_accepted() -> None:
    check_size(MAX_SIDE_PX, 1)
    check_size(10_000, MAX_PIXELS // 10_000)


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((640, 480), (320, 240)),
        ((480, 640), (240, 320)),
        ((320, 240), (320, 240)),
        ((64, 48), (64, 48)),
        ((2000, 1), (320, 1)),
    ],
    ids=["wide", "tall", "fits", "small", "narrow"],
)
def test_fitted_size_scales_down_and_never_up(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert fitted_size(*size, 320) == fitted
