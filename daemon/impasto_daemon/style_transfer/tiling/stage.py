"""The forward and the backward pass of one stage of a network, tile by tile.

A stage is some blocks of the network that follow each other. Only its input is kept for the whole
image; everything within it exists for one tile at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from impasto_daemon.style_transfer.networks.crops import Crop
from impasto_daemon.style_transfer.networks.network import ConvolutionChain
from impasto_daemon.style_transfer.networks.pooling import pool
from impasto_daemon.style_transfer.networks.statistics import (
    IMAGE,
    Measures,
    Statistic,
    StatisticSums,
    measures_backward,
)
from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer
from impasto_daemon.style_transfer.tiling.tape import Tape
from impasto_daemon.style_transfer.tiling.tiles import Tile, tiles_of

Gradients = Mapping[str, Sequence[Statistic]]
"""The gradient of the loss with respect to every statistic, by layer."""


class StagePass:
    """A forward pass of a stage, and the backward pass that may follow it.

    layers: those of the stage, down to the deepest that is measured.
    side: of its tiles (see `tiles_of`).
    keeps_masks: whether the forward pass saves ReLU masks, so that only layers with a measure, and
        those before them, are recomputed for the backward pass.
    is_last: whether no deeper stage follows.
    """

    def __init__(
        self,
        network: ConvolutionChain,
        layers: Sequence[VGGLayer],
        measures: Measures,
        *,
        side: int | None,
        keeps_masks: bool,
        is_last: bool,
    ) -> None:
        self._network = network
        self._layers = layers
        self._measures = measures
        self._side = side
        self._is_last = is_last
        measured = [index for index, layer in enumerate(layers) if str(layer) in measures]
        self._masked = layers[max(measured, default=-1) + 1 :] if keeps_masks else ()
        self._input: Tensor | None = None
        self._tapes: list[Tape] = []

    def forward(self, stage_input: Tensor, sums: StatisticSums, *, saves: bool) -> Tensor | None:
        """Adds the statistics of the stage to `sums`; returns its output (None: it is the last).

        stage_input: (1, C, H, W), of the whole image. saves: whether `backward` will follow.
        """
        output: Tensor | None = None
        tiles = self._tiles(stage_input)
        for tile in tiles:
            # The backward pass begins with the tile that the forward pass ends with.
            is_first_backward = self._is_last and tile is tiles[-1]
            tape = self._tape(saves_activations=saves and is_first_backward, saves_masks=saves)
            activation = self._run(tile, stage_input, self._layers, tape, sums)
            if tile.output is not None:
                pooled = pool(activation, self._network.pooling)
                tape.save_output_pooling(self._layers[-1], activation)
                if output is None:
                    output = _empty(pooled, tile.output)
                tile.output.cut(output).copy_(pooled)
                del pooled
            del activation  # before the next tile is run
            if saves:
                self._tapes.append(tape)
        self._input = stage_input if saves else None
        return output

    def backward(self, gradients: Gradients, grad_output: Tensor | None) -> Tensor:
        """Returns the gradient of the stage's input; forgets what the forward pass has saved.

        grad_output: the gradient of the stage's output; None in the last stage.
        """
        stage_input, self._input = self._input, None
        if stage_input is None:
            raise RuntimeError("the forward pass of this stage has saved nothing")
        grad_input = torch.zeros_like(stage_input)
        for tile in reversed(self._tiles(stage_input)):
            tape = self._tapes.pop()
            missing = tape.recompute(self._layers)
            self._run(tile, stage_input, missing, tape, None)
            grad_tile = None
            if grad_output is not None and tile.output is not None:
                grad_tile = tape.pool_backward(self._layers[-1], tile.output.cut(grad_output))
            grad_tile = self._run_backward(tile, tape, gradients, grad_tile)
            if IMAGE in self._measures and self._is_first:
                grad_tile = self._with_image_gradient(tile, stage_input, gradients, grad_tile)
            if grad_tile is not None:
                tile.input.cut(grad_input).add_(grad_tile)
        return grad_input

    @property
    def _is_first(self) -> bool:
        return self._layers[0] == VGGLayer(1, 1)

    def _tiles(self, stage_input: Tensor) -> list[Tile]:
        height, width = stage_input.shape[2:]
        has_output = not self._is_last
        return tiles_of(self._layers, self._side, height, width, has_output=has_output)

    def _tape(self, *, saves_activations: bool, saves_masks: bool) -> Tape:
        return Tape(
            self._network.pooling,
            activations=self._layers if saves_activations else (),
            masks=self._masked if saves_masks else (),
        )

    def _run(
        self,
        tile: Tile,
        stage_input: Tensor,
        layers: Sequence[VGGLayer],
        tape: Tape,
        sums: StatisticSums | None,
    ) -> Tensor:
        """Runs `layers`, the first ones of the stage, over a tile; returns the last activation."""
        activation = tile.input.cut(stage_input)
        if self._is_first:
            if sums is not None and IMAGE in self._measures:
                sums.add(IMAGE, tile.own.with_next.cut(activation, tile.input), tile.own)
            activation = self._network.normalised(activation)
        for layer in layers:
            if layer.follows_pooling and layer is not self._layers[0]:
                activation = pool(activation, self._network.pooling)
            self._network.interrupt()
            crops = tile.layers[layer]
            computed = self._network.convolution(str(layer))(activation)
            activation = crops.needed.cut(computed, crops.computed)
            tape.save(layer, activation)
            if sums is not None and str(layer) in self._measures:
                sums.add(str(layer), crops.own.cut(activation, crops.needed), crops.own)
        return activation

    def _run_backward(
        self, tile: Tile, tape: Tape, gradients: Gradients, gradient: Tensor | None
    ) -> Tensor | None:
        """Returns the gradient of what a tile reads; None if no layer of the stage is measured.

        gradient: of the needed part of the last layer, from the deeper stages.
        """
        for index in reversed(range(len(self._layers))):
            layer = self._layers[index]
            crops = tile.layers[layer]
            if str(layer) in self._measures:
                gradient = self._with_loss_gradient(layer, tile, tape, gradients, gradient)
            if gradient is None:
                continue
            self._network.interrupt()
            gradient = tape.relu_backward(layer, gradient)
            gradient = _embedded(gradient, crops.needed, crops.computed)
            gradient = self._network.convolution(str(layer)).input_gradient(gradient)
            if layer.follows_pooling and index > 0:
                gradient = tape.pool_backward(self._layers[index - 1], gradient)
        if gradient is not None and self._is_first:
            return self._network.normalised_backward(gradient)
        return gradient

    def _with_loss_gradient(
        self,
        layer: VGGLayer,
        tile: Tile,
        tape: Tape,
        gradients: Gradients,
        gradient: Tensor | None,
    ) -> Tensor:
        """Returns `gradient` (of the needed part of a layer) with that of the layer's losses."""
        activation, crops = tape.activation(layer), tile.layers[layer]
        if gradient is None:
            gradient = torch.zeros_like(activation, memory_format=torch.channels_last)
        crops.own.cut(gradient, crops.needed).add_(
            measures_backward(
                self._measures[str(layer)],
                crops.own.cut(activation, crops.needed),
                crops.own,
                gradients[str(layer)],
            )
        )
        return gradient

    def _with_image_gradient(
        self, tile: Tile, image: Tensor, gradients: Gradients, gradient: Tensor | None
    ) -> Tensor:
        """Returns `gradient` (of what a tile reads) with that of the losses of the image itself."""
        if gradient is None:
            gradient = torch.zeros_like(tile.input.cut(image))
        crop = tile.own.with_next
        crop.cut(gradient, tile.input).add_(
            measures_backward(self._measures[IMAGE], crop.cut(image), tile.own, gradients[IMAGE])
        )
        return gradient


def _empty(pooled: Tensor, crop: Crop) -> Tensor:
    """Returns memory for the whole layer of which `pooled` is the part at `crop`."""
    size = (1, pooled.shape[1], crop.height, crop.width)
    return pooled.new_empty(size).contiguous(memory_format=torch.channels_last)


def _embedded(gradient: Tensor, crop: Crop, surroundings: Crop) -> Tensor:
    """Returns `gradient`, which is that of `crop`, with zeros in the rest of `surroundings`."""
    if (crop.rows, crop.columns) == (surroundings.rows, surroundings.columns):
        return gradient
    size = (*gradient.shape[:2], *surroundings.size)
    result = gradient.new_empty(size).contiguous(memory_format=torch.channels_last).zero_()
    crop.cut(result, surroundings).copy_(gradient)
    return result
