import pytest
import torch

from daemon.style_transfer.networks.tiny_network import random_rgb
from impasto_daemon.style_transfer.images import colours

# Pale enough that nothing is clamped.
PHOTO = 0.4 + 0.2 * random_rgb(20, 30, seed=1) * torch.tensor([1, 0.5, 0.7]).view(1, 3, 1, 1)
PAINTING = random_rgb(25, 15, seed=2)


def spread(rgb: torch.Tensor) -> torch.Tensor:
    return torch.cov(rgb.flatten(2).squeeze(0), correction=0)


def test_a_matched_painting_has_the_mean_and_covariance_of_the_photo() -> None:
    matched = colours.match(PAINTING, PHOTO)

    assert matched.shape == PAINTING.shape
    torch.testing.assert_close(matched.mean(dim=(2, 3)), PHOTO.mean(dim=(2, 3)))
    torch.testing.assert_close(spread(matched), spread(PHOTO), rtol=0.01, atol=2e-5)


def test_a_painting_matched_to_itself_is_unchanged() -> None:
    torch.testing.assert_close(colours.match(PAINTING, PAINTING), PAINTING)


def test_a_painting_of_one_colour_gets_the_mean_of_the_photo() -> None:
    matched = colours.match(torch.full((1, 3, 8, 8), 0.2, dtype=torch.float64), PHOTO)

    torch.testing.assert_close(matched.mean(dim=(2, 3)), PHOTO.mean(dim=(2, 3)))


def test_luminance_of_the_primaries() -> None:
    primaries = torch.eye(3).view(1, 3, 1, 3)

    assert colours.luminance(primaries).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])


def test_grey_has_the_same_luminance() -> None:
    grey = colours.grey(PAINTING)

    assert grey.shape == PAINTING.shape
    torch.testing.assert_close(colours.luminance(grey), colours.luminance(PAINTING))
    assert torch.equal(grey[:, 0], grey[:, 2])


def test_a_photo_with_another_luminance_keeps_its_differences_of_colour() -> None:
    painted = 0.45 + 0.1 * random_rgb(20, 30, seed=3)

    mixed = colours.with_luminance_of(PHOTO, painted)

    torch.testing.assert_close(colours.luminance(mixed), colours.luminance(painted))
    torch.testing.assert_close(mixed[:, 0] - mixed[:, 1], PHOTO[:, 0] - PHOTO[:, 1])
