"""The interface of all optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""Returns the loss of an image and its gradient, of the image's shape; raises to end the search.

It may keep the image, which the optimizer must not change afterwards.
"""

FIRST_CHANGE = 0.004
"""The mean change of a colour by the first step: one of 255.

Before the first step an optimizer knows nothing of the loss's curvature, and a gradient gives no
length. Five times as much leaves speckles when a fine scale gets only a few evaluations.
"""

SUFFICIENT_DECREASE = 1e-4
"""The least share of the decrease predicted by the directional derivative that a step must achieve.

It is c1 of Armijo's condition (Nocedal and Wright 2006, equation 3.4).
"""


class Minimiser(Protocol):
    """An optimizer; one serves all scales of a job, and may carry over what it has learnt."""

    def minimise(self, evaluate: Evaluate, initial: Tensor, *, history: int) -> None:
        """Minimises the loss from `initial` (1, 3, H, W) until no step lowers it further.

        evaluate: also ends the search by raising an error, which passes through.
        history: the number of former steps to remember; L-BFGS alone has them.
        """
