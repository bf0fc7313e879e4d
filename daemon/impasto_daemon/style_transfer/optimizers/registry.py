"""The optimizers by name: each goes downhill from a picture until the evaluations are used up."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize
from torch import Tensor

from impasto_daemon.style_transfer.optimizers import lbfgs
from impasto_daemon.style_transfer.optimizers.lbfgs import FIRST_CHANGE, Evaluate
from impasto_daemon.style_transfer.optimizers.preconditioner import BandCurvature
from impasto_shared.settings import Optimizer

# SciPy looks at its own limits only between line searches; the evaluations end the search.
_NO_LIMIT = 1_000_000
# As in style transfer everywhere: a step changes a colour by about 5 of 255.
_ADAM_RATE = 0.02
_ADAM_BETAS = (0.9, 0.99)
# A step that gets less than this part of what its slope promises has gone too far.
_SUFFICIENT_DECREASE = 1e-4
_LONGER, _SHORTER = 1.2, 0.5


def scipy_lbfgsb(
    evaluate: Evaluate, start: Tensor, _curvature: BandCurvature, history: int
) -> None:
    """L-BFGS-B of SciPy, the reference: in float64 and in the bounds [0, 1]."""
    scale: float | None = None

    def scaled(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal scale
        loss, gradient = evaluate(torch.from_numpy(flat).to(start, copy=True).view_as(start))
        slope = gradient.flatten().cpu().numpy().astype(np.float64)
        if scale is None:
            mean_slope = float(np.abs(slope).mean())
            scale = FIRST_CHANGE / mean_slope if mean_slope > 0 else 1.0
        return loss * scale, slope * scale

    minimize(
        scaled,
        start.flatten().cpu().numpy().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0, 1),
        options={
            "maxcor": history,
            "maxfun": _NO_LIMIT,
            "maxiter": _NO_LIMIT,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )


def adam(evaluate: Evaluate, start: Tensor, _curvature: BandCurvature, _history: int) -> None:
    """Adam (Kingma and Ba 2015), the picture brought back to [0, 1] after every step."""
    picture = start.clone()
    steps = torch.optim.Adam([picture], lr=_ADAM_RATE, betas=_ADAM_BETAS)
    while True:
        _, picture.grad = evaluate(picture.clone())
        if not picture.grad.any():
            return
        steps.step()
        picture.clamp_(0, 1)


def gradient_descent(
    evaluate: Evaluate, start: Tensor, _curvature: BandCurvature, _history: int
) -> None:
    """Straight down the slope (Cauchy 1847), the simplest way, and one to measure others by.

    The first step is as long as that of L-BFGS. No fixed rate serves noise and a finished picture
    alike: after a step that gets far enough down (Armijo's condition, Nocedal and Wright 2006,
    equation 3.4) the rate grows a little; one that does not is undone, and the rate halved.
    """
    picture = start
    loss, gradient = evaluate(picture)
    if not gradient.any():
        return
    rate = FIRST_CHANGE / gradient.abs().mean()
    while not torch.equal(tried := picture - rate * gradient, picture):
        promised = (rate * gradient.square().sum()).item()
        tried_loss, tried_gradient = evaluate(tried)
        if tried_loss <= loss - _SUFFICIENT_DECREASE * promised:
            picture, loss, gradient = tried, tried_loss, tried_gradient
            rate = rate * _LONGER
        else:
            rate = rate * _SHORTER


OPTIMIZERS: Mapping[Optimizer, Callable[[Evaluate, Tensor, BandCurvature, int], None]] = {
    Optimizer.LBFGS: lbfgs.minimise,
    Optimizer.SCIPY: scipy_lbfgsb,
    Optimizer.ADAM: adam,
    Optimizer.GRADIENT_DESCENT: gradient_descent,
}
