"""The command `impasto batch --sequence`, with real daemons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from impasto_daemon.commands.batch.films import Film
from impasto_daemon.commands.batch.plan import Painting, Picture
from impasto_daemon.commands.batch.record import PaintingSource
from impasto_daemon.commands.batch.results import Batch
from impasto_daemon.commands.batch.sequence import paint_in_order
from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared.beginning import Beginning
from impasto_shared.client import Client
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture
from integration.scripted_worker import Behaviour, invert

FRAMES = 4


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        (daemon.folder / "frames").mkdir()
        for number in range(FRAMES):
            write_image(picture(64, 48 + number // 3), daemon.folder / f"frames/{number}.png")
        write_image(picture(), daemon.folder / "wave.png")
        yield daemon


def sequence(daemon: DaemonProcess, *options: str) -> Any:
    return daemon.run(
        *("batch", "frames", "--style", "wave.png", "-o", "out", "--sequence"),
        *("--iterations", "3", *options),
    )


def test_frames_are_painted_in_order_and_known_afterwards(service: DaemonProcess) -> None:
    completed = sequence(service)
    (service.folder / "out/2.png").unlink()
    again = sequence(service)
    settings_changed = sequence(service, "--iterations", "4")

    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.split() == [f"out/{number}.png" for number in range(FRAMES)]
    painted = read_image(service.folder / "out/1.png")
    assert bytes(painted.pixels) == invert(picture()).pixels
    assert (again.returncode, again.stdout) == (0, "out/2.png\n")
    assert again.stderr == f"1 picture painted, {FRAMES - 1} there before.\n"
    assert settings_changed.returncode == 1
    assert settings_changed.stderr.count("exists, and is not this picture") == FRAMES


def test_frames_after_one_that_has_changed_are_other_pictures(service: DaemonProcess) -> None:
    sequence(service)
    write_image(picture(63, 48), service.folder / "frames/1.png")

    changed = sequence(service)

    assert changed.stderr.startswith("0 pictures painted, 1 there before, 3 failed.\n")
    again = sequence(service, "--overwrite")
    assert again.stdout.split() == ["out/1.png", "out/2.png", "out/3.png"]


def test_each_frame_begins_from_the_one_before(
    service: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    beginnings: list[Beginning | None] = []
    submit = Client.submit

    def recorded(client: Client, *arguments: Any, **options: Any) -> str:
        beginnings.append(options["begin_from"])
        return submit(client, *arguments, **options)

    monkeypatch.setattr(Client, "submit", recorded)
    painting = Painting(
        service.folder / "wave.png", b"", PaintingSource("wave.png", "0", 1.0), Style(picture())
    )
    batch, frames = Batch(), list[Picture]()
    for number in range(FRAMES):
        # The second cannot be painted, and so the third begins from scratch.
        seed = Behaviour.FAIL if number == 1 else Behaviour.INVERT
        settings = StyleSettings(iterations=3, size=60, seed=seed)
        photo, target = (service.folder / f"{place}{number}.png" for place in ("frames/", "p"))
        frames.append(Picture(photo, [painting], settings, target, False))
        batch.pending[str(target)] = frames[-1]
    write_image(picture(), service.folder / "frames/3.png")

    paint_in_order(batch, [Film(frames)], service.endpoint, Silent())

    first, second, third, fourth = beginnings
    assert (first, third, len(batch.failures), batch.painted) == (None, None, 1, 3)
    for beginning in (second, fourth):
        assert beginning is not None
        assert beginning.size == 60
        assert bytes(beginning.image.pixels) == invert(picture()).pixels
        assert beginning.photo is not None
        assert bytes(beginning.photo.pixels) == picture().pixels


class Silent:
    def show(self, name: str, finished: int, under_way: float) -> None:
        assert name.endswith(".png")
        assert finished + under_way <= FRAMES


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--each",), "--sequence does not go with --each"),
        (("--scheduler", "tcp://127.0.0.1:1", "--shared-files"), "--shared-files does not go with"),
    ],
)
def test_what_frames_cannot_be_painted_with_is_refused(
    service: DaemonProcess, options: tuple[str, ...], reason: str
) -> None:
    refused = sequence(service, *options)

    assert refused.returncode == 1
    assert reason in refused.stderr
