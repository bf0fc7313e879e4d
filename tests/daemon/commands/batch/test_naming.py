from pathlib import Path

import pytest

from impasto_daemon.commands.batch.naming import check_template, picture_name
from impasto_shared.errors import InvalidSettings

PHOTO, PAINTING = Path("holiday/beach.jpg"), Path("great_wave.jpg")


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{photo}.png", "beach.png"),
        ("{photo}_{painting}.jpg", "beach_great_wave.jpg"),
        ("{number:04}.tif", "0007.tif"),
        ("{{{photo}}}.webp", "{beach}.webp"),
    ],
)
def test_template_makes_names(template: str, name: str) -> None:
    check_template(template)

    assert picture_name(template, PHOTO, PAINTING, 7) == name


def test_name_needs_no_painting() -> None:
    assert picture_name("{photo}{painting}.png", PHOTO, None, 1) == "beach.png"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{foto}.png", "{foto} is unknown"),
        ("{photo.parent}.png", "{photo.parent} is unknown"),
        ("{}.png", "{} is unknown"),
        ("{photo.png", "not a template"),
        ("{photo:d}.png", "not a template"),
        ("picture.png", "the same name"),
        ("../{photo}.png", "not the name of a file"),
        ("{photo}/a.png", "not the name of a file"),
        ("{photo}", "must end in"),
        ("{photo}.bmp", "must end in"),
        ("{photo}.txt", "must end in"),
        ("", "the same name"),
    ],
)
def test_other_template_is_refused(template: str, reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        check_template(template)
