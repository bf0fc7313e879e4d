"""What painting takes of memory on each kind of device, as it was measured (docs/benchmarks.md)."""

from __future__ import annotations

from collections.abc import Sequence
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
    painting: ... of a painting, which needs no slopes ...
    deep_share: ... and the part of a whole picture's that blocks 3 to 5 have.
    handed: float32 numbers that are handed from stage to stage where all are run in tiles.
    sides_px: of squares as large as tiles, the fastest first.
    small_sides_px: smaller ones, that cost time: they come after a shorter history.
    """

    base: int
    picture: int
    activation: int
    tile: int
    painting: int
    deep_share: float
    handed: int
    sides_px: Sequence[int]
    small_sides_px: Sequence[int]


PROCESSOR = Footprint(
    base=1_180_000_000,
    picture=130,
    activation=2550,
    tile=2550,
    painting=800,
    deep_share=0.315,
    handed=16,
    sides_px=(1024, 768, 512, 384, 256),
    small_sides_px=(192, 128),
)

# Ordering the tasks of a small tile takes longer than a GPU needs for them.
GPU = Footprint(
    base=400_000_000,
    picture=60,
    activation=1890,
    tile=2800,
    painting=500,
    deep_share=0.41,
    handed=16,
    sides_px=(2048, 1536, 1024, 768),
    small_sides_px=(512, 384, 256, 192, 128),
)
