"""Small pictures with other settings, from a scripted client and from a real daemon."""

from typing import Any

import pytest

from gimp_plugin.jobs.test_session import PHOTO, ScriptedClient
from impasto_gimp.jobs.variation_jobs import (
    Variation,
    VariationJobs,
    by_loss,
    by_strength_and_scale,
)
from impasto_shared.image import Image
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleLoss, StyleSettings

PATIENCE_S = 150.0  # on a machine that does other work, too


def test_rows_differ_in_strength_and_columns_in_stroke_size() -> None:
    settings = StyleSettings(style_strength=2.0, style_scale=0.5, seed=7)

    variations = by_strength_and_scale(settings)

    pairs = [(one.settings.style_strength, one.settings.style_scale) for one in variations]
    assert pairs == [(y, x) for y in (1.0, 2.0, 4.0) for x in (0.25, 0.5, 1.0)]
    assert variations[4] == Variation("Strength 2, strokes 0.5", settings, is_current=True)


@pytest.mark.parametrize(
    ("strength", "strengths"),
    [
        (1.0, [0.5, 1.0, 2.0]),
        (0.0, [0.0, 0.5, 1.0]),
        (6.0, [3.0, 6.0, 10.0]),
        # There is no room for a step that could be noticed.
        (9.0, [2.25, 4.5, 9.0]),
        (10.0, [2.5, 5.0, 10.0]),
    ],
)
def test_variations_differ_within_the_range(strength: float, strengths: list[float]) -> None:
    variations = by_strength_and_scale(StyleSettings(style_strength=strength))

    assert [one.settings.style_strength for one in variations[::3]] == strengths
    (current,) = (one for one in variations if one.is_current)
    assert current.settings.style_strength == strength


def test_smallest_strokes_get_larger_ones_to_compare_with() -> None:
    variations = by_strength_and_scale(StyleSettings(style_scale=0.25))

    assert [one.settings.style_scale for one in variations[:3]] == [0.25, 0.5, 1.0]


class VariationClient(ScriptedClient):
    """A client that numbers its jobs, and reports on them as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[StyleSettings] = []
        self.reports: list[JobReport] = []

    def submit(self, *arguments: Any, **_: Any) -> str:
        self.jobs.append(arguments[2])
        return str(len(self.jobs) - 1)

    def poll(self, *_: Any) -> list[JobReport]:
        return self.reports

    def take_preview(self, *_: Any) -> Image | None:
        return None

    def fetch(self, *_: Any) -> Image:
        return PHOTO

    def forget(self, *_: Any) -> None:
        """Does nothing."""


def test_current_settings_are_painted_first_and_the_last_tells_the_time() -> None:
    client = VariationClient()
    variations = by_strength_and_scale(StyleSettings(style_strength=2.0))
    jobs = VariationJobs(client, PHOTO, [], variations)
    client.reports = [
        JobReport("0", JobState.DONE, kept_s=1.0),
        JobReport("1", JobState.QUEUED, eta_s=5.0),
        JobReport("8", JobState.QUEUED, eta_s=42.0),
    ]

    assert client.jobs[0].style_strength == 2.0
    assert client.jobs[0].style_scale == 1.0
    assert jobs.poll() == [(4, PHOTO)]
    assert (jobs.left_s, jobs.unfinished) == (42.0, 8)


def test_each_loss_is_a_variation() -> None:
    variations = by_loss(StyleSettings(seed=7))

    assert [one.settings.style_loss for one in variations] == list(StyleLoss)
    assert {one.settings.seed for one in variations} == {7}
    assert "Gram matrix" in {one.label for one in variations}
