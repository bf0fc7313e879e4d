"""The plug-in's variations, and the pictures of its sheets, from a real daemon."""

import time
from dataclasses import replace

import pytest

from gimp_plugin.sheets.test_sheet_painting import RecordingDisplay, sheet
from impasto_gimp.jobs.variation_jobs import PICTURE_PX, Variation, VariationJobs
from impasto_gimp.sheets.sheet_painting import painted_sheet
from impasto_shared.errors import DaemonError
from impasto_shared.explore.contact_sheet import SheetTile
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Mode, Quality, StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture

PATIENCE_S = 150.0  # on a machine that does other work, too


def painted(jobs: VariationJobs, count: int) -> dict[int, Image]:
    """Returns the last picture of each variation; raises if one is missing after a while."""
    pictures: dict[int, Image] = {}
    deadline_s = time.monotonic() + PATIENCE_S
    while jobs.unfinished:
        assert time.monotonic() < deadline_s, f"{jobs.unfinished} of {count} are missing"
        pictures |= dict(jobs.poll())
        time.sleep(0.05)
    return pictures


def test_every_variation_is_painted_small_and_as_a_draft(shared_daemon: DaemonProcess) -> None:
    settings = StyleSettings(quality=Quality.BEST, iterations=100, size=4096)
    variations = [
        Variation(str(strength), replace(settings, style_strength=strength))
        for strength in (0.1, 5.0)
    ]
    content = picture()

    with shared_daemon.client() as client:
        pictures = painted(VariationJobs(client, content, [Style(picture())], variations), 2)
        jobs = client.status().jobs[-2:]

    assert sorted(pictures) == [0, 1]
    assert {(one.width, one.height) for one in pictures.values()} == {
        (content.width, content.height)
    }
    assert bytes(pictures[0].pixels) != bytes(pictures[1].pixels)
    assert max(job.steps for job in jobs) < 100
    assert settings.size > PICTURE_PX


def test_failure_of_one_is_told(shared_daemon: DaemonProcess) -> None:
    black = Image(32, 32, PixelFormat.RGB_U8, bytes(3 * 32 * 32))
    nowhere = Style(picture(), region=black)
    content = Image(32, 32, PixelFormat.RGB_U8, bytes(range(256)) * 12)

    with shared_daemon.client() as client:
        jobs = VariationJobs(client, content, [nowhere], [Variation("", StyleSettings())])

        with pytest.raises(DaemonError, match="region"):
            painted(jobs, 1)


def test_real_daemon_paints_a_sheet(shared_daemon: DaemonProcess) -> None:
    photo = Image(40, 32, PixelFormat.RGB_U8, bytes(range(256)) * 15)
    tiles = [
        SheetTile(mode.value, mode.value, StyleSettings(mode=mode, size=40, iterations=2, scales=1))
        for mode in (Mode.CONTENT, Mode.TRANSFER)
    ]

    with painted_sheet(
        lambda **_: shared_daemon.client(),
        RecordingDisplay(),
        sheet(("", tiles)),
        photo,
        [Style(photo)],
    ) as painted:
        pass

    assert {(one.width, one.height) for one in painted.pictures.values()} == {(40, 32)}
    assert len({bytes(one.pixels) for one in painted.pictures.values()}) == 2
