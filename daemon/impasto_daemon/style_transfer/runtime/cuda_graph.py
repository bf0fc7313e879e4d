"""CUDA graphs: on a GPU an evaluation is recorded once and then replayed.

It consists of two thousand kernels. Unless the image is large, the CPU takes longer to launch each
one than the GPU to run it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory

logger = logging.getLogger(__name__)

# In larger images the CPU is faster than the GPU (docs/benchmarks.md).
LARGEST_PX = 2**21
# With fewer evaluations, recording takes longer than it saves.
FEWEST_EVALUATIONS = 3


class CudaGraph:
    """A function of images of one shape, recorded at its second call and replayed from then on.

    evaluate: returns the loss, a scalar, of an image (1, 3, H, W), and its gradient, of the image's
        shape. Only its GPU kernels are replayed: anything else in it happens for the last time when
        it is recorded. If it cannot be recorded, it is called each time.
    """

    def __init__(self, evaluate: Callable[[Tensor], tuple[Tensor, Tensor]]) -> None:
        self._evaluate = evaluate
        self._is_warm = False
        self._is_refused = False
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the loss of `rgb` and its gradient; raises the errors of `evaluate`."""
        if self._is_refused or not self._is_warm:
            # The first call loads kernels and allocates workspaces, which cannot be recorded.
            self._is_warm = True
            return self._evaluate(rgb)
        if self._graph is None:
            try:
                self._graph = self._recorded(rgb)
            except RuntimeError as error:
                if is_out_of_memory(error):
                    raise
                # Releases, cards and drivers other than those tested may refuse some kernel.
                logger.warning("evaluations cannot be recorded: %s", str(error))
                self._is_refused = True
                return self._evaluate(rgb)
        self._image.copy_(rgb)
        self._graph.replay()
        return self._loss.clone(), self._gradient.clone()

    def _recorded(self, rgb: Tensor) -> torch.cuda.CUDAGraph:
        image = rgb.clone()
        graph = torch.cuda.CUDAGraph()
        stream = torch.cuda.current_stream()
        cause: Exception | None = None
        try:
            # PyTorch runs the backward pass in a thread of its own, which stricter modes forbid.
            with torch.cuda.graph(graph, capture_error_mode="relaxed"):
                try:
                    loss, gradient = self._evaluate(image)
                except Exception as error:
                    cause = error
                    raise
        except Exception:
            # Ending a failed recording fails, too: it would hide the cause, and leaves the
            # recording's stream the current one (torch 2.6).
            torch.cuda.set_stream(stream)
            if cause is not None:
                raise cause from None
            raise
        self._image, self._loss, self._gradient = image, loss, gradient
        return graph
