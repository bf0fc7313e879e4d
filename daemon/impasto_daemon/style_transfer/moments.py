"""The statistics of style: the first two moments of a layer's activations over all positions.

They are means over positions, so moments of several pictures, or of parts of one, can be blended.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """The moments of C channels: mean (C), second (C, C), the raw one, about zero."""

    mean: Tensor
    second: Tensor

    @property
    def covariance(self) -> Tensor:
        """The second moment about the mean: (C, C)."""
        return self.second - self.mean.outer(self.mean)

    @property
    def power(self) -> Tensor:
        """The mean squared length of a position's activations: the unit of distances."""
        return self.second.trace()


def moments(activation: Tensor) -> Moments:
    """The moments of an activation (1, C, H, W) over its H * W positions."""
    flat = activation.squeeze(0).flatten(start_dim=1)  # (C, H*W)
    return Moments(flat.mean(dim=1), gram_matrix(activation))


def gram_matrix(activation: Tensor) -> Tensor:
    """Correlations of the channels, the statistic of style (Gatys et al. 2016, equation 3).

    activation: (1, C, H, W). Returns (C, C), divided by H * W, so that neither the picture's
    size nor the painting's matters (the paper divides the loss by both sizes, equation 4).
    """
    flat = activation.squeeze(0).flatten(start_dim=1)  # (C, H*W)
    return flat @ flat.T / flat.shape[1]
