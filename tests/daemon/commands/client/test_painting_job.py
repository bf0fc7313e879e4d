"""Submitting a job, following it, and writing its result, with a client that paints nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from impasto_daemon.commands import image_file
from impasto_daemon.commands.client import painting_job as painting
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_daemon.commands.main import new_parser
from impasto_shared.errors import InvalidImage, InvalidSettings
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings

JOB = "0123456789abcdef"
PICTURE = Image(2, 2, PixelFormat.RGB_U8, bytes(range(12)))


class FakeClient:
    """A client of a daemon that returns the content as the result."""

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.forgotten: list[str] = []

    def forecast(self, *_: object, paintings: int, begun_px: int) -> None:
        """Returns no estimate."""
        assert paintings > 0
        assert begun_px == 0

    def submit(
        self,
        content: Image,
        styles: object,
        settings: object,
        *,
        detached: bool,
        begin_from: object,
    ) -> str:
        assert begin_from is None
        job = {"content": content, "styles": styles, "settings": settings, "detached": detached}
        self.submitted.append(job)
        return JOB

    def fetch(self, _: str) -> Image:
        return PICTURE

    def forget(self, job: str) -> None:
        self.forgotten.append(job)


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """The client that `paint` connects to; its jobs succeed."""
    client = FakeClient()

    @contextmanager
    def connect(*_: object, **__: object) -> Iterator[FakeClient]:
        yield client

    monkeypatch.setattr(painting, "connect_or_start", connect)
    monkeypatch.setattr(painting, "follow", lambda *_: True)
    return client


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a photo and two paintings of the same size."""
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "wave.png", "poppies.png"):
        write_image(PICTURE, tmp_path / name)
    return tmp_path


def paint(*arguments: str) -> int:
    options = new_parser().parse_args(["stylize", "photo.png", *arguments])
    return painting.paint(options, StyleSettings(), lambda: read_image("photo.png"))


@pytest.mark.usefixtures("files")
def test_result_is_written_and_then_forgotten(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert paint("wave.png", "-o", "out.png") == 0

    assert bytes(read_image("out.png").pixels) == bytes(PICTURE.pixels)
    assert client.forgotten == [JOB]
    assert capsys.readouterr().out == "out.png\n"


@pytest.mark.usefixtures("files")
def test_detached_job_is_named_and_left_to_the_daemon(
    client: FakeClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert paint("wave.png", "--detach") == 0

    assert client.submitted[0]["detached"]
    assert client.forgotten == []
    assert capsys.readouterr().out == f"{JOB}\n"


@pytest.mark.usefixtures("client")
def test_cancelled_job_writes_nothing(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(painting, "follow", lambda *_: False)

    assert paint("wave.png", "-o", "out.png") == 130
    assert not (files / "out.png").exists()


@pytest.mark.usefixtures("files")
def test_result_that_cannot_be_written_stays_on_the_daemon(
    client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InvalidImage("out.png cannot be written: no space left.")

    monkeypatch.setattr(image_file, "write_image", refuse)

    with pytest.raises(InvalidImage, match=r"impasto fetch 01234567 -o OTHER\.png"):
        paint("wave.png", "-o", "out.png")
    assert client.forgotten == []


@pytest.mark.usefixtures("files")
def test_each_painting_has_its_weight_and_masks(client: FakeClient) -> None:
    masks = ("--parts", "-", "photo.png", "--regions", "photo.png", "-")

    paint("wave.png", "poppies.png", "--weights", "2", "1", *masks, "-o", "out.png")

    first, second = client.submitted[0]["styles"]
    assert (first.weight, second.weight) == (2.0, 1.0)
    assert first.part is None is second.region
    assert second.part is not None is not first.region


@pytest.mark.usefixtures("files", "client")
@pytest.mark.parametrize("option", ["--weights", "--parts", "--regions"])
def test_every_painting_needs_a_value(option: str) -> None:
    with pytest.raises(InvalidSettings, match="one value for each painting: 2, not 1"):
        paint("wave.png", "poppies.png", option, "1", "-o", "out.png")


@pytest.mark.usefixtures("files", "client")
@pytest.mark.parametrize("option", ["--parts", "--regions"])
def test_painting_behind_a_mask_is_said_to_be_taken_for_one(option: str) -> None:
    with pytest.raises(
        InvalidSettings, match=r"1, not 2\. It takes all names up to the next option"
    ):
        paint("wave.png", option, "-", "poppies.png", "-o", "out.png")


def test_unknown_choice_is_refused_with_the_names_of_all(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        new_parser().parse_args(["stylize", "photo.png", "--pooling", "min", "-o", "out.png"])

    _, _, names = capsys.readouterr().err.rpartition("choose from")
    assert names.replace("'", "") == " average, max)\n"


def test_output_and_detach_exclude_each_other() -> None:
    for arguments in ([], ["-o", "out.png", "--detach"]):
        with pytest.raises(SystemExit):
            new_parser().parse_args(["stylize", "photo.png", "wave.png", *arguments])
