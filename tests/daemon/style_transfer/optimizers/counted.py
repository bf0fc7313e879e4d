"""Functions to minimise that count their evaluations and end the search after some of them."""

import contextlib
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from impasto_daemon.style_transfer.optimizers.minimiser import Minimiser

START = torch.linspace(-1, 3, 30, dtype=torch.float64)


class Finished(Exception):
    """The evaluations are used up."""


class Counted(ABC):
    """A function that records its evaluations, and ends the search after `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.points: list[Tensor] = []
        self.losses: list[float] = []
        self._limit = limit

    def __call__(self, point: Tensor) -> tuple[float, Tensor]:
        if len(self.losses) == self._limit:
            raise Finished
        loss, gradient = self.value(point)
        self.points.append(point)
        self.losses.append(loss)
        return loss, gradient

    @abstractmethod
    def value(self, point: Tensor) -> tuple[float, Tensor]:
        """Returns the value of the function at a point, and its gradient."""

    def evaluations_to(self, share: float) -> int:
        """Returns the evaluations after which the loss is below a share of the first loss."""
        goal = share * self.losses[0]
        return next(index for index, loss in enumerate(self.losses) if loss < goal)


class Bowl(Counted):
    """A quadratic whose curvatures differ by the factor `condition`."""

    def __init__(self, limit: int, condition: float = 100) -> None:
        super().__init__(limit)
        exponents = torch.linspace(-0.5, 0.5, len(START), dtype=torch.float64)
        self.curvatures = condition**exponents

    def value(self, point: Tensor) -> tuple[float, Tensor]:
        return (self.curvatures * point.square()).sum().item() / 2, self.curvatures * point


class Uphill(Counted):
    """A loss that grows at every evaluation, whatever its gradient promises."""

    def value(self, point: Tensor) -> tuple[float, Tensor]:
        return float(len(self.losses)), torch.ones_like(point)


def minimise(
    minimiser: Minimiser, function: Counted, initial: Tensor = START, history: int = 20
) -> None:
    """Minimises until the evaluations are used up, or the search ends by itself."""
    with contextlib.suppress(Finished):
        minimiser.minimise(function, initial, history=history)
