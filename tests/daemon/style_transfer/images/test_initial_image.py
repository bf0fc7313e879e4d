import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.images.initial_image import cover, initial_image, noise_like
from impasto_daemon.style_transfer.images.pixels import resize
from impasto_shared.settings import Start, StyleSettings

PHOTO = random_rgb(36, 48, seed=1, dtype=torch.float32)
PAINTING = random_rgb(50, 40, seed=2, dtype=torch.float32)


def ramps(height: int, width: int) -> torch.Tensor:
    """Returns ramps by 1/200 a pixel: red grows rightwards, green downwards; blue is constant."""
    rows = torch.arange(height, dtype=torch.float64).view(-1, 1) / 200
    columns = torch.arange(width, dtype=torch.float64).view(1, -1) / 200
    constant = torch.full((height, width), 0.5, dtype=torch.float64)
    return torch.stack([columns + 0 * rows, rows + 0 * columns, constant]).unsqueeze(0)


@pytest.mark.parametrize("start", Start)
def test_it_has_the_shape_of_the_photo_and_colours_in_range(start: Start) -> None:
    image = initial_image(PHOTO, PAINTING, StyleSettings(start=start))

    assert (image.shape, image.dtype) == (PHOTO.shape, PHOTO.dtype)
    assert ((image >= 0) & (image <= 1)).all()


@pytest.mark.parametrize("start", Start)
def test_the_same_seed_gives_the_same_image(start: Start) -> None:
    settings = StyleSettings(start=start, seed=5)

    first, second = (initial_image(PHOTO, PAINTING, settings) for _ in range(2))

    assert torch.equal(first, second)


def test_another_seed_gives_other_noise() -> None:
    first, second = (
        initial_image(PHOTO, PAINTING, StyleSettings(start=Start.NOISE, seed=seed))
        for seed in (1, 2)
    )

    assert not torch.equal(first, second)


def test_noise_does_not_change_the_global_generator() -> None:
    before = torch.random.get_rng_state()

    noise_like(PHOTO, PAINTING, seed=3)

    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_start_from_the_photo_is_a_copy_of_it() -> None:
    image = initial_image(PHOTO, PAINTING, StyleSettings(start=Start.PHOTO))

    assert torch.equal(image, PHOTO)
    assert image.data_ptr() != PHOTO.data_ptr()


def test_noise_scatters_around_the_mean_colour_of_the_painting() -> None:
    # In the middle of the range, so that nothing is clamped.
    tint = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)
    painting = tint + 0.2 * (PAINTING - 0.5)

    noise = noise_like(torch.zeros(1, 3, 200, 200), painting, seed=4)

    means = painting.mean(dim=(2, 3))
    torch.testing.assert_close(noise.mean(dim=(2, 3)), means, atol=1e-3, rtol=0)
    spread = noise.std(dim=(2, 3)) / painting.std(dim=(2, 3))
    torch.testing.assert_close(spread, torch.full((1, 3), 0.3), atol=0.01, rtol=0)


def test_a_start_from_the_painting_covers_the_photo() -> None:
    image = initial_image(PHOTO, PAINTING, StyleSettings(start=Start.PAINTING))

    assert torch.equal(image, cover(PAINTING, 36, 48))


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(30, 60, 1.5), (60, 60, 3.0), (40, 20, 2.0), (10, 20, 0.5), (18, 40, 1.0)],
)
def test_cover_keeps_the_aspect_ratio(height: int, width: int, scale: float) -> None:
    covered = cover(ramps(20, 40), height, width)

    # Away from the border, where the bicubic filter replicates the outermost colours.
    rows, columns = slice(height // 3, -(height // 3)), slice(width // 3, -(width // 3))
    interior = covered[0, :, rows, columns]
    horizontal = interior[0].diff(dim=1)
    vertical = interior[1].diff(dim=0)
    expected = torch.tensor(1 / 200 / scale, dtype=torch.float64)
    torch.testing.assert_close(horizontal, expected.expand_as(horizontal))
    torch.testing.assert_close(vertical, expected.expand_as(vertical))


@pytest.mark.parametrize(("height", "width"), [(30, 60), (60, 60), (40, 20), (10, 20), (20, 40)])
def test_cover_shows_the_centre(height: int, width: int) -> None:
    source = ramps(20, 40)

    covered = cover(source, height, width)

    middle = covered.mean(dim=(2, 3))
    torch.testing.assert_close(middle, source.mean(dim=(2, 3)), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("source", "target"), [((20, 40), (60, 120)), ((40, 30), (20, 15)), ((11, 22), (25, 50))]
)
def test_cover_in_the_same_proportions_crops_nothing(
    source: tuple[int, int], target: tuple[int, int]
) -> None:
    painting = random_rgb(*source, seed=5)

    torch.testing.assert_close(cover(painting, *target), resize(painting, *target))
