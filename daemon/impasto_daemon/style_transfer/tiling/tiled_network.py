"""A network evaluated tile by tile: the numbers of the whole image, in the memory of one tile.

Every loss is a function of statistics, which are means over positions; so those of the whole image
are the sums over its tiles, and their gradient is the sum of the tiles' gradients. An evaluation
takes two passes: the first gathers the statistics; once the gradient of the loss with respect to
them is known, the second carries it back to the image, tile by tile. Loss and gradient are those
of the whole image to rounding, without seams.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.network import ConvolutionChain, Interrupt, Network
from impasto_daemon.style_transfer.networks.statistics import (
    IMAGE,
    Measures,
    Statistic,
    StatisticSums,
)
from impasto_daemon.style_transfer.networks.vgg_layers import vgg_layer
from impasto_daemon.style_transfer.planning.layouts import Tiling
from impasto_daemon.style_transfer.tiling.stage import StagePass
from impasto_daemon.system.malloc import release_freed_memory


class TiledNetwork(Network):
    """`network` evaluated in the stages and tiles of `tiling`."""

    def __init__(self, network: ConvolutionChain, tiling: Tiling) -> None:
        self._network = network
        self._tiling = tiling

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which images must be."""
        return self._network.device

    @property
    def number_bytes(self) -> int:
        """The size in bytes of the numbers that it calculates with."""
        return self._network.number_bytes

    @property
    def layers(self) -> list[str]:
        """The names of its layers, the shallowest first."""
        return self._network.layers

    def has(self, layer: str) -> bool:
        """Returns whether there is a layer of that name."""
        return self._network.has(layer)

    def reduced_mask(self, mask: Tensor, layer: str, height: int, width: int) -> Tensor:
        """Returns `mask` at the resolution of a layer (see `Network.reduced_mask`)."""
        return self._network.reduced_mask(mask, layer, height, width)

    def interrupted_by(self, interrupt: Interrupt) -> AbstractContextManager[None]:
        """Has `interrupt` called before each layer of each tile, within the context."""
        return self._network.interrupted_by(interrupt)

    def statistics(self, image: Tensor, measures: Measures) -> dict[str, list[Statistic]]:
        """Returns the statistics of `image` at each layer (see `Network.statistics`)."""
        passes = _TwoPasses(self._network, self._tiling, measures)
        if torch.is_grad_enabled() and image.requires_grad:
            return passes.grouped(_Statistics.apply(image, passes))
        return passes.forward(image, saves=False)


class _Statistics(torch.autograd.Function):
    """All statistics of an image, flattened to a tuple of tensors."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, passes: _TwoPasses) -> tuple[Tensor, ...]:
        ctx.passes = passes
        statistics = passes.forward(image, saves=True)
        return tuple(mean for layer in statistics.values() for each in layer for mean in each)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.passes.backward(gradients), None


class _TwoPasses:
    """An evaluation: the statistics of an image, and the gradient of a function of them."""

    def __init__(self, network: ConvolutionChain, tiling: Tiling, measures: Measures) -> None:
        self._measures = measures
        self._device = network.device
        self._stages = list(_stages(network, tiling, measures))
        self._lengths: dict[str, list[int]] = {}

    def forward(self, image: Tensor, *, saves: bool) -> dict[str, list[Statistic]]:
        """Runs the first pass; saves: whether `backward` will follow."""
        sums = StatisticSums(self._measures)
        stage_input: Tensor | None = image
        for stage in self._stages:
            if stage_input is not None:  # only the last stage has no output
                stage_input = stage.forward(stage_input, sums, saves=saves)
        self._lengths = {
            layer: [len(statistic) for statistic in statistics]
            for layer, statistics in sums.totals.items()
        }
        return sums.totals

    def backward(self, gradients: Sequence[Tensor]) -> Tensor:
        """Runs the second pass; returns the gradient of the image.

        gradients: of the loss with respect to every tensor of the statistics, in their order.
        """
        by_layer = self.grouped(gradients)
        gradient: Tensor | None = None
        for stage in reversed(self._stages):
            gradient = stage.backward(by_layer, gradient)
            if self._device.type == "cpu":
                # The memory that one stage has freed is seldom of the sizes the next one needs.
                release_freed_memory()
        if gradient is None:
            raise ValueError("a tiling needs a stage")
        return gradient

    def grouped(self, flat: Sequence[Tensor]) -> dict[str, list[Statistic]]:
        """Returns tensors in the order of the statistics, grouped by layer and measure."""
        tensors = iter(flat)
        return {
            layer: [tuple(next(tensors) for _ in range(length)) for length in lengths]
            for layer, lengths in self._lengths.items()
        }


def _stages(network: ConvolutionChain, tiling: Tiling, measures: Measures) -> Iterator[StagePass]:
    """Yields the stages down to the deepest layer that is measured, at least the first one."""
    names = network.down_to([name for name in measures if name != IMAGE]) or network.layers[:1]
    layers = [layer for name in names if (layer := vgg_layer(name))]
    deepest = layers[-1]
    for stage in tiling:
        in_stage = [layer for layer in layers if layer.block in stage.blocks]
        if in_stage:
            yield StagePass(
                network,
                in_stage,
                measures,
                side=stage.side,
                keeps_masks=stage.keeps_masks,
                is_last=deepest in in_stage,
            )
