import pytest
import torch
from torch import Tensor
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.images.guided_upsampling import Enlarged
from impasto_daemon.style_transfer.images.pixels import resize

SIDE = 240
SHADES = [0.2, 0.75, 0.45, 0.9]


def photo_of_discs() -> Tensor:
    """Grey discs with sharp edges, one over the other, and a ramp of light over all of them."""
    down, across = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    grey = torch.full((SIDE, SIDE), SHADES[0])
    for shade, (row, column, radius) in zip(
        SHADES[1:], [(80, 90, 60), (150, 140, 70), (120, 60, 30)], strict=True
    ):
        grey[(down - row) ** 2 + (across - column) ** 2 < radius**2] = shade
    return (grey + 0.08 * across / SIDE).expand(1, 3, SIDE, SIDE)


def repainted(photo: Tensor) -> Tensor:
    """The same forms in other colours, which no one line through the lightness gives."""
    nearest = (luminance(photo) - torch.tensor(SHADES).view(1, 4, 1, 1)).abs().argmin(dim=1)
    colours = torch.tensor([[0.1, 0.2, 0.6], [0.9, 0.7, 0.1], [0.6, 0.1, 0.2], [0.8, 0.9, 0.9]])
    return colours[nearest].permute(0, 3, 1, 2)


def enlarged(painted: Tensor, photo: Tensor, *, guided: bool = True) -> Tensor:
    small = resize(photo, *painted.shape[2:])
    height, width = photo.shape[2:]
    return Enlarged(painted, small if guided else None, height, width).rows(photo, slice(0, height))


def error(found: Tensor, wanted: Tensor) -> float:
    return (found - wanted).square().mean().sqrt().item()


def halo(found: Tensor, wanted: Tensor) -> float:
    """By how much, at most, colours leave those that are to be within four pixels."""
    highest = functional.max_pool2d(wanted, 9, 1, 4)
    lowest = -functional.max_pool2d(-wanted, 9, 1, 4)
    return torch.maximum(found - highest, lowest - found).clamp_min(0).max().item()


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_edges_are_as_sharp_as_the_photos(factor: int) -> None:
    photo = photo_of_discs()
    wanted = repainted(photo)
    painted = resize(wanted, SIDE // factor, SIDE // factor)

    guided, plain = (enlarged(painted, photo, guided=guided) for guided in (True, False))

    assert error(guided, wanted) < 0.5 * error(plain, wanted)
    assert halo(guided, wanted) < halo(plain, wanted) + 0.01


def test_paint_that_follows_the_photos_lightness_is_what_it_would_be_at_full_size() -> None:
    photo = photo_of_discs()
    wanted = 0.9 - 0.7 * photo

    found = enlarged(resize(wanted, SIDE // 4, SIDE // 4), photo)

    assert error(found, wanted) < 0.1 * error(
        enlarged(resize(wanted, SIDE // 4, SIDE // 4), photo, guided=False), wanted
    )


def test_grain_of_the_photo_does_not_come_back() -> None:
    photo = 0.5 + 0.04 * (random_rgb(SIDE, SIDE, seed=1, dtype=torch.float32) - 0.5)
    painted = random_rgb(60, 60, seed=2, dtype=torch.float32)

    guided, plain = (enlarged(painted, photo, guided=guided) for guided in (True, False))

    # Of the grain this much remains, although the paint changes fifty times as strongly.
    assert (guided - plain).std() < 0.15 * photo.std()


def test_strokes_without_an_equal_in_the_photo_stay() -> None:
    photo = torch.full((1, 3, SIDE, SIDE), 0.4)
    painted = random_rgb(60, 60, seed=3, dtype=torch.float32)

    assert torch.equal(enlarged(painted, photo), enlarged(painted, photo, guided=False))


@pytest.mark.parametrize("size", [(64, 96), (65, 101), (200, 33), (64, 33), (48, 32)])
def test_rows_are_those_of_the_whole(size: tuple[int, int]) -> None:
    painted = random_rgb(48, 32, seed=4, dtype=torch.float32)
    photo = random_rgb(*size, seed=5, dtype=torch.float32)

    parts = Enlarged(painted, None, *size)
    found = [
        parts.rows(photo[:, :, start : start + 13], slice(start, min(size[0], start + 13)))
        for start in range(0, size[0], 13)
    ]

    torch.testing.assert_close(torch.cat(found, dim=2), resize(painted, *size), rtol=0, atol=1e-5)


def test_smaller_size_than_painted_is_reduced() -> None:
    painted = random_rgb(48, 32, seed=4, dtype=torch.float32)
    photo = random_rgb(24, 16, seed=5, dtype=torch.float32)

    found = Enlarged(painted, None, 24, 16).rows(photo, slice(0, 24))

    assert torch.equal(found, resize(painted, 24, 16))
