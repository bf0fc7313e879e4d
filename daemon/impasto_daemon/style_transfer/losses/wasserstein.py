"""The 2-Wasserstein distance between normal distributions: its covariance part.

W2² = |m - m_t|² + tr C + tr C_t - 2 tr (C_t^½ C C_t^½)^½ (Dowson and Landau 1982, equation 4).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.matrix_sqrt import Root, matrix_sqrt
from impasto_daemon.style_transfer.networks.precision import in_float64

# The share of the target's variance whose directions are compared one by one. The rest lies in
# hundreds of invisible directions, and would take most of the time.
VARIANCE_SHARE = 0.995
# Keep the gradient of the square root finite: relative to a direction's mean variance, and in
# absolute terms for a painting of a single colour, which has none.
_SMALLEST_DEVIATION = 1e-4
_SMALLEST_FLOOR = 1e-12
# Of the source of a map, relative to its mean variance.
_SMALLEST_SOURCE_VARIANCE = 0.01


class OptimalTransport:
    """The Bures part of the 2-Wasserstein distance to `target`: (C, C), positive semidefinite.

    variance_share: the share of the target's variance that the compared directions have, in
        (0, 1]; with 1 the distance is exact, up to the smoothing of directions without variance.
    """

    def __init__(self, target: Tensor, variance_share: float = VARIANCE_SHARE) -> None:
        variances, directions = _eigen(in_float64(target))
        variances, directions = variances.clamp_min(0).flip(0), directions.flip(1)
        self._variance = variances.sum()
        is_needed = variances.cumsum(0) < variance_share * self._variance
        rank = min(len(variances), int(is_needed.sum()) + 1)
        # Its rows are the compared directions, scaled by the deviations along them: (rank, C).
        self._root = (directions[:, :rank] * variances[:rank].sqrt()).T.contiguous()
        smallest = _SMALLEST_DEVIATION * self._variance / len(variances)
        self._floor = smallest.square().clamp_min(_SMALLEST_FLOOR)

    def distance(self, covariance: Tensor) -> Tensor:
        """Returns the squared distance of `covariance` (C, C), in its own precision; a scalar."""
        common: Tensor = _CommonDeviation.apply(covariance, self._root, self._floor)
        # Not trace(), for the reason given in Moments.power.
        variance = covariance.diagonal().sum()
        squared: Tensor = variance + self._variance.to(covariance) - 2 * common
        return squared

    def map(self, covariance: Tensor) -> Tensor:
        """Returns the linear map from a normal distribution of `covariance` to the target's.

        (C, C): R' (R C R')^-½ R with the target's root R (Lu et al. 2019, equation 9). The variance
        is raised a little in all directions: where it hardly varies it is noise, which the map
        would amplify. Directions in which the target does not vary are mapped to zero.
        """
        root, covariance64 = self._root, in_float64(covariance)
        noise = _SMALLEST_SOURCE_VARIANCE * covariance64.diagonal().mean()
        common = root @ covariance64 @ root.T + noise * root @ root.T
        inverse = _eigen_sqrt(common, self._floor).inverse
        return (root.T @ inverse @ root).to(covariance)


class _CommonDeviation(torch.autograd.Function):
    """The trace of (R C Rᵀ)^½, in float64, so that small eigenvalues are not lost to rounding."""

    @staticmethod
    def forward(ctx: Any, covariance: Tensor, root: Tensor, floor: Tensor) -> Tensor:
        """Returns the trace; `floor` is added to every eigenvalue (see also `matrix_sqrt`)."""
        common = root @ in_float64(covariance) @ root.T
        # On a processor eigenvalues are the faster way; on a GPU the solver would be waited for.
        sqrt = matrix_sqrt(common, floor) if common.is_cuda else _eigen_sqrt(common, floor)
        ctx.save_for_backward(root, sqrt.inverse)
        return sqrt.trace.to(covariance)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Returns the gradient: d tr M^½ / dM is half the inverse square root, M = R C Rᵀ."""
        root, inverse = ctx.saved_tensors
        return gradient * (0.5 * root.T @ inverse @ root).to(gradient), None, None


def _eigen_sqrt(matrix: Tensor, floor: Tensor) -> Root:
    """Returns what `matrix_sqrt` does, by eigenvalues, for any floor."""
    variances, directions = _eigen(matrix)
    deviations = (variances.clamp_min(0) + floor).sqrt()
    return Root(deviations.sum(), (directions / deviations) @ directions.T)


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the eigenvalues and eigenvectors of a symmetric matrix, NaN if it is not finite."""
    if not matrix.isfinite().all():
        return matrix.new_full(matrix.shape[:1], torch.nan), torch.full_like(matrix, torch.nan)
    variances, directions = torch.linalg.eigh(matrix)
    return variances, directions
