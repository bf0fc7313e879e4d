import torch

from daemon.style_transfer.optimizers.counted import START, Bowl, minimise
from impasto_daemon.style_transfer.optimizers.adam import Adam


def test_a_bowl_is_minimised() -> None:
    bowl = Bowl(limit=300)

    minimise(Adam(), bowl, torch.full_like(START, 0.7))

    assert min(bowl.losses) < 1e-3 * bowl.losses[0]


def test_the_first_step_changes_each_colour_by_the_rate() -> None:
    bowl = Bowl(limit=2)

    minimise(Adam(), bowl, torch.full_like(START, 0.7))

    torch.testing.assert_close(bowl.points[1], torch.full_like(START, 0.68))


def test_points_are_clamped_to_the_range_of_colours() -> None:
    bowl = Bowl(limit=50)

    minimise(Adam(), bowl, torch.full_like(START, 0.05))

    assert torch.stack(bowl.points).min() == 0


def test_the_initial_image_is_not_changed() -> None:
    initial = torch.full_like(START, 0.7)

    minimise(Adam(), Bowl(limit=3), initial)

    assert torch.equal(initial, torch.full_like(START, 0.7))


def test_the_search_ends_if_the_gradient_vanishes() -> None:
    bowl = Bowl(limit=10)

    minimise(Adam(), bowl, torch.zeros_like(START))

    assert bowl.losses == [0]
