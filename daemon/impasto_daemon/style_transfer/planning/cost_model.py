"""What painting takes of memory on each kind of device, as it was measured (docs/benchmarks.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Footprint:
    """Bytes, all but the first for each pixel, and which tiles pay.

    base: what is there before any picture: on a processor the process with torch and the network,
        its kernels transformed for Winograd's algorithm; of a GPU's memory the network and what
        libraries work with.
    picture: the photo, what was painted of it before, the best, the optimizer's own pictures, and
        what the content layer wants.
    activation: float32 activations and their slopes, where the network sees all of it at once ...
    tile: ... and of a tile of it (memory is handed out in pieces: the less is whole, the more) ...
    tile_with_gates: ... of a tile whose gates are kept; None: on such a device they are not ...
    painting: ... of a painting, which needs no slopes ...
    deep_shares: ... and the part of a whole picture's that the blocks from each of these on have.
    sides_px: of squares as large as tiles, the fastest first.
    small_sides_px: smaller ones, that cost time: they come after a shorter history.
    """

    base: int
    picture: int
    activation: int
    tile: int
    tile_with_gates: int | None
    painting: int
    deep_shares: Mapping[int, float]
    sides_px: Sequence[int]
    small_sides_px: Sequence[int]


PROCESSOR = Footprint(
    base=1_220_000_000,
    picture=125,
    activation=2550,
    tile=2550,
    tile_with_gates=1300,
    painting=800,
    deep_shares={3: 0.315, 4: 0.12},
    sides_px=(1024, 768, 512, 384, 256),
    small_sides_px=(192, 128),
)

# Ordering the tasks of a small tile takes longer than a GPU needs for them.
GPU = Footprint(
    base=400_000_000,
    picture=60,
    activation=1890,
    tile=2800,
    tile_with_gates=None,
    painting=500,
    deep_shares={3: 0.41},
    sides_px=(2048, 1536, 1024, 768),
    small_sides_px=(512, 384, 256, 192, 128),
)
