"""The square root of a symmetric matrix and its inverse, by matrix products alone.

A GPU waits for each step of an eigenvalue solver, and must tell the processor how it went. Products
it takes one after another, and can repeat them as recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# Beside the matrix's length: no smaller eigenvalue is told from zero ...
_SMALLEST = 1e-13
# ... and to the root none is shown that is smaller.
_SMALLEST_FLOOR = 1e-12
# A single eigenvalue would else lie on the edge of what the steps are made for, and rounding put it
# beyond.
_MARGIN = 1.01
# Keeps a matrix of zeros one.
_SHORTEST = 1e-200
_ROUNDING = 1e-15


class Root(NamedTuple):
    """What is wanted of a matrix's root: its trace, and its inverse, (n, n) and symmetric."""

    trace: Tensor
    inverse: Tensor


def positive_root(matrix: Tensor, floor: Tensor) -> Root:
    """That of `matrix` with `floor` added to every eigenvalue, negative ones taken as zero.

    matrix: (n, n) float64, symmetric but for the rounding of shorter numbers that it was made of;
        floor: a scalar above 0. One below 1e-12 of the matrix's length is taken as that.
    It is the matrix's sign that tells positive from negative (Newton-Schulz, Higham 2008, section
    5.3), and the coupled iteration that gives both roots (equation 6.35); their steps are as long
    as is safe (Chen and Chow 2014).
    """
    identity = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    length = _MARGIN * matrix.norm().clamp_min(_SHORTEST)
    # Without symmetry the steps below would not end at a sign.
    matrix = (matrix + matrix.T) / (2 * length)
    sign = matrix
    for linear, cubic in _SIGN_STEPS:
        sign = sign @ torch.addmm(identity, sign, sign, beta=linear, alpha=-cubic)
    positive = (matrix + matrix @ sign) / 2
    floor = (floor / length).clamp_min(_SMALLEST_FLOOR)
    # All its eigenvalues are in [floor, 1 + floor], rounding counted.
    largest = 1 + 2 * floor
    root = ((positive + positive.T) / 2 + floor * identity) / largest
    inverse = identity
    for linear, cubic in _ROOT_STEPS:
        step = torch.addmm(identity, inverse, root, beta=linear, alpha=-cubic)
        root, inverse = root @ step, step @ inverse
    scale = (length * largest).sqrt()
    return Root(root.trace() * scale, inverse / scale)


def _steps(smallest: float) -> Sequence[tuple[float, float]]:
    """The a and b of steps a x - b x³ that bring all x in [smallest, 1] to 1.

    Each is the one whose largest distance from 1 is the smallest for the interval that is left.
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
