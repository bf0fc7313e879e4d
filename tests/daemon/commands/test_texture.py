"""The options of `impasto texture`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from impasto_daemon.commands import texture
from impasto_daemon.commands.main import new_parser
from impasto_shared.errors import ImpastoError
from impasto_shared.image import Image
from impasto_shared.settings import Mode, StyleSettings

Job = tuple[StyleSettings, Image]


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that are submitted: settings and content."""
    submitted: list[Job] = []

    def paint(_: object, settings: StyleSettings, read: Callable[[], Image]) -> int:
        submitted.append((settings, read()))
        return 0

    monkeypatch.setattr(texture, "paint", paint)
    return submitted


def run(*arguments: str) -> int:
    return texture.run(new_parser().parse_args(["texture", "wave", "-o", "out", *arguments]))


def test_canvas_has_the_requested_size(jobs: list[Job]) -> None:
    run("--width", "70", "--height", "50")

    ((settings, canvas),) = jobs
    assert settings.mode is Mode.TEXTURE
    assert (canvas.width, canvas.height) == (70, 50)


def test_impossible_size_is_refused(jobs: list[Job]) -> None:
    with pytest.raises(ImpastoError, match="got 0"):
        run("--width", "0")

    assert jobs == []


def test_options_about_a_photo_are_unknown() -> None:
    with pytest.raises(SystemExit):
        run("--colours", "photo")
