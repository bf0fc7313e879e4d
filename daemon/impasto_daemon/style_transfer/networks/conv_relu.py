"""A 3 × 3 convolution with replicate padding, and its ReLU.

Zero padding would be an edge around every image, and the optimisation paints a frame along it.
Replicate padding (neither in the paper nor in VGG's training) leaves nothing to see there. It is
written out because torch's own gives up channels_last, the layout in which convolutions are
fastest on GPUs, and because torch's convolution saves its input, of which the gradient needs
nothing but the size.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.grad import conv2d_input

from impasto_daemon.style_transfer.networks.replicate_padding import (
    fold_replicate_padding,
    replicate_pad,
)
from impasto_daemon.style_transfer.networks.winograd import Winograd

# Below these, the transforms cost more than the products that they save (docs/benchmarks.md).
_WINOGRAD_CHANNELS = 128
_WINOGRAD_POSITIONS = 256


class ConvReLU:
    """A convolution (weight: (out, in, 3, 3), bias: (out)) and its ReLU, with fixed weights."""

    def __init__(
        self, weight: Tensor, bias: Tensor, device: torch.device | None, dtype: torch.dtype | None
    ) -> None:
        self._weight = weight.detach().to(device, dtype, memory_format=torch.channels_last)
        self._bias = bias.detach().to(device, dtype)
        self._winograd: Winograd | None = None

    def __call__(self, activation: Tensor) -> Tensor:
        """Returns the layer's activation (N, out, H, W) for its input (N, in, H, W)."""
        if winograd := self._winograd_for(activation):
            return winograd(activation)
        return conv_relu(activation, self._weight, self._bias)

    def input_gradient(self, gradient: Tensor) -> Tensor:
        """Returns the gradient (N, in, H, W) with respect to the layer's input.

        gradient: (N, out, H, W), with respect to the convolution's result, before the ReLU.
        """
        if winograd := self._winograd_for(gradient):
            return winograd.input_gradient(gradient)
        return input_gradient(gradient, self._weight)

    def _winograd_for(self, tensor: Tensor) -> Winograd | None:
        """Returns Winograd's algorithm if it is the faster one for such an input or output."""
        count, _, height, width = tensor.shape
        suits = (
            tensor.device.type == "cpu"
            and tensor.dtype == torch.float32
            and count == 1
            and height * width >= _WINOGRAD_POSITIONS
            and min(self._weight.shape[:2]) >= _WINOGRAD_CHANNELS
        )
        if not suits:
            return None
        if self._winograd is None:
            self._winograd = Winograd(self._weight, self._bias)
        return self._winograd


def conv_relu(activation: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Returns ReLU(conv(activation)) with replicate padding: (N, in, H, W) to (N, out, H, W).

    weight: (out, in, 3, 3), bias: (out); they take no gradient. The result and the gradient of
    `activation` are laid out in channels_last.
    """
    result: Tensor = _ConvReLU.apply(activation, weight, bias)
    return result


class _ConvReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activation: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        result = torch.conv2d(replicate_pad(activation), weight, bias).relu_()
        ctx.save_for_backward(result, weight)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        result, weight = ctx.saved_tensors
        return input_gradient(relu_backward(gradient, result), weight), None, None


def relu_backward(gradient: Tensor, result: Tensor) -> Tensor:
    """Returns the gradient before a ReLU, given that after it and the ReLU's result."""
    before: Tensor = torch.ops.aten.threshold_backward(gradient, result, 0)
    return before


def input_gradient(gradient: Tensor, weight: Tensor) -> Tensor:
    """Returns the gradient (N, in, H, W) with respect to the input of a convolution.

    gradient: (N, out, H, W), with respect to its result; weight: (out, in, 3, 3).
    """
    count, _, height, width = gradient.shape
    grad_padded: Tensor = conv2d_input(  # type: ignore[no-untyped-call]
        (count, weight.shape[1], height + 2, width + 2), weight, gradient
    )
    return fold_replicate_padding(grad_padded)
