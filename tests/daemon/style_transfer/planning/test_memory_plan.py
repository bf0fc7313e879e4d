from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import TINY_BLOCKS, random_image, tiny_convolutions
from impasto_daemon.style_transfer.images.pixels import from_image, repaint, resize
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.planning import memory_plan
from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR, CostModel
from impasto_daemon.style_transfer.planning.layouts import StageLayout, grid
from impasto_daemon.style_transfer.planning.memory_plan import (
    HISTORY,
    UNLIMITED,
    ScaleWork,
    fastest_plan,
    plans,
    smaller_plan,
)
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Optimizer, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style


def smooth_image(width: int, height: int, form: PixelFormat, *, seed: int) -> Image:
    """Returns an image of colours that change over some ten pixels.

    Noise costs so much itself that L-BFGS makes visible differences of rounding errors.
    """
    colours = from_image(random_image(width // 10, height // 10, form, seed=seed)).rgb
    return repaint(random_image(width, height, form, seed=seed), resize(colours, height, width))


PHOTO = smooth_image(190, 150, PixelFormat.RGB_U16, seed=1)
PAINTING = Style(smooth_image(90, 70, PixelFormat.RGB_U8, seed=2))
# With these few steps every history has room for all of them.
SETTINGS = StyleSettings(iterations=3, size=190)
SMALLEST_SIDE_PX = 128

scales = st.builds(
    ScaleWork,
    height=st.integers(1, 8000),
    width=st.integers(1, 8000),
    painting_px=st.integers(0, 50_000_000),
    evaluations=st.integers(1, 500),
    optimizer=st.sampled_from(Optimizer),
    number_bytes=st.sampled_from([2, 4]),
    cost_model=st.sampled_from([PROCESSOR, GPU]),
)


def scale_work(height: int, width: int, evaluations: int = 7) -> ScaleWork:
    return ScaleWork(height, width, height * width, evaluations, Optimizer.LBFGS)


LARGE = scale_work(2213, 4016, evaluations=30)


@given(scales)
def test_each_plan_needs_less_memory_than_the_one_before(work: ScaleWork) -> None:
    candidates = plans(work)

    needed = [plan.needed_bytes for plan in candidates]
    assert needed == sorted(set(needed), reverse=True)
    assert candidates[0].side_px is None
    assert all(plan.needed_bytes > work.cost_model.base for plan in candidates)
    assert all(1 <= plan.history <= HISTORY for plan in candidates)


@given(scales, st.floats(0, 1e11))
def test_the_fastest_plan_is_the_first_that_fits_or_the_smallest(
    work: ScaleWork, available_bytes: float
) -> None:
    candidates = plans(work)

    plan = fastest_plan(work, available_bytes)

    assert plan in candidates
    if plan.needed_bytes <= available_bytes:
        faster = candidates[: candidates.index(plan)]
        assert all(candidate.needed_bytes > available_bytes for candidate in faster)
    else:
        assert plan == candidates[-1]


@given(scales)
def test_few_smaller_plans_lead_to_the_smallest(work: ScaleWork) -> None:
    attempts = [plans(work)[0]]
    while (smaller := smaller_plan(work, attempts[-1])) is not None:
        attempts.append(smaller)

    assert len(attempts) <= 9
    assert attempts[-1] == plans(work)[-1]


def test_a_plan_for_unlimited_memory_is_not_tiled() -> None:
    plan = fastest_plan(replace(LARGE, evaluations=100), math.inf)

    assert (plan.side_px, plan.tiling, plan.history) == (None, None, HISTORY)
    assert (UNLIMITED.tiling, UNLIMITED.history) == (None, HISTORY)


def test_the_history_is_no_longer_than_there_are_steps() -> None:
    assert fastest_plan(scale_work(100, 100, evaluations=5), math.inf).history == 4


def test_tiles_come_before_a_shorter_history_but_the_smallest_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As for a texture: the targets of a photo need more memory than the smallest tiles.
    monkeypatch.setattr(memory_plan, "_TARGET_NUMBERS", 0)
    candidates = plans(LARGE)

    assert candidates[0].tiles == 1
    assert candidates[1].tiles == 3 * 3
    histories = [plan.history for plan in candidates]
    assert histories == sorted(histories, reverse=True)
    assert min(plan.side_px or 0 for plan in candidates[1:] if plan.history == HISTORY) == 256
    assert (candidates[-1].side_px, candidates[-1].history) == (SMALLEST_SIDE_PX, 3)


def test_deep_blocks_are_not_tiled_if_there_is_memory() -> None:
    tilings = [plan.tiling for plan in plans(LARGE) if plan.tiling is not None]

    untiled = [tiling[-1].side is None for tiling in tilings]
    assert untiled[0]
    assert not untiled[-1]


def test_masks_are_kept_if_there_is_memory_and_never_on_a_gpu() -> None:
    on_processor, on_gpu = (
        [plan.tiling for plan in plans(replace(LARGE, cost_model=cost_model)) if plan.tiling]
        for cost_model in (PROCESSOR, GPU)
    )

    keeps_masks = [tiling[0].keeps_masks for tiling in on_processor]
    assert keeps_masks[0]
    assert not keeps_masks[-1]
    assert not any(stage.keeps_masks for tiling in on_gpu for stage in tiling)


def test_masks_are_not_kept_if_they_do_not_pay() -> None:
    for masks_pay in (True, False):
        tilings = [plan.tiling for plan in plans(replace(LARGE, masks_pay=masks_pay))]

        assert any(tiling[0].keeps_masks for tiling in tilings if tiling) == masks_pay


def test_a_small_picture_needs_less_memory_in_one_tile_than_untiled() -> None:
    second = plans(scale_work(384, 512, evaluations=30))[1]

    assert second.tiling is not None
    assert second.tiles == 1


def test_a_network_that_cannot_be_tiled_has_shorter_histories_only() -> None:
    candidates = plans(replace(LARGE, untiled_bytes=5600))

    assert [plan.history for plan in candidates] == [HISTORY, 10, 6, 3]
    assert all(plan.tiling is None for plan in candidates)


@pytest.mark.parametrize(
    ("optimizer", "shorter"), [(Optimizer.LBFGS, True), (Optimizer.ADAM, False)]
)
def test_only_an_optimizer_with_a_history_needs_memory_for_it(
    optimizer: Optimizer, shorter: bool
) -> None:
    candidates = plans(replace(LARGE, optimizer=optimizer, number_bytes=2))

    assert any(plan.history < HISTORY for plan in candidates[:-2]) == shorter


# A device on which nothing needs memory.
FREE = CostModel(
    base=0,
    images=0,
    activation=0,
    tile=0,
    tile_with_masks=None,
    painting=0,
    deep_shares={3: 0},
    sides_px=(50,),
    small_sides_px=(),
)
# 100 × 200 pixels are 2 × 4 tiles of 50, or with their overlap of 60.
HEIGHT, WIDTH = 100, 200
PX, TILE_PX = HEIGHT * WIDTH, 60 * 60


def bytes_of(monkeypatch: pytest.MonkeyPatch, layout: dict[str, int], **work: Any) -> list[int]:
    """Returns what a scale needs untiled and tiled, with the longest history."""
    stages = [((1,), 1), ((2,), 1), ((3, 4, 5), None)]
    memory = {"overlap_px": 10, "boundary_bytes": 0, **layout}
    monkeypatch.setattr(memory_plan, "LAYOUTS", [StageLayout(stages, **memory)])
    monkeypatch.setattr(memory_plan, "_TARGET_NUMBERS", 0)
    scale = {"painting_px": 0, "evaluations": 5, "optimizer": Optimizer.ADAM, **work}
    candidates = memory_plan._candidates(ScaleWork(HEIGHT, WIDTH, **scale))
    return [plan.needed_bytes for plan in islice(candidates, 2)]


@pytest.mark.parametrize(
    ("costs", "work", "untiled", "tiled"),
    [
        ({"base": 5}, {}, 5, 5),
        ({"images": 2}, {}, 2 * PX, 2 * PX),
        ({"images": 2}, {"number_bytes": 2}, 2 * PX, 2 * PX),
        ({"activation": 8, "tile": 3}, {}, 8 * PX, 3 * TILE_PX),
        ({"tile": 3, "tile_with_masks": 2}, {}, 0, 3 * TILE_PX),
        ({"activation": 8, "tile": 4}, {"number_bytes": 2}, 4 * PX, 2 * TILE_PX),
        ({"activation": 8, "deep_shares": {3: 0.25}}, {}, 8 * PX, 2 * PX),
        ({"painting": 4}, {"painting_px": 2 * TILE_PX}, 8 * TILE_PX, 4 * TILE_PX),
        ({"painting": 4}, {"painting_px": 100}, 400, 400),
    ],
)
def test_memory_is_that_of_its_parts(
    monkeypatch: pytest.MonkeyPatch,
    costs: dict[str, Any],
    work: dict[str, int],
    untiled: int,
    tiled: int,
) -> None:
    needed = bytes_of(monkeypatch, {}, cost_model=replace(FREE, **costs), **work)

    assert needed == [untiled, tiled]


@pytest.mark.parametrize(
    ("layout", "work", "tiled"),
    [
        ({"boundary_bytes": 7}, {}, 7 * PX),
        ({"boundary_bytes": 7}, {"painting_px": 2 * PX}, 14 * PX),
        ({"boundary_gradient_bytes": 3}, {}, 3 * PX + TILE_PX),
        ({"boundary_gradient_bytes": 3}, {"painting_px": 2 * PX}, 3 * PX + TILE_PX),
        ({"boundary_bytes": 7, "boundary_gradient_bytes": 3}, {}, 10 * PX + TILE_PX),
        ({"mask_bytes": 9}, {}, 9 * PX + 2 * TILE_PX),
        ({"mask_bytes": 9}, {"number_bytes": 2}, 9 * PX + TILE_PX),
    ],
)
def test_tiles_keep_what_is_between_stages(
    monkeypatch: pytest.MonkeyPatch, layout: dict[str, int], work: dict[str, int], tiled: int
) -> None:
    has_gradients, has_masks = "boundary_gradient_bytes" in layout, "mask_bytes" in layout
    costs = replace(FREE, tile=int(has_gradients), tile_with_masks=2 if has_masks else None)

    assert bytes_of(monkeypatch, layout, cost_model=costs, **work) == [0, tiled]


@pytest.mark.parametrize(
    ("optimizer", "evaluations", "expected"),
    [
        (Optimizer.LBFGS, 1, 12),
        (Optimizer.LBFGS, 5, 4 * 12),
        (Optimizer.LBFGS, 500, 20 * 12),
        (Optimizer.SCIPY, 5, (2 * 4 + 5) * 24),
    ],
)
def test_history_has_two_pictures_a_step(
    monkeypatch: pytest.MonkeyPatch, optimizer: Optimizer, evaluations: int, expected: int
) -> None:
    untiled, *_ = bytes_of(
        monkeypatch, {}, cost_model=FREE, optimizer=optimizer, evaluations=evaluations
    )

    assert untiled == expected * PX


def test_own_activations_of_a_network_count() -> None:
    work = replace(scale_work(HEIGHT, WIDTH, evaluations=1), cost_model=FREE, untiled_bytes=5000)

    assert [plan.needed_bytes for plan in plans(work)] == [5000 * PX + 12 * PX]


def test_plan_that_needs_all_of_the_memory_fits() -> None:
    second = plans(LARGE)[1]

    assert fastest_plan(LARGE, second.needed_bytes) == second
    assert fastest_plan(LARGE, second.needed_bytes - 1) != second


def test_tile_as_large_as_the_picture_is_not_tried_without_masks() -> None:
    work = replace(scale_work(1024, 1024), cost_model=replace(GPU, sides_px=(1024, 1023)))

    sides = [plan.side_px for plan in memory_plan._candidates(work)]

    assert sides[:2] == [None, 1023]


def test_plans_are_described_for_the_log() -> None:
    candidates = plans(LARGE)

    gigabytes = f"{candidates[0].needed_bytes / 10**9:.2f}"
    assert str(candidates[0]) == f"all at once, history 20, {gigabytes} GB"
    assert str(candidates[1]).startswith(
        "in tiles of 1024 pixels before block 3, with ReLU masks, history 20, "
    )


def largest_difference(a: Image, b: Image) -> int:
    first, second = (np.frombuffer(image.pixels, "<u2").astype(int) for image in (a, b))
    return int(np.abs(first - second).max())


@pytest.mark.parametrize("loss", StyleLoss)
def test_the_picture_is_the_same_in_little_memory(loss: StyleLoss) -> None:
    settings = replace(SETTINGS, style_loss=loss)
    network = VGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)

    untiled, tiled = (
        stylize(network, PHOTO, [PAINTING], settings, available_bytes=available)
        for available in (math.inf, 0)
    )

    # Of 65535: rounding errors, which L-BFGS magnifies. A seam would be hundreds.
    assert largest_difference(untiled, tiled) <= 8


def test_a_larger_picture_is_the_same_with_deep_blocks_in_tiles_too() -> None:
    photo = random_image(480, 384, PixelFormat.RGB_U16, seed=1)
    settings = replace(SETTINGS, size=480)
    network = VGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)
    smallest = plans(
        ScaleWork(384, 480, 90 * 70, SETTINGS.iterations, Optimizer.LBFGS, network.number_bytes)
    )[-1]
    assert smallest.tiling is not None
    deep = next(stage for stage in smallest.tiling if 4 in stage.blocks)
    assert deep.side is not None
    assert grid(384 // 8, 480 // 8, deep.side) != (1, 1)

    untiled, tiled = (
        stylize(network, photo, [PAINTING], settings, available_bytes=available)
        for available in (math.inf, 0)
    )

    assert largest_difference(untiled, tiled) <= 1


class NarrowVGG(VGG):
    """A VGG that runs out of memory if it is evaluated on more than `most` pixels at once.

    These pixels must be freed by the next attempt: they would take its memory.
    """

    most = 168 * 140
    error: Callable[[str], Exception] = torch.OutOfMemoryError
    refused = 0
    refused_activation: weakref.ref[Tensor] | None = None

    def normalised(self, image: Tensor) -> Tensor:
        assert self.refused_activation is None or self.refused_activation() is None
        normalised = super().normalised(image)
        if image.shape[2] * image.shape[3] > self.most:
            self.refused += 1
            self.refused_activation = weakref.ref(normalised)
            raise self.error("DefaultCPUAllocator: can't allocate memory: you asked for too much")
        return normalised


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_the_job_continues_in_smaller_tiles_when_memory_runs_out(
    error: Callable[[str], Exception],
) -> None:
    network, narrow = (
        kind(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX) for kind in (VGG, NarrowVGG)
    )
    assert isinstance(narrow, NarrowVGG)
    narrow.error = error
    steps: list[int] = []

    expected = stylize(network, PHOTO, [PAINTING], SETTINGS)
    picture = stylize(
        narrow, PHOTO, [PAINTING], SETTINGS, on_step=lambda step: steps.append(step.step)
    )

    assert narrow.refused > 0
    assert largest_difference(expected, picture) <= 1
    assert steps == sorted(steps)
    assert steps[-1] == SETTINGS.iterations


@pytest.mark.parametrize(
    ("error", "most"),
    [(torch.OutOfMemoryError, 10), (RuntimeError, 10)],
    ids=["on a GPU", "on the CPU"],
)
def test_too_little_memory_for_any_tile_is_an_error(
    error: Callable[[str], Exception], most: int
) -> None:
    narrow = NarrowVGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)
    narrow.error, narrow.most = error, most

    with pytest.raises(error, match="allocate memory"):  # type: ignore[call-overload]
        stylize(narrow, PHOTO, [PAINTING], SETTINGS)


def test_other_errors_are_not_retried() -> None:
    class BrokenVGG(VGG):
        calls = 0

        def normalised(self, _: Tensor) -> Tensor:
            self.calls += 1
            raise RuntimeError("a kernel has failed")

    broken = BrokenVGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)

    with pytest.raises(RuntimeError, match="a kernel has failed"):
        stylize(broken, PHOTO, [PAINTING], SETTINGS)

    assert broken.calls == 1


@given(scales)
def test_no_plan_needs_less_than_the_activations_that_targets_are_made_from(
    work: ScaleWork,
) -> None:
    least = work.cost_model.base + 56 * work.number_bytes * work.height * work.width

    assert all(plan.needed_bytes >= least for plan in plans(work))
