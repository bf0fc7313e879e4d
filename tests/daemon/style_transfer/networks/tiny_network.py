"""A VGG small enough for exact numbers: every layer that Impasto reads, and few channels."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.vgg import VGG, Convolution
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Pooling

# Sharing out so little work takes longer than the work, on a busy machine a hundred times.
torch.set_num_threads(1)

TINY_BLOCKS = (1, 1, 1, 2, 1)
TINY_CHANNELS = (4, 5, 6, 6, 7, 5)


class Burnt(Exception):
    """A fuse was called once too often."""


class Fuse:
    """Counts how often it is called, and burns at the call numbered `limit` (from 1)."""

    def __init__(self, limit: int | None = None) -> None:
        self.calls = 0
        self._limit = limit

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self._limit:
            raise Burnt


def tiny_convolutions(dtype: torch.dtype = torch.float64) -> list[Convolution]:
    """Returns the tiny network's weights; activations neither fade nor grow."""
    generator = torch.Generator().manual_seed(7)
    convolutions = []
    for inputs, outputs in pairwise((3, *TINY_CHANNELS)):
        shape = (outputs, inputs, 3, 3)
        weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        bias = torch.randn(outputs, generator=generator, dtype=torch.float64)
        scaled = weight * math.sqrt(2 / (9 * inputs))
        convolutions.append(Convolution(scaled.to(dtype), (0.1 * bias).to(dtype)))
    return convolutions


def tiny_vgg(pooling: Pooling = Pooling.AVERAGE, dtype: torch.dtype = torch.float64) -> VGG:
    """Returns the tiny network, the same at every call."""
    return VGG(tiny_convolutions(dtype), TINY_BLOCKS, pooling=pooling)


def broken_vgg(value: float) -> VGG:
    """Returns the tiny network (float32) with one weight of layer 3 replaced by `value`."""
    convolutions = tiny_convolutions(torch.float32)
    weight = convolutions[2].weight.clone()
    weight[0, 0, 1, 1] = value
    convolutions[2] = replace(convolutions[2], weight=weight)
    return VGG(convolutions, TINY_BLOCKS, pooling=Pooling.AVERAGE)


def random_rgb(height: int, width: int, *, seed: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Returns independent colours everywhere: (1, 3, height, width) in [0, 1)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((1, 3, height, width), generator=generator, dtype=torch.float64).to(dtype)


def random_image(width: int, height: int, form: PixelFormat, *, seed: int) -> Image:
    """Returns an image of independent colours, and of independent alpha if it has any."""
    generator = np.random.default_rng(seed)
    shape = (height, width, form.channels)
    if form.bytes_per_channel == 4:
        pixels = generator.random(shape, dtype=np.float32).astype("<f4").tobytes()
    else:
        pixels = generator.bytes(height * width * form.bytes_per_pixel)
    return Image(width, height, form, pixels)
