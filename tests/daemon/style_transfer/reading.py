"""Activations and Gram matrices of an image, as the papers write them, for comparison."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from impasto_daemon.style_transfer.losses.moments import moments
from impasto_daemon.style_transfer.networks.network import Network, WholeImageNetwork


def features(network: Network, rgb: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
    """Returns the activations (N, C, h, w) at each of `layers`."""
    assert isinstance(network, WholeImageNetwork)
    return dict(network.activations(rgb, layers))


def gram_matrix(activation: Tensor) -> Tensor:
    """Returns the correlations of the channels (Gatys et al. 2016, equation 3) over H * W.

    activation: (1, C, H, W). The result is (C, C).
    """
    return moments(activation).second
