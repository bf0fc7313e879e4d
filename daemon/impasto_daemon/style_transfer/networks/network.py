"""The interface of a network: statistics of an image's activations at named layers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.conv_relu import ConvReLU
from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.statistics import (
    IMAGE,
    Measures,
    Statistic,
)
from impasto_shared.settings import Pooling

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean red, green and blue of ImageNet in [0, 1], as torchvision's models expect it removed."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""The standard deviations that torchvision's models expect colours divided by."""

MIN_SIDE_PX = 32
"""The smallest side of an image: four pooling layers leave 2 × 2 positions of it at relu5_1."""

Interrupt = Callable[[], None]
"""Called before each layer, in the forward and the backward pass; an error it raises ends both."""


def never() -> None:
    """Does nothing: the pass is never interrupted."""


class Network(ABC):
    """A network that is read at named layers; its weights never take a gradient."""

    interrupt: Interrupt = staticmethod(never)
    """Called before each layer: whatever it raises takes effect within the time of one layer."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """The device of the weights, on which images must be."""

    @property
    @abstractmethod
    def number_bytes(self) -> int:
        """The size in bytes of the numbers that it calculates with."""

    @property
    @abstractmethod
    def layers(self) -> list[str]:
        """The names of its layers, the shallowest first."""

    @property
    def launches_same_kernels(self) -> bool:
        """True if every evaluation is the same sequence of kernels, as a CUDA graph needs it."""
        return False

    @abstractmethod
    def has(self, layer: str) -> bool:
        """Returns whether there is a layer of that name."""

    def depth(self, layer: str) -> int:
        """Returns a number that is the larger, the deeper a layer lies."""
        return self.layers.index(layer)

    @abstractmethod
    def reduced_mask(self, mask: Tensor, layer: str, height: int, width: int) -> Tensor:
        """Returns `mask` (1, 1, H, W) of an image at the resolution of a layer: height × width."""

    @abstractmethod
    def statistics(self, image: Tensor, measures: Measures) -> dict[str, list[Statistic]]:
        """Returns the statistics of `image` at each layer, differentiable if it needs a gradient.

        image: (1, 3, H, W) in [0, 1], each side at least MIN_SIDE_PX.

        Raises:
            ValueError: for a layer that the network lacks.
        """

    def interrupted_by(self, interrupt: Interrupt) -> AbstractContextManager[None]:
        """Has `interrupt` called before each layer, within the context."""
        return _interrupting(self, interrupt)


@contextmanager
def _interrupting(network: Network, interrupt: Interrupt) -> Iterator[None]:
    network.interrupt = interrupt
    try:
        yield
    finally:
        network.interrupt = never


class WholeImageNetwork(Network):
    """A network that can be evaluated on the whole image at once."""

    @abstractmethod
    def activations(self, image: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Yields the names of `layers` and their activations (1, C, h, w), the shallowest first.

        Computes nothing beyond the deepest of them. Raises ValueError for a layer it lacks.
        """

    def statistics(self, image: Tensor, measures: Measures) -> dict[str, list[Statistic]]:
        """Returns the statistics of `image` at each layer (see `Network.statistics`)."""
        statistics: dict[str, list[Statistic]] = {}
        layers = [layer for layer in measures if layer != IMAGE]
        for layer, activation in chain([(IMAGE, image)], self.activations(image, layers)):
            crop = Crop.full(activation)
            statistics[layer] = [
                measure.statistic(activation, crop) for measure in measures.get(layer, ())
            ]
        return {layer: statistics[layer] for layer in measures}


class UntiledNetwork(WholeImageNetwork):
    """A network with unknown receptive fields, which can only be evaluated at once."""

    @abstractmethod
    def untiled_bytes(self, layers: Collection[str]) -> float:
        """Returns the bytes per pixel of activations down to `layers`, and of their gradients.

        In float32. Layers that the network lacks do not count.
        """


class ConvolutionChain(WholeImageNetwork):
    """A chain of 3 × 3 convolutions and 2 × 2 pooling layers, which can be evaluated in tiles.

    The receptive field of its layers is therefore known: each convolution reaches one position
    further to each side, and pooling halves the resolution.
    """

    pooling: Pooling
    """The kind of pooling between two blocks."""

    @abstractmethod
    def down_to(self, layers: Collection[str]) -> list[str]:
        """Returns all layers down to the deepest of `layers`; raises ValueError if it lacks one."""

    @abstractmethod
    def convolution(self, layer: str) -> ConvReLU:
        """Returns the convolution and ReLU of a layer."""

    @abstractmethod
    def normalised(self, image: Tensor) -> Tensor:
        """Returns the input of the first layer for an `image` (1, 3, H, W) in [0, 1]."""

    @abstractmethod
    def normalised_backward(self, gradient: Tensor) -> Tensor:
        """Returns the gradient with respect to the image, given that of its normalised form."""


def missing_layers(network: Network, layers: Collection[str]) -> Sequence[str]:
    """Returns the names among `layers` that the network does not have, in order."""
    return sorted(layer for layer in layers if not network.has(layer))
