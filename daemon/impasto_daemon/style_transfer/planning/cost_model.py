"""The memory that painting needs on each kind of device, as measured (docs/benchmarks.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDEST_UNTILED_BYTES = 6400
"""The `ScaleWork.untiled_bytes` assumed of an unknown network that is no VGG.

It is that of the widest networks tried: ResNet-50 has 5600, DenseNet-121 has 6400.
"""


@dataclass(frozen=True)
class CostModel:
    """The bytes that painting needs on a device, and the sizes of tiles that suit it.

    All numbers of bytes but `base` are per pixel and hold for float32.

    base: The bytes in use before there is any image. On the CPU these are the process with torch
        and the network, its kernels transformed for Winograd's algorithm; on a GPU they are the
        network and the workspaces of libraries.
    images: The photo, the result of the last scale, the best image so far, the images that the
        optimizer holds, and the content target.
    activation: The activations and their gradients if the network is not tiled.
    tile: The activations and their gradients in a tile. Allocators fragment: the more tiles, the
        more memory is lost.
    tile_with_masks: The same if the tile's ReLU masks are kept. It is None on devices that do not
        keep any.
    painting: The activations of a painting, which needs no gradients.
    deep_shares: For the number of a block, the share of `activation` that it has together with all
        deeper blocks.
    sides_px: The sides of squares as large as tiles, the fastest first.
    small_sides_px: Smaller sides, which are so slow that a shorter history comes before them.
    """

    base: int
    images: int
    activation: int
    tile: int
    tile_with_masks: int | None
    painting: int
    deep_shares: Mapping[int, float]
    sides_px: Sequence[int]
    small_sides_px: Sequence[int]


PROCESSOR = CostModel(
    base=1_220_000_000,
    images=125,
    activation=2550,
    tile=2550,
    tile_with_masks=1300,
    painting=800,
    deep_shares={3: 0.315, 4: 0.12},
    sides_px=(1024, 768, 512, 384, 256),
    small_sides_px=(192, 128),
)

# Launching the kernels of a small tile takes longer than running them.
GPU = CostModel(
    base=400_000_000,
    images=60,
    activation=1890,
    tile=2800,
    tile_with_masks=None,
    painting=500,
    deep_shares={3: 0.41},
    sides_px=(2048, 1536, 1024, 768),
    small_sides_px=(512, 384, 256, 192, 128),
)
