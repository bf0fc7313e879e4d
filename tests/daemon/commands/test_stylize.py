"""The options of `impasto stylize`."""

from __future__ import annotations

import pytest

from impasto_daemon.commands import stylize
from impasto_daemon.commands.main import new_parser
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import SETTINGS, StyleSettings


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> list[StyleSettings]:
    """The settings of the jobs that are submitted."""
    submitted: list[StyleSettings] = []

    def paint(_: object, settings: StyleSettings, *__: object) -> int:
        submitted.append(settings)
        return 0

    monkeypatch.setattr(stylize, "paint", paint)
    return submitted


def run(*arguments: str) -> int:
    options = new_parser().parse_args(["stylize", "photo", "painting", "-o", "out", *arguments])
    return stylize.run(options)


def test_settings_have_their_defaults(settings: list[StyleSettings]) -> None:
    run()

    assert settings == [StyleSettings()]


def test_options_become_settings(settings: list[StyleSettings]) -> None:
    run("--size", "64", "--tileable", "--style-layers", "relu2_1:3", "--quality", "draft")

    (chosen,) = settings
    assert (chosen.size, chosen.tileable, chosen.quality) == (64, True, "draft")
    assert str(chosen.style_layers) == "relu2_1:3"


def test_setting_out_of_range_is_refused(settings: list[StyleSettings]) -> None:
    with pytest.raises(InvalidSettings, match="got 11"):
        run("--style-strength", "11")

    assert settings == []


def test_every_setting_has_an_option() -> None:
    options = vars(new_parser().parse_args(["stylize", "photo", "-o", "out"]))

    assert options.keys() >= {setting.name for setting in SETTINGS}
