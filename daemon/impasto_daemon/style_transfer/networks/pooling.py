"""Pooling of 2 × 2 positions to one, forward and backward."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from impasto_shared.settings import Pooling


def pool(activation: Tensor, pooling: Pooling) -> Tensor:
    """Returns (N, C, H // 2, W // 2) for an activation (N, C, H, W), differentiable."""
    if pooling is Pooling.AVERAGE:
        return functional.avg_pool2d(activation, 2)
    if activation.device.type not in ("cpu", "cuda"):
        # Its backward pass ends the process on Apple's GPUs in channels_last (pytorch#175190).
        activation = activation.contiguous()
    return functional.max_pool2d(activation, 2)


def pool_backward(gradient: Tensor, activation: Tensor, pooling: Pooling) -> Tensor:
    """Returns the gradient with respect to `activation` (N, C, H, W), given that of its pooling.

    gradient: (N, C, H // 2, W // 2).
    """
    variable = activation.detach().requires_grad_()
    with torch.enable_grad():
        pooled = pool(variable, pooling)
    (result,) = torch.autograd.grad(pooled, variable, gradient)
    return result


def pool_mask(mask: Tensor) -> Tensor:
    """Returns `mask` (N, 1, H, W) averaged over 2 × 2 positions: (N, 1, H // 2, W // 2).

    What an odd last row or column holds is kept, by the maximum with the one before: pooling
    drops it, and a style that belongs there alone would be lost.
    """
    height, width = mask.shape[2:]
    if height % 2:
        last = torch.maximum(mask[:, :, -2:-1], mask[:, :, -1:])
        mask = torch.cat((mask[:, :, :-2], last), dim=2)
    if width % 2:
        last = torch.maximum(mask[:, :, :, -2:-1], mask[:, :, :, -1:])
        mask = torch.cat((mask[:, :, :, :-2], last), dim=3)
    return functional.avg_pool2d(mask, 2)
