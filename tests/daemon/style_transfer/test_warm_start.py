from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_image, tiny_vgg
from impasto_daemon.style_transfer.images.pixels import from_image
from impasto_daemon.style_transfer.planning.scales import Scale
from impasto_daemon.style_transfer.stylize import Step, stylize
from impasto_daemon.style_transfer.warm_start import (
    COLD,
    CoarsePicture,
    WarmStart,
    shortened,
)
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Mode, Quality, StyleSettings
from impasto_shared.style import Style

NETWORK = tiny_vgg(dtype=torch.float32)
PHOTO, OTHER_PHOTO, PAINTING, OTHER_PAINTING = (
    random_image(48, 40, PixelFormat.RGB_U8, seed=seed) for seed in range(4)
)
SETTINGS = StyleSettings(size=48, quality=Quality.DRAFT)
STEPS = 15
FEWER = 5


def paint(
    warm_start: WarmStart,
    settings: StyleSettings = SETTINGS,
    photo: Image = PHOTO,
    painting: Image = PAINTING,
) -> tuple[Image, list[Step]]:
    steps: list[Step] = []
    styles = [Style(painting)]
    picture = stylize(NETWORK, photo, styles, settings, on_step=steps.append, warm_start=warm_start)
    return picture, steps


def distance(one: Image, other: Image) -> float:
    return (from_image(one).rgb - from_image(other).rgb).square().mean().sqrt().item()


def test_first_picture_is_the_same_with_and_without_a_warm_start() -> None:
    warm, cold = paint(WarmStart()), paint(COLD)

    assert bytes(warm[0].pixels) == bytes(cold[0].pixels)
    assert [step.loss for step in warm[1]] == [step.loss for step in cold[1]]
    assert len(warm[1]) == STEPS


def test_next_strength_begins_where_the_last_one_ended() -> None:
    warm_start = WarmStart()
    stronger = replace(SETTINGS, style_strength=1.3)
    _, first = paint(warm_start)
    picture, steps = paint(warm_start, stronger)

    expected, cold = paint(COLD, stronger)

    assert [step.steps for step in steps] == [FEWER] * FEWER
    assert steps[-1].done == 1.0
    assert steps[0].loss < cold[FEWER].loss
    assert steps[-1].loss < 1.05 * cold[-1].loss
    assert distance(picture, expected) < distance(picture, PHOTO) / 2
    assert len(first) == STEPS


@pytest.mark.parametrize(
    "other",
    [
        {"photo": OTHER_PHOTO},
        {"painting": OTHER_PAINTING},
        {"settings": replace(SETTINGS, style_scale=1.5)},
        {"settings": replace(SETTINGS, mode=Mode.TEXTURE)},
        {"settings": replace(SETTINGS, size=40)},
    ],
)
def test_another_picture_begins_from_the_beginning(other: dict[str, object]) -> None:
    warm_start = WarmStart()
    paint(warm_start)

    picture, steps = paint(warm_start, **other)  # type: ignore[arg-type]

    assert len(steps) == STEPS
    assert bytes(picture.pixels) == bytes(paint(COLD, **other)[0].pixels)  # type: ignore[arg-type]


def test_smoothness_alone_begins_where_the_last_one_ended() -> None:
    warm_start = WarmStart()
    paint(warm_start)

    assert len(paint(warm_start, replace(SETTINGS, smoothness=3.0))[1]) == FEWER


def test_stopped_picture_leaves_nothing() -> None:
    warm_start, steps = WarmStart(), []
    stylize(
        NETWORK,
        PHOTO,
        [Style(PAINTING)],
        SETTINGS,
        on_step=steps.append,
        should_stop=lambda: len(steps) == 3,
        warm_start=warm_start,
    )

    assert len(paint(warm_start)[1]) == STEPS


def coarse(value: float, evaluations: int = 15) -> CoarsePicture:
    return CoarsePicture(torch.full((1, 3, 4, 4), value), evaluations)


def found(warm_start: WarmStart, strength: float) -> float | None:
    black = torch.zeros(1, 3, 8, 8)
    former = warm_start.find(black, [], replace(SETTINGS, style_strength=strength))
    return None if former is None else former.painted.mean().item()


def keep(warm_start: WarmStart, strength: float, picture: CoarsePicture) -> None:
    settings = replace(SETTINGS, style_strength=strength)
    warm_start.keep(torch.zeros(1, 3, 8, 8), [], settings, picture)


def test_nearest_strength_is_chosen_and_a_weaker_one_is_nearer_to_the_photo() -> None:
    warm_start = WarmStart()
    assert found(warm_start, 1.0) is None
    keep(warm_start, 1.0, coarse(0.5))
    keep(warm_start, 4.0, coarse(0.9))

    assert found(warm_start, 1.2) == pytest.approx(0.5)
    assert found(warm_start, 3.0) == pytest.approx(0.9)  # all of the style from 1 on
    assert found(warm_start, 10.0) == pytest.approx(0.9)
    assert found(warm_start, 0.25) == pytest.approx(0.25)  # half of the way from black
    assert found(warm_start, 0.0) == pytest.approx(0.0)
    keep(warm_start, 0.0, coarse(0.1))
    assert found(warm_start, 0.0) == pytest.approx(0.1)
    assert found(warm_start, 0.05) == pytest.approx(0.1)


def test_pictures_do_not_become_more_painted_with_every_change() -> None:
    warm_start = WarmStart()
    keep(warm_start, 1.0, coarse(0.5, evaluations=30))

    keep(warm_start, 1.0, coarse(0.9, evaluations=35))

    assert found(warm_start, 1.0) == pytest.approx(0.5)


def test_oldest_pictures_are_dropped() -> None:
    warm_start = WarmStart()
    keep(warm_start, 1.0, coarse(0.5))

    for number in range(100):
        keep(warm_start, 5 + number / 100, coarse(0.9))

    assert found(warm_start, 1.0) == pytest.approx(0.9)


def test_only_the_coarsest_scale_is_shortened() -> None:
    assert shortened([Scale(181, 15), Scale(256, 5)]) == [Scale(181, 5), Scale(256, 5)]
    assert shortened([Scale(64, 1)]) == [Scale(64, 1)]
