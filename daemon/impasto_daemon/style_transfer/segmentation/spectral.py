"""Positions of a photo as points whose distances say how much they belong together.

The affinity of two positions is that of the network's activations there, and of their colours (as
in Melas-Kyriazi et al. 2022, Deep Spectral Methods, section 3.2), times one of their places. The
eigenvectors of its random walk are those of the normalised cut (Shi and Malik 2000); the slower
ones count more, so that squared distances are commute times (Qiu and Hancock 2007), up to a factor.

SciPy is imported when it is needed: every worker would start later, and few of them split a photo.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

# The power makes affinities of unlike activations vanish.
_POWER = 3
# Standard deviations of colours in [0, 1], and of places in shares of the longest side.
_COLOUR = 0.6
_PLACE = 0.4
# Every position has some affinity to every other one, so that the walk reaches all.
_LEAST_AFFINITY = 1e-6


def spectral_points(activations: Sequence[Tensor], colours: Tensor, dimensions: int) -> Tensor:
    """Returns a point for each position of the finest activations: (h × w, dimensions).

    activations: of layers, each (1, C, h', w'), the finest of h × w positions.
    colours: (1, 3, h, w) in [0, 1].
    """
    from scipy.sparse.linalg import eigsh

    affinity = _of_activations(activations, colours.shape[2:])
    affinity *= _gaussian(colours[0].flatten(1).T, _COLOUR)
    affinity *= _gaussian(_places(*colours.shape[2:]), _PLACE)
    affinity.add_(_LEAST_AFFINITY)
    root = affinity.sum(dim=1, dtype=torch.float64).sqrt().float()
    symmetric = affinity.div_(root[:, None]).div_(root)
    # A vector to begin from, so that the result is always the same.
    values, vectors = eigsh(
        symmetric.numpy(), k=dimensions + 1, which="LA", v0=root.numpy(), tol=1e-4
    )
    values, vectors = torch.from_numpy(values).flip(0), torch.from_numpy(vectors).flip(1)
    walk = vectors[:, 1:] / root[:, None]
    scale = (1 - values[1:]).clamp_min(1e-6).sqrt()
    return (walk / walk.std(dim=0).clamp_min(1e-12) / scale).float()


def _of_activations(activations: Sequence[Tensor], size: Sequence[int]) -> Tensor:
    """Returns the affinity of all pairs of positions: the cosine of their activations."""
    directions = []
    for activation in activations:
        centred = activation - activation.mean(dim=(2, 3), keepdim=True)
        grid = functional.interpolate(centred, tuple(size), mode="bilinear")
        directions.append(functional.normalize(grid[0].flatten(1).T, dim=1))
    direction = torch.cat(directions, dim=1)
    cosine = (direction @ direction.T).div_(len(directions))
    return cosine.clamp_min_(0).pow_(_POWER)


def _gaussian(points: Tensor, deviation: float) -> Tensor:
    return torch.cdist(points, points).div_(deviation).square_().mul_(-0.5).exp_()


def _places(height: int, width: int) -> Tensor:
    longest = max(height, width)
    rows, columns = torch.arange(height) / longest, torch.arange(width) / longest
    return torch.cartesian_prod(rows, columns)
