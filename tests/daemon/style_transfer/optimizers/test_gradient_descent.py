import torch

from daemon.style_transfer.optimizers.counted import START, Bowl, Uphill, minimise
from daemon.style_transfer.optimizers.scalar_preconditioner import ScalarPreconditioner
from impasto_daemon.style_transfer.optimizers.gradient_descent import GradientDescent
from impasto_daemon.style_transfer.optimizers.lbfgs import LBFGS
from impasto_daemon.style_transfer.optimizers.minimiser import FIRST_CHANGE


def test_the_first_step_is_as_long_as_that_of_lbfgs() -> None:
    bowl = Bowl(limit=2)

    minimise(GradientDescent(), bowl)

    first, second = bowl.points
    assert torch.isclose((second - first).abs().mean(), torch.tensor(FIRST_CHANGE).double())


def test_every_step_goes_against_the_gradient_of_the_best_point() -> None:
    bowl = Bowl(limit=60)

    minimise(GradientDescent(), bowl)

    best = 0
    for index in range(1, len(bowl.points)):
        step = bowl.points[index] - bowl.points[best]
        gradient = bowl.curvatures * bowl.points[best]
        cosine = torch.dot(step, gradient) / (step.norm() * gradient.norm())
        assert torch.isclose(cosine, torch.tensor(-1.0).double())
        if bowl.losses[index] < bowl.losses[best]:
            best = index


def test_a_bowl_is_minimised_more_slowly_than_by_lbfgs() -> None:
    ours, reference = Bowl(limit=400), Bowl(limit=400)

    minimise(GradientDescent(), ours)
    minimise(LBFGS(ScalarPreconditioner()), reference)

    assert ours.evaluations_to(1e-4) > 2 * reference.evaluations_to(1e-4)


def test_the_search_ends_if_the_gradient_vanishes() -> None:
    bowl = Bowl(limit=10)

    minimise(GradientDescent(), bowl, torch.zeros_like(START))

    assert len(bowl.losses) == 1


def test_the_search_ends_if_no_step_lowers_the_loss() -> None:
    uphill = Uphill(limit=1000)

    minimise(GradientDescent(), uphill)

    assert 10 < len(uphill.losses) < 100
