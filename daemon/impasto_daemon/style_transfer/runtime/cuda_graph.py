"""On a GPU: an evaluation is recorded once, and then repeated as a whole (CUDA graphs).

It is made of two thousand tasks. Of a picture that is not large each takes the processor longer to
order than the GPU to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory

logger = logging.getLogger(__name__)

Evaluation = Callable[[Tensor], tuple[Tensor, Tensor]]
"""A picture (1, 3, H, W) to its loss, a scalar, and its slope, of the picture's shape."""

# Beyond, the processor is done before the GPU is (docs/benchmarks.md).
LARGEST_PX = 2**21
# With fewer evaluations, recording one takes longer than it saves.
FEWEST_EVALUATIONS = 3


class CudaGraph:
    """`evaluate` for pictures of one shape, recorded when it is called for the second time.

    What it calls beside the GPU's tasks is called then for the last time. Where it cannot be
    recorded, it is called each time.
    """

    def __init__(self, evaluate: Evaluation) -> None:
        self._evaluate = evaluate
        self._is_warm = False
        self._is_refused = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and the slope of `rgb`; raises what `evaluate` does."""
        if self._is_refused or not self._is_warm:
            # What a first time loads and asks for cannot be recorded.
            self._is_warm = True
            return self._evaluate(rgb)
        if self._graph is None:
            try:
                self._graph = self._recorded(rgb)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                # Other releases, cards and drivers than were tried may refuse some task.
                logger.warning("evaluations cannot be recorded: %s", str(error))
                self._is_refused = True
                return self._evaluate(rgb)
        self._picture.copy_(rgb)
        self._graph.replay()
        return self._loss.clone(), self._slope.clone()

    def _recorded(self, rgb: Tensor) -> torch.cuda.CUDAGraph:
        picture = rgb.clone()
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        first: Exception | None = None
        try:
            # PyTorch orders slopes from a thread of its own, which stricter modes forbid.
            with torch.cuda.graph(graph, capture_error_mode="relaxed"):
                try:
                    loss, slope = self._evaluate(picture)
                except Exception as error:
                    first = error
                    raise
        except Exception:
            # The end of a recording that has failed fails too: it would hide why, and leaves the
            # recording's stream the current one (torch 2.6).
            torch.cuda.set_stream(stream)
            if first is not None:
                raise first from None
            raise
        self._picture, self._loss, self._slope = picture, loss, slope
        return graph
