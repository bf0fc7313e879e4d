"""Writing the picture of a finished job, with a client that has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.commands.image_file import read_image
from impasto_daemon.commands.jobs import fetch
from impasto_daemon.commands.main import new_parser
from impasto_shared.client import Client
from impasto_shared.errors import InvalidImage
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobReport, JobState

PICTURE = Image(2, 2, PixelFormat.RGB_U8, bytes(range(12)))


class FakeClient:
    """A client of a daemon with one finished job."""

    def __init__(self) -> None:
        self.watched: list[str] = []

    def __enter__(self) -> FakeClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def watch(self, job: str) -> None:
        self.watched.append(job)

    def fetch(self, _: str) -> Image:
        return PICTURE


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """The client that the command connects, in an empty working folder."""
    client = FakeClient()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Client, "connect", lambda *_, **__: client)
    monkeypatch.setattr(fetch, "find_job", lambda *_: JobReport("abc123", JobState.DONE))
    monkeypatch.setattr(fetch, "follow", lambda *_: True)
    return client


def run(*arguments: str) -> int:
    return fetch.run(new_parser().parse_args(["fetch", "abc", *arguments]))


def test_picture_is_written(client: FakeClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-o", "out.png") == 0

    assert bytes(read_image("out.png").pixels) == bytes(PICTURE.pixels)
    assert capsys.readouterr().out == "out.png\n"
    assert client.watched == []


def test_wait_watches_the_job_first(client: FakeClient) -> None:
    run("-o", "out.png", "--wait")

    assert client.watched == ["abc123"]


@pytest.mark.usefixtures("client")
def test_cancelled_job_has_no_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetch, "follow", lambda *_: False)

    assert run("-o", "out.png", "--wait") == 130
    assert not (tmp_path / "out.png").exists()


@pytest.mark.usefixtures("client")
def test_photo_of_an_earlier_version_is_not_needed() -> None:
    assert run("-o", "out.png", "--photo", "absent.png") == 0

    assert bytes(read_image("out.png").pixels) == bytes(PICTURE.pixels)


@pytest.mark.usefixtures("client")
def test_format_that_cannot_hold_the_picture_is_refused_before_waiting(
    monkeypatch: pytest.MonkeyPatch, client: FakeClient
) -> None:
    report = JobReport("abc123", JobState.RUNNING, width=16_384, height=8)
    monkeypatch.setattr(fetch, "find_job", lambda *_: report)

    with pytest.raises(InvalidImage, match="cannot hold a picture of 16384 × 8 pixels"):
        run("-o", "out.webp", "--wait")

    assert client.watched == []


@pytest.mark.usefixtures("client")
def test_impossible_output_is_refused() -> None:
    with pytest.raises(InvalidImage, match=r"\.png, \.jpg"):
        run("-o", "out.docx")
