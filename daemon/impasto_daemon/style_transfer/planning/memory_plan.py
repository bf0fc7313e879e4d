"""Plans for a scale that fit into memory: its tiles, and the length of the optimizer's history.

The server plans, too, to estimate the memory of a job before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from impasto_daemon.style_transfer.planning.cost_model import PROCESSOR, CostModel
from impasto_daemon.style_transfer.planning.layouts import LAYOUTS, StageLayout, Tiling, grid
from impasto_shared.settings import Optimizer

HISTORY = 20
"""The number of former steps that L-BFGS remembers if there is memory for them."""

_HISTORIES = (HISTORY, 10, 6, 3)
_FLOAT32_BYTES = 4
# The photo's activations at the default content layers, in numbers per pixel.
_TARGET_NUMBERS = 56


@dataclass(frozen=True)
class ScaleWork:
    """The numbers of a scale that its memory depends on.

    height: The height of the image in pixels, with circular padding.
    width: Its width in pixels, with circular padding.
    painting_px: The number of pixels of the largest painting.
    evaluations: The number of evaluations, which limits the history.
    optimizer: The optimizer, which has a history or none.
    number_bytes: The bytes of a number of an activation: 2 or 4.
    untiled_bytes: The bytes per pixel, in float32, of the activations and gradients of a network
        that cannot be run in tiles. None means a VGG, which can.
    cost_model: The costs of the device.
    masks_pay: Whether ReLU masks are worth keeping (`layouts.masks_pay`).
    """

    height: int
    width: int
    painting_px: int
    evaluations: int
    optimizer: Optimizer
    number_bytes: int = _FLOAT32_BYTES
    untiled_bytes: float | None = None
    cost_model: CostModel = PROCESSOR
    masks_pay: bool = True


@dataclass(frozen=True)
class Plan:
    """A way to paint a scale.

    tiling: The stages in which the network is run; None means that it is not tiled.
    history: The number of former steps that L-BFGS remembers.
    needed_bytes: The peak memory of the process, or of the GPU.
    tiles: The number of tiles of the first stage.
    """

    tiling: Tiling | None
    history: int
    needed_bytes: int
    tiles: int = 1

    def __str__(self) -> str:
        """Returns the plan in words, for the log."""
        return f"{self.tiling_text}, history {self.history}, {self.needed_bytes / 1e9:.2f} GB"

    @property
    def tiling_text(self) -> str:
        """The tiling in words, for the log."""
        if self.tiling is None:
            return "all at once"
        last = self.tiling[-1]
        tiles = "in one tile" if self.tiles == 1 else f"in tiles of {self.side_px} pixels"
        before = "" if last.side is not None else f" before block {last.blocks[0]}"
        masks = ", with ReLU masks" if self.tiling[0].keeps_masks else ""
        return f"{tiles}{before}{masks}"

    @property
    def side_px(self) -> int | None:
        """The side of a square as large as the tiles of the first stage; None if not tiled."""
        return None if self.tiling is None else self.tiling[0].side


UNLIMITED = Plan(tiling=None, history=HISTORY, needed_bytes=0)
"""The plan for unlimited memory."""


def plans(work: ScaleWork) -> list[Plan]:
    """Returns the plans for a scale, the fastest first; each needs less memory than the last."""
    useful: list[Plan] = []
    for plan in _candidates(work):
        if not useful or plan.needed_bytes < useful[-1].needed_bytes:
            useful.append(plan)
    return useful


def fastest_plan(work: ScaleWork, available_bytes: float) -> Plan:
    """Returns the fastest plan that fits into `available_bytes`; if none does, the smallest."""
    candidates = plans(work)
    fitting = (plan for plan in candidates if plan.needed_bytes <= available_bytes)
    return next(fitting, candidates[-1])


def smaller_plan(work: ScaleWork, plan: Plan) -> Plan | None:
    """Returns the plan to try after memory ran out with `plan`; None if there is no smaller one.

    Apart from the base it needs at most half as much, or is the smallest: with small steps, each
    would cost the time of a failed attempt.
    """
    smaller = [candidate for candidate in plans(work) if candidate.needed_bytes < plan.needed_bytes]
    half = (work.cost_model.base + plan.needed_bytes) / 2
    smallest = smaller[-1] if smaller else None
    return next((candidate for candidate in smaller if candidate.needed_bytes <= half), smallest)


def _candidates(work: ScaleWork) -> Iterator[Plan]:
    histories = [min(history, max(1, work.evaluations - 1)) for history in _HISTORIES]
    yield _untiled_plan(work, histories[0])
    if work.untiled_bytes is not None:
        yield from (_untiled_plan(work, history) for history in histories[1:])
        return
    with_masks = work.masks_pay and work.cost_model.tile_with_masks is not None
    layouts = [layout for layout in LAYOUTS if with_masks or not layout.keeps_masks]
    combinations = [
        *product(histories, layouts, work.cost_model.sides_px),
        *product(histories[-1:], layouts, work.cost_model.small_sides_px),
    ]
    for history, layout, side_px in combinations:
        # With masks, even one tile of the whole image takes less memory than no tiling.
        if layout.keeps_masks or side_px**2 < max(work.height * work.width, work.painting_px):
            yield _tiled_plan(work, layout, side_px, history)


def _untiled_plan(work: ScaleWork, history: int) -> Plan:
    return Plan(None, history, _needed_bytes(work, history, _untiled_bytes(work)))


def _tiled_plan(work: ScaleWork, layout: StageLayout, side_px: int, history: int) -> Plan:
    rows, columns = grid(work.height, work.width, side_px)
    height, width = (
        min(length, math.ceil(length / count) + layout.overlap_px)
        for length, count in ((work.height, rows), (work.width, columns))
    )
    activation_bytes = _tiled_bytes(work, layout, height * width, side_px)
    mask_bytes = layout.mask_bytes * work.height * work.width
    needed_bytes = _needed_bytes(work, history, activation_bytes, mask_bytes)
    return Plan(layout.tiling(side_px), history, needed_bytes, rows * columns)


def _untiled_bytes(work: ScaleWork) -> float:
    """Returns the float32 bytes of activations and gradients, of the image or of a painting."""
    bytes_per_px = work.untiled_bytes or work.cost_model.activation
    return max(work.height * work.width * bytes_per_px, work.painting_px * work.cost_model.painting)


def _tiled_bytes(work: ScaleWork, layout: StageLayout, tile_px: int, side_px: int) -> float:
    """Returns the float32 bytes of activations and gradients if the first tile has `tile_px`."""
    costs, px = work.cost_model, work.height * work.width
    bytes_per_px = costs.tile
    if layout.keeps_masks and costs.tile_with_masks is not None:
        bytes_per_px = costs.tile_with_masks
    painting_tile_px = min(work.painting_px, (side_px + layout.overlap_px) ** 2)
    activation_bytes: float = max(
        tile_px * bytes_per_px + layout.boundary_gradient_bytes * px,
        painting_tile_px * costs.painting,
    )
    if layout.first_untiled_block is not None:
        # The tiles of other stages and the deep stage are not in memory at the same time.
        share = costs.deep_shares[layout.first_untiled_block]
        activation_bytes = max(activation_bytes, share * _untiled_bytes(work))
    return activation_bytes + layout.boundary_bytes * max(px, work.painting_px)


def _needed_bytes(
    work: ScaleWork, history: int, activation_bytes: float, mask_bytes: int = 0
) -> int:
    """Returns the peak memory; `activation_bytes` are those of float32."""
    px = work.height * work.width
    history_bytes = px * _history_bytes(work.optimizer, history)
    painting_bytes = (
        history_bytes + mask_bytes + activation_bytes * work.number_bytes / _FLOAT32_BYTES
    )
    # The targets are made before there are any steps to remember.
    target_bytes = px * _TARGET_NUMBERS * work.number_bytes
    return round(
        work.cost_model.base + px * work.cost_model.images + max(painting_bytes, target_bytes)
    )


def _history_bytes(optimizer: Optimizer, history: int) -> int:
    """Returns the bytes per pixel that the optimizer needs for its history."""
    match optimizer:
        case Optimizer.LBFGS:  # s and y, of three colours each, in bfloat16
            return history * 2 * 3 * 2
        case Optimizer.SCIPY:  # the same in float64, and five images more
            return (2 * history + 5) * 3 * 8
        case Optimizer.ADAM | Optimizer.GRADIENT_DESCENT:
            return 0
