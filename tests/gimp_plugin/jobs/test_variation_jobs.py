"""Small pictures with other settings, from a scripted client and from a real daemon."""

import pytest

from impasto_gimp.jobs.variation_jobs import (
    Variation,
    by_loss,
    by_strength_and_scale,
)
from impasto_shared.settings import StyleLoss, StyleSettings

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
