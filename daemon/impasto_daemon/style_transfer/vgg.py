"""A VGG network read at named layers (Simonyan and Zisserman 2015, table 1).

It knows convolutions and blocks, not where their weights come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from impasto_shared.settings import Pooling

VGG16_BLOCKS = (2, 2, 3, 3, 3)
"""How many convolutions each block of VGG-16 has, between one pooling layer and the next."""

VGG19_BLOCKS = (2, 2, 4, 4, 4)
"""The same of VGG-19."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean red, green and blue of ImageNet in [0, 1], as torchvision's models expect it removed."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""The standard deviations that torchvision's models expect colours divided by."""

BeforeLayer = Callable[[], None]
"""Called before each convolution, in both directions; an error that it raises ends the pass."""


@dataclass(frozen=True)
class Convolution:
    """A 3 × 3 convolution: weight (out, in, 3, 3) as (row, column) correlation, bias (out)."""

    weight: Tensor
    bias: Tensor


class VGG:
    """The convolutional part of a VGG network; its weights never take a gradient.

    convolutions: all of them from conv1_1 on; blocks: how many each block has.
    Raises ValueError where the two do not agree.
    """

    def __init__(
        self,
        convolutions: Sequence[Convolution],
        blocks: Sequence[int],
        *,
        pooling: Pooling = Pooling.AVERAGE,
        device: torch.device | None = None,
    ) -> None:
        if len(convolutions) != sum(blocks):
            raise ValueError(f"{len(convolutions)} convolutions do not make blocks of {blocks}")
        self._convolutions = [_frozen(convolution, device) for convolution in convolutions]
        self._names = list(layer_names(blocks))
        self._pool = functional.avg_pool2d if pooling is Pooling.AVERAGE else functional.max_pool2d
        weight = self._convolutions[0].weight
        self._mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        self._std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and pictures must be."""
        return self._mean.device

    def features(
        self, rgb: Tensor, layers: Collection[str], before_layer: BeforeLayer = lambda: None
    ) -> dict[str, Tensor]:
        """The activations (N, C, h, w) at each of `layers`; nothing beyond the deepest is computed.

        rgb: (N, 3, H, W) in [0, 1], each side at least 2 ** (blocks before the deepest layer).
        layers: names such as "relu4_2"; raises ValueError for one that the network lacks.
        before_layer: called before each convolution, and as often during a backward pass, so
            that what it raises takes effect within the time of one layer.
        """
        if unknown := set(layers) - set(self._names):
            raise ValueError(f"The network has no layer {', '.join(sorted(unknown))}")
        found: dict[str, Tensor] = {}
        remaining = self._activations((rgb - self._mean) / self._std, before_layer)
        while len(found) < len(set(layers)):
            name, activation = next(remaining)
            if name in layers:
                found[name] = activation
        return found

    def _activations(
        self, activation: Tensor, before_layer: BeforeLayer
    ) -> Iterator[tuple[str, Tensor]]:
        for name, convolution in zip(self._names, self._convolutions, strict=True):
            if name.endswith("_1") and name != "relu1_1":
                activation = self._pool(activation, 2)
            before_layer()
            activation = _convolve(activation, convolution).relu_()
            _call_in_backward(activation, before_layer)
            yield name, activation


def layer_names(blocks: Sequence[int]) -> Iterator[str]:
    """The names of all layers, as the papers have them.

    >>> list(layer_names((2, 1)))
    ['relu1_1', 'relu1_2', 'relu2_1']
    """
    for block, convolutions in enumerate(blocks, start=1):
        for convolution in range(1, convolutions + 1):
            yield f"relu{block}_{convolution}"


def _frozen(convolution: Convolution, device: torch.device | None) -> Convolution:
    return Convolution(convolution.weight.detach().to(device), convolution.bias.detach().to(device))


def _convolve(activation: Tensor, convolution: Convolution) -> Tensor:
    # Zeros around the picture would be an edge in every picture, and the optimisation paints
    # a frame along it. Repeating the outermost positions (not in the paper, nor in VGG's
    # training) leaves it nothing to see there.
    padded = functional.pad(activation, (1, 1, 1, 1), mode="replicate")
    return functional.conv2d(padded, convolution.weight, convolution.bias)


def _call_in_backward(activation: Tensor, before_layer: BeforeLayer) -> None:
    if activation.requires_grad:
        activation.register_hook(lambda _: before_layer())  # type: ignore[no-untyped-call]
