"""Styles have weights in range and masks of the right size; a job has one to eight of them."""

from collections.abc import Callable

import pytest

from impasto_shared.errors import ImpastoError, InvalidImage, InvalidSettings
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Mode, StyleSettings
from impasto_shared.style import MAX_STYLES, MAX_WEIGHT, Style, check_styles


def image(width: int = 2, height: int = 3) -> Image:
    return Image(width, height, PixelFormat.RGB_U8, bytes(3 * width * height))


PHOTO, PAINTING = image(4, 4), image()
TRANSFER = StyleSettings()


@pytest.mark.parametrize("weight", [0.001, 1.0, MAX_WEIGHT])
def test_weight_in_range_is_accepted(weight: float) -> None:
    assert Style(PAINTING, weight).weight == weight


@pytest.mark.parametrize("weight", [0.0, -1.0, MAX_WEIGHT + 1, float("nan"), float("inf")])
def test_weight_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(InvalidSettings, match="above 0 and at most 1000") as refused:
        Style(PAINTING, weight)

    assert refused.value.field == "weight"


def test_part_must_have_the_size_of_the_painting() -> None:
    with pytest.raises(InvalidImage, match=r"a part is 3 × 2 .*but the painting is 2 × 3\. Give"):
        Style(PAINTING, part=image(3, 2))


def test_images_of_a_style_are_those_present() -> None:
    region, part = image(4, 4), image()

    assert Style(PAINTING).images == (PAINTING,)
    assert Style(PAINTING, region=region, part=part).images == (PAINTING, region, part)


def test_region_must_have_the_size_of_the_photo() -> None:
    check_styles([Style(PAINTING, region=image(4, 4))], PHOTO, TRANSFER)

    with pytest.raises(InvalidImage, match=r"but the photo is 4 × 4\. Give"):
        check_styles([Style(PAINTING, region=image(4, 3))], PHOTO, TRANSFER)


def refusal(check: Callable[[], None]) -> str:
    with pytest.raises(ImpastoError) as refused:
        check()
    return str(refused.value)


def test_number_of_styles_is_limited() -> None:
    check_styles([Style(PAINTING)] * MAX_STYLES, PHOTO, TRANSFER)

    too_many = [Style(PAINTING)] * (MAX_STYLES + 1)
    assert "at most 8 styles" in refusal(lambda: check_styles(too_many, PHOTO, TRANSFER))


def test_style_is_required_except_for_content() -> None:
    check_styles([], PHOTO, StyleSettings(mode=Mode.CONTENT))

    assert "Choose a painting" in refusal(lambda: check_styles([], PHOTO, TRANSFER))
