import math
from collections.abc import Callable
from functools import partial

import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb, tiny_vgg
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.optimize import Optimisation
from impasto_daemon.style_transfer.paint_scale import ScalePainter
from impasto_daemon.style_transfer.planning.scales import Scale
from impasto_shared.settings import StyleSettings

PHOTO = random_rgb(60, 90, seed=1, dtype=torch.float32)
REGIONS = [Region([Painting(random_rgb(70, 50, seed=2, dtype=torch.float32))])]
NETWORK = tiny_vgg(dtype=torch.float32)


def painter(settings: StyleSettings, *, stops: bool = False) -> ScalePainter:
    optimisation = Optimisation(NETWORK, settings, lambda: stops)
    return ScalePainter(optimisation, PHOTO, REGIONS, math.inf)


def test_each_scale_has_its_size_and_its_evaluations() -> None:
    scales = painter(StyleSettings())
    losses: list[float] = []

    for scale in (Scale(45, 2), Scale(90, 3)):
        scales.paint(scale, lambda: lambda loss, _: losses.append(loss))
        assert max(scales.painted.shape[2:]) == scale.longest_side_px

    assert scales.painted.shape == PHOTO.shape
    assert len(losses) == 5


def kept_by(bests: list[torch.Tensor]) -> Callable[[float, torch.Tensor], None]:
    """Returns a callback that keeps the best picture of each step."""
    return lambda _loss, best: bests.append(best)


def test_a_scale_starts_from_the_one_before() -> None:
    once, twice = (painter(StyleSettings()) for _ in range(2))
    first: dict[ScalePainter, torch.Tensor] = {}
    twice.paint(Scale(45, 8), lambda: lambda _loss, _best: None)

    for scales in (once, twice):
        bests: list[torch.Tensor] = []
        scales.paint(Scale(90, 1), partial(kept_by, bests))
        (first[scales],) = bests

    # The initial image of a first scale is the photo.
    assert torch.equal(first[once], PHOTO)
    assert not torch.equal(first[twice], PHOTO)


def test_images_below_the_smallest_side_are_padded_for_the_network_alone() -> None:
    scales = painter(StyleSettings())
    shapes: list[torch.Size] = []

    scales.paint(Scale(20, 2), lambda: lambda _, best: shapes.append(best.shape))

    assert scales.painted.shape == (1, 3, 13, 20)
    assert set(shapes) == {scales.painted.shape}


def test_sides_of_a_tileable_picture_divide_by_all_pooling_layers() -> None:
    scales = painter(StyleSettings(tileable=True))

    scales.paint(Scale(90, 1), lambda: lambda _loss, _best: None)

    assert scales.painted.shape[2:] == (64, 96)


def test_painter_that_is_stopped_has_the_initial_image() -> None:
    scales = painter(StyleSettings(), stops=True)

    result = scales.paint(Scale(90, 5), lambda: lambda _loss, _best: None)

    assert result.stopped
    assert torch.equal(scales.painted, PHOTO)


def test_painter_without_a_scale_has_no_picture() -> None:
    with pytest.raises(ValueError, match="no scale"):
        _ = painter(StyleSettings()).painted
