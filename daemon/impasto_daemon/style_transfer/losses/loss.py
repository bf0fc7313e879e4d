"""A loss: a function of one statistic of one layer."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from impasto_daemon.style_transfer.networks.statistics import Measure, Statistic

# A target of zeros (no real network gives one) leaves its loss undivided.
SMALLEST_POWER = 1e-12


class Loss(ABC):
    """A term of the objective, its weight included."""

    measure: Measure
    """The measure that takes the statistic."""

    @abstractmethod
    def __call__(self, statistic: Statistic) -> Tensor:
        """Returns the loss of an image with this statistic, a scalar."""
