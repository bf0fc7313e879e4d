import torch

from impasto_daemon.style_transfer.segmentation.spectral import spectral_points


def points_of(left_is_like_right: bool) -> torch.Tensor:
    """Returns the points of 4 × 8 positions whose halves have the same activations, or not."""
    generator = torch.Generator().manual_seed(0)
    activations = torch.rand(1, 6, 4, 8, generator=generator) * 0.1
    activations[:, :3, :, :4] += 1
    activations[:, (0 if left_is_like_right else 3) :, :, 4:] += 1
    return spectral_points([activations], torch.full((1, 3, 4, 8), 0.5), 2)


def separation(points: torch.Tensor) -> float:
    """Returns the distance of the halves relative to the spread within them."""
    halves = torch.split(points.view(4, 8, 2), 4, dim=1)
    means = [half.flatten(0, 1).mean(dim=0) for half in halves]
    spread = sum(float(half.flatten(0, 1).std(dim=0).norm()) for half in halves)
    return float((means[0] - means[1]).norm()) / spread


def test_positions_with_unlike_activations_are_far_from_each_other() -> None:
    assert separation(points_of(left_is_like_right=False)) > 2


def test_flat_photo_has_points_all_the_same() -> None:
    points = spectral_points([torch.ones(1, 4, 4, 8)], torch.full((1, 3, 4, 8), 0.5), 2)

    assert points.shape == (32, 2)
    assert points.isfinite().all()


def test_same_photo_has_the_same_points() -> None:
    first, second = points_of(left_is_like_right=False), points_of(left_is_like_right=False)

    assert torch.equal(first, second)
