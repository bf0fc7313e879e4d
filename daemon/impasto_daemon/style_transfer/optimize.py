"""Improves a picture until it is close to the photo's content and the painting's style.

It knows the loss as a number with a gradient, and neither files nor bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import Bounds, minimize
from torch import Tensor

from impasto_daemon.style_transfer.losses import Objective, measure_targets
from impasto_daemon.style_transfer.starts import starting_picture
from impasto_daemon.style_transfer.vgg import VGG, BeforeLayer
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.settings import StyleSettings

# How many former steps L-BFGS remembers; each takes two float64 copies of the picture.
_HISTORY = 20

# L-BFGS knows nothing of the loss's curvature before its first step, and goes along the plain
# gradient: scaled to this mean change of a colour, the step is neither lost nor too far.
_FIRST_CHANGE = 0.02


class NotFinite(ImpastoError):
    """The loss or its gradient is infinite or not a number."""

    code = ErrorCode.NOT_FINITE


class _Stopped(Exception):
    """Somebody wants the optimisation to stop."""


class _Finished(Exception):
    """All evaluations are used up."""


@dataclass(frozen=True)
class Step:
    """One evaluation done: it was number `step` (from 1) of `steps` and found `loss`."""

    step: int
    steps: int
    loss: float


@dataclass(frozen=True)
class Transfer:
    """The best picture found, (1, 3, H, W) in [0, 1], and whether it was stopped before the end."""

    rgb: Tensor
    stopped: bool


OnStep = Callable[[Step], None]
ShouldStop = Callable[[], bool]


def transfer(
    network: VGG,
    content: Tensor,
    style: Tensor,
    settings: StyleSettings,
    *,
    on_step: OnStep = lambda _: None,
    should_stop: ShouldStop = lambda: False,
) -> Transfer:
    """Paints `content` in the style of `style` in `settings.iterations` evaluations at most.

    content, style: (1, 3, H, W) float32 in [0, 1] on the network's device, sides >= 32.
    on_step: called after every evaluation.
    should_stop: asked before every convolution; once it says so, the best picture so far comes
        back within the time of one layer.

    Raises:
        NotFinite: when the loss or its gradient is infinite or not a number.
    """

    def stop_if_asked() -> None:
        if should_stop():
            raise _Stopped

    start = starting_picture(content, style, settings)
    search = _Search(start, settings.iterations, on_step)
    try:
        objective = measure_targets(network, content, style, settings, stop_if_asked)
        search.run(objective, stop_if_asked)
    except _Stopped:
        return Transfer(search.best, stopped=True)
    return Transfer(search.best, stopped=False)


class _Search:
    """Counts the evaluations of one optimisation and keeps the best picture."""

    def __init__(self, start: Tensor, steps: int, on_step: OnStep) -> None:
        self.best = start
        self._best_loss = np.inf
        self._step = 0
        self._steps = steps
        self._on_step = on_step
        self._scale: float | None = None

    def run(self, objective: Objective, before_layer: BeforeLayer) -> None:
        """Minimises until the evaluations are used up or no step leads further down.

        By L-BFGS (as in the paper) in the bounds [0, 1], by which no colour needs clamping.
        """

        def evaluate(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            return self._evaluate(flat, objective, before_layer)

        try:
            minimize(
                evaluate,
                self.best.flatten().cpu().numpy().astype(np.float64),
                jac=True,
                method="L-BFGS-B",
                bounds=Bounds(0, 1),
                # The count of evaluations alone ends the search; scipy checks its own limit
                # only between line searches, and would go past it.
                options={
                    "maxcor": _HISTORY,
                    "maxfun": self._steps + 1,
                    "maxiter": self._steps + 1,
                    "ftol": 0.0,
                    "gtol": 0.0,
                },
            )
        except _Finished:
            return

    def _evaluate(
        self, flat: NDArray[np.float64], objective: Objective, before_layer: BeforeLayer
    ) -> tuple[float, NDArray[np.float64]]:
        if self._step == self._steps:
            raise _Finished
        before_layer()
        rgb = torch.from_numpy(flat).to(self.best).view_as(self.best).requires_grad_()
        loss, gradient = _loss_and_gradient(objective, rgb, before_layer)
        self._record(rgb.detach(), loss)
        if self._scale is None:
            self._scale = _first_scale(gradient)
        return loss * self._scale, gradient * self._scale

    def _record(self, rgb: Tensor, loss: float) -> None:
        self._step += 1
        if loss < self._best_loss:
            self.best, self._best_loss = rgb, loss
        self._on_step(Step(self._step, self._steps, loss))


def _loss_and_gradient(
    objective: Objective, rgb: Tensor, before_layer: BeforeLayer
) -> tuple[float, NDArray[np.float64]]:
    loss = objective(rgb, before_layer)
    (gradient,) = torch.autograd.grad(loss, rgb)
    flat_gradient = gradient.flatten().cpu().numpy().astype(np.float64)
    if not (np.isfinite(loss.item()) and np.isfinite(flat_gradient).all()):
        raise NotFinite(
            f"The loss became {loss.item():g} or its slope infinite, so the picture cannot be "
            "improved further. Try a lower style strength or smoothness, or another painting."
        )
    return loss.item(), flat_gradient


def _first_scale(gradient: NDArray[np.float64]) -> float:
    mean_slope = float(np.abs(gradient).mean())
    return _FIRST_CHANGE / mean_slope if mean_slope > 0 else 1.0
