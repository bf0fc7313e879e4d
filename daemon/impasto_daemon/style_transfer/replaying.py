"""On a GPU: an evaluation is recorded once, and then repeated as a whole (CUDA graphs).

It is made of two thousand tasks. Of a picture that is not large each takes the processor longer to
order than the GPU to do.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Evaluation = Callable[[Tensor], tuple[Tensor, Tensor]]
"""A picture (1, 3, H, W) to its loss, a scalar, and its slope, of the picture's shape."""

# Beyond, the processor is done before the GPU is (docs/benchmarks.md).
LARGEST_PX = 2**21


class Replayed:
    """`evaluate` for pictures of one shape, recorded when it is called for the second time.

    What it calls beside the GPU's tasks is called then for the last time.
    """

    def __init__(self, evaluate: Evaluation) -> None:
        self._evaluate = evaluate
        self._is_warm = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """The loss and the slope of `rgb`."""
        if not self._is_warm:
            # What a first time loads and asks for cannot be recorded.
            self._is_warm = True
            return self._evaluate(rgb)
        if self._graph is None:
            self._graph = self._recorded(rgb)
        self._picture.copy_(rgb)
        self._graph.replay()
        return self._loss.clone(), self._slope.clone()

    def _recorded(self, rgb: Tensor) -> torch.cuda.CUDAGraph:
        self._picture = rgb.clone()
        graph = torch.cuda.CUDAGraph()
        # PyTorch orders slopes from a thread of its own, which stricter modes forbid.
        with torch.cuda.graph(graph, capture_error_mode="relaxed"):
            self._loss, self._slope = self._evaluate(self._picture)
        return graph
