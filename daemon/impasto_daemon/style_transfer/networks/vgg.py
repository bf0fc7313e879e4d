"""A VGG network read at named layers (Simonyan and Zisserman 2015, table 1).

It knows convolutions and blocks, not where their weights come from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.conv_relu import ConvReLU
from impasto_daemon.style_transfer.networks.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    ConvolutionChain,
    missing_layers,
)
from impasto_daemon.style_transfer.networks.pooling import pool, pool_mask
from impasto_daemon.style_transfer.networks.vgg_layers import vgg_layer, vgg_layers
from impasto_shared.settings import Pooling

VGG11_BLOCKS = (1, 1, 2, 2, 2)
"""The number of convolutions in each block of VGG-11, between one pooling layer and the next."""

VGG13_BLOCKS = (2, 2, 2, 2, 2)
"""The same of VGG-13."""

VGG16_BLOCKS = (2, 2, 3, 3, 3)
"""The same of VGG-16."""

VGG19_BLOCKS = (2, 2, 4, 4, 4)
"""The same of VGG-19."""


@dataclass(frozen=True)
class Convolution:
    """A 3 × 3 convolution: weight (out, in, 3, 3) as (row, column) correlation, bias (out)."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation: (x - mean) / sqrt(variance + epsilon) × weight + bias.

    All tensors are (out).
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    variance: Tensor
    epsilon: float = 1e-5


def fold_batch_norm(convolution: Convolution, norm: BatchNorm) -> Convolution:
    """Returns the single convolution that equals `convolution` followed by `norm`.

    It is calculated in float64.
    """
    scale = norm.weight.double() / (norm.variance.double() + norm.epsilon).sqrt()
    weight = convolution.weight.double() * scale.view(-1, 1, 1, 1)
    bias = (convolution.bias.double() - norm.mean.double()) * scale + norm.bias.double()
    return Convolution(weight.to(convolution.weight), bias.to(convolution.bias))


class VGG(ConvolutionChain):
    """The convolutional part of a VGG network.

    convolutions: all of them, from conv1_1 on; blocks: the number of convolutions in each block.
    dtype: of the calculation and of activations; images are float32 or better.
    Raises ValueError if the two do not agree.
    """

    def __init__(
        self,
        convolutions: Sequence[Convolution],
        blocks: Sequence[int],
        *,
        pooling: Pooling,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if len(convolutions) != sum(blocks):
            raise ValueError(f"{len(convolutions)} convolutions do not make blocks of {blocks}")
        self._convolutions = {
            str(layer): ConvReLU(convolution.weight, convolution.bias, device, dtype)
            for layer, convolution in zip(vgg_layers(blocks), convolutions, strict=True)
        }
        self.pooling = pooling
        weight = convolutions[0].weight.to(device)
        self._dtype = dtype or weight.dtype
        self._mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        self._std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which images must be."""
        return self._mean.device

    @property
    def number_bytes(self) -> int:
        """The size in bytes of the numbers that it calculates with."""
        return self._dtype.itemsize

    @property
    def layers(self) -> list[str]:
        """The names of its layers, the shallowest first."""
        return list(self._convolutions)

    @property
    def launches_same_kernels(self) -> bool:
        """True: a plain chain of layers is the same sequence of kernels every time."""
        return True

    def has(self, layer: str) -> bool:
        """Returns whether there is a layer of that name."""
        return layer in self._convolutions

    def convolution(self, layer: str) -> ConvReLU:
        """Returns the convolution and ReLU of a layer."""
        return self._convolutions[layer]

    def down_to(self, layers: Collection[str]) -> list[str]:
        """Returns all layers down to the deepest of `layers`; raises ValueError if it lacks one."""
        if missing := missing_layers(self, layers):
            raise ValueError(f"The network has no layer {', '.join(missing)}")
        deepest = max((self.layers.index(layer) for layer in layers), default=-1)
        return self.layers[: deepest + 1]

    def activations(self, image: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Yields the activations (N, C, h, w) at each of `layers`, the shallowest first.

        image: (N, 3, H, W) in [0, 1], each side at least 2 ** (blocks before the deepest layer).
        Computes nothing beyond the deepest layer. Raises ValueError for a layer that it lacks.
        """
        activation = self.normalised(image)
        for name in self.down_to(layers):
            layer = vgg_layer(name)
            if layer is not None and layer.follows_pooling:
                activation = pool(activation, self.pooling)
            self.interrupt()
            activation = self._convolutions[name](activation)
            if activation.requires_grad:
                activation.register_hook(lambda _: self.interrupt())  # type: ignore[no-untyped-call]
            if name in layers:
                yield name, activation

    def reduced_mask(self, mask: Tensor, layer: str, _height: int, _width: int) -> Tensor:
        """Returns `mask` (1, 1, H, W) reduced by pooling (Gatys et al. 2017, section 4)."""
        vgg = vgg_layer(layer)
        for _ in range(vgg.block - 1 if vgg else 0):
            mask = pool_mask(mask)
        return mask

    def normalised(self, image: Tensor) -> Tensor:
        """Returns the input of the first layer: `image` (N, 3, H, W) as VGG was trained on it."""
        # channels_last is the layout that convolutions are fastest in.
        return ((image - self._mean) / self._std).to(self._dtype, memory_format=torch.channels_last)

    def normalised_backward(self, gradient: Tensor) -> Tensor:
        """Returns the gradient with respect to the image, given that of its normalised form."""
        return gradient.to(self._mean.dtype) / self._std
