import pytest
import torch
from torch import Tensor
from torch.nn import functional

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.images.colours import luminance
from impasto_daemon.style_transfer.images.guided_upsampling import GuidedUpsampler
from impasto_daemon.style_transfer.images.pixels import resize

SIDE = 240
SHADES = [0.2, 0.75, 0.45, 0.9]


def photo_of_discs() -> Tensor:
    """Returns overlapping grey discs with sharp edges, and a ramp of light over all of them."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    grey = torch.full((SIDE, SIDE), SHADES[0])
    for shade, (row, column, radius) in zip(
        SHADES[1:], [(80, 90, 60), (150, 140, 70), (120, 60, 30)], strict=True
    ):
        grey[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] = shade
    return (grey + 0.08 * columns / SIDE).expand(1, 3, SIDE, SIDE)


def repainted(photo: Tensor) -> Tensor:
    """Returns the same forms in colours that are no linear function of the luminance."""
    nearest = (luminance(photo) - torch.tensor(SHADES).view(1, 4, 1, 1)).abs().argmin(dim=1)
    colours = torch.tensor([[0.1, 0.2, 0.6], [0.9, 0.7, 0.1], [0.6, 0.1, 0.2], [0.8, 0.9, 0.9]])
    return colours[nearest].permute(0, 3, 1, 2)


def upsampled(painted: Tensor, photo: Tensor, *, guided: bool = True) -> Tensor:
    small = resize(photo, *painted.shape[2:])
    height, width = photo.shape[2:]
    return GuidedUpsampler(painted, small if guided else None, height, width).rows(
        photo, slice(0, height)
    )


def error(result: Tensor, target: Tensor) -> float:
    return (result - target).square().mean().sqrt().item()


def halo(result: Tensor, target: Tensor) -> float:
    """Returns the largest deviation from the range of the target's colours within four pixels."""
    highest = functional.max_pool2d(target, 9, 1, 4)
    lowest = -functional.max_pool2d(-target, 9, 1, 4)
    return torch.maximum(result - highest, lowest - result).clamp_min(0).max().item()


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_edges_are_as_sharp_as_those_of_the_photo(factor: int) -> None:
    photo = photo_of_discs()
    target = repainted(photo)
    painted = resize(target, SIDE // factor, SIDE // factor)

    guided, plain = (upsampled(painted, photo, guided=guided) for guided in (True, False))

    assert error(guided, target) < 0.5 * error(plain, target)
    assert halo(guided, target) < halo(plain, target) + 0.01


def test_paint_that_follows_the_photo_is_as_at_full_size() -> None:
    photo = photo_of_discs()
    target = 0.9 - 0.7 * photo

    result = upsampled(resize(target, SIDE // 4, SIDE // 4), photo)

    assert error(result, target) < 0.1 * error(
        upsampled(resize(target, SIDE // 4, SIDE // 4), photo, guided=False), target
    )


def test_the_grain_of_the_photo_is_not_added() -> None:
    photo = 0.5 + 0.04 * (random_rgb(SIDE, SIDE, seed=1, dtype=torch.float32) - 0.5)
    painted = random_rgb(60, 60, seed=2, dtype=torch.float32)

    guided, plain = (upsampled(painted, photo, guided=guided) for guided in (True, False))

    # A little grain remains: the paint varies fifty times as much.
    assert (guided - plain).std() < 0.15 * photo.std()


def test_strokes_without_a_counterpart_in_the_photo_stay() -> None:
    photo = torch.full((1, 3, SIDE, SIDE), 0.4)
    painted = random_rgb(60, 60, seed=3, dtype=torch.float32)

    assert torch.equal(upsampled(painted, photo), upsampled(painted, photo, guided=False))


@pytest.mark.parametrize("size", [(64, 96), (65, 101), (200, 33), (64, 33), (48, 32)])
def test_rows_are_those_of_the_complete_image(size: tuple[int, int]) -> None:
    painted = random_rgb(48, 32, seed=4, dtype=torch.float32)
    photo = random_rgb(*size, seed=5, dtype=torch.float32)

    upsampler = GuidedUpsampler(painted, None, *size)
    bands = [
        upsampler.rows(photo[:, :, start : start + 13], slice(start, min(size[0], start + 13)))
        for start in range(0, size[0], 13)
    ]

    torch.testing.assert_close(torch.cat(bands, dim=2), resize(painted, *size), rtol=0, atol=1e-5)


def test_a_smaller_size_than_painted_is_reduced() -> None:
    painted = random_rgb(48, 32, seed=4, dtype=torch.float32)
    photo = random_rgb(24, 16, seed=5, dtype=torch.float32)

    result = GuidedUpsampler(painted, None, 24, 16).rows(photo, slice(0, 24))

    assert torch.equal(result, resize(painted, 24, 16))
