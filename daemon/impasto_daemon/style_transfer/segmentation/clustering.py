"""Clusters of points: k-means for many small cells, which are then merged two by two.

Merging gives a hierarchy: with one region more, one region is split, and the others stay the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_ROUNDS = 50


def k_means(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Returns the cell of each of `points` (n, d), in [0, count): (n).

    Begins with the k-means++ of Arthur and Vassilvitskii 2007. Cells may be empty.
    """
    centres = _distant_points(points, count, generator)
    cells = torch.full((len(points),), -1)
    for _ in range(_ROUNDS):
        nearest = torch.cdist(points, centres).argmin(dim=1)
        if torch.equal(nearest, cells):
            break
        cells = nearest
        members = torch.nn.functional.one_hot(cells, count).T.to(points)
        sizes = members.sum(dim=1, keepdim=True)
        centres = torch.where(sizes > 0, members @ points / sizes.clamp_min(1), centres)
    return cells


def _distant_points(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    first = int(torch.randint(len(points), (1,), generator=generator))
    chosen = [first]
    distances = (points - points[first]).square().sum(dim=1)
    for _ in range(count - 1):
        # A constant for points that are all the same.
        weights = distances.double() + 1e-12
        chosen.append(int(torch.multinomial(weights, 1, generator=generator)))
        closer = (points - points[chosen[-1]]).square().sum(dim=1)
        distances = torch.minimum(distances, closer)
    return points[chosen].clone()


@dataclass(frozen=True)
class Merge:
    """The cheapest merge of two clusters.

    clusters: the cluster of each cell before it, in [0, count).
    cost: what it adds to the sum of squared distances to the means.
    """

    clusters: Tensor
    cost: float


def merges(centres: Tensor, sizes: Tensor) -> list[Merge]:
    """Returns all merges of cells with `centres` (c, d), in their order, by Ward's criterion.

    sizes: the weight of each cell: (c).

    The criterion is equation 1 of Ward 1963: the pair is merged that adds least to the sum of the
    squared distances of all points to the means of their clusters.
    """
    centres, sizes = centres.double().clone(), sizes.double().clone()
    clusters = torch.arange(len(centres))
    history: list[Merge] = []
    while len(centres) > 1:
        weights = sizes[:, None] * sizes / (sizes[:, None] + sizes).clamp_min(1e-12)
        costs = weights * (centres[:, None] - centres).square().sum(dim=2)
        costs[torch.eye(len(centres), dtype=torch.bool)] = torch.inf
        smaller, larger = sorted(divmod(int(costs.argmin()), len(centres)))
        history.append(Merge(clusters.clone(), float(costs[smaller, larger])))
        pair = sizes[[smaller, larger]]
        mean = (centres[[smaller, larger]] * pair[:, None]).sum(dim=0) / pair.sum().clamp_min(1e-12)
        centres[smaller], sizes[smaller] = mean, pair.sum()
        others = torch.arange(len(centres)) != larger
        centres, sizes = centres[others], sizes[others]
        clusters[clusters == larger] = smaller
        clusters[clusters > larger] -= 1
    return history
