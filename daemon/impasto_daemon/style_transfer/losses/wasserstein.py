"""The 2-Wasserstein distance between normal distributions: its covariance part.

W2² = |m - m_t|² + tr C + tr C_t - 2 tr (C_t^½ C C_t^½)^½ (Dowson and Landau 1982, equation 4).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.matrix_sqrt import Root, positive_root

# The share of the target's variance whose directions are compared one by one. The rest lies in
# hundreds of directions that nobody sees, and would take most of the time.
VARIANCE_SHARE = 0.995
# Keeps the slope of the square root finite: this part of a direction's mean variance, or, where a
# painting of one colour has none, this much.
_SMALLEST_DEVIATION = 1e-4
_SMALLEST_FLOOR = 1e-12


class OptimalTransport:
    """The way from any covariance to `target`: (C, C), symmetric, not negative.

    variance_share: how much of the target's variance the directions kept must have, in (0, 1];
        1 makes the distance exact, up to the smoothing of directions that have none.
    """

    def __init__(self, target: Tensor, variance_share: float = VARIANCE_SHARE) -> None:
        variances, directions = _eigen(target.double())
        variances, directions = variances.clamp_min(0).flip(0), directions.flip(1)
        self._variance = variances.sum()
        missing = variances.cumsum(0) < variance_share * self._variance
        kept = min(len(variances), int(missing.sum()) + 1)
        # Its rows are the kept directions, as long as the deviations along them: (kept, C).
        self._root = (directions[:, :kept] * variances[:kept].sqrt()).T.contiguous()
        smallest = _SMALLEST_DEVIATION * self._variance / len(variances)
        self._floor = smallest.square().clamp_min(_SMALLEST_FLOOR)

    def distance(self, covariance: Tensor) -> Tensor:
        """The squared distance of `covariance` (C, C), in its own precision; a scalar."""
        common: Tensor = _CommonDeviation.apply(covariance, self._root, self._floor)
        # Not trace(), as in Moments.power.
        variance = covariance.diagonal().sum()
        squared: Tensor = variance + self._variance.to(covariance) - 2 * common
        return squared


class _CommonDeviation(torch.autograd.Function):
    """tr (R C R^T)^½ in float64, in which small eigenvalues are not lost to rounding."""

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, root: Tensor, floor: Tensor) -> Tensor:
        """The trace; `floor` is added to every eigenvalue (on a GPU at least `positive_root`'s)."""
        common = root @ covariance.double() @ root.T
        found = positive_root(common, floor) if common.is_cuda else _positive_root(common, floor)
        ctx.save_for_backward(root, found.inverse)
        return found.trace.to(covariance.dtype)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        """The slope of the trace of a root is half the inverse root, carried back through R."""
        root, inverse = ctx.saved_tensors
        return slope * (0.5 * root.T @ inverse @ root).to(slope.dtype), None, None


def _positive_root(matrix: Tensor, floor: Tensor) -> Root:
    """As `positive_root`, by eigenvalues, and with any floor: on a processor the faster way."""
    variances, directions = _eigen(matrix)
    deviations = (variances.clamp_min(0) + floor).sqrt()
    return Root(deviations.sum(), (directions / deviations) @ directions.T)


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The eigenvalues and -vectors of a symmetric matrix, not a number where it has such."""
    if not matrix.isfinite().all():
        return matrix.new_full(matrix.shape[:1], torch.nan), torch.full_like(matrix, torch.nan)
    variances, directions = torch.linalg.eigh(matrix)
    return variances, directions
