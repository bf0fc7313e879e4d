from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import (
    TINY_BLOCKS,
    random_image,
    random_rgb,
    tiny_convolutions,
    tiny_vgg,
)
from daemon.style_transfer.reading import features
from impasto_daemon.style_transfer.images.pixels import resize
from impasto_daemon.style_transfer.images.regions import Painting, Region
from impasto_daemon.style_transfer.images.tileable import (
    CIRCULAR_PADDING_PX,
    UNIT_PX,
    EnlargedWrapped,
    inside,
    resize_wrapped,
    whole_units,
    wrapped,
)
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Mode, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style


def rolled(picture: Tensor, down: int, across: int) -> Tensor:
    return picture.roll((down, across), dims=(2, 3))


def test_copies_of_the_picture_are_around_it() -> None:
    picture = random_rgb(48, 32, seed=1)

    around = wrapped(picture)

    assert around.shape[2:] == (48 + 2 * CIRCULAR_PADDING_PX, 32 + 2 * CIRCULAR_PADDING_PX)
    assert torch.equal(
        around[
            :, :, CIRCULAR_PADDING_PX:-CIRCULAR_PADDING_PX, CIRCULAR_PADDING_PX:-CIRCULAR_PADDING_PX
        ],
        picture,
    )
    assert torch.equal(around[:, :, 48:], around[:, :, :-48])
    assert torch.equal(around[:, :, :, 32:], around[:, :, :, :-32])


def test_only_what_lies_inside_counts() -> None:
    mask = inside(torch.ones(1, 1, 48, 32))

    assert mask.sum() == 48 * 32
    assert (
        mask[
            :, :, CIRCULAR_PADDING_PX:-CIRCULAR_PADDING_PX, CIRCULAR_PADDING_PX:-CIRCULAR_PADDING_PX
        ].min()
        == 1
    )


@pytest.mark.parametrize("size", [(30, 70), (64, 64), (5, 3)])
def test_scaling_does_not_see_the_edges(size: tuple[int, int]) -> None:
    picture = random_rgb(32, 48, seed=2)

    scaled = resize_wrapped(picture, *size)

    thrice = resize(picture.repeat(1, 1, 3, 3), 3 * size[0], 3 * size[1])
    middle = thrice[:, :, size[0] : 2 * size[0], size[1] : 2 * size[1]]
    torch.testing.assert_close(scaled, middle, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(70, 101), (32, 48), (30, 90)])
def test_enlarged_in_strips_it_is_what_it_is_at_once(size: tuple[int, int]) -> None:
    picture = random_rgb(32, 48, seed=2)
    photo = torch.zeros(1, 3, 10, size[1], dtype=torch.float64)
    enlarged = EnlargedWrapped(picture, *size)

    strips = [
        enlarged.rows(photo, slice(start, min(start + 10, size[0])))
        for start in range(0, size[0], 10)
    ]

    whole = resize_wrapped(picture, *size)
    torch.testing.assert_close(torch.cat(strips, dim=2), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "whole"), [((181, 121), (176, 128)), ((32, 32), (32, 32)), ((1, 9), (32, 32))]
)
def test_sides_are_multiples_of_what_pooling_divides(
    size: tuple[int, int], whole: tuple[int, int]
) -> None:
    assert whole_units(*size) == whole


def objective(loss: StyleLoss, *, tileable: bool) -> Objective:
    settings = StyleSettings(
        mode=Mode.TEXTURE, style_loss=loss, tileable=tileable, smoothness=0, style_strength=2
    )
    painting = Painting(random_rgb(70, 50, seed=3))
    blank = torch.zeros(1, 3, 64, 48, dtype=torch.float64)
    return build_objective(tiny_vgg(), blank, [Region([painting])], settings)


@pytest.mark.parametrize("loss", StyleLoss)
def test_loss_is_the_same_wherever_the_pattern_begins(loss: StyleLoss) -> None:
    picture = random_rgb(64, 48, seed=4)
    elsewhere = rolled(picture, UNIT_PX, 2 * UNIT_PX)

    tileable, plain = (objective(loss, tileable=tileable) for tileable in (True, False))

    at_once = tileable(picture)
    torch.testing.assert_close(tileable(elsewhere), at_once, rtol=1e-12, atol=0)
    # The edges of a picture that is not: the test could not fail otherwise.
    assert not math.isclose(plain(elsewhere).item(), plain(picture).item(), rel_tol=1e-6)


def test_activations_inside_are_those_of_an_endless_pattern() -> None:
    picture = random_rgb(32, 48, seed=5)
    network = tiny_vgg()

    (deepest,) = features(network, wrapped(picture), ["relu5_1"]).values()
    (endless,) = features(network, picture.repeat(1, 1, 15, 15), ["relu5_1"]).values()

    margin = CIRCULAR_PADDING_PX // UNIT_PX
    seen = deepest[:, :, margin:-margin, margin:-margin]
    middle = endless[:, :, 7 * 2 : 7 * 2 + 2, 7 * 3 : 7 * 3 + 3]
    torch.testing.assert_close(seen, middle, rtol=1e-12, atol=1e-12)


def numbers_of(image: Image) -> NDArray[np.float64]:
    stored = np.frombuffer(image.pixels, "<u2").reshape(image.height, image.width, 3)
    return stored / 65_535


def seam(image: Image) -> float:
    """How much greater the step over the edges is than those between other neighbours."""
    numbers = numbers_of(image)
    steps = []
    for axis in (0, 1):
        apart = np.abs(np.diff(numbers, axis=axis, append=np.take(numbers, [0], axis=axis)))
        over_the_edge = np.take(apart, -1, axis=axis).mean()
        steps.append(over_the_edge / np.delete(apart, -1, axis=axis).mean())
    return float(max(steps))


@pytest.mark.parametrize("size", [(96, 64), (100, 70)])
def test_texture_goes_on_at_its_edges(size: tuple[int, int]) -> None:
    canvas = random_image(*size, PixelFormat.RGB_U16, seed=6)
    style = Style(random_image(70, 50, PixelFormat.RGB_U8, seed=7))
    network = VGG(tiny_convolutions(torch.float32), TINY_BLOCKS, pooling=Pooling.AVERAGE)
    # Strong smoothing makes a step over the edge stand out.
    settings = StyleSettings(mode=Mode.TEXTURE, iterations=40, smoothness=10)

    plain, texture = (
        stylize(network, canvas, [style], replace(settings, tileable=tileable))
        for tileable in (False, True)
    )

    assert (texture.width, texture.height) == size
    # The network's own grid leaves steps of up to half as much again inside, too.
    assert seam(texture) < 2 < 3 < seam(plain)
