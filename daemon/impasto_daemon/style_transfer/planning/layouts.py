"""Ways to run a VGG in tiles: which blocks form a stage, and how large the stage's tiles are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from impasto_shared.layer_weights import parse_layer_weights
from impasto_shared.settings import StyleSettings


@dataclass(frozen=True)
class Stage:
    """Consecutive blocks of the network that are run tile by tile.

    blocks: The numbers of the blocks, from 1.
    side: The side of a square with about as many positions of the stage's input as a tile. None
        means that the input is one tile.
    keeps_masks: Whether the ReLU masks of each tile are kept for the backward pass (`relu_masks`).
        Only a stage of one block can keep them.
    """

    blocks: Sequence[int]
    side: int | None
    keeps_masks: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for masks of several blocks: pooling between them has none."""
        if self.keeps_masks and len(self.blocks) > 1:
            raise ValueError(f"masks are kept of one block, not of {self.blocks}")


Tiling = Sequence[Stage]
"""The stages of the network, the shallowest first; together they have all its blocks."""


@dataclass(frozen=True)
class StageLayout:
    """A division of the network into stages, and the memory that it needs besides the tiles.

    stages: The blocks of each stage, and the side of its tiles, in positions of its input,
        relative to that of the first stage's tiles. None means that the input is one tile.
    overlap_px: The pixels that the receptive field of the first stage's convolutions adds to the
        height, and to the width, of a tile.
    boundary_bytes: The bytes per pixel, in float32, of the activations between stages, at the peak
        of the forward pass. (Block 1 outputs 16 numbers per pixel, block 2 half as many, …)
    boundary_gradient_bytes: The bytes per pixel that their gradients add in the backward pass.
    mask_bytes: The bytes per pixel of the ReLU masks; 0 if they are not kept.
    """

    stages: Sequence[tuple[Sequence[int], float | None]]
    overlap_px: int
    boundary_bytes: int
    boundary_gradient_bytes: int = 0
    mask_bytes: int = 0

    @property
    def keeps_masks(self) -> bool:
        """True if the ReLU masks of the tiles are stored."""
        return self.mask_bytes > 0

    @property
    def first_untiled_block(self) -> int | None:
        """The first block of the last stage if that is not tiled."""
        blocks, relative_side = self.stages[-1]
        return blocks[0] if relative_side is None else None

    def tiling(self, side_px: int) -> Tiling:
        """Returns the stages with first tiles as large as a square of that side."""
        return [
            Stage(blocks, None)
            if relative_side is None
            else Stage(blocks, round(relative_side * side_px), self.keeps_masks)
            for blocks, relative_side in self.stages
        ]


LAYOUTS: Sequence[StageLayout] = (
    StageLayout(
        [((1,), 1), ((2,), 5 / 8), ((3, 4, 5), None)],
        overlap_px=4,
        boundary_bytes=96,
        boundary_gradient_bytes=64,
        mask_bytes=20,
    ),
    StageLayout(
        [((1,), 1), ((2,), 5 / 8), ((3,), 3 / 8), ((4, 5), None)],
        overlap_px=4,
        boundary_bytes=96,
        boundary_gradient_bytes=48,
        mask_bytes=26,
    ),
    StageLayout(
        [((1,), 1), ((2,), 5 / 8), ((3,), 3 / 8), ((4,), 1 / 4), ((5,), 3 / 8)],
        overlap_px=4,
        boundary_bytes=96,
        boundary_gradient_bytes=48,
        mask_bytes=27,
    ),
    StageLayout([((1, 2), 1), ((3, 4, 5), None)], overlap_px=12, boundary_bytes=0),
    StageLayout([((1, 2, 3), 1), ((4, 5), 3 / 8)], overlap_px=36, boundary_bytes=16),
)
"""All layouts, the fastest first.

With masks, each block is a stage. Its input is kept for the whole image, so tiles overlap little,
and the tiles of all blocks take about the same memory. Without masks, stages are recomputed in the
backward pass: fewer stages keep fewer inputs, and the deeper blocks, which have the fewest numbers
and the largest receptive fields, are better not tiled.
"""

_WIDE_BLOCKS = ("relu1", "relu2", "relu3")


def masks_pay(settings: StyleSettings) -> bool:
    """Returns whether keeping ReLU masks saves memory and time with the layers of `settings`.

    It does if most layers of a block come after its last layer with a loss: those before it are
    recomputed, and their activations kept for the gradient. Blocks 4 and 5 have few numbers.
    """
    layers = {
        *parse_layer_weights(settings.content_layers),
        *parse_layer_weights(settings.style_layers),
    }
    return all(layer[-2:] == "_1" or layer[:5] not in _WIDE_BLOCKS for layer in layers)


def grid(height: int, width: int, side: int) -> tuple[int, int]:
    """Returns the numbers of rows and columns of tiles for height × width positions.

    On average a tile has no more positions than a square of `side` × `side`. Positions along a cut
    are computed for the tiles on both sides: so the cuts together are as short as possible.
    """
    tiles = -(-height * width // side**2)
    grids = ((rows, -(-tiles // rows)) for rows in range(1, tiles + 1))
    return min(grids, key=lambda grid: grid[0] * width + grid[1] * height)
