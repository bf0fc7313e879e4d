"""Improves an image until it is close to the photo's content and the painting's style.

It knows the loss as a number with a gradient, and neither files nor bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.images.regions import Region
from impasto_daemon.style_transfer.losses.areas import has_remainder
from impasto_daemon.style_transfer.losses.calibration import content_factor
from impasto_daemon.style_transfer.losses.objective import Objective, build_objective
from impasto_daemon.style_transfer.losses.target_cache import NO_CACHE, TargetCache
from impasto_daemon.style_transfer.losses.temporal import FormerFrame
from impasto_daemon.style_transfer.networks.network import (
    ConvolutionChain,
    Interrupt,
    Network,
)
from impasto_daemon.style_transfer.optimizers.registry import new_minimiser
from impasto_daemon.style_transfer.planning.memory_plan import UNLIMITED, Plan
from impasto_daemon.style_transfer.runtime.cuda_graph import (
    FEWEST_EVALUATIONS,
    LARGEST_PX,
    CudaGraph,
)
from impasto_daemon.style_transfer.tiling.tiled_network import TiledNetwork
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import ContentLoss, Mode, StyleSettings
from impasto_shared.text.sentences import sentence


class NotFinite(ImpastoError):
    """The loss or its gradient is infinite or not a number."""

    code = ErrorCode.NOT_FINITE


class _Stopped(Exception):
    """`should_stop` has returned true."""


class _Finished(Exception):
    """All evaluations are used up."""


@dataclass(frozen=True)
class Result:
    """The best image, (1, 3, H, W), and whether the optimisation was stopped before its end.

    Its colours may leave [0, 1] a little.
    """

    rgb: Tensor
    stopped: bool


OnEvaluation = Callable[[float, Tensor], None]
"""Called after every evaluation with its loss and the best image so far."""
ShouldStop = Callable[[], bool]
"""Returns whether the optimisation is to stop; it then returns the best image so far."""


class Optimisation:
    """The optimisation of one job, scale after scale.

    should_stop: asked before every convolution, or, if a CUDA graph replays the evaluations,
        before every evaluation.
    targets: those of `network` from former jobs.
    """

    def __init__(
        self,
        network: Network,
        settings: StyleSettings,
        should_stop: ShouldStop = lambda: False,
        targets: TargetCache = NO_CACHE,
    ) -> None:
        self.network = network
        self.settings = settings
        # What it learns of the loss at a coarse scale serves the finer ones.
        self._minimiser = new_minimiser(settings.optimizer)
        self._targets = targets
        self._content_factor: float | None = None
        self._should_stop = should_stop

    def run(
        self,
        content: Tensor,
        regions: Sequence[Region],
        initial: Tensor,
        evaluations: int,
        plan: Plan = UNLIMITED,
        on_evaluation: OnEvaluation = lambda _loss, _best: None,
        former: FormerFrame | None = None,
    ) -> Result:
        """Paints `content` in the styles of `regions`, from `initial`, at one scale.

        content, initial and the paintings: (1, 3, H, W) float32 in [0, 1] on the network's device,
            sides >= 32; initial has the size of content.
        evaluations: the largest number of them.
        plan: the tiles that the network is evaluated in, and the length of the history.
        former: the frame before this one, of the size of content; None if there is none.

        Raises:
            InvalidSettings: for a layer that the network lacks.
            NotFinite: if the loss or its gradient is infinite or not a number.
        """
        evaluate = _Evaluations(initial, evaluations, on_evaluation, self._stop_if_asked)
        del initial  # of a large image every copy counts
        try:
            with self.network.interrupted_by(self._stop_if_asked):
                network = _in_tiles(self.network, plan)
                # The numbers of tiles differ in their last digits.
                cache = self._targets if network is self.network else NO_CACHE
                factor = self._content_factor or 1.0
                evaluate.objective = build_objective(
                    network, content, regions, self.settings, factor, cache, former
                )
                with suppress(_Finished):
                    self._minimiser.minimise(evaluate, evaluate.best, history=plan.history)
                if self._content_factor is None:
                    self._content_factor = self._calibrated(
                        network, content, regions, evaluate.best
                    )
        except _Stopped:
            return Result(evaluate.best, stopped=True)
        return Result(evaluate.best, stopped=False)

    def calibrate(self, content: Tensor, regions: Sequence[Region], painted: Tensor) -> None:
        """Weighs the content of all scales as `painted` tells, made of `content` at the coarsest.

        content, painted: (1, 3, H, W) as for `run`.
        """
        self._content_factor = self._calibrated(self.network, content, regions, painted)

    def _calibrated(
        self, network: Network, content: Tensor, regions: Sequence[Region], painted: Tensor
    ) -> float:
        """Returns the factor of the content weight for the scales after `painted`."""
        settings = self.settings
        if (
            settings.mode is not Mode.TRANSFER
            or settings.content_loss is not ContentLoss.STYLE_SWAP
            or settings.style_strength == 0
            # What no region covers keeps its own look, and would hide what the others have lost.
            or has_remainder(regions)
        ):
            return 1.0
        deepest = max(parse_layer_weights(settings.content_layers), key=network.depth)
        return content_factor(network, content, painted, deepest, settings.style_strength)

    def _stop_if_asked(self) -> None:
        if self._should_stop():
            raise _Stopped


def _in_tiles(network: Network, plan: Plan) -> Network:
    """Returns the network as the plan evaluates it: in tiles, or as it is."""
    if plan.tiling is None:
        return network
    if not isinstance(network, ConvolutionChain):
        raise ValueError("this network cannot be evaluated in tiles")
    return TiledNetwork(network, plan.tiling)


class _Evaluations:
    """Evaluates the objective, counts the evaluations and keeps the best image.

    objective: set before the first call.
    """

    objective: Objective

    def __init__(
        self,
        initial: Tensor,
        evaluations: int,
        on_evaluation: OnEvaluation,
        interrupt: Interrupt,
    ) -> None:
        self.best = initial
        self._best_loss = math.inf
        self._evaluations = evaluations
        self._count = 0
        self._on_evaluation = on_evaluation
        self._interrupt = interrupt
        self._graph: CudaGraph | None = None

    def __call__(self, rgb: Tensor) -> tuple[float, Tensor]:
        """Returns the loss of an image and its gradient."""
        if self._count == self._evaluations:
            raise _Finished
        if self._count == 0 and self._is_worth_recording(rgb):
            self._graph = CudaGraph(self.objective.loss_and_gradient)
        self._count += 1
        self._interrupt()
        evaluate = self._graph or self.objective.loss_and_gradient
        loss, gradient = _finite(*evaluate(rgb))
        if loss < self._best_loss:
            self.best, self._best_loss = rgb, loss
        self._on_evaluation(loss, self.best)
        return loss, gradient

    def _is_worth_recording(self, rgb: Tensor) -> bool:
        return self._evaluations >= FEWEST_EVALUATIONS and can_record(self.objective.network, rgb)


def can_record(network: Network, rgb: Tensor) -> bool:
    """Returns whether a CUDA graph can replay evaluations of `rgb`, and is faster.

    Replaying is faster if launching the kernels takes longer than running them.
    """
    return (
        rgb.is_cuda and network.launches_same_kernels and rgb.shape[2] * rgb.shape[3] <= LARGEST_PX
    )


def _finite(loss: Tensor, gradient: Tensor) -> tuple[float, Tensor]:
    """Returns the loss as a number, and the gradient; raises NotFinite if one of them is not."""
    # Both in one transfer: each waits for all that the device has yet to do.
    value, sum_of_gradient = torch.stack((loss, gradient.sum())).tolist()
    if not (math.isfinite(value) and math.isfinite(sum_of_gradient)):
        raise NotFinite(sentence("not-finite", loss=f"{value:g}"))
    return value, gradient
