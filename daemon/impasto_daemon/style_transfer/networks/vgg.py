"""A VGG network read at named layers (Simonyan and Zisserman 2015, table 1).

It knows convolutions and blocks, not where their weights come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.networks.conv_relu import convolve_rectified, slope_of_input
from impasto_daemon.style_transfer.networks.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    BeforeLayer,
    VisitLayer,
)
from impasto_daemon.style_transfer.networks.winograd import Winograd
from impasto_daemon.style_transfer.tiling.relu_masks import PLAIN, Runner
from impasto_shared.settings import Pooling

VGG11_BLOCKS = (1, 1, 2, 2, 2)
"""How many convolutions each block of VGG-11 has, between one pooling layer and the next."""

VGG13_BLOCKS = (2, 2, 2, 2, 2)
"""The same of VGG-13."""

VGG16_BLOCKS = (2, 2, 3, 3, 3)
"""The same of VGG-16."""

VGG19_BLOCKS = (2, 2, 4, 4, 4)
"""The same of VGG-19."""

# Below these, the transforms cost more than the products that they save (docs/benchmarks.md).
_WINOGRAD_CHANNELS = 128
_WINOGRAD_POSITIONS = 256


@dataclass(frozen=True)
class Convolution:
    """A 3 × 3 convolution: weight (out, in, 3, 3) as (row, column) correlation, bias (out)."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True)
class BatchNorm:
    """What follows a convolution in some networks: (x - mean) / deviation × weight + bias.

    All are (out); the deviation is the root of `variance` and a little more (torchvision's models).
    """

    weight: Tensor
    bias: Tensor
    mean: Tensor
    variance: Tensor
    epsilon: float = 1e-5


def with_batch_norm(convolution: Convolution, norm: BatchNorm) -> Convolution:
    """The one convolution that gives what `norm` makes of the other (calculated in float64)."""
    scale = norm.weight.double() / (norm.variance.double() + norm.epsilon).sqrt()
    weight = convolution.weight.double() * scale.view(-1, 1, 1, 1)
    bias = (convolution.bias.double() - norm.mean.double()) * scale + norm.bias.double()
    return Convolution(weight.to(convolution.weight), bias.to(convolution.bias))


class VGG:
    """The convolutional part of a VGG network, a `Network`; its weights never take a gradient.

    convolutions: all of them from conv1_1 on; blocks: how many each block has.
    dtype: what it calculates and gives activations in; pictures are always float32 or better.
    Raises ValueError where the two do not agree.
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
        names = layer_names(blocks)
        self._layers = {
            name: _Layer(convolution, device, dtype)
            for name, convolution in zip(names, convolutions, strict=True)
        }
        self._pooling = pooling
        weight = convolutions[0].weight.to(device)
        self._dtype = dtype or weight.dtype
        self._mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        self._std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """Where the weights are, and pictures must be."""
        return self._mean.device

    @property
    def pooling(self) -> Pooling:
        """What comes between two blocks."""
        return self._pooling

    @property
    def number_bytes(self) -> int:
        """The bytes of each number that it calculates with."""
        return self._dtype.itemsize

    @property
    def layers(self) -> list[str]:
        """The names of all its layers, the shallowest first."""
        return list(self._layers)

    @property
    def can_tile(self) -> bool:
        """Whether it is known how far its layers reach: one position each, and pooling doubles."""
        return True

    def untiled_bytes(self, _layers: Collection[str]) -> None:
        """Nothing: `memory_plan` knows what a VGG takes."""

    def has(self, layer: str) -> bool:
        """Whether there is a layer of that name."""
        return layer in self._layers

    def features(
        self, rgb: Tensor, layers: Collection[str], before_layer: BeforeLayer = lambda: None
    ) -> dict[str, Tensor]:
        """The activations (N, C, h, w) at each of `layers`; nothing beyond the deepest is computed.

        rgb: (N, 3, H, W) in [0, 1], each side at least 2 ** (blocks before the deepest layer).
        layers: names such as "relu4_2"; raises ValueError for one that the network lacks.
        before_layer: called before each convolution, and as often during a backward pass, so
            that what it raises takes effect within the time of one layer.
        """
        found: dict[str, Tensor] = {}
        self.read(rgb, layers, found.__setitem__, before_layer)
        return found

    def read(
        self, rgb: Tensor, layers: Collection[str], visit: VisitLayer, before_layer: BeforeLayer
    ) -> None:
        """Shows `visit` what `features` gives, layer after layer."""
        for name, activation in self.run(self.normalised(rgb), self.down_to(layers), before_layer):
            if name in layers:
                visit(name, activation)

    def down_to(self, layers: Collection[str]) -> list[str]:
        """All layers down to the deepest of `layers`; raises ValueError where it lacks one."""
        if unknown := sorted(layer for layer in layers if not self.has(layer)):
            raise ValueError(f"The network has no layer {', '.join(unknown)}")
        deepest = max((self.layers.index(layer) for layer in layers), default=-1)
        return self.layers[: deepest + 1]

    def reduced(self, mask: Tensor, layer: str, _height: int, _width: int) -> Tensor:
        """`mask` (1, 1, H, W) of a picture as pooling reduces it (Gatys et al. 2017, section 4)."""
        for _ in range(block_of(layer) - 1):
            mask = functional.avg_pool2d(_without_remainder(mask), 2)
        return mask

    def normalised(self, rgb: Tensor) -> Tensor:
        """What the first layer takes: `rgb` (N, 3, H, W) in [0, 1] as the network was trained."""
        # The layout that convolutions are fastest in.
        return ((rgb - self._mean) / self._std).to(self._dtype, memory_format=torch.channels_last)

    def pool(self, activation: Tensor) -> Tensor:
        """What comes between two blocks: (N, C, H, W) to (N, C, H // 2, W // 2)."""
        if self._pooling is Pooling.AVERAGE:
            return functional.avg_pool2d(activation, 2)
        return functional.max_pool2d(activation, 2)

    def run(
        self,
        activation: Tensor,
        names: Iterable[str],
        before_layer: BeforeLayer,
        needed: Callable[[str, Tensor], Tensor] = lambda _, activation: activation,
        runner: Runner = PLAIN,
    ) -> Iterator[tuple[str, Tensor]]:
        """The activations at the layers `names`, which follow each other, from the first one's.

        needed: what the next layer is to see of an activation, given the layer's name and it.
        runner: what runs them.
        """
        for place, name in enumerate(names):
            if place and name.endswith("_1"):
                activation = self.pool(activation)
            before_layer()
            activation = runner.layer(name, self._layers[name], activation)
            _call_in_backward(activation, before_layer)
            activation = needed(name, activation)
            yield name, activation


def block_of(layer: str) -> int:
    """The number of the block that a layer is in, from 1.

    >>> block_of("relu4_2")
    4
    """
    return int(layer.removeprefix("relu").partition("_")[0])


def layer_names(blocks: Sequence[int]) -> Iterator[str]:
    """The names of all layers, as the papers have them.

    >>> list(layer_names((2, 1)))
    ['relu1_1', 'relu1_2', 'relu2_1']
    """
    for block, convolutions in enumerate(blocks, start=1):
        for convolution in range(1, convolutions + 1):
            yield f"relu{block}_{convolution}"


def _without_remainder(mask: Tensor) -> Tensor:
    """`mask` with sides of an even number, what it has in an odd last row or column kept.

    Pooling drops them. A style that is to go there alone would be wanted nowhere.
    """
    height, width = mask.shape[2:]
    if height % 2:
        last = torch.maximum(mask[:, :, -2:-1], mask[:, :, -1:])
        mask = torch.cat((mask[:, :, :-2], last), dim=2)
    if width % 2:
        last = torch.maximum(mask[:, :, :, -2:-1], mask[:, :, :, -1:])
        mask = torch.cat((mask[:, :, :, :-2], last), dim=3)
    return mask


class _Layer:
    """One convolution and its ReLU; it never takes a gradient for its weights."""

    def __init__(
        self, convolution: Convolution, device: torch.device | None, dtype: torch.dtype | None
    ) -> None:
        self._weight = convolution.weight.detach().to(
            device, dtype, memory_format=torch.channels_last
        )
        self._bias = convolution.bias.detach().to(device, dtype)
        self._winograd: Winograd | None = None

    def __call__(self, activation: Tensor) -> Tensor:
        """What the layer makes of an activation (N, in, H, W): (N, out, H, W)."""
        # Zeros around the picture would be an edge in every picture, and the optimisation paints
        # a frame along it. Repeating the outermost positions (not in the paper, nor in VGG's
        # training) leaves it nothing to see there.
        if winograd := self._winograd_for(activation):
            return winograd(activation)
        return convolve_rectified(activation, self._weight, self._bias)

    def slope_of_input(self, slope: Tensor) -> Tensor:
        """The slope (N, in, H, W) along what it reads.

        slope: (N, out, H, W), that along the convolution's result, before the ReLU.
        """
        if winograd := self._winograd_for(slope):
            return winograd.slope_of_input(slope)
        return slope_of_input(slope, self._weight)

    def _winograd_for(self, tensor: Tensor) -> Winograd | None:
        """Winograd's algorithm, where it is the faster way for what the layer reads or gives."""
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


def _call_in_backward(activation: Tensor, before_layer: BeforeLayer) -> None:
    if activation.requires_grad:
        activation.register_hook(lambda _: before_layer())  # type: ignore[no-untyped-call]
