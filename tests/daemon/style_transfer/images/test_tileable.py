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
    SIDE_STEP_PX,
    CircularUpsampler,
    mask_interior,
    pad_circular,
    resize_circular,
    tileable_size,
)
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.planning.padding import CIRCULAR_PADDING_PX
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Mode, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style

INTERIOR = slice(CIRCULAR_PADDING_PX, -CIRCULAR_PADDING_PX)


def rolled(image: Tensor, rows: int, columns: int) -> Tensor:
    return image.roll((rows, columns), dims=(2, 3))


def test_circular_padding_has_copies_of_the_image() -> None:
    image = random_rgb(48, 32, seed=1)

    padded = pad_circular(image)

    assert padded.shape[2:] == (48 + 2 * CIRCULAR_PADDING_PX, 32 + 2 * CIRCULAR_PADDING_PX)
    assert torch.equal(padded[:, :, INTERIOR, INTERIOR], image)
    assert torch.equal(padded[:, :, 48:], padded[:, :, :-48])
    assert torch.equal(padded[:, :, :, 32:], padded[:, :, :, :-32])


def test_the_mask_is_zero_in_the_padding() -> None:
    mask = mask_interior(torch.ones(1, 1, 48, 32))

    assert mask.sum() == 48 * 32
    assert mask[:, :, INTERIOR, INTERIOR].min() == 1


@pytest.mark.parametrize("size", [(30, 70), (64, 64), (5, 3)])
def test_resizing_continues_at_the_opposite_edge(size: tuple[int, int]) -> None:
    image = random_rgb(32, 48, seed=2)

    scaled = resize_circular(image, *size)

    copies = resize(image.repeat(1, 1, 3, 3), 3 * size[0], 3 * size[1])
    middle = copies[:, :, size[0] : 2 * size[0], size[1] : 2 * size[1]]
    torch.testing.assert_close(scaled, middle, rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(70, 101), (32, 48), (30, 90)])
def test_row_bands_are_those_of_the_complete_image(size: tuple[int, int]) -> None:
    image = random_rgb(32, 48, seed=2)
    photo = torch.zeros(1, 3, 10, size[1], dtype=torch.float64)
    upsampler = CircularUpsampler(image, *size)

    bands = [
        upsampler.rows(photo, slice(start, min(start + 10, size[0])))
        for start in range(0, size[0], 10)
    ]

    complete = resize_circular(image, *size)
    torch.testing.assert_close(torch.cat(bands, dim=2), complete, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "expected"), [((181, 121), (176, 128)), ((32, 32), (32, 32)), ((1, 9), (32, 32))]
)
def test_sides_are_divisible_by_the_pooling_layers(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert tileable_size(*size) == expected


def objective(loss: StyleLoss, *, tileable: bool) -> Objective:
    settings = StyleSettings(
        mode=Mode.TEXTURE, style_loss=loss, tileable=tileable, smoothness=3, style_strength=2
    )
    painting = Painting(random_rgb(70, 50, seed=3))
    blank = torch.zeros(1, 3, 64, 48, dtype=torch.float64)
    return build_objective(tiny_vgg(), blank, [Region([painting])], settings)


@pytest.mark.parametrize("loss", StyleLoss)
def test_the_loss_does_not_depend_on_the_origin_of_the_pattern(loss: StyleLoss) -> None:
    image = random_rgb(64, 48, seed=4)
    shifted = rolled(image, SIDE_STEP_PX, 2 * SIDE_STEP_PX)

    tileable, plain = (objective(loss, tileable=tileable) for tileable in (True, False))

    expected = tileable(image)
    torch.testing.assert_close(tileable(shifted), expected, rtol=1e-12, atol=0)
    # Without circular padding the edges count: otherwise the test could not fail.
    assert not math.isclose(plain(shifted).item(), plain(image).item(), rel_tol=1e-6)


def test_activations_of_the_interior_are_those_of_an_endless_pattern() -> None:
    image = random_rgb(32, 48, seed=5)
    network = tiny_vgg()

    (deepest,) = features(network, pad_circular(image), ["relu5_1"]).values()
    (endless,) = features(network, image.repeat(1, 1, 15, 15), ["relu5_1"]).values()

    margin = CIRCULAR_PADDING_PX // SIDE_STEP_PX
    interior = deepest[:, :, margin:-margin, margin:-margin]
    middle = endless[:, :, 7 * 2 : 7 * 2 + 2, 7 * 3 : 7 * 3 + 3]
    torch.testing.assert_close(interior, middle, rtol=1e-12, atol=1e-12)


def numbers_of(image: Image) -> NDArray[np.float64]:
    stored = np.frombuffer(image.pixels, "<u2").reshape(image.height, image.width, 3)
    return stored / 65_535


def seam(image: Image) -> float:
    """Returns the step across the edges relative to those between other neighbours."""
    numbers = numbers_of(image)
    steps = []
    for axis in (0, 1):
        differences = np.abs(np.diff(numbers, axis=axis, append=np.take(numbers, [0], axis=axis)))
        across_edge = np.take(differences, -1, axis=axis).mean()
        steps.append(across_edge / np.delete(differences, -1, axis=axis).mean())
    return float(max(steps))


@pytest.mark.parametrize("size", [(96, 64), (100, 70)])
def test_a_texture_continues_at_its_edges(size: tuple[int, int]) -> None:
    canvas = random_image(*size, PixelFormat.RGB_U16, seed=6)
    style = Style(random_image(70, 50, PixelFormat.RGB_U8, seed=7))
    network = VGG(tiny_convolutions(torch.float32), TINY_BLOCKS, pooling=Pooling.AVERAGE)
    # Strong smoothing makes a step across the edge stand out.
    settings = StyleSettings(mode=Mode.TEXTURE, iterations=40, smoothness=10)

    plain, texture = (
        stylize(network, canvas, [style], replace(settings, tileable=tileable))
        for tileable in (False, True)
    )

    assert (texture.width, texture.height) == size
    # The network's own grid leaves steps of up to half as large again in the interior, too.
    assert seam(texture) < 2
    assert seam(plain) > 3
