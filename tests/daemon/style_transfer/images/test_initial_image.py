import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.images.initial_image import cover, noise_like, starting_picture
from impasto_daemon.style_transfer.images.pixels import resize
from impasto_shared.settings import Start, StyleSettings

PHOTO = random_rgb(36, 48, seed=1, dtype=torch.float32)
PAINTING = random_rgb(50, 40, seed=2, dtype=torch.float32)


def ramps(height: int, width: int) -> torch.Tensor:
    """Red grows from left to right, green from top to bottom, by 1/200 a pixel; blue is plain."""
    down = torch.arange(height, dtype=torch.float64).view(-1, 1) / 200
    across = torch.arange(width, dtype=torch.float64).view(1, -1) / 200
    plain = torch.full((height, width), 0.5, dtype=torch.float64)
    return torch.stack([across + 0 * down, down + 0 * across, plain]).unsqueeze(0)


@pytest.mark.parametrize("start", Start)
def test_start_has_the_photos_shape_and_colours_within_range(start: Start) -> None:
    picture = starting_picture(PHOTO, PAINTING, StyleSettings(start=start))

    assert (picture.shape, picture.dtype) == (PHOTO.shape, PHOTO.dtype)
    assert ((picture >= 0) & (picture <= 1)).all()


@pytest.mark.parametrize("start", Start)
def test_same_seed_gives_the_same_start(start: Start) -> None:
    settings = StyleSettings(start=start, seed=5)

    first, second = (starting_picture(PHOTO, PAINTING, settings) for _ in range(2))

    assert torch.equal(first, second)


def test_other_seed_gives_other_noise() -> None:
    first, second = (
        starting_picture(PHOTO, PAINTING, StyleSettings(start=Start.NOISE, seed=seed))
        for seed in (1, 2)
    )

    assert not torch.equal(first, second)


def test_noise_leaves_torchs_own_generator_alone() -> None:
    before = torch.random.get_rng_state()

    noise_like(PHOTO, PAINTING, seed=3)

    assert torch.equal(torch.random.get_rng_state(), before)


def test_start_from_the_photo_is_a_copy_of_it() -> None:
    picture = starting_picture(PHOTO, PAINTING, StyleSettings(start=Start.PHOTO))

    assert torch.equal(picture, PHOTO)
    assert picture.data_ptr() != PHOTO.data_ptr()


def test_noise_scatters_about_the_paintings_mean_colour() -> None:
    # All in the middle of the range, so that clamping moves nothing.
    tint = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)
    painting = tint + 0.2 * (PAINTING - 0.5)

    noise = noise_like(torch.zeros(1, 3, 200, 200), painting, seed=4)

    means = painting.mean(dim=(2, 3))
    torch.testing.assert_close(noise.mean(dim=(2, 3)), means, atol=1e-3, rtol=0)
    spread = noise.std(dim=(2, 3)) / painting.std(dim=(2, 3))
    torch.testing.assert_close(spread, torch.full((1, 3), 0.3), atol=0.01, rtol=0)


def test_start_from_the_painting_covers_the_photo() -> None:
    picture = starting_picture(PHOTO, PAINTING, StyleSettings(start=Start.PAINTING))

    assert torch.equal(picture, cover(PAINTING, 36, 48))


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(30, 60, 1.5), (60, 60, 3.0), (40, 20, 2.0), (10, 20, 0.5), (18, 40, 1.0)],
)
def test_cover_keeps_the_aspect_ratio(height: int, width: int, scale: float) -> None:
    covered = cover(ramps(20, 40), height, width)

    # Away from the border, to which bicubic filtering repeats the outermost colours.
    rows, columns = slice(height // 3, -(height // 3)), slice(width // 3, -(width // 3))
    within = covered[0, :, rows, columns]
    across = within[0].diff(dim=1)
    down = within[1].diff(dim=0)
    expected = torch.tensor(1 / 200 / scale, dtype=torch.float64)
    torch.testing.assert_close(across, expected.expand_as(across))
    torch.testing.assert_close(down, expected.expand_as(down))


@pytest.mark.parametrize(("height", "width"), [(30, 60), (60, 60), (40, 20), (10, 20), (20, 40)])
def test_cover_shows_the_middle(height: int, width: int) -> None:
    source = ramps(20, 40)

    covered = cover(source, height, width)

    middle = covered.mean(dim=(2, 3))
    torch.testing.assert_close(middle, source.mean(dim=(2, 3)), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("source", "wanted"), [((20, 40), (60, 120)), ((40, 30), (20, 15)), ((11, 22), (25, 50))]
)
def test_cover_in_the_same_proportions_shows_all(
    source: tuple[int, int], wanted: tuple[int, int]
) -> None:
    painting = random_rgb(*source, seed=5)

    torch.testing.assert_close(cover(painting, *wanted), resize(painting, *wanted))
