from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.losses.guides import MaskGuide
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.losses.target_cache import NO_CACHE, TargetCache, digest
from impasto_shared.settings import ContentLoss, StyleLoss, StyleSettings

SIDE = 32
PHOTO, PICTURE = (random_rgb(SIDE, SIDE, seed=seed) for seed in (1, 2))
PAINTING, OTHER = (random_rgb(40, SIDE, seed=seed) for seed in (3, 4))
HALF = torch.ones(1, 1, SIDE, SIDE, dtype=torch.float64).tril()
PART = torch.ones(1, 1, 40, SIDE, dtype=torch.float64).tril()
REGIONS = {
    "everywhere": [Region([Painting(PAINTING)])],
    "two paintings": [Region([Painting(PAINTING, 0.3), Painting(OTHER, 0.7)])],
    "a part of the photo": [Region([Painting(PAINTING)], HALF)],
    "a part of the painting": [Region([Painting(OTHER, part=PART)])],
}
SETTINGS = StyleSettings()


def loss_and_gradient(
    regions: list[Region], settings: StyleSettings, cache: TargetCache, photo: Tensor = PHOTO
) -> tuple[Tensor, Tensor]:
    objective = build_objective(tiny_vgg(), photo, regions, settings, 1.3, cache)
    return objective.loss_and_gradient(PICTURE)


@pytest.mark.parametrize("regions", REGIONS.values(), ids=REGIONS)
@pytest.mark.parametrize(
    "settings",
    [
        SETTINGS,
        replace(SETTINGS, style_loss=StyleLoss.MMD_GAUSSIAN),
        replace(SETTINGS, content_loss=ContentLoss.RECONSTRUCTION),
        replace(SETTINGS, tileable=True),
    ],
    ids=["default", "Gaussian", "reconstruction", "tileable"],
)
def test_kept_targets_give_the_same_numbers(regions: list[Region], settings: StyleSettings) -> None:
    cache = TargetCache(2**30)
    loss_and_gradient(regions, settings, cache)

    for strength in (1.0, 0.4, 2.5, 0.0):
        changed = replace(settings, style_strength=strength)
        expected = loss_and_gradient(regions, changed, NO_CACHE)
        assert all(map(torch.equal, loss_and_gradient(regions, changed, cache), expected))
        of_other = loss_and_gradient(regions, changed, NO_CACHE, PICTURE)
        cached = loss_and_gradient(regions, changed, cache, PICTURE)
        assert all(map(torch.equal, cached, of_other))


def test_kept_targets_need_no_network() -> None:
    network, cache = tiny_vgg(), TargetCache(2**30)
    layers = []

    def build(strength: float, photo: Tensor = PHOTO) -> int:
        layers.clear()
        settings = replace(SETTINGS, style_strength=strength)
        with network.interrupted_by(lambda: layers.append(1)):
            build_objective(network, photo, REGIONS["everywhere"], settings, 1.0, cache)
        return len(layers)

    assert build(1.0) > 0
    assert build(3.0) == 0
    assert build(0.5) > 0  # the photo's own statistics
    assert build(0.6) == 0
    assert build(3.0, PICTURE) > 0


def test_value_is_made_again_when_any_input_changes() -> None:
    cache, made = TargetCache(2**20), []
    region = Region([Painting(PAINTING, 1.0, HALF)], HALF)

    def make() -> int:
        made.append(1)
        return len(made)

    def get(name: str, *inputs: object) -> int:
        return cache.get(name, inputs, make)

    changes: list[tuple[str, tuple[object, ...]]] = [
        ("a", (PHOTO, region, "relu1_1")),
        ("b", (PHOTO, region, "relu1_1")),
        ("a", (PICTURE, region, "relu1_1")),
        ("a", (PHOTO.float(), region, "relu1_1")),
        ("a", (PHOTO.mT, region, "relu1_1")),
        ("a", (PHOTO, region, "relu2_1")),
        ("a", (PHOTO, Region([Painting(OTHER, 1.0, HALF)], HALF), "relu1_1")),
        ("a", (PHOTO, Region([Painting(PAINTING, 0.5, HALF)], HALF), "relu1_1")),
        ("a", (PHOTO, Region([Painting(PAINTING, 1.0)], HALF), "relu1_1")),
        ("a", (PHOTO, Region([Painting(PAINTING, 1.0, HALF)]), "relu1_1")),
    ]
    numbers = [get(name, *inputs) for name, inputs in changes]

    assert numbers == list(range(1, len(changes) + 1))
    assert [get(name, *inputs) for name, inputs in changes] == numbers
    assert get("a", PHOTO.clone(), region, "relu1_1") == 1


def test_memory_is_bounded_and_the_latest_stay() -> None:
    cache = TargetCache(1000)

    def get(number: int) -> Tensor:
        return cache.get("x", [number], lambda: torch.full((100,), number, dtype=torch.float32))

    for number in (1, 2, 1, 3):  # 400 bytes each
        get(number)

    assert cache.size_bytes == 800
    first = get(1)
    assert get(1) is first
    get(2)
    assert cache.size_bytes == 800
    assert cache.get("large", [], lambda: torch.zeros(1000)).numel() == 1000
    assert cache.size_bytes == 0


def test_tensors_inside_of_a_value_are_counted_once() -> None:
    cache, shared = TargetCache(10_000), torch.zeros(100)

    cache.get("x", [], lambda: {"a": Region([Painting(shared)]), "b": [shared, "text", None]})

    assert cache.size_bytes == 400


def test_network_behind_a_value_is_not_counted() -> None:
    cache = TargetCache(2**20)

    cache.get("x", [], lambda: MaskGuide(tiny_vgg(), "relu2_1", HALF))

    assert cache.size_bytes == HALF.nbytes


def test_nothing_is_kept_without_memory() -> None:
    made: list[int] = []

    for _ in range(2):
        NO_CACHE.get("x", [PHOTO], lambda: made.append(1))

    assert len(made) == 2
    assert NO_CACHE.size_bytes == 0


def test_digest_tells_a_layout_in_memory_from_nothing_else() -> None:
    assert digest([PHOTO.contiguous(memory_format=torch.channels_last)]) == digest([PHOTO])
