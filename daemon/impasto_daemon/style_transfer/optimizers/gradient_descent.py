"""Gradient descent (Cauchy 1847), the simplest optimizer, to compare the others with."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto_daemon.style_transfer.optimizers.minimiser import (
    FIRST_CHANGE,
    SUFFICIENT_DECREASE,
    Evaluate,
)

_GROWTH, _SHRINKAGE = 1.2, 0.5


class GradientDescent:
    """Gradient descent with an adaptive rate.

    No fixed rate suits noise and a finished picture alike: after a step that satisfies Armijo's
    condition (Nocedal and Wright 2006, equation 3.4) the rate grows a little; any other step is
    undone, and the rate halved. The first step is as long as that of L-BFGS.
    """

    def minimise(self, evaluate: Evaluate, initial: Tensor, *, history: int) -> None:  # noqa: ARG002
        """Minimises from `initial` until no step changes it; a history is not used."""
        image = initial
        loss, gradient = evaluate(image)
        if not gradient.any():
            return
        rate = FIRST_CHANGE / gradient.abs().mean()
        while not torch.equal(trial := image - rate * gradient, image):
            predicted_decrease = (rate * gradient.square().sum()).item()
            trial_loss, trial_gradient = evaluate(trial)
            if trial_loss <= loss - SUFFICIENT_DECREASE * predicted_decrease:
                image, loss, gradient = trial, trial_loss, trial_gradient
                rate = rate * _GROWTH
            else:
                rate = rate * _SHRINKAGE
