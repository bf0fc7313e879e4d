"""A daemon with a low memory limit paints the same picture in tiles."""

from __future__ import annotations

import pytest

from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture, wait_for

SETTINGS = StyleSettings(iterations=3, size=200)
PHOTO = picture(200, 150, PixelFormat.RGB_U8)
# The network alone takes more: no plan fits, and the smallest one is used.
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


@pytest.mark.parametrize(
    ("options", "available_bytes"),
    [([], 3_000_000_000), (["--memory-limit-gb", "2"], 2_000_000_000)],
)
def test_forecast_uses_the_gpus_memory_before_the_first_job(
    options: list[str], available_bytes: int
) -> None:
    """Only a worker can tell how much there is: the first forecast starts one."""
    variables = {"SCRIPTED_GPU_BYTES": "3000000000"}
    with (
        DaemonProcess(options=options, is_scripted=True, variables=variables) as daemon,
        daemon.client() as client,
    ):

        def knows_gpu() -> bool:
            forecast = client.forecast(StyleSettings(size=2000), 2000, 1500)
            return forecast is not None and forecast.available_bytes == available_bytes

        wait_for(knows_gpu, "a forecast that knows the GPU")
        forecast = client.forecast(StyleSettings(size=2000), 2000, 1500)
        status = client.status()

    assert forecast is not None
    assert forecast.needed_bytes <= available_bytes
    assert forecast.tiles > 1
    assert status.metrics.workers == 1
    assert status.metrics.done == 0
