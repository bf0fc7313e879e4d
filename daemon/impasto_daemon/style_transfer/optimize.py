"""Improves a picture until it is close to the photo's content and the painting's style.

It knows the loss as a number with a gradient, and neither files nor bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.losses.objective import Objective, measure_targets
from impasto_daemon.style_transfer.networks.network import BeforeLayer, Network
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.optimizers.minimiser import Minimiser
from impasto_daemon.style_transfer.planning.memory_plan import UNLIMITED, Plan
from impasto_daemon.style_transfer.runtime.cuda_graph import (
    FEWEST_EVALUATIONS,
    LARGEST_PX,
    Replayed,
)
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.settings import StyleSettings


class NotFinite(ImpastoError):
    """The loss or its gradient is infinite or not a number."""

    code = ErrorCode.NOT_FINITE


class _Stopped(Exception):
    """Somebody wants the optimisation to stop."""


class _Finished(Exception):
    """All evaluations are used up."""


@dataclass(frozen=True)
class Transfer:
    """The best picture found, (1, 3, H, W), and whether it was stopped before the end.

    Its colours may leave [0, 1] a little.
    """

    rgb: Tensor
    stopped: bool


OnEvaluation = Callable[[float, Tensor], None]
"""Called with the loss of an evaluation, and the best picture so far."""
ShouldStop = Callable[[], bool]


def transfer(
    network: Network,
    content: Tensor,
    regions: Sequence[Region],
    start: Tensor,
    evaluations: int,
    settings: StyleSettings,
    minimiser: Minimiser,
    plan: Plan = UNLIMITED,
    *,
    on_evaluation: OnEvaluation = lambda _loss, _best: None,
    should_stop: ShouldStop = lambda: False,
) -> Transfer:
    """Paints `content` in the styles of `regions`, from `start`, in at most so many evaluations.

    content, start and the paintings: (1, 3, H, W) float32 in [0, 1] on the network's device,
        sides >= 32; start has the size of content.
    minimiser: the job's optimizer, which carries over what it learnt at coarser scales.
    plan: in which tiles the network sees the picture, and how long a history is kept.
    on_evaluation: called after every evaluation.
    should_stop: asked before every convolution, or, where evaluations are replayed, before every
        evaluation; once it says so, the best picture so far comes back.

    Raises:
        InvalidSettings: for a layer that the network lacks.
        NotFinite: when the loss or its gradient is infinite or not a number.
    """

    def stop_if_asked() -> None:
        if should_stop():
            raise _Stopped

    search = _Search(start, evaluations, on_evaluation)
    del start  # of a large picture every copy counts
    try:
        objective = measure_targets(network, content, regions, settings, stop_if_asked, plan.tiling)
        search.run(objective, minimiser, plan.history, stop_if_asked)
    except _Stopped:
        return Transfer(search.best, stopped=True)
    return Transfer(search.best, stopped=False)


class _Search:
    """Counts the evaluations of one optimisation and keeps the best picture."""

    def __init__(self, start: Tensor, evaluations: int, on_evaluation: OnEvaluation) -> None:
        self.best = start
        self._best_loss = math.inf
        self._left = evaluations
        self._on_evaluation = on_evaluation

    def run(
        self,
        objective: Objective,
        minimiser: Minimiser,
        history: int,
        before_layer: BeforeLayer,
    ) -> None:
        """Minimises until the evaluations are used up or no step leads further down."""

        def find(rgb: Tensor) -> tuple[Tensor, Tensor]:
            return _loss_and_gradient(objective, rgb, before_layer)

        if self._left >= FEWEST_EVALUATIONS and _suits_replaying(objective, self.best):
            find = Replayed(find)

        def evaluate(rgb: Tensor) -> tuple[float, Tensor]:
            if self._left == 0:
                raise _Finished
            self._left -= 1
            before_layer()
            loss, gradient = _finite(*find(rgb))
            self._record(rgb, loss)
            return loss, gradient

        try:
            minimiser.minimise(evaluate, self.best, history=history)
        except _Finished:
            return

    def _record(self, rgb: Tensor, loss: float) -> None:
        if loss < self._best_loss:
            self.best, self._best_loss = rgb, loss
        self._on_evaluation(loss, self.best)


def _loss_and_gradient(
    objective: Objective, rgb: Tensor, before_layer: BeforeLayer
) -> tuple[Tensor, Tensor]:
    variable = rgb.detach().requires_grad_()
    loss = objective(variable, before_layer)
    (gradient,) = torch.autograd.grad(loss, variable)
    return loss.detach(), gradient


def _suits_replaying(objective: Objective, rgb: Tensor) -> bool:
    """Whether an evaluation is the same tasks each time, and orders of them are what takes time."""
    return (
        rgb.is_cuda
        and objective.tiling is None
        and isinstance(objective.network, VGG)
        and rgb.shape[2] * rgb.shape[3] <= LARGEST_PX
    )


def _finite(loss: Tensor, gradient: Tensor) -> tuple[float, Tensor]:
    # Both in one transfer: each waits for all that the device has yet to do.
    value, sum_of_slopes = torch.stack((loss, gradient.sum())).tolist()
    if not (math.isfinite(value) and math.isfinite(sum_of_slopes)):
        raise NotFinite(
            f"The loss became {value:g} or its slope infinite, so the picture cannot be "
            "improved further. Try a lower style strength or smoothness, or another painting."
        )
    return value, gradient
