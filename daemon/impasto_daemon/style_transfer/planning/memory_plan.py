"""How a scale is painted so that it fits into memory: in which tiles, with how long a history.

It calculates with numbers alone, so that a forecast can be made before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from impasto_daemon.style_transfer.planning.cost_model import PROCESSOR, Footprint
from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import Optimizer, StyleSettings

HISTORY = 20
"""How many former steps L-BFGS remembers, where there is room."""


@dataclass(frozen=True)
class Stage:
    """Blocks of the network that follow each other (from 1), and how large their tiles are.

    side: of a square that has as many positions of the stage's input as a tile, more or less; None:
        all of it is one tile.
    keeps_gates: whether it is kept of each tile which numbers ReLU and pooling have let through
        (`gates`); of one block only, and on a processor.
    """

    blocks: Sequence[int]
    side: int | None
    keeps_gates: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for gates of several blocks: pooling between them has none."""
        if self.keeps_gates and len(self.blocks) > 1:
            raise ValueError(f"gates are kept of one block, not of {self.blocks}")


Tiling = Sequence[Stage]
"""The stages of the whole network, the shallowest first."""

_FLOAT32_BYTES = 4

WIDEST_BYTES = 6400
"""The `untiled_bytes` of a network of which nothing is known but that it is no VGG.

Such as the widest that were tried have them: 5600 ResNet-50, 6400 DenseNet-121.
"""

MARGIN_PX = 96
"""How much of a tileable picture is seen again on each side: more than relu5_1 reaches over."""


@dataclass(frozen=True)
class _Division:
    """The stages of the network, and what it takes to run it so.

    stages: the blocks of each, and how long a side of its tiles is, in positions of its input,
        beside that of the first stage's; None: all of it is one tile.
    around_px: what the first stage's convolutions reach over on both sides of a tile.
    handed: bytes for each pixel, in float32, of what stages hand on, the most at a time on the way
        forward (block 1 hands on 16 numbers for each pixel, block 2 half as many, ...).
    handed_back: how much more it is on the way back, with the slopes.
    gates: bytes for each pixel of gates, where they are kept; else 0.
    """

    stages: Sequence[tuple[Sequence[int], float | None]]
    around_px: int
    handed: int
    handed_back: int = 0
    gates: int = 0

    @property
    def keeps_gates(self) -> bool:
        """Whether tiles keep their gates."""
        return self.gates > 0

    @property
    def seen_at_once(self) -> int | None:
        """The first block of a last stage that sees all at once; None: there is none."""
        blocks, part = self.stages[-1]
        return blocks[0] if part is None else None

    def tiling(self, side_px: int) -> Tiling:
        """The stages where tiles are as large as a square of such a side."""
        return [
            Stage(blocks, None)
            if part is None
            else Stage(blocks, round(part * side_px), self.keeps_gates)
            for blocks, part in self.stages
        ]


# The fastest first. With gates kept, each block begins from its own input, which is kept for the
# whole picture, so that little is seen from both sides of a cut; tiles of all blocks take about as
# much memory. Without, stages are run anew: the fewer inputs are kept the better, and the deeper
# blocks, which have the fewest numbers and the longest reach, better see all at once.
_DIVISIONS = (
    _Division(
        [((1,), 1), ((2,), 5 / 8), ((3, 4, 5), None)],
        around_px=4,
        handed=96,
        handed_back=64,
        gates=20,
    ),
    _Division(
        [((1,), 1), ((2,), 5 / 8), ((3,), 3 / 8), ((4, 5), None)],
        around_px=4,
        handed=96,
        handed_back=48,
        gates=26,
    ),
    _Division(
        [((1,), 1), ((2,), 5 / 8), ((3,), 3 / 8), ((4,), 1 / 4), ((5,), 3 / 8)],
        around_px=4,
        handed=96,
        handed_back=48,
        gates=27,
    ),
    _Division([((1, 2), 1), ((3, 4, 5), None)], around_px=12, handed=0),
    _Division([((1, 2, 3), 1), ((4, 5), 3 / 8)], around_px=36, handed=16),
)
_HISTORIES = (HISTORY, 10, 6, 3)
_WIDE_BLOCKS = ("relu1", "relu2", "relu3")


@dataclass(frozen=True)
class Work:
    """One scale: its pixels, those of its largest painting, and how it is improved.

    number_bytes: of each activation.
    untiled_bytes: for each pixel, of activations and their slopes with float32, of a network that
        cannot be shown a picture in tiles; None: a VGG's, which can.
    footprint: that of the device.
    gates_pay: whether keeping gates pays (the function of that name).
    """

    height: int
    width: int
    painting_px: int
    evaluations: int
    optimizer: Optimizer
    number_bytes: int = _FLOAT32_BYTES
    untiled_bytes: float | None = None
    footprint: Footprint = PROCESSOR
    gates_pay: bool = True


@dataclass(frozen=True)
class Plan:
    """How a scale is painted.

    tiling: the stages that the network is run in; None: all of the picture is seen at once.
    history: how many steps L-BFGS remembers.
    needed_bytes: the most memory that the process will have.
    tiles: how many the picture is seen in.
    """

    tiling: Tiling | None
    history: int
    needed_bytes: int
    tiles: int = 1

    def __str__(self) -> str:
        return f"{self.seen}, {self.history} steps remembered, {self.needed_bytes / 1e9:.2f} GB"

    @property
    def seen(self) -> str:
        """How the network sees the picture, in words."""
        if self.tiling is None:
            return "all at once"
        deep = self.tiling[-1]
        before = "" if deep.side is not None else f" before block {deep.blocks[0]}"
        kept = ", with gates" if self.tiling[0].keeps_gates else ""
        tiles = "in one tile" if self.tiles == 1 else f"in tiles of {self.side_px} pixels"
        return f"{tiles}{before}{kept}"

    @property
    def side_px(self) -> int | None:
        """Of a square as large as the tiles that the picture is seen in; None: all at once."""
        return None if self.tiling is None else self.tiling[0].side


UNLIMITED = Plan(tiling=None, history=HISTORY, needed_bytes=0)
"""How a scale is painted where memory does not matter."""


def grid(height: int, width: int, side: int) -> tuple[int, int]:
    """How many rows and columns of tiles to cut height × width positions into.

    In the mean none has more positions than a square of `side` × `side`. What lies along a cut is
    seen from both sides: so all cuts together are as short as can be.
    """
    tiles = -(-height * width // side**2)
    ways = ((rows, -(-tiles // rows)) for rows in range(1, tiles + 1))
    return min(ways, key=lambda way: way[0] * width + way[1] * height)


def plans(work: Work) -> list[Plan]:
    """All ways to paint a scale, the fastest first; each needs less memory than those before it."""
    ways: list[Plan] = []
    for plan in _all(work):
        if not ways or plan.needed_bytes < ways[-1].needed_bytes:
            ways.append(plan)
    return ways


def choose(work: Work, available_bytes: float) -> Plan:
    """The fastest way that fits into so many bytes; where none does, the smallest."""
    ways = plans(work)
    return next((plan for plan in ways if plan.needed_bytes <= available_bytes), ways[-1])


def gates_pay(settings: StyleSettings) -> bool:
    """Whether keeping gates saves memory and time with these layers.

    It does where most layers of a block come after the last one with a loss: those before it are
    run anew, and kept for their slopes. Blocks 4 and 5 have few numbers.
    """
    looked_at = {
        *parse_layer_weights(settings.content_layers),
        *parse_layer_weights(settings.style_layers),
    }
    return all(layer[-2:] == "_1" or layer[:5] not in _WIDE_BLOCKS for layer in looked_at)


def px_around(settings: StyleSettings) -> int:
    """By how much a side is longer as the network sees it."""
    return 2 * MARGIN_PX if settings.tileable else 0


def next_smaller(work: Work, plan: Plan) -> Plan | None:
    """The way to try where `plan` has found too little memory; None where there is no smaller one.

    It needs half as much, beside what the process has anyway, or as little as can be: small steps
    would each take the time of a failure.
    """
    smaller = [one for one in plans(work) if one.needed_bytes < plan.needed_bytes]
    half = (work.footprint.base + plan.needed_bytes) / 2
    smallest = smaller[-1] if smaller else None
    return next((one for one in smaller if one.needed_bytes <= half), smallest)


def _all(work: Work) -> Iterator[Plan]:
    useful = [min(history, max(1, work.evaluations - 1)) for history in _HISTORIES]
    yield _at_once(work, useful[0])
    if work.untiled_bytes is not None:
        yield from (_at_once(work, history) for history in useful[1:])
        return
    can_keep_gates = work.gates_pay and work.footprint.tile_with_gates is not None
    divisions = [one for one in _DIVISIONS if can_keep_gates or not one.keeps_gates]
    ways = [
        *product(useful, divisions, work.footprint.sides_px),
        *product(useful[-1:], divisions, work.footprint.small_sides_px),
    ]
    for history, division, side_px in ways:
        # With its gates kept, all of the picture in one tile takes less than all at once.
        if division.keeps_gates or side_px**2 < max(work.height * work.width, work.painting_px):
            yield _in_tiles(work, division, side_px, history)


def _at_once(work: Work, history: int) -> Plan:
    return _plan(work, None, history, _seen_at_once_bytes(work))


def _in_tiles(work: Work, division: _Division, side_px: int, history: int) -> Plan:
    rows, columns = grid(work.height, work.width, side_px)
    around_px = division.around_px
    height, width = (
        min(length, math.ceil(length / count) + around_px)
        for length, count in ((work.height, rows), (work.width, columns))
    )
    footprint, px = work.footprint, work.height * work.width
    of_tile = footprint.tile
    if division.keeps_gates and footprint.tile_with_gates is not None:
        of_tile = footprint.tile_with_gates
    seen_bytes: float = max(
        height * width * of_tile + division.handed_back * px,
        min(work.painting_px, (side_px + around_px) ** 2) * footprint.painting,
    )
    if division.seen_at_once is not None:
        # The tiles before it are gone when the deep stage comes, and the other way back.
        share = footprint.deep_shares[division.seen_at_once]
        seen_bytes = max(seen_bytes, share * _seen_at_once_bytes(work))
    seen_bytes += division.handed * max(px, work.painting_px)
    tiling, tiles, gates_bytes = division.tiling(side_px), rows * columns, division.gates * px
    return _plan(work, tiling, history, seen_bytes, gates_bytes=gates_bytes, tiles=tiles)


def _seen_at_once_bytes(work: Work) -> float:
    """Of float32 activations and slopes, for that which takes more of picture and painting."""
    of_picture = work.untiled_bytes or work.footprint.activation
    return max(work.height * work.width * of_picture, work.painting_px * work.footprint.painting)


def _plan(
    work: Work,
    tiling: Tiling | None,
    history: int,
    seen_bytes: float,
    *,
    gates_bytes: int = 0,
    tiles: int = 1,
) -> Plan:
    """seen_bytes: of float32, of all that the network makes of the picture."""
    remembered_bytes = work.footprint.picture + _history_bytes(work.optimizer, history)
    needed = work.footprint.base + work.height * work.width * remembered_bytes + gates_bytes
    needed_bytes = round(needed + seen_bytes * work.number_bytes / _FLOAT32_BYTES)
    return Plan(tiling, history, needed_bytes, tiles)


def _history_bytes(optimizer: Optimizer, history: int) -> int:
    """Of each pixel, for what the optimizer remembers of former steps."""
    match optimizer:
        case Optimizer.LBFGS:  # a step and the change of the slope, three colours each, in bfloat16
            return history * 2 * 3 * 2
        case Optimizer.SCIPY:  # the same in float64, and five pictures more
            return (2 * history + 5) * 3 * 8
        case Optimizer.ADAM | Optimizer.GRADIENT_DESCENT:
            return 0
