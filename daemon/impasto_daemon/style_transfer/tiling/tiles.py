"""The tiles of a stage: what each reads of the stage's input and has of every layer after it.

Each position of each layer belongs to exactly one tile. Around its own positions a tile has those
that the convolutions of the stage reach over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from impasto_daemon.style_transfer.networks.crops import Crop, Interval
from impasto_daemon.style_transfer.networks.vgg_layers import VGGLayer
from impasto_daemon.style_transfer.planning.layouts import grid


@dataclass(frozen=True)
class LayerCrops:
    """The parts of one layer that a tile has.

    computed: the result of its convolution over all that the tile reads.
    needed: the part of it that the next layer or a loss reads.
    own: the positions that belong to this tile.
    """

    computed: Crop
    needed: Crop
    own: Crop


@dataclass(frozen=True)
class Tile:
    """A tile of a stage.

    input: the crop of the stage's input that it reads; own: the part of it that belongs to it.
    layers: what it has of each layer, the shallowest first.
    output: its part of the stage's output; None in the last stage, whose output nothing reads.
    """

    input: Crop
    own: Crop
    layers: Mapping[VGGLayer, LayerCrops]
    output: Crop | None


def tiles_of(
    layers: Sequence[VGGLayer],
    side: int | None,
    height: int,
    width: int,
    *,
    has_output: bool,
) -> list[Tile]:
    """Returns the tiles of a stage, row by row.

    layers: those of the stage. side: of a square with as many positions of the stage's input as a
    tile has; None: one tile. height, width: of the stage's input.
    """
    strides = [layer.stride // layers[0].stride for layer in layers]
    unit = strides[-1] * (2 if has_output else 1)
    rows, columns = (1, 1) if side is None else grid(height, width, side)
    tiles = []
    for own_rows, own_columns in product(_cut(height, rows, unit), _cut(width, columns, unit)):
        down, across = _reach(own_rows, height, strides), _reach(own_columns, width, strides)
        tiles.append(
            Tile(
                input=Crop(down[0][0], across[0][0], height, width),
                own=Crop(own_rows, own_columns, height, width),
                layers={
                    layer: _layer_crops(
                        down[index], across[index], height // stride, width // stride
                    )
                    for index, (layer, stride) in enumerate(zip(layers, strides, strict=True))
                },
                output=_output(own_rows, own_columns, height, width, unit) if has_output else None,
            )
        )
    return tiles


def _layer_crops(
    down: Sequence[Interval], across: Sequence[Interval], height: int, width: int
) -> LayerCrops:
    """Returns the crops of a layer of height × width, given its reach along both sides."""
    (_, *rows), (_, *columns) = down, across
    computed, needed, own = (
        Crop(*sides, height, width) for sides in zip(rows, columns, strict=True)
    )
    return LayerCrops(computed, needed, own)


def _output(rows: Interval, columns: Interval, height: int, width: int, unit: int) -> Crop:
    """Returns the part of the stage's output that belongs to these positions of its input."""
    return Crop(
        _reduced(rows, height, unit), _reduced(columns, width, unit), height // unit, width // unit
    )


def _cut(length: int, count: int, unit: int) -> list[Interval]:
    """Returns [0, length) in at most `count` even parts that begin at multiples of `unit`."""
    units = max(1, length // unit)
    count = min(units, count)
    starts = [unit * (units * index // count) for index in range(count)]
    return [Interval(start, stop) for start, stop in pairwise([*starts, length])]


def _reduced(interval: Interval, length: int, stride: int) -> Interval:
    """Returns `interval` of [0, length) after pooling, which drops a remainder at the end."""
    return Interval(
        interval.start // stride,
        length // stride if interval.stop == length else interval.stop // stride,
    )


def _reach(own: Interval, length: int, strides: Sequence[int]) -> list[tuple[Interval, ...]]:
    """Returns each layer's positions along one side: read, computed, needed, and its own.

    own: of the stage's input, whose length is `length`.
    """
    reach: list[tuple[Interval, ...]] = []
    read_by_next: Interval | None = None  # in positions of the layer at hand
    for index in reversed(range(len(strides))):
        own_of_layer = _reduced(own, length, strides[index])
        needed = own_of_layer
        if read_by_next is not None:
            needed = Interval(
                min(read_by_next.start, needed.start), max(read_by_next.stop, needed.stop)
            )
        read = needed.grown(length // strides[index])
        # Replicate padding gives a convolution as many positions as it reads.
        reach.insert(0, (read, read, needed, own_of_layer))
        ratio = strides[index] // strides[max(0, index - 1)]
        read_by_next = Interval(ratio * read.start, ratio * read.stop)
    return reach
