"""How a scale is painted so that it fits into memory: in which tiles, with how long a history.

It calculates with numbers alone, so that a forecast can be made before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from impasto_shared.settings import Optimizer, StyleSettings

HISTORY = 20
"""How many former steps L-BFGS remembers, where there is room."""


@dataclass(frozen=True)
class Stage:
    """Blocks of the network that follow each other (from 1), and how large their tiles are.

    side: of a square that has as many positions of the stage's input as a tile, more or less.
    """

    blocks: Sequence[int]
    side: int


Tiling = Sequence[Stage]
"""The stages of the whole network, the shallowest first."""

# The process with torch and the network, its kernels transformed for Winograd's algorithm.
BASE_BYTES = 1_180_000_000

# Bytes for each pixel, measured with float32 activations (docs/benchmarks.md). Of the picture: the
# photo, what was painted of it before, the best, the optimizer's own pictures, and what the content
# layer wants.
_PICTURE_BYTES = 130
# Activations and their slopes where the network sees all of it at once ...
_ACTIVATION_BYTES = 2750
# ... of a painting, which needs no slopes ...
_PAINTING_BYTES = 800
# ... and in tiles: what is handed from stage to stage, or its slope.
_HANDED_BYTES = 16
_FLOAT32_BYTES = 4

WIDEST_BYTES = 6400
"""The `untiled_bytes` of a network of which nothing is known but that it is no VGG.

Such as the widest that were tried have them: 5600 ResNet-50, 6400 DenseNet-121.
"""

MARGIN_PX = 96
"""How much of a tileable picture is seen again on each side: more than relu5_1 reaches over."""

# What the first stage's convolutions reach over on both sides of a tile.
_AROUND_PX = 36
_FIRST_BLOCKS, _OTHER_BLOCKS = (1, 2, 3), (4, 5)
# One position of the second stage's input stands for so many pixels along a side.
_FACTOR = 8
# Larger tiles save little time, smaller ones cost much of it.
_SIDES_PX = (1024, 768, 512, 384, 256, 192, 128)
_HISTORIES = (HISTORY, 10, 6, 3)


@dataclass(frozen=True)
class Work:
    """One scale: its pixels, those of its largest painting, and how it is improved.

    number_bytes: of each activation.
    untiled_bytes: for each pixel, of activations and their slopes with float32, of a network that
        cannot be shown a picture in tiles; None: a VGG's, which can.
    """

    height: int
    width: int
    painting_px: int
    evaluations: int
    optimizer: Optimizer
    number_bytes: int = _FLOAT32_BYTES
    untiled_bytes: float | None = None


@dataclass(frozen=True)
class Plan:
    """How a scale is painted.

    side_px: of a square as large as the tiles; None: all of the picture is seen at once.
    history: how many steps L-BFGS remembers.
    needed_bytes: the most memory that the process will have.
    """

    side_px: int | None
    history: int
    needed_bytes: int

    def __str__(self) -> str:
        seen = "all at once" if self.side_px is None else f"in tiles of {self.side_px} pixels"
        return f"{seen}, {self.history} steps remembered, {self.needed_bytes / 1e9:.2f} GB"

    @property
    def tiling(self) -> Tiling | None:
        """The stages that the network is run in."""
        if self.side_px is None:
            return None
        # The deeper stage takes a fraction of the memory at the same size.
        return (
            Stage(_FIRST_BLOCKS, self.side_px),
            Stage(_OTHER_BLOCKS, 2 * self.side_px // _FACTOR),
        )

    def tiles(self, work: Work) -> int:
        """How many tiles the picture is seen in."""
        if self.side_px is None:
            return 1
        rows, columns = grid(work.height, work.width, self.side_px)
        return rows * columns


UNLIMITED = Plan(side_px=None, history=HISTORY, needed_bytes=0)
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
    half = (BASE_BYTES + plan.needed_bytes) / 2
    smallest = smaller[-1] if smaller else None
    return next((one for one in smaller if one.needed_bytes <= half), smallest)


def _all(work: Work) -> Iterator[Plan]:
    useful = [min(history, max(1, work.evaluations - 1)) for history in _HISTORIES]
    yield _plan(work, None, useful[0])
    if work.untiled_bytes is not None:
        yield from (_plan(work, None, history) for history in useful[1:])
        return
    for history in useful:
        for side_px in _SIDES_PX:
            if side_px**2 < max(work.height * work.width, work.painting_px):
                yield _plan(work, side_px, history)


def _plan(work: Work, side_px: int | None, history: int) -> Plan:
    picture_px = work.height * work.width
    size_of_numbers = work.number_bytes / _FLOAT32_BYTES
    needed = float(picture_px * (_PICTURE_BYTES + _history_bytes(work.optimizer, history)))
    if side_px is None:
        activation_bytes = work.untiled_bytes or _ACTIVATION_BYTES
        seen = max(picture_px * activation_bytes, work.painting_px * _PAINTING_BYTES)
        needed += size_of_numbers * seen
    else:
        tile_px = (side_px + _AROUND_PX) ** 2
        seen = max(
            min(picture_px, tile_px) * _ACTIVATION_BYTES,
            min(work.painting_px, tile_px) * _PAINTING_BYTES,
        )
        handed_px = max(picture_px, work.painting_px)
        needed += size_of_numbers * (seen + handed_px * _HANDED_BYTES)
    return Plan(side_px, history, round(BASE_BYTES + needed))


def _history_bytes(optimizer: Optimizer, history: int) -> int:
    """Of each pixel, for what the optimizer remembers of former steps."""
    match optimizer:
        case Optimizer.LBFGS:  # a step and the change of the slope, three colours each, in bfloat16
            return history * 2 * 3 * 2
        case Optimizer.SCIPY:  # the same in float64, and five pictures more
            return (2 * history + 5) * 3 * 8
        case Optimizer.ADAM | Optimizer.GRADIENT_DESCENT:
            return 0
