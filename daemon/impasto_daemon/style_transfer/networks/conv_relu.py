"""A 3 × 3 convolution and its ReLU over a picture whose border is repeated.

torch's own repetition of a border gives up the layout that convolutions are fastest in, on GPUs,
and its convolution keeps what it has read, of which its slope needs nothing but the size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_input


def convolve_rectified(activation: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """ReLU of the convolution of `activation` (N, in, H, W), its border repeated: (N, out, H, W).

    weight: (out, in, 3, 3), bias: (out); they take no gradient. The result, and the slope that
    comes back, are laid out in channels_last.
    """
    found: Tensor = _Rectified.apply(activation, weight, bias)
    return found


class _Rectified(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activation: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        found = torch.conv2d(_extended(activation), weight, bias).relu_()
        ctx.save_for_backward(found, weight)
        return found

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        found, weight = ctx.saved_tensors
        rectified = torch.ops.aten.threshold_backward(slope, found, 0)
        return slope_of_input(rectified, weight), None, None


def slope_of_input(slope: Tensor, weight: Tensor) -> Tensor:
    """The slope along what was convolved, (N, in, H, W), by that along the result, before the ReLU.

    slope: (N, out, H, W); weight: (out, in, 3, 3).
    """
    count, _, height, width = slope.shape
    spread: Tensor = conv2d_input(  # type: ignore[no-untyped-call]
        (count, weight.shape[1], height + 2, width + 2), weight, slope
    )
    return without_border(spread)


def without_border(spread: Tensor) -> Tensor:
    """The slope (N, C, H, W) of what had its border repeated, by that with it (N, C, H + 2, W + 2).

    What falls on the border belongs to what was repeated: it is added to it, in `spread` too.
    """
    spread[:, :, 1] += spread[:, :, 0]
    spread[:, :, -2] += spread[:, :, -1]
    spread[:, :, :, 1] += spread[:, :, :, 0]
    spread[:, :, :, -2] += spread[:, :, :, -1]
    return spread[:, :, 1:-1, 1:-1]


def _extended(activation: Tensor) -> Tensor:
    """`activation` (N, C, H, W) with its border once more around it: (N, C, H + 2, W + 2)."""
    count, channels, height, width = activation.shape
    extended = torch.empty(
        (count, channels, height + 2, width + 2),
        dtype=activation.dtype,
        device=activation.device,
        memory_format=torch.channels_last,
    )
    extended[:, :, 1:-1, 1:-1] = activation
    extended[:, :, 1:-1, 0] = activation[:, :, :, 0]
    extended[:, :, 1:-1, -1] = activation[:, :, :, -1]
    extended[:, :, 0] = extended[:, :, 1]
    extended[:, :, -1] = extended[:, :, -2]
    return extended
