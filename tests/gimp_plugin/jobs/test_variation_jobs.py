"""Small pictures with other settings, from a scripted client and from a real daemon."""

import time
from dataclasses import replace

import pytest

from impasto_gimp.jobs.variation_jobs import (
    PICTURE_PX,
    Variation,
    VariationJobs,
    by_loss,
    by_strength_and_scale,
)
from impasto_shared.errors import DaemonError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Quality, StyleLoss, StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture

PATIENCE_S = 150.0  # on a machine that does other work, too


def test_rows_differ_in_strength_and_columns_in_stroke_size() -> None:
    settings = StyleSettings(style_strength=2.0, style_scale=0.5, seed=7)

    variations = by_strength_and_scale(settings)

    pairs = [(one.settings.style_strength, one.settings.style_scale) for one in variations]
    assert pairs == [(y, x) for y in (1.0, 2.0, 4.0) for x in (0.25, 0.5, 1.0)]
    assert variations[4] == Variation("Style strength 2\nStroke size 0.5", settings)


@pytest.mark.parametrize(("strength", "strengths"), [(0.0, {0.5, 1.0, 2.0}), (10.0, {5.0, 10.0})])
def test_variations_stay_within_the_range(strength: float, strengths: set[float]) -> None:
    variations = by_strength_and_scale(StyleSettings(style_strength=strength))

    assert {one.settings.style_strength for one in variations} == strengths


def test_each_loss_is_a_variation() -> None:
    variations = by_loss(StyleSettings(seed=7))

    assert [one.settings.style_loss for one in variations] == list(StyleLoss)
    assert {one.settings.seed for one in variations} == {7}
    assert "Gram matrix" in {one.label for one in variations}


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
