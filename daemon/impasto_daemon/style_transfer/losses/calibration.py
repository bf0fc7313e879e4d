"""The weight of the content that one pair of photo and painting needs.

At one weight a face survives one painting and drowns in another. How much of the photo's drawing
the coarsest scale has lost tells which: the finer scales then weigh the content accordingly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.losses.content import activations_of
from impasto_daemon.style_transfer.losses.moments import positions_of, precise
from impasto_daemon.style_transfer.networks.network import Network

# Of the pairs that need no correction; and how the weight follows from other distances. Found by
# looking at pictures (docs/benchmarks.md).
_TYPICAL_DISTANCE = 0.12
_EXPONENT = 3.0
_LARGEST_FACTOR = 3.0
_MOST_POSITIONS = 1024


@torch.no_grad()
def content_factor(
    network: Network, photo: Tensor, painted: Tensor, layer: str, strength: float
) -> float:
    """Returns the factor of the content weight that the scales after `painted` need.

    photo and painted: (1, 3, H, W) in [0, 1]; layer: where their self-similarities are compared.
    """
    one, other = (activations_of(network, image, [layer])[layer] for image in (photo, painted))
    distance = self_similarity_distance(one, other).item()
    typical = _TYPICAL_DISTANCE * math.sqrt(strength)
    factor: float = (distance / typical) ** _EXPONENT
    return min(max(factor, 1 / _LARGEST_FACTOR), _LARGEST_FACTOR)


def self_similarity_distance(photo: Tensor, painted: Tensor) -> Tensor:
    """Returns how much the similarities between positions differ, in [0, 2] (Kolkin et al. 2019).

    photo and painted: activations (1, C, h, w) of the same layer. Both matrices of cosine distances
    between positions are normalised to columns of sum 1 (section 2.3).
    """
    one, other = (_relative_distances(activation) for activation in (photo, painted))
    return (one - other).abs().sum(dim=0).mean()


def _relative_distances(activation: Tensor) -> Tensor:
    positions = precise(positions_of(activation))
    positions = functional.normalize(positions[:: -(-len(positions) // _MOST_POSITIONS)])
    distances = 1 - positions @ positions.T
    return distances / distances.sum(dim=0).clamp_min(1e-12)
