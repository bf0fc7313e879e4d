import numpy as np
import pytest
import torch
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import random_image, random_rgb
from impasto_daemon.style_transfer.images.pixels import from_image, repaint, resize
from impasto_daemon.style_transfer.images.source_image import SourceImage
from impasto_shared.image import Image, PixelFormat

# Enough pixels for several row bands, the last of them a short one.
LARGE = 1100, 1010


def transparent(rgb: Tensor, alpha: Tensor) -> Image:
    """Returns an image of these numbers as they are."""
    height, width = rgb.shape[2:]
    numbers = torch.cat((rgb, alpha), dim=1)[0].permute(1, 2, 0).numpy().astype("<f4")
    return Image(width, height, PixelFormat.RGBA_FLOAT, numbers.tobytes())


def visible(image: Image) -> Tensor:
    """Returns the visible colours, at full size."""
    return SourceImage(image).fitted(max(image.width, image.height)).rgb


def test_all_colours_of_an_image_without_alpha_are_visible() -> None:
    image = random_image(4, 3, PixelFormat.RGB_U8, seed=2)

    assert torch.equal(visible(image), from_image(image).rgb)


def test_opaque_colours_are_unchanged() -> None:
    rgb = random_rgb(5, 4, seed=3, dtype=torch.float32)

    assert torch.equal(visible(transparent(rgb, torch.ones(1, 1, 5, 4))), rgb)


def test_hidden_colours_do_not_leak() -> None:
    rgb, other = (random_rgb(6, 6, seed=seed, dtype=torch.float32) for seed in (4, 5))
    alpha = (random_rgb(6, 6, seed=6, dtype=torch.float32)[:, :1] - 0.5).clamp_min(0)
    hidden = alpha == 0

    replaced = torch.where(hidden, other, rgb)

    assert 0 < hidden.sum() < hidden.numel()
    assert torch.equal(visible(transparent(rgb, alpha)), visible(transparent(replaced, alpha)))


def test_see_through_colours_lie_over_the_mean_of_what_is_visible() -> None:
    rgb = torch.tensor([1.0, 0.2, 0.9]).expand(1, 3, 3).reshape(1, 3, 1, 3)
    alpha = torch.tensor([1.0, 0.5, 0.0]).view(1, 1, 1, 3)

    red = visible(transparent(rgb, alpha))[0, 0, 0]

    mean = (1.0 + 0.5 * 0.2) / 1.5
    assert red.tolist() == pytest.approx([1.0, 0.5 * 0.2 + 0.5 * mean, mean])


def test_an_image_without_a_visible_pixel_is_grey() -> None:
    rgb = random_rgb(3, 4, seed=7, dtype=torch.float32)

    assert torch.equal(
        visible(transparent(rgb, torch.zeros(1, 1, 3, 4))), torch.full_like(rgb, 0.5)
    )


@pytest.mark.parametrize("form", [PixelFormat.RGB_U8, PixelFormat.RGBA_U16])
@pytest.mark.parametrize("longest_side_px", [63, 640])
def test_a_large_image_is_reduced_as_if_at_once(form: PixelFormat, longest_side_px: int) -> None:
    image = random_image(*LARGE, form, seed=8)
    pixels = from_image(image)

    reduced = SourceImage(image).fitted(longest_side_px)

    height, width = reduced.rgb.shape[2:]
    assert max(height, width) == longest_side_px
    if pixels.alpha is None:
        torch.testing.assert_close(
            reduced.rgb, resize(pixels.rgb, height, width), rtol=0, atol=1e-5
        )
        assert reduced.alpha is None
    else:
        assert reduced.alpha is not None
        torch.testing.assert_close(
            reduced.alpha, resize(pixels.alpha, height, width), rtol=0, atol=1e-5
        )


@pytest.mark.parametrize("form", [PixelFormat.RGB_U16, PixelFormat.RGBA_U8])
def test_every_row_band_is_painted_once(form: PixelFormat) -> None:
    image = random_image(*LARGE, form, seed=9)
    before = bytes(image.pixels)
    target = random_rgb(LARGE[1], LARGE[0], seed=10, dtype=torch.float32)
    counts = np.zeros(LARGE[1], dtype=int)

    def paint(colours: Tensor, rows: slice) -> Tensor:
        counts[rows] += 1
        assert colours.shape == target[:, :, rows].shape
        return target[:, :, rows]

    painted = SourceImage(image).repainted(paint)

    assert (painted.width, painted.height, painted.format) == (*LARGE, form)
    assert bytes(painted.pixels) == bytes(repaint(image, target).pixels)
    assert (counts == 1).all()
    assert bytes(image.pixels) == before
