"""L-BFGS on the image's device (Nocedal and Wright 2006, algorithms 7.4, 7.5 and 3.1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.linalg import vector_norm

from impasto_daemon.style_transfer.optimizers.minimiser import (
    FIRST_CHANGE,
    SUFFICIENT_DECREASE,
    Evaluate,
)
from impasto_daemon.style_transfer.optimizers.preconditioner import Preconditioner

# Backtracking multiplies the step length by a factor between these two.
_SMALLEST_FACTOR = 0.1
_LARGEST_FACTOR = 0.5
_SHORTEST_STEP = 1e-3
# Relative to |s| |y|: a pair with less curvature is rounding noise, and would spoil the directions.
_SMALLEST_CURVATURE = 1e-8


class InitialInverseHessian(Protocol):
    """H0 of the two-loop recursion, a positive definite matrix: the preconditioner."""

    @property
    def is_fitted(self) -> bool:
        """True once a step has been learnt from."""

    def update(self, s: Tensor, y: Tensor) -> None:
        """Takes a step `s` and the change `y` of the gradient along it into account."""

    def apply(self, gradient: Tensor) -> Tensor:
        """Returns H0 `gradient`, a new tensor."""


@dataclass(frozen=True)
class Pair:
    """A step s, the change y of the gradient along it, and rho = 1 / (y · s).

    s and y are rounded to bfloat16 if they were float32: they take most of the memory of a large
    image, and make an estimate anyway (docs/benchmarks.md).
    """

    s: Tensor
    y: Tensor
    rho: Tensor


class LBFGS:
    """L-BFGS whose initial inverse Hessian carries over from one scale to the next."""

    def __init__(self, preconditioner: InitialInverseHessian | None = None) -> None:
        self._preconditioner = Preconditioner() if preconditioner is None else preconditioner

    def minimise(self, evaluate: Evaluate, initial: Tensor, *, history: int) -> None:
        """Minimises from `initial`; of a large image, each step of the history is two copies."""
        pairs: deque[Pair] = deque(maxlen=history)
        image = initial
        del initial  # every copy of a large image counts
        loss, gradient = evaluate(image)
        while gradient.any():
            direction = self._direction(gradient, pairs)
            accepted = _line_search(evaluate, image, loss, gradient, direction)
            del direction
            if accepted is None:
                if not pairs:
                    return
                pairs.clear()
                continue
            next_image, loss, next_gradient = accepted
            self._remember(pairs, s=next_image - image, y=next_gradient - gradient)
            image, gradient = next_image, next_gradient
            del accepted, next_image, next_gradient

    def _direction(self, gradient: Tensor, pairs: Sequence[Pair]) -> Tensor:
        if pairs:
            return two_loop_recursion(gradient, pairs, self._preconditioner).neg_()
        # The preconditioner of a coarser scale tells frequencies apart, but not how far to go.
        fitted = self._preconditioner.is_fitted
        step = self._preconditioner.apply(gradient) if fitted else gradient
        return (step * (FIRST_CHANGE / step.abs().mean())).neg_()

    def _remember(self, pairs: deque[Pair], s: Tensor, y: Tensor) -> None:
        rounded_s, rounded_y = _rounded(s), _rounded(y)
        curvature = _dot(rounded_s, rounded_y.to(s))
        if curvature > _SMALLEST_CURVATURE * vector_norm(s) * vector_norm(y):
            pairs.append(Pair(rounded_s, rounded_y, 1 / curvature))
            self._preconditioner.update(s, y)


def two_loop_recursion(
    gradient: Tensor, pairs: Sequence[Pair], preconditioner: InitialInverseHessian
) -> Tensor:
    """Returns the gradient times the inverse Hessian that `pairs` make of H0 (algorithm 7.4).

    pairs: the latest last.
    preconditioner: H0, the initial inverse Hessian.
    """
    q = gradient.clone()
    alphas = []
    for pair in reversed(pairs):
        alpha = pair.rho * _dot(pair.s, q)
        q.addcmul_(pair.y.to(q), alpha, value=-1)
        alphas.append(alpha)
    r = preconditioner.apply(q)
    del q
    for pair, alpha in zip(pairs, reversed(alphas), strict=True):
        beta = pair.rho * _dot(pair.y, r)
        r.addcmul_(pair.s.to(r), alpha - beta)
    return r


def _line_search(
    evaluate: Evaluate, image: Tensor, loss: float, gradient: Tensor, direction: Tensor
) -> tuple[Tensor, float, Tensor] | None:
    """Returns the first image along `direction` that satisfies Armijo's condition (algorithm 3.1).

    Its loss and gradient come with it; None if the direction leads uphill or no step is accepted.
    """
    directional_derivative = _dot(direction, gradient).item()
    if not directional_derivative < 0:  # nor if it is not a number
        return None
    step_length = 1.0
    while step_length >= _SHORTEST_STEP:
        trial = torch.add(image, direction, alpha=step_length)
        trial_loss, trial_gradient = evaluate(trial)
        if trial_loss <= loss + SUFFICIENT_DECREASE * step_length * directional_derivative:
            return trial, trial_loss, trial_gradient
        # The minimum of the parabola through both losses with this directional derivative at 0.
        above_tangent = trial_loss - loss - directional_derivative * step_length
        lowest = -directional_derivative * step_length**2 / (2 * above_tangent)
        shortest, longest = _SMALLEST_FACTOR * step_length, _LARGEST_FACTOR * step_length
        step_length = min(max(lowest, shortest), longest)
        del trial, trial_gradient
    return None


def _rounded(image: Tensor) -> Tensor:
    return image.bfloat16() if image.dtype == torch.float32 else image


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Returns the inner product, in the precision of `b`."""
    return torch.dot(a.to(b).flatten(), b.flatten())
