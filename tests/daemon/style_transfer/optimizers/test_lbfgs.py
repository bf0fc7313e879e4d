import contextlib

import numpy as np
import pytest
import torch
from scipy.optimize import minimize, rosen, rosen_der
from torch import Tensor

from daemon.style_transfer.optimizers.plain_curvature import PlainCurvature
from impasto_daemon.style_transfer.optimizers import lbfgs
from impasto_daemon.style_transfer.optimizers.lbfgs import FIRST_CHANGE

CURVATURES = torch.logspace(-2, 2, 30, dtype=torch.float64)
START = torch.linspace(-1, 3, 30, dtype=torch.float64)


class Finished(Exception):
    """The evaluations are used up."""


class Counted:
    """A function of a tensor that counts its evaluations and ends the search after so many."""

    def __init__(self, limit: int) -> None:
        self.losses: list[float] = []
        self._limit = limit

    def __call__(self, at: Tensor) -> tuple[float, Tensor]:
        if len(self.losses) == self._limit:
            raise Finished
        loss, gradient = self.value(at)
        self.losses.append(loss)
        return loss, gradient

    def value(self, at: Tensor) -> tuple[float, Tensor]:
        raise NotImplementedError


class Bowl(Counted):
    """A quadratic whose curvatures differ by a factor of ten thousand."""

    def value(self, at: Tensor) -> tuple[float, Tensor]:
        return (CURVATURES * at.square()).sum().item() / 2, CURVATURES * at


class Valley(Counted):
    """Rosenbrock's curved valley."""

    def value(self, at: Tensor) -> tuple[float, Tensor]:
        point = at.numpy()
        return float(rosen(point)), torch.from_numpy(np.asarray(rosen_der(point)))


def test_bowl_is_emptied() -> None:
    bowl = Bowl(limit=300)

    with pytest.raises(Finished):
        lbfgs.minimise(bowl, START, PlainCurvature())

    assert min(bowl.losses) < 1e-6 * bowl.losses[0]


def test_valley_is_followed_about_as_fast_as_scipy_does() -> None:
    valley = Valley(limit=150)
    start = torch.tensor([1.3, 0.7, 0.8, 1.9, 1.2], dtype=torch.float64)
    reference = minimize(
        rosen, start.numpy(), jac=rosen_der, method="L-BFGS-B", options={"maxfun": 150}
    )

    with contextlib.suppress(Finished):
        lbfgs.minimise(valley, start, PlainCurvature())

    assert reference.fun < 1e-6
    assert min(valley.losses) < 1e-6


def test_search_ends_where_the_slope_is_nothing() -> None:
    bowl = Bowl(limit=10)

    lbfgs.minimise(bowl, torch.zeros(30, dtype=torch.float64), PlainCurvature())

    assert bowl.losses == [0]


def test_step_that_is_too_long_is_shortened() -> None:
    class Cliff(Counted):
        def value(self, at: Tensor) -> tuple[float, Tensor]:
            return at.pow(4).sum().item(), 4 * at.pow(3)

    cliff = Cliff(limit=60)

    with contextlib.suppress(Finished):
        lbfgs.minimise(
            cliff, torch.full((3,), FIRST_CHANGE / 3, dtype=torch.float64), PlainCurvature()
        )

    assert max(cliff.losses) > cliff.losses[0]

    assert min(cliff.losses) < 1e-6 * cliff.losses[0]


def test_function_that_lies_about_its_slope_ends_the_search() -> None:
    class Liar(Counted):
        def value(self, at: Tensor) -> tuple[float, Tensor]:
            return -at.sum().item(), torch.ones_like(at)

    liar = Liar(limit=1000)

    lbfgs.minimise(liar, START, PlainCurvature())

    assert len(liar.losses) < 100
