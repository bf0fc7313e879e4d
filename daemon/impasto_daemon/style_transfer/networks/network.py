"""What the losses need of a network, whatever is inside: activations at named layers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean red, green and blue of ImageNet in [0, 1], as torchvision's models expect it removed."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""The standard deviations that torchvision's models expect colours divided by."""

MIN_SIDE_PX = 32
"""Networks are shown no smaller pictures: four pooling layers leave 2 × 2 of it at relu5_1."""

BeforeLayer = Callable[[], None]
"""Called before each layer, in both directions; an error that it raises ends the pass."""

VisitLayer = Callable[[str, Tensor], None]
"""Called with a layer's name and its activation (1, C, h, w)."""


class Network(Protocol):
    """A network that is read at named layers; its weights never take a gradient."""

    @property
    def device(self) -> torch.device:
        """Where the weights are, and pictures must be."""

    @property
    def number_bytes(self) -> int:
        """The bytes of each number that it calculates with."""

    @property
    def layers(self) -> list[str]:
        """The names of layers to choose from, the shallowest first."""

    @property
    def can_tile(self) -> bool:
        """Whether it is known how far its layers reach.

        So it is told apart which networks can be shown a picture tile by tile, and one that goes
        on at its edges.
        """

    def untiled_bytes(self, layers: Collection[str]) -> float | None:
        """The bytes for each pixel of activations at and above `layers`, and of their slopes.

        In float32; None of a VGG, which `memory_plan` knows. Layers that it lacks do not count.
        """

    def has(self, layer: str) -> bool:
        """Whether there is a layer of that name."""

    def read(
        self, rgb: Tensor, layers: Collection[str], visit: VisitLayer, before_layer: BeforeLayer
    ) -> None:
        """Shows `visit` the activation at each of `layers`; nothing beyond the deepest is computed.

        rgb: (1, 3, H, W) in [0, 1], each side at least MIN_SIDE_PX.
        before_layer: called before each layer, and as often during a backward pass, so that what
            it raises takes effect within the time of one.
        Raises ValueError for a layer that the network lacks.
        """

    def reduced(self, mask: Tensor, layer: str, height: int, width: int) -> Tensor:
        """`mask` (1, 1, H, W) of a picture as one of a layer that has height × width of it."""
