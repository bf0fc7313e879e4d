import contextlib

import torch
from torch import Tensor

from daemon.style_transfer.optimizers.plain_curvature import PlainCurvature
from impasto_daemon.style_transfer.optimizers import lbfgs
from impasto_daemon.style_transfer.optimizers.lbfgs import FIRST_CHANGE
from impasto_daemon.style_transfer.optimizers.preconditioner import BandCurvature
from impasto_daemon.style_transfer.optimizers.registry import gradient_descent

CURVATURES = torch.logspace(-1, 1, 30, dtype=torch.float64)
START = torch.linspace(-1, 3, 30, dtype=torch.float64)


class Finished(Exception):
    """The evaluations are used up."""


class Bowl:
    """A quadratic that notes where it is asked, and ends the search after so many evaluations."""

    def __init__(self, limit: int) -> None:
        self.places: list[Tensor] = []
        self.losses: list[float] = []
        self._limit = limit

    def __call__(self, at: Tensor) -> tuple[float, Tensor]:
        if len(self.losses) == self._limit:
            raise Finished
        self.places.append(at)
        self.losses.append((CURVATURES * at.square()).sum().item() / 2)
        return self.losses[-1], CURVATURES * at


def descended(limit: int) -> Bowl:
    bowl = Bowl(limit)
    with contextlib.suppress(Finished):
        gradient_descent(bowl, START, BandCurvature(), 0)
    return bowl


def test_the_first_step_is_as_long_as_that_of_lbfgs() -> None:
    first, second = descended(2).places

    assert torch.isclose((second - first).abs().mean(), torch.tensor(FIRST_CHANGE).double())


def test_every_step_goes_straight_down_from_the_best_place() -> None:
    bowl = descended(60)

    best = 0
    for place in range(1, len(bowl.places)):
        step, slope = bowl.places[place] - bowl.places[best], CURVATURES * bowl.places[best]
        cosine = torch.dot(step, slope) / (step.norm() * slope.norm())
        assert torch.isclose(cosine, torch.tensor(-1.0).double())
        if bowl.losses[place] < bowl.losses[best]:
            best = place


def test_a_bowl_is_emptied_more_slowly_than_by_lbfgs() -> None:
    bowl = descended(400)
    other = Bowl(400)
    with contextlib.suppress(Finished):
        lbfgs.minimise(other, START, PlainCurvature())

    def needed(losses: list[float]) -> int:
        return next(place for place, loss in enumerate(losses) if loss < 1e-4 * losses[0])

    assert needed(bowl.losses) > 2 * needed(other.losses)


def test_it_ends_where_there_is_no_slope() -> None:
    bowl = Bowl(limit=10)

    gradient_descent(bowl, torch.zeros(30, dtype=torch.float64), BandCurvature(), 0)

    assert len(bowl.losses) == 1


def test_it_ends_where_no_step_leads_further_down() -> None:
    calls = 0

    def uphill(at: Tensor) -> tuple[float, Tensor]:
        """Its slope is a lie: the loss grows wherever one goes."""
        nonlocal calls
        calls += 1
        return float(calls), torch.ones_like(at)

    gradient_descent(uphill, START, BandCurvature(), 0)

    assert 10 < calls < 100
