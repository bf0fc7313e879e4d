"""L-BFGS on the device the picture is on (Nocedal and Wright 2006, algorithms 7.4, 7.5 and 3.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from impasto_daemon.style_transfer.planning.memory_plan import HISTORY

Evaluate = Callable[[Tensor], tuple[float, Tensor]]
"""The loss of a picture and its gradient, of the picture's shape; raises to end the search.

The picture belongs to it from then on: it may be kept, and is not to be changed.
"""


class Curvature(Protocol):
    """What is known of the loss's curvature beside the steps remembered, as a positive matrix."""

    @property
    def is_known(self) -> bool:
        """Whether it knows anything yet."""

    def learn(self, step: Tensor, change: Tensor) -> None:
        """Takes in a step and the change of the gradient along it."""

    def improved(self, gradient: Tensor) -> Tensor:
        """`gradient` times the inverse of the curvature."""


# L-BFGS knows nothing of the loss's curvature at a new scale before its first step: scaled to
# this mean change of a colour, one of 255 or so, the step is neither lost nor too far. Five times
# as much leaves speckles where a fine scale gets a few evaluations only.
FIRST_CHANGE = 0.004
# A step must bring at least this part of what the slope promises (Armijo's condition).
_SUFFICIENT_DECREASE = 1e-4
# Where a step is too long it is tried again, not shorter than this part and not longer than that.
_SHORTEST_CUT = 0.1
_LONGEST_CUT = 0.5
_SHORTEST_STEP = 1e-3
# A pair whose curvature is lost in rounding would point the next steps anywhere.
_SMALLEST_CURVATURE = 1e-8


@dataclass(frozen=True)
class _Pair:
    """A step taken, the change of the gradient along it, and 1 / (step · change).

    Both are rounded, to half of a float32: they take most of the memory of a large picture, and
    what L-BFGS makes of them is an estimate anyway (docs/benchmarks.md).
    """

    step: Tensor
    change: Tensor
    inverse_curvature: Tensor


def minimise(
    evaluate: Evaluate, start: Tensor, curvature: Curvature, history: int = HISTORY
) -> None:
    """Goes downhill from `start` until `evaluate` raises, or no step leads further down.

    curvature: what is known from elsewhere; what is learnt here is added to it.
    history: how many former steps are remembered; each takes two copies of the picture.
    """
    pairs: deque[_Pair] = deque(maxlen=history)
    picture = start
    del start  # of a large picture every copy counts
    loss, gradient = evaluate(picture)
    while gradient.any():
        direction = _improved(gradient, pairs, curvature).neg_()
        slope = _dot(direction, gradient).item()
        found = _line_search(evaluate, picture, loss, direction, slope) if slope < 0 else None
        del direction
        if found is None:
            if not pairs:
                return
            pairs.clear()
            continue
        next_picture, loss, next_gradient = found
        _remember(pairs, curvature, next_picture - picture, next_gradient - gradient)
        picture, gradient = next_picture, next_gradient
        del found, next_picture, next_gradient


def _improved(gradient: Tensor, pairs: deque[_Pair], curvature: Curvature) -> Tensor:
    """The gradient times the inverse of the curvature that `pairs` know (algorithm 7.4)."""
    if not pairs:
        # What a coarser scale has learnt tells frequencies apart; how far to go it does not know.
        step = curvature.improved(gradient) if curvature.is_known else gradient
        return step * (FIRST_CHANGE / step.abs().mean())
    improved = gradient.clone()
    lengths = []
    for pair in reversed(pairs):
        length = pair.inverse_curvature * _dot(pair.step, improved)
        improved.addcmul_(pair.change.to(improved), length, value=-1)
        lengths.append(length)
    improved = curvature.improved(improved)
    for pair, length in zip(pairs, reversed(lengths), strict=True):
        correction = pair.inverse_curvature * _dot(pair.change, improved)
        improved.addcmul_(pair.step.to(improved), length - correction)
    return improved


def _line_search(
    evaluate: Evaluate, picture: Tensor, loss: float, direction: Tensor, slope: float
) -> tuple[Tensor, float, Tensor] | None:
    """The first picture along `direction` that is better enough; None where there is none."""
    length = 1.0
    while length >= _SHORTEST_STEP:
        tried = torch.add(picture, direction, alpha=length)
        tried_loss, gradient = evaluate(tried)
        if tried_loss <= loss + _SUFFICIENT_DECREASE * length * slope:
            return tried, tried_loss, gradient
        # The lowest point of the parabola through both losses and the slope.
        lowest = -slope * length**2 / (2 * (tried_loss - loss - slope * length))
        length = min(max(lowest, _SHORTEST_CUT * length), _LONGEST_CUT * length)
        del tried, gradient
    return None


def _remember(pairs: deque[_Pair], curvature: Curvature, step: Tensor, change: Tensor) -> None:
    rounded_step, rounded_change = _rounded(step), _rounded(change)
    along = _dot(rounded_step, rounded_change.to(step))
    if along > _SMALLEST_CURVATURE * step.norm() * change.norm():
        pairs.append(_Pair(rounded_step, rounded_change, 1 / along))
        curvature.learn(step, change)


def _rounded(picture: Tensor) -> Tensor:
    return picture.bfloat16() if picture.dtype == torch.float32 else picture


def _dot(one: Tensor, other: Tensor) -> Tensor:
    """The product of both, in the precision of `other`."""
    return torch.dot(one.to(other).flatten(), other.flatten())
