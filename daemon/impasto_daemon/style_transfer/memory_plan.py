"""How a scale is painted so that it fits into memory: in which tiles, with how long a history.

It calculates with numbers alone, so that a forecast can be made before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from impasto_daemon.style_transfer.footprint import PROCESSOR, Footprint
from impasto_shared.settings import Optimizer, StyleSettings

HISTORY = 20
"""How many former steps L-BFGS remembers, where there is room."""


@dataclass(frozen=True)
class Stage:
    """Blocks of the network that follow each other (from 1), and how large their tiles are.

    side: of a square that has as many positions of the stage's input as a tile, more or less; None:
        all of it is one tile.
    """

    blocks: Sequence[int]
    side: int | None


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
    """Two stages of the network, the first in tiles, the second at once or in tiles.

    around_px: what the first stage's convolutions reach over on both sides of a tile.
    """

    first: Sequence[int]
    second: Sequence[int]
    around_px: int
    deep_at_once: bool

    def tiling(self, side_px: int) -> Tiling:
        """The stages where tiles are as large as a square of such a side."""
        # A position of block 4 stands for 8 pixels along a side, and a tile of three times the side
        # takes about as much memory there as one of the first stage.
        deep_side = None if self.deep_at_once else 3 * side_px // 8
        return Stage(self.first, side_px), Stage(self.second, deep_side)


# The fastest first. The deeper blocks have the fewest numbers and the longest reach: where they see
# all at once, only the shallow ones are run twice, and little is seen from both sides of a cut.
_DIVISIONS = (
    _Division((1, 2), (3, 4, 5), around_px=12, deep_at_once=True),
    _Division((1, 2, 3), (4, 5), around_px=36, deep_at_once=False),
)
_HISTORIES = (HISTORY, 10, 6, 3)


@dataclass(frozen=True)
class Work:
    """One scale: its pixels, those of its largest painting, and how it is improved.

    number_bytes: of each activation.
    untiled_bytes: for each pixel, of activations and their slopes with float32, of a network that
        cannot be shown a picture in tiles; None: a VGG's, which can.
    footprint: that of the device.
    """

    height: int
    width: int
    painting_px: int
    evaluations: int
    optimizer: Optimizer
    number_bytes: int = _FLOAT32_BYTES
    untiled_bytes: float | None = None
    footprint: Footprint = PROCESSOR


@dataclass(frozen=True)
class Plan:
    """How a scale is painted.

    tiling: the stages that the network is run in; None: all of the picture is seen at once.
    history: how many steps L-BFGS remembers.
    needed_bytes: the most memory that the process will have.
    """

    tiling: Tiling | None
    history: int
    needed_bytes: int

    def __str__(self) -> str:
        return f"{self.seen}, {self.history} steps remembered, {self.needed_bytes / 1e9:.2f} GB"

    @property
    def seen(self) -> str:
        """How the network sees the picture, in words."""
        if self.tiling is None:
            return "all at once"
        deep = self.tiling[-1]
        before = "" if deep.side is not None else f" before block {deep.blocks[0]}"
        return f"in tiles of {self.side_px} pixels{before}"

    @property
    def side_px(self) -> int | None:
        """Of a square as large as the tiles that the picture is seen in; None: all at once."""
        return None if self.tiling is None else self.tiling[0].side

    def tiles(self, work: Work) -> int:
        """How many tiles the picture is seen in."""
        if self.side_px is None:
            return 1
        rows, columns = grid(work.height, work.width, self.side_px)
        return rows * columns


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
    ways = [
        *product(useful, _DIVISIONS, work.footprint.sides_px),
        *product(useful[-1:], _DIVISIONS, work.footprint.small_sides_px),
    ]
    for history, division, side_px in ways:
        if side_px**2 < max(work.height * work.width, work.painting_px):
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
    seen_bytes: float = max(
        height * width * work.footprint.tile,
        min(work.painting_px, (side_px + around_px) ** 2) * work.footprint.painting,
    )
    if division.deep_at_once:
        # The first stage's tiles are gone before the second comes, and the other way back.
        seen_bytes = max(seen_bytes, work.footprint.deep_share * _seen_at_once_bytes(work))
    else:
        seen_bytes += work.footprint.handed * max(work.height * work.width, work.painting_px)
    return _plan(work, division.tiling(side_px), history, seen_bytes)


def _seen_at_once_bytes(work: Work) -> float:
    """Of float32 activations and slopes, for that which takes more of picture and painting."""
    of_picture = work.untiled_bytes or work.footprint.activation
    return max(work.height * work.width * of_picture, work.painting_px * work.footprint.painting)


def _plan(work: Work, tiling: Tiling | None, history: int, seen_bytes: float) -> Plan:
    """seen_bytes: of float32, of all that the network makes of the picture."""
    remembered_bytes = work.footprint.picture + _history_bytes(work.optimizer, history)
    needed = work.footprint.base + work.height * work.width * remembered_bytes
    return Plan(tiling, history, round(needed + seen_bytes * work.number_bytes / _FLOAT32_BYTES))


def _history_bytes(optimizer: Optimizer, history: int) -> int:
    """Of each pixel, for what the optimizer remembers of former steps."""
    match optimizer:
        case Optimizer.LBFGS:  # a step and the change of the slope, three colours each, in bfloat16
            return history * 2 * 3 * 2
        case Optimizer.SCIPY:  # the same in float64, and five pictures more
            return (2 * history + 5) * 3 * 8
        case Optimizer.ADAM | Optimizer.GRADIENT_DESCENT:
            return 0
