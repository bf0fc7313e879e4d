"""The names of a VGG's layers, such as `relu4_2`; plain Python, so that planning can use them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_NAME = re.compile(r"relu([1-9])_([1-9])")


class VGGLayer(NamedTuple):
    """A convolution and its ReLU: number `number` of block `block`, both counted from 1."""

    block: int
    number: int

    def __str__(self) -> str:
        return f"relu{self.block}_{self.number}"

    @property
    def follows_pooling(self) -> bool:
        """True if a pooling layer lies between this layer and the one before it."""
        return self.block > 1 and self.number == 1

    @property
    def stride(self) -> int:
        """The number of pixels, along a side, that one position of this layer stands for."""
        return int(2 ** (self.block - 1))


def vgg_layer(name: str) -> VGGLayer | None:
    """Returns the layer of that name; None for the name of any other network's layer.

    >>> vgg_layer("relu4_2")
    VGGLayer(block=4, number=2)
    """
    match = _NAME.fullmatch(name)
    return VGGLayer(int(match[1]), int(match[2])) if match else None


def vgg_layers(blocks: Sequence[int]) -> Iterator[VGGLayer]:
    """Yields all layers of a VGG, the shallowest first; blocks: the convolutions of each block.

    >>> [str(layer) for layer in vgg_layers((2, 1))]
    ['relu1_1', 'relu1_2', 'relu2_1']
    """
    for block, convolutions in enumerate(blocks, start=1):
        for number in range(1, convolutions + 1):
            yield VGGLayer(block, number)
