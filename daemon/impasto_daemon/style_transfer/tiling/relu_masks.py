"""Which numbers ReLU and pooling have let through: all that their slopes need of a run.

A convolution's slope needs its weights alone. So a block that has been run once can be gone back
through without its activations, once its gates are known: a bit for each number (Jain et al. 2018,
"Gist", section 4.1), where the activation has 16 or 32. Only layers that somebody looks at, and
those before them, are run anew. On processors only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from impasto_shared.settings import Pooling

Pool = Callable[[Tensor], Tensor]
"""An activation (1, C, H, W) to what the next block begins with, (1, C, H // 2, W // 2)."""


class RectifiedConvolution(Protocol):
    """A layer: a convolution and its ReLU."""

    def __call__(self, activation: Tensor) -> Tensor:
        """What it makes of an activation (1, in, H, W): (1, out, H, W)."""
        ...

    def slope_of_input(self, slope: Tensor) -> Tensor:
        """The slope (1, in, H, W), by that along its convolution's result (1, out, H, W)."""
        ...


class Runner(Protocol):
    """Runs some layers, one after the other, and the pooling after them."""

    def layer(self, name: str, layer: RectifiedConvolution, activation: Tensor) -> Tensor:
        """What the layer of that name makes of `activation`."""
        ...

    def pool(self, pool: Pool, activation: Tensor) -> Tensor:
        """What `pool` makes of the last layer's activation."""
        ...


class PlainRunner:
    """Runs layers, and keeps nothing."""

    def layer(self, _name: str, layer: RectifiedConvolution, activation: Tensor) -> Tensor:
        """What `layer` makes of it."""
        return layer(activation)

    def pool(self, pool: Pool, activation: Tensor) -> Tensor:
        """What `pool` makes of it."""
        return pool(activation)


PLAIN = PlainRunner()


class Gates:
    """Runs layers, and keeps what `Rerun` needs to go the same way.

    names: the layers of a block that are run; looked_at: those whose activations are wanted again.
    """

    def __init__(self, names: Sequence[str], looked_at: Collection[str], pooling: Pooling) -> None:
        last = max((place for place, name in enumerate(names) if name in looked_at), default=-1)
        self.run_anew = names[: last + 1]
        self.passed: dict[str, Bits] = {}
        self.pooled: Pooled | None = None
        self._pooling = pooling

    def layer(self, name: str, layer: RectifiedConvolution, activation: Tensor) -> Tensor:
        """What `layer` makes of it."""
        found = layer(activation)
        if name not in self.run_anew:
            self.passed[name] = Bits.of(found > 0)
        return found

    def pool(self, pool: Pool, activation: Tensor) -> Tensor:
        """What `pool` makes of it."""
        found = pool(activation)
        is_maximum = self._pooling is Pooling.MAX
        self.pooled = Pooled(found.shape, _taken_from(activation) if is_maximum else None)
        return found


class Rerun:
    """Runs layers again for the slope, and takes their gates, which are gone then.

    Activations are the same where they are looked at. Elsewhere a single zero, expanded to their
    shape, stands for them.
    """

    def __init__(self, gates: Gates) -> None:
        self._gates = gates

    def layer(self, name: str, layer: RectifiedConvolution, activation: Tensor) -> Tensor:
        """What `layer` makes of it, or what stands for that."""
        if name in self._gates.run_anew:
            return layer(activation)
        found: Tensor = _SlopeOfLayer.apply(
            activation, self._gates.passed.pop(name), layer.slope_of_input
        )
        return found

    def pool(self, _pool: Pool, activation: Tensor) -> Tensor:
        """What stands for that which pooling makes of it."""
        pooled, self._gates.pooled = self._gates.pooled, None
        found: Tensor = _SlopeOfPooling.apply(activation, pooled)
        return found


@dataclass(frozen=True)
class Bits:
    """A yes or no for each number of a tensor (1, C, H, W).

    packed: eight in a byte, in the order of rows, columns and channels.
    """

    packed: np.ndarray[Any, np.dtype[np.uint8]]
    shape: torch.Size

    @classmethod
    def of(cls, yes: Tensor) -> Bits:
        """Those of a tensor of booleans, on a processor; fastest in channels_last."""
        return cls(np.packbits(yes.permute(0, 2, 3, 1).numpy()), yes.shape)

    def tensor(self) -> Tensor:
        """The booleans, in channels_last."""
        count, channels, height, width = self.shape
        unpacked = np.unpackbits(self.packed, count=self.shape.numel()).view(np.bool_)
        ordered = torch.from_numpy(unpacked).view(count, height, width, channels)
        return ordered.permute(0, 3, 1, 2)

    def __and__(self, other: Bits) -> Bits:
        """Where both say yes."""
        return Bits(self.packed & other.packed, self.shape)

    def __or__(self, other: Bits) -> Bits:
        """Where one says yes."""
        return Bits(self.packed | other.packed, self.shape)

    def __invert__(self) -> Bits:
        """Where it says no."""
        return Bits(~self.packed, self.shape)


@dataclass(frozen=True)
class Pooled:
    """What is kept of a pooling with a result of that shape.

    taken_from: whether each number was taken from the right one of two columns, and from the lower
        one of two rows; None: it is the mean of all four.
    """

    shape: torch.Size
    taken_from: tuple[Bits, Bits] | None


def _quarters(activation: Tensor) -> list[Tensor]:
    """Views of the positions (1, C, H // 2, W // 2) that pooling makes one of: two rows of two.

    activation: (1, C, H, W).
    """
    height, width = (2 * (length // 2) for length in activation.shape[2:])
    return [
        activation[:, :, row:height:2, column:width:2] for row in range(2) for column in range(2)
    ]


def _taken_from(activation: Tensor) -> tuple[Bits, Bits]:
    """From which of four maximum pooling takes each number: of equals the first, as torch does.

    activation: (1, C, H, W).
    """
    left, right, lower_left, lower_right = _quarters(activation)
    is_right, is_lower_right = Bits.of(right > left), Bits.of(lower_right > lower_left)
    lower = torch.maximum(lower_left, lower_right)
    is_lower = Bits.of(lower > torch.maximum(left, right))
    return is_lower & is_lower_right | ~is_lower & is_right, is_lower


class _SlopeOfLayer(torch.autograd.Function):
    """A layer of which only the slope is calculated."""

    @staticmethod
    def forward(
        ctx: Any, activation: Tensor, passed: Bits, slope_of_input: Callable[[Tensor], Tensor]
    ) -> Tensor:
        ctx.passed, ctx.slope_of_input = passed, slope_of_input
        return activation.new_zeros(()).expand(passed.shape)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        passed = ctx.passed.tensor().to(slope.dtype).mul_(slope)
        return ctx.slope_of_input(passed), None, None


class _SlopeOfPooling(torch.autograd.Function):
    """A pooling of which only the slope is calculated."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor, pooled: Pooled) -> Tensor:
        ctx.size, ctx.taken_from = activation.shape, pooled.taken_from
        return activation.new_zeros(()).expand(pooled.shape)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        # An odd last row or column is in none of its quarters.
        spread = torch.empty(ctx.size, dtype=slope.dtype, memory_format=torch.channels_last).zero_()
        quarters = _quarters(spread)
        if ctx.taken_from is None:
            for quarter in quarters:
                torch.mul(slope, 1 / 4, out=quarter)
            return spread, None
        right, lower = ctx.taken_from
        taken = (~right & ~lower, right & ~lower, ~right & lower, right & lower)
        for quarter, bits in zip(quarters, taken, strict=True):
            torch.mul(slope, bits.tensor().to(slope.dtype), out=quarter)
        return spread, None
