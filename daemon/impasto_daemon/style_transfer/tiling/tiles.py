"""The network seen tile by tile: the numbers of the whole picture, in the memory of a tile.

The network is run in stages of some blocks. Of a stage only its input is kept for the whole
picture; between, tile after tile is run, with as many positions around it as its convolutions
reach over. Each position of each layer belongs to one tile. So sums over all positions are those
of the tiles, and so is the slope of a function of such sums, once each tile is told the function's
slope along them: `look` gathers them, `look_back` carries their slope back to the picture. It runs
each tile anew, but for the tile that `look` has ended with: all of it, which costs half as much
again (checkpointing, Chen et al. 2016, in space), or, where the gates of every tile are kept, what
is looked at and little more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from impasto_daemon.malloc import give_memory_back
from impasto_daemon.style_transfer.networks.network import BeforeLayer, Network
from impasto_daemon.style_transfer.networks.vgg import VGG, block_of
from impasto_daemon.style_transfer.planning.memory_plan import Stage, Tiling, grid
from impasto_daemon.style_transfer.tiling.relu_masks import PLAIN, Gates, Rerun, Runner

PICTURE = "picture"
"""What the picture itself is called beside the network's layers."""


class Span(NamedTuple):
    """Positions along one side: from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def grown(self, length: int) -> Span:
        """One more at both ends, within [0, length)."""
        return Span(max(0, self.start - 1), min(length, self.stop + 1))

    def within(self, other: Span) -> slice:
        """Where these are among those of `other`."""
        return slice(self.start - other.start, self.stop - other.start)


@dataclass(frozen=True)
class Place:
    """Some of a layer's positions; the whole layer has height × width."""

    rows: Span
    columns: Span
    height: int
    width: int

    @classmethod
    def whole(cls, activation: Tensor) -> Place:
        """All positions of a layer's activation (…, H, W)."""
        height, width = activation.shape[-2:]
        return cls(Span(0, height), Span(0, width), height, width)

    @property
    def share(self) -> float:
        """The part of all positions that these are."""
        rows, columns = (span.stop - span.start for span in (self.rows, self.columns))
        return rows * columns / (self.height * self.width)

    def of(self, whole: Tensor) -> Tensor:
        """What `whole` (…, height, width) has at these positions: a view, or itself."""
        return self.within(Place.whole(whole), whole)

    def within(self, other: Place, tensor: Tensor) -> Tensor:
        """The positions of `tensor`, which is at `other`, that are at this place."""
        if (self.rows, self.columns) == (other.rows, other.columns):
            return tensor
        rows, columns = self.rows.within(other.rows), self.columns.within(other.columns)
        if not tensor.requires_grad:
            return tensor[..., rows, columns]
        part: Tensor = _Part.apply(tensor, rows, columns)
        return part


class _Part(torch.autograd.Function):
    """Some rows and columns, whose slope has the layout that convolutions are fastest in."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, rows: slice, columns: slice) -> Tensor:
        ctx.rows, ctx.columns, ctx.size = rows, columns, whole.shape
        return whole[..., rows, columns]

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        whole = torch.empty(
            ctx.size,
            dtype=slope.dtype,
            device=slope.device,
            memory_format=torch.channels_last,
        ).zero_()
        whole[..., ctx.rows, ctx.columns] = slope
        return whole, None, None


Visit = Callable[[str, Tensor, Place], None]
"""Called with a layer's name, some positions of its activation (1, C, h, w), and where they are.

Of the picture itself there is a row and a column more than the place has, where there are more.
"""
Surrogate = Callable[[str, Tensor, Place], Tensor]
"""A scalar whose slope along the activation that it is given is the wanted one."""


@dataclass(frozen=True)
class _Tile:
    """What a tile reads of the stage's input, and what it has of everything after it.

    layers: of each layer the place that its convolution gives, the one needed, and its own.
    own: its own part of the stage's input; output: of what the stage hands on.
    """

    read: Place
    own: Place
    layers: Mapping[str, tuple[Place, Place, Place]]
    output: Place | None


@dataclass
class Way:
    """What `look_back` needs of a `look`; it empties it, so that its memory is free again.

    inputs: of each stage, the picture first.
    gates: of each tile whose gates are kept, in the order in which they were run.
    last: the tile that was run last, if it was kept.
    """

    inputs: list[Tensor]
    gates: list[Gates]
    last: _Recorded | None = None


@dataclass(frozen=True)
class _Recorded:
    """One stage over a tile, in such a way that slopes can be taken along what it has read.

    part: what it has read; visited: what `visit` would have been called with; output: what it ends
    with.
    """

    part: Tensor
    visited: list[tuple[str, Tensor, Place]]
    output: Tensor


def look(
    network: Network,
    rgb: Tensor,
    layers: Collection[str],
    visit: Visit,
    before_layer: BeforeLayer,
    tiling: Tiling | None = None,
    *,
    comes_back: bool = False,
) -> Way:
    """Shows `visit` every position of each of `layers` (or PICTURE) once; gives `look_back`'s way.

    rgb: (1, 3, H, W). tiling: None for all of it at once, through which slopes can be taken.
    comes_back: whether `look_back` is to follow, with the same tiles. It begins with the tile that
        this ends with, which therefore need not be run anew. No more tiles than one are in memory
        for that; of the others gates are kept, in stages that say so.

    Nothing beyond the deepest layer is computed. Raises ValueError for a layer that the network
    lacks, and for tiles of a network that cannot be shown them.
    """
    if tiling is None:
        _look_at_once(network, rgb, layers, visit, before_layer)
        return Way([rgb], [])
    if not isinstance(network, VGG):
        raise ValueError("only a VGG can be shown a picture tile by tile")
    stages = _stages(network, layers, tiling)
    way = Way([rgb], [])
    for index, (names, stage) in enumerate(stages):
        is_last = index == len(stages) - 1
        whole = way.inputs[-1]
        tiles = _tiles(names, stage.side, whole, has_output=not is_last)
        output: Tensor | None = None
        for tile in tiles:
            runner: Runner = PLAIN
            if comes_back and is_last and tile is tiles[-1]:
                way.last = _recorded(network, names, tile, whole, layers, before_layer, runner)
                for layer, activation, place in way.last.visited:
                    visit(layer, activation.detach(), place)
                continue
            if comes_back and stage.keeps_gates:
                runner = gates = Gates(names, layers, network.pooling)
                way.gates.append(gates)
            part = tile.read.of(whole)
            found = _run(network, names, tile, part, layers, visit, before_layer, runner)
            if tile.output is None:
                continue
            if output is None:
                size = (1, found.shape[1], tile.output.height, tile.output.width)
                output = found.new_empty(size).contiguous(memory_format=torch.channels_last)
            tile.output.of(output).copy_(found)
        if not comes_back:
            way.inputs.clear()
        if output is not None:
            way.inputs.append(output)
    return way


def _look_at_once(
    network: Network,
    rgb: Tensor,
    layers: Collection[str],
    visit: Visit,
    before_layer: BeforeLayer,
) -> None:
    if PICTURE in layers:
        visit(PICTURE, rgb, Place.whole(rgb))
    network.read(
        rgb,
        [name for name in layers if name != PICTURE],
        lambda name, activation: visit(name, activation, Place.whole(activation)),
        before_layer,
    )


def look_back(
    network: Network,
    way: Way,
    layers: Collection[str],
    surrogate: Surrogate,
    before_layer: BeforeLayer,
    tiling: Tiling,
) -> Tensor:
    """The slope along the picture of all that `surrogate` stands for, in the picture's shape."""
    if not isinstance(network, VGG):
        raise ValueError("only a VGG can be shown a picture tile by tile")
    slope: Tensor | None = None
    for names, stage in reversed(_stages(network, layers, tiling)):
        whole = way.inputs.pop()
        slope_of_input = torch.zeros_like(whole)
        for tile in reversed(_tiles(names, stage.side, whole, has_output=slope is not None)):
            run, way.last = way.last, None
            if run is None:
                runner = Rerun(way.gates.pop()) if stage.keeps_gates else PLAIN
                run = _recorded(network, names, tile, whole, layers, before_layer, runner)
            outgoing = None if slope is None or tile.output is None else tile.output.of(slope)
            tile.read.of(slope_of_input).add_(_slope_of_part(run, surrogate, outgoing))
            del run  # before the next tile is run: it holds all that a tile takes
        slope = slope_of_input
        if slope.device.type == "cpu":
            # What one stage has freed is seldom of the sizes that the next one asks for.
            give_memory_back()
    if slope is None:
        raise ValueError("there is no stage to look back through")
    return slope


def _recorded(
    network: VGG,
    names: Sequence[str],
    tile: _Tile,
    whole: Tensor,
    layers: Collection[str],
    before_layer: BeforeLayer,
    runner: Runner,
) -> _Recorded:
    part = tile.read.of(whole).detach().requires_grad_()
    visited: list[tuple[str, Tensor, Place]] = []

    def visit(layer: str, activation: Tensor, place: Place) -> None:
        visited.append((layer, activation, place))

    with torch.enable_grad():
        output = _run(network, names, tile, part, layers, visit, before_layer, runner)
    return _Recorded(part, visited, output)


def _slope_of_part(run: _Recorded, surrogate: Surrogate, outgoing: Tensor | None) -> Tensor:
    """The slope along what a tile has read; outgoing: that along what it hands on, if it does."""
    with torch.enable_grad():
        terms = [surrogate(*visited) for visited in run.visited]
    run.visited.clear()  # so that each is free as soon as its slope is known
    slopes: list[Tensor | None] = [None] * len(terms)
    if outgoing is not None:
        terms.append(run.output)
        slopes.append(outgoing)
    (slope,) = torch.autograd.grad(terms, run.part, slopes)
    return slope


def _run(
    network: VGG,
    names: Sequence[str],
    tile: _Tile,
    part: Tensor,
    layers: Collection[str],
    visit: Visit,
    before_layer: BeforeLayer,
    runner: Runner,
) -> Tensor:
    """Runs one stage of the network over `part`, and gives what the tile hands on."""
    if PICTURE in layers and names[0] == "relu1_1":
        visit(PICTURE, _with_next(tile.own).within(tile.read, part), tile.own)

    def needed(layer: str, activation: Tensor) -> Tensor:
        given, kept, _ = tile.layers[layer]
        return kept.within(given, activation)

    found = network.normalised(part) if names[0] == "relu1_1" else part
    for name, activation in network.run(found, names, before_layer, needed, runner):
        if name in layers:
            _, kept, own = tile.layers[name]
            visit(name, own.within(kept, activation), own)
        found = activation
    return found if tile.output is None else runner.pool(network.pool, found)


def _stages(network: VGG, layers: Collection[str], tiling: Tiling) -> list[tuple[list[str], Stage]]:
    """The names of the layers of each stage up to the deepest of `layers`, and the stage."""
    names = network.down_to([name for name in layers if name != PICTURE]) or network.layers[:1]
    stages = [
        ([name for name in names if block_of(name) in stage.blocks], stage) for stage in tiling
    ]
    return [(found, stage) for found, stage in stages if found]


def _tiles(
    names: Sequence[str], side: int | None, whole: Tensor, *, has_output: bool
) -> list[_Tile]:
    """The tiles of a stage whose input is `whole`, row after row."""
    # How many positions of the stage's input one of each layer stands for, along a side.
    factors = [2 ** (block_of(name) - block_of(names[0])) for name in names]
    unit = factors[-1] * (2 if has_output else 1)
    height, width = whole.shape[2:]
    tiles = []
    rows, columns = (1, 1) if side is None else grid(height, width, side)
    for own_rows, own_columns in product(_cut(height, rows, unit), _cut(width, columns, unit)):
        down, across = _reach(own_rows, height, factors), _reach(own_columns, width, factors)
        layers = {}
        for index, name in enumerate(names):
            size = height // factors[index], width // factors[index]
            given, kept, own = (
                Place(rows, columns, *size)
                for rows, columns in zip(down[index], across[index], strict=True)
            )
            layers[name] = given, kept, own
        output = None
        if has_output:
            output = Place(
                _shrunk(own_rows, height, unit),
                _shrunk(own_columns, width, unit),
                height // unit,
                width // unit,
            )
        tiles.append(
            _Tile(
                read=Place(down[0][0], across[0][0], height, width),
                own=Place(own_rows, own_columns, height, width),
                layers=layers,
                output=output,
            )
        )
    return tiles


def _cut(length: int, count: int, unit: int) -> list[Span]:
    """[0, length) in `count` even parts that begin at multiples of `unit`, or in all there are."""
    units = max(1, length // unit)
    count = min(units, count)
    starts = [unit * (units * index // count) for index in range(count)]
    return [Span(start, stop) for start, stop in pairwise([*starts, length])]


def _shrunk(span: Span, length: int, factor: int) -> Span:
    """What `span` of [0, length) is after pooling; what it leaves over at the end is dropped."""
    return Span(
        span.start // factor,
        length // factor if span.stop == length else span.stop // factor,
    )


def _reach(own: Span, length: int, factors: Sequence[int]) -> list[tuple[Span, Span, Span]]:
    """Along one side, of each layer: what its convolution reads and gives, what is needed, its own.

    own: of the stage's input, whose length is `length`.
    """
    spans: list[tuple[Span, Span, Span]] = []
    below: Span | None = None  # what the next layer reads, in positions of this one
    for index in reversed(range(len(factors))):
        at_layer = _shrunk(own, length, factors[index])
        kept = at_layer
        if below is not None:
            kept = Span(min(below.start, kept.start), max(below.stop, kept.stop))
        read = kept.grown(length // factors[index])
        spans.insert(0, (read, kept, at_layer))
        ratio = factors[index] // factors[max(0, index - 1)]
        below = Span(ratio * read.start, ratio * read.stop)
    return spans


def _with_next(place: Place) -> Place:
    """`place` with the row below it and the column to its right, where there are such."""
    rows, columns = place.rows.grown(place.height), place.columns.grown(place.width)
    return Place(
        Span(place.rows.start, rows.stop),
        Span(place.columns.start, columns.stop),
        place.height,
        place.width,
    )
