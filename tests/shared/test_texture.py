"""A texture is a job with a blank content of its size, and settings that need no photo."""

import pytest

from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import PixelFormat
from impasto_shared.settings import SETTINGS, Mode, Start, StyleSettings
from impasto_shared.texture import HEIGHT, TEXTURE_SETTINGS, WIDTH, canvas_of, texture_settings


def test_settings_that_need_a_photo_are_left_out() -> None:
    names = {setting.name for setting in TEXTURE_SETTINGS}

    assert {setting.name for setting in SETTINGS} - names == {
        "mode",
        "size",
        "colours",
        "content_layers",
        "content_loss",
        "start",
    }


def test_settings_are_those_of_a_texture_of_the_size() -> None:
    settings = texture_settings({"seed": 3, "start": "noise", "size": 64}, 300, 200)

    assert settings == StyleSettings(mode=Mode.TEXTURE, size=300, seed=3)
    assert settings.start is Start.PHOTO


def test_small_texture_is_painted_at_the_smallest_size() -> None:
    assert texture_settings({}, 1, 2).size == SETTINGS.integer("size").low


@pytest.mark.parametrize(
    ("width", "height", "field"), [(0, 8, "width"), (8, 0, "height"), (8, 16_385, "height")]
)
def test_size_out_of_range_is_refused_by_name(width: int, height: int, field: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        texture_settings({}, width, height)

    assert refused.value.field == field


def test_largest_sides_are_those_of_pictures() -> None:
    assert WIDTH.high == HEIGHT.high == SETTINGS.integer("size").high


@pytest.mark.parametrize("pixel_format", PixelFormat)
def test_canvas_has_the_size_and_format(pixel_format: PixelFormat) -> None:
    canvas = canvas_of(3, 2, pixel_format)

    assert (canvas.width, canvas.height, canvas.format) == (3, 2, pixel_format)
    assert not any(canvas.pixels)


def test_canvas_beyond_the_limit_is_refused_before_memory_is_allocated() -> None:
    with pytest.raises(InvalidImage, match="The texture has 16000 × 16000 pixels"):
        canvas_of(16_000, 16_000, PixelFormat.RGBA_FLOAT)
