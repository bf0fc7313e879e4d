"""A daemon that may have little memory paints the same picture, in tiles."""

from __future__ import annotations

from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture

SETTINGS = StyleSettings(iterations=3, size=200)
PHOTO = picture(200, 150, PixelFormat.RGB_U8)
# The network alone takes more: no way of painting fits, and the smallest one is taken.
TOO_LITTLE_GB = "0.5"


def painted_by(daemon: DaemonProcess) -> Image:
    with daemon.client() as client:
        job = client.submit(PHOTO, [Style(picture())], SETTINGS)
        for _ in client.updates(job):
            pass
        return client.fetch(job)


def test_limit_too_low_for_the_first_plan_ends_with_the_right_picture(
    shared_daemon: DaemonProcess,
) -> None:
    expected = painted_by(shared_daemon)
    at_once = shared_daemon.log
    with DaemonProcess(options=["--memory-limit-gb", TOO_LITTLE_GB]) as limited:
        with limited.client() as client:
            forecast = client.forecast(SETTINGS, PHOTO.width, PHOTO.height)
        in_tiles = painted_by(limited)
        log = limited.log

    assert "200 × 150 pixels are painted all at once" in at_once
    assert "200 × 150 pixels are painted in tiles of 128 pixels" in log
    assert forecast is not None
    assert forecast.available_bytes == 500_000_000
    assert forecast.needed_bytes > forecast.available_bytes
    assert forecast.tiles == 2  # of 100 × 150
    pairs = zip(bytes(expected.pixels), bytes(in_tiles.pixels), strict=True)
    assert max(abs(one - other) for one, other in pairs) <= 1
