"""The square root of a symmetric matrix and its inverse, by matrix products alone, for GPUs.

An eigenvalue solver synchronises the GPU with the processor at each step. Matrix products do not,
and a CUDA graph can replay them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Relative to the Frobenius norm: eigenvalues below the first count as zero; the root is taken with
# a floor of at least the second.
_SMALLEST = 1e-13
_SMALLEST_FLOOR = 1e-12
# A single eigenvalue would otherwise lie on the edge of the interval that the steps converge in,
# and rounding could put it outside.
_MARGIN = 1.01
# Avoids 0 / 0 for the zero matrix.
_SMALLEST_NORM = 1e-200
_ROUNDING = 1e-15


class Root(NamedTuple):
    """A matrix square root: its trace, and its inverse, (n, n) and symmetric."""

    trace: Tensor
    inverse: Tensor


def matrix_sqrt(matrix: Tensor, floor: Tensor) -> Root:
    """Returns the root of `matrix` with `floor` added to its eigenvalues, negative ones set to 0.

    matrix: (n, n) float64, symmetric up to the rounding of the shorter numbers it was made from.
    floor: a scalar above 0; at least 1e-12 of the Frobenius norm is taken.
    The matrix sign function separates positive from negative eigenvalues (Newton-Schulz, Higham
    2008, section 5.3), the coupled iteration gives both roots (equation 6.35), and the steps are
    scaled to be as long as is safe (Chen and Chow 2014).
    """
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    norm = _MARGIN * torch.linalg.matrix_norm(matrix).clamp_min(_SMALLEST_NORM)
    # Without symmetry the steps below would not converge to the sign.
    matrix = (matrix + matrix.T) / (2 * norm)
    sign = matrix
    for linear, cubic in _SIGN_STEPS:
        sign = sign @ torch.addmm(identity, sign, sign, beta=linear, alpha=-cubic)
    positive = (matrix + matrix @ sign) / 2
    floor = (floor / norm).clamp_min(_SMALLEST_FLOOR)
    # All eigenvalues are in [floor, 1 + floor], rounding included.
    largest = 1 + 2 * floor
    root = ((positive + positive.T) / 2 + floor * identity) / largest
    inverse = identity
    for linear, cubic in _ROOT_STEPS:
        step = torch.addmm(identity, inverse, root, beta=linear, alpha=-cubic)
        root, inverse = root @ step, step @ inverse
    scale = (norm * largest).sqrt()
    return Root(root.trace() * scale, inverse / scale)


def _steps(smallest: float) -> Sequence[tuple[float, float]]:
    """Returns the a and b of steps a x - b x³ that bring all x in [smallest, 1] to 1.

    Each step minimises the largest distance from 1 over the interval that remains.
    """
    steps = []
    low, high = smallest, 1.0
    while 1 - low > _ROUNDING:
        squares = low * low + low * high + high * high
        peak = (squares / 3) ** 0.5
        cubic = 2 / (2 * peak**3 + low * high * (low + high))
        steps.append((cubic * squares, cubic))
        low = cubic * low * high * (low + high)
        high = 2 - low
    return [*steps, (1.5, 0.5)]


_SIGN_STEPS = _steps(_SMALLEST)
_ROOT_STEPS = _steps(_SMALLEST_FLOOR**0.5)
