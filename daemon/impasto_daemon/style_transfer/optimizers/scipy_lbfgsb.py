"""L-BFGS-B of SciPy, the reference: in float64 and within the bounds [0, 1].

SciPy is imported when it is called: every worker would start a third of a second later.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto_daemon.style_transfer.optimizers.minimiser import FIRST_CHANGE, Evaluate

# SciPy checks its own limits between line searches only; `evaluate` ends the search.
_NO_LIMIT = 1_000_000


class ScipyLBFGSB:
    """L-BFGS-B of SciPy, whose `maxcor` is the history."""

    def minimise(self, evaluate: Evaluate, initial: Tensor, *, history: int) -> None:
        """Minimises from `initial`, with the evaluations' errors passed through."""
        from scipy.optimize import Bounds, minimize

        minimize(
            _ScaledLoss(evaluate, initial),
            _flat(initial),
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


class _ScaledLoss:
    """A loss of flat float64 arrays, scaled so that SciPy's first step is of usual length."""

    def __init__(self, evaluate: Evaluate, like: Tensor) -> None:
        self._evaluate = evaluate
        self._like = like
        self._scale: float | None = None

    def __call__(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        image = torch.from_numpy(flat).to(self._like, copy=True).view_as(self._like)
        loss, gradient = self._evaluate(image)
        flat_gradient = _flat(gradient)
        if self._scale is None:
            mean = float(np.abs(flat_gradient).mean())
            self._scale = FIRST_CHANGE / mean if mean > 0 else 1.0
        return loss * self._scale, flat_gradient * self._scale


def _flat(image: Tensor) -> NDArray[np.float64]:
    return image.flatten().cpu().numpy().astype(np.float64)
