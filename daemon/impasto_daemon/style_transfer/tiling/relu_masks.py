"""ReLU masks and max-pooling choices in bits: all that the backward pass needs of a forward pass.

The gradient of a convolution needs its weights alone. So the backward pass of a block needs none
of its activations once it is known which numbers ReLU and pooling have let through: one bit for
each number (Jain et al. 2018, "Gist", section 4.1), where the activation has 16 or 32. On
processors only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class BitMask:
    """A boolean for each number of a tensor (1, C, H, W).

    packed: eight in a byte, in the order of rows, columns and channels.
    """

    packed: np.ndarray[Any, np.dtype[np.uint8]]
    shape: torch.Size

    @classmethod
    def of(cls, mask: Tensor) -> BitMask:
        """Packs a tensor of booleans on a processor; fastest in channels_last."""
        return cls(np.packbits(mask.permute(0, 2, 3, 1).numpy()), mask.shape)

    def tensor(self) -> Tensor:
        """Returns the booleans, in channels_last."""
        count, channels, height, width = self.shape
        unpacked = np.unpackbits(self.packed, count=self.shape.numel()).view(np.bool_)
        ordered = torch.from_numpy(unpacked).view(count, height, width, channels)
        return ordered.permute(0, 3, 1, 2)

    def applied_to(self, gradient: Tensor) -> Tensor:
        """Returns `gradient` where the mask is true, and zeros elsewhere."""
        return self.tensor().to(gradient.dtype).mul_(gradient)

    def __and__(self, other: BitMask) -> BitMask:
        """Returns the mask that is true where both are."""
        return BitMask(self.packed & other.packed, self.shape)

    def __or__(self, other: BitMask) -> BitMask:
        """Returns the mask that is true where either is."""
        return BitMask(self.packed | other.packed, self.shape)

    def __invert__(self) -> BitMask:
        """Returns the mask that is true where this one is false."""
        return BitMask(~self.packed, self.shape)


@dataclass(frozen=True)
class MaxPoolChoice:
    """The position, of each 2 × 2, that max pooling has taken its number from.

    is_right, is_lower: whether it is in the right column, and in the lower row: (1, C, H // 2,
        W // 2). Of equal numbers torch takes the first.
    """

    is_right: BitMask
    is_lower: BitMask

    @classmethod
    def of(cls, activation: Tensor) -> MaxPoolChoice:
        """Returns the choices for an activation (1, C, H, W)."""
        left, right, lower_left, lower_right = _quarters(activation)
        is_right, is_lower_right = BitMask.of(right > left), BitMask.of(lower_right > lower_left)
        lower = torch.maximum(lower_left, lower_right)
        is_lower = BitMask.of(lower > torch.maximum(left, right))
        return cls(is_lower & is_lower_right | ~is_lower & is_right, is_lower)

    def backward(self, gradient: Tensor, shape: torch.Size) -> Tensor:
        """Returns the gradient of the activation, of `shape`, given that of its pooling."""
        right, lower = self.is_right, self.is_lower
        choices = (~right & ~lower, right & ~lower, ~right & lower, right & lower)
        result = _zeros(gradient, shape)
        for quarter, choice in zip(_quarters(result), choices, strict=True):
            torch.mul(gradient, choice.tensor().to(gradient.dtype), out=quarter)
        return result


def average_pool_backward(gradient: Tensor, shape: torch.Size) -> Tensor:
    """Returns the gradient of an activation of `shape`, given that of its average pooling."""
    result = _zeros(gradient, shape)
    for quarter in _quarters(result):
        torch.mul(gradient, 1 / 4, out=quarter)
    return result


def _zeros(gradient: Tensor, shape: torch.Size) -> Tensor:
    # An odd last row or column belongs to none of the quarters.
    empty = torch.empty(shape, dtype=gradient.dtype, memory_format=torch.channels_last)
    return empty.zero_()


def _quarters(activation: Tensor) -> list[Tensor]:
    """Returns four views (1, C, H // 2, W // 2), one for each corner of the 2 × 2, row by row.

    activation: (1, C, H, W).
    """
    height, width = (2 * (length // 2) for length in activation.shape[2:])
    return [
        activation[:, :, row:height:2, column:width:2] for row in range(2) for column in range(2)
    ]
