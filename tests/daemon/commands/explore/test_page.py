from html import unescape
from pathlib import Path

import pytest

from daemon.commands.explore.painted_sheets import GREEN, painted_sheet, plain
from impasto_daemon.commands.explore.page import page


@pytest.mark.parametrize("names", [["a b.jpg", "it's.jpg"], ["<script>.jpg", "b.jpg"]])
def test_names_and_captions_are_text_on_the_page(tmp_path: Path, names: list[str]) -> None:
    html = page([painted_sheet(tmp_path)], [("The photo", plain(GREEN))], names)

    assert "<script" not in html
    assert "One &amp; &lt;all&gt;" in html
    assert "A &lt;title&gt;" in html
    assert "--optimizer adam -o out.png" in html
    if " " in names[0]:
        assert "impasto stylize 'a b.jpg'" in unescape(html)


def test_each_reason_for_a_missing_picture_is_given(tmp_path: Path) -> None:
    html = page([painted_sheet(tmp_path)], [("The photo", plain(GREEN))], ["a.jpg"])

    assert "Left out: Another: There are no weights." in html


def test_charts_are_only_on_sheets_that_compare_losses(tmp_path: Path) -> None:
    photo = [("The photo", plain(GREEN))]
    without = page([painted_sheet(tmp_path)], photo, ["a.jpg"])
    compared = page([painted_sheet(tmp_path, compares_losses=True)], photo, ["a.jpg"])

    assert without.count("<svg") == 1  # below the picture
    assert compared.count("<svg") == 3
