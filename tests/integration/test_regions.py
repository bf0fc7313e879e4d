"""Regions that the daemon suggests, by the command line and by clients."""

import pytest

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared.errors import DaemonError, ErrorCode, InvalidImage
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobState
from impasto_shared.segmentation import LARGEST_SEGMENTED_PX, masks_of
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ENDLESS, ROOT, SMALL, DaemonProcess, picture

PALACE = ROOT / "assets/photos/summer_palace.jpg"
PAINTINGS = [str(ROOT / f"assets/styles/{name}.jpg") for name in ("auvers", "great_wave")]


def test_command_writes_masks_that_stylize_takes(shared_daemon: DaemonProcess) -> None:
    split = shared_daemon.run("regions", str(PALACE), "-o", "palace", "--count", "2")

    assert split.returncode == 0, split.stderr
    masks = [shared_daemon.folder / f"palace/region_{number}.png" for number in (1, 2)]
    *lines, overview = split.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [f"palace/{mask.name}" for mask in masks]
    shares = [int(line.split()[1].rstrip("%")) for line in lines]
    assert 99 <= sum(shares) <= 101
    assert shares == sorted(shares, reverse=True)
    assert overview == "palace/regions.png"
    photo, first = read_image(PALACE), read_image(masks[0])
    assert (first.width, first.height) == (photo.width, photo.height)
    assert read_image(shared_daemon.folder / overview).width == photo.width
    painted = shared_daemon.run(
        *("stylize", str(PALACE), *PAINTINGS, "--iterations", "2", "--size", "64"),
        *("--regions", *(str(mask) for mask in masks), "-o", "out.png"),
    )
    assert painted.returncode == 0, painted.stderr


def test_count_is_suggested_and_estimated(shared_daemon: DaemonProcess) -> None:
    completed = shared_daemon.run("regions", str(PALACE), "-o", "suggested")

    assert completed.returncode == 0, completed.stderr
    assert len(completed.stdout.splitlines()) == 4  # sky, palace and trees; the overview
    assert "Estimated: " in completed.stderr


def test_large_photo_gets_masks_of_its_size(shared_daemon: DaemonProcess) -> None:
    side = LARGEST_SEGMENTED_PX + 152
    write_image(picture(side, 24), shared_daemon.folder / "large.png")

    completed = shared_daemon.run("regions", "large.png", "-o", "large", "--count", "2")

    assert completed.returncode == 0, completed.stderr
    mask = read_image(shared_daemon.folder / "large/region_1.png")
    assert (mask.width, mask.height) == (side, 24)


def test_folder_that_cannot_be_made_is_said_before_the_work(shared_daemon: DaemonProcess) -> None:
    (shared_daemon.folder / "file").write_text("")

    completed = shared_daemon.run("regions", str(PALACE), "-o", "file/masks")

    assert completed.returncode == 1
    assert "The folder file/masks cannot be made" in completed.stderr


def test_same_photo_has_the_same_regions_after_other_jobs(shared_daemon: DaemonProcess) -> None:
    photo = picture(120, 90)
    results = []
    with shared_daemon.client() as client:
        for _ in range(2):
            job = client.segment(photo, 3)
            *_, last = client.updates(job)
            assert last.state is JobState.DONE, last.problem
            results.append(bytes(client.fetch(job).pixels))
            painting = client.submit(photo, [Style(photo)], StyleSettings(**SMALL))
            *_, last = client.updates(painting)
            assert last.state is JobState.DONE, last.problem

    assert results[0] == results[1]
    assert len(masks_of(photo, Image(120, 270, PixelFormat.RGB_U8, results[0]))) == 3


def test_waiting_job_is_cancelled_and_has_no_masks(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client, shared_daemon.client() as other:
        painting = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        next(r for r in client.updates(painting) if r.state is JobState.RUNNING)
        job = other.segment(picture())

        assert other.cancel(job).state is JobState.CANCELLED
        with pytest.raises(DaemonError) as raised:
            other.fetch(job)

        client.cancel(painting)
    assert raised.value.code is ErrorCode.NOT_DONE


def test_photo_that_is_too_large_is_refused(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client, pytest.raises(InvalidImage, match="Scale it down"):
        client.segment(picture(LARGEST_SEGMENTED_PX + 1, 1))


def test_forecast_tells_the_memory_whatever_the_settings(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        forecasts = [
            client.forecast(StyleSettings(size=size), 900, 600, segments=True)
            for size in (64, 2048)
        ]

    small, large = (forecast.needed_bytes for forecast in forecasts if forecast is not None)
    assert small == large
    assert 1e9 < small < 3e9
