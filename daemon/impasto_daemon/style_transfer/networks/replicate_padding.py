"""Replicate padding by one position, forward and backward, in channels_last."""

from __future__ import annotations

import torch
from torch import Tensor


def replicate_pad(activation: Tensor) -> Tensor:
    """Returns `activation` (N, C, H, W) with its border repeated: (N, C, H + 2, W + 2)."""
    count, channels, height, width = activation.shape
    padded = torch.empty(
        (count, channels, height + 2, width + 2),
        dtype=activation.dtype,
        device=activation.device,
        memory_format=torch.channels_last,
    )
    padded[:, :, 1:-1, 1:-1] = activation
    padded[:, :, 1:-1, 0] = activation[:, :, :, 0]
    padded[:, :, 1:-1, -1] = activation[:, :, :, -1]
    padded[:, :, 0] = padded[:, :, 1]
    padded[:, :, -1] = padded[:, :, -2]
    return padded


def fold_replicate_padding(grad_padded: Tensor) -> Tensor:
    """Folds the gradient of a padded tensor (N, C, H + 2, W + 2) onto (N, C, H, W).

    The backward pass of replicate padding: what falls on the padding is added to the border that
    it repeats. Modifies its input.
    """
    grad_padded[:, :, 1] += grad_padded[:, :, 0]
    grad_padded[:, :, -2] += grad_padded[:, :, -1]
    grad_padded[:, :, :, 1] += grad_padded[:, :, :, 0]
    grad_padded[:, :, :, -2] += grad_padded[:, :, :, -1]
    return grad_padded[:, :, 1:-1, 1:-1]
