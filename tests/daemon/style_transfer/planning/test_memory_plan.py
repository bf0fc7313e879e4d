from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from daemon.style_transfer.networks.tiny_network import TINY_BLOCKS, random_image, tiny_convolutions
from impasto_daemon.style_transfer.networks.vgg import VGG
from impasto_daemon.style_transfer.planning.cost_model import GPU, PROCESSOR
from impasto_daemon.style_transfer.planning.memory_plan import (
    HISTORY,
    UNLIMITED,
    Stage,
    Work,
    choose,
    gates_pay,
    grid,
    next_smaller,
    plans,
)
from impasto_daemon.style_transfer.stylize import stylize
from impasto_shared.image import Image, PixelFormat
from impasto_shared.settings import Optimizer, Pooling, StyleLoss, StyleSettings
from impasto_shared.style import Style

PHOTO = random_image(190, 150, PixelFormat.RGB_U16, seed=1)
PAINTING = Style(random_image(90, 70, PixelFormat.RGB_U8, seed=2))
# So few steps that every history holds them all.
SETTINGS = StyleSettings(iterations=4, size=190)
SMALLEST_SIDE_PX = 128

works = st.builds(
    Work,
    height=st.integers(1, 8000),
    width=st.integers(1, 8000),
    painting_px=st.integers(0, 50_000_000),
    evaluations=st.integers(1, 500),
    optimizer=st.sampled_from(Optimizer),
    number_bytes=st.sampled_from([2, 4]),
    footprint=st.sampled_from([PROCESSOR, GPU]),
)


def work(height: int, width: int, evaluations: int = 7) -> Work:
    return Work(height, width, height * width, evaluations, Optimizer.LBFGS)


@given(works)
def test_each_way_needs_less_memory_than_the_one_before(work: Work) -> None:
    ways = plans(work)

    needed = [plan.needed_bytes for plan in ways]
    assert needed == sorted(set(needed), reverse=True)
    assert ways[0].side_px is None
    assert all(plan.needed_bytes > work.footprint.base for plan in ways)
    assert all(1 <= plan.history <= HISTORY for plan in ways)


@given(works, st.floats(0, 1e11))
def test_the_fastest_way_that_fits_is_chosen_else_the_smallest(
    work: Work, available_bytes: float
) -> None:
    ways = plans(work)

    plan = choose(work, available_bytes)

    assert plan in ways
    if plan.needed_bytes <= available_bytes:
        assert all(
            one.needed_bytes > available_bytes
            for one in ways
            if one.needed_bytes > plan.needed_bytes
        )
    else:
        assert plan == ways[-1]


@given(works)
def test_where_memory_runs_out_few_ways_are_tried_and_the_smallest_is_the_last(work: Work) -> None:
    tried = [plans(work)[0]]
    while (smaller := next_smaller(work, tried[-1])) is not None:
        tried.append(smaller)

    assert len(tried) <= 9
    assert tried[-1] == plans(work)[-1]


def test_where_memory_does_not_matter_the_picture_is_seen_at_once() -> None:
    plan = choose(work(2213, 4016, evaluations=100), math.inf)

    assert (plan.side_px, plan.tiling, plan.history) == (None, None, HISTORY)
    assert (UNLIMITED.tiling, UNLIMITED.history) == (None, HISTORY)


def test_history_is_no_longer_than_there_are_steps() -> None:
    assert choose(work(100, 100, evaluations=5), math.inf).history == 4


def test_tiles_come_before_a_shorter_history_but_the_smallest_after_it() -> None:
    large = work(2213, 4016, evaluations=30)

    ways = plans(large)

    assert ways[0].tiles == 1
    assert ways[1].tiles == 3 * 3
    histories = [plan.history for plan in ways]
    assert histories == sorted(histories, reverse=True)
    assert min(plan.side_px or 0 for plan in ways[1:] if plan.history == HISTORY) == 256
    assert (ways[-1].side_px, ways[-1].history) == (SMALLEST_SIDE_PX, 3)


def test_deep_layers_are_seen_at_once_where_there_is_room() -> None:
    large = work(2213, 4016, evaluations=30)

    tilings = [plan.tiling for plan in plans(large) if plan.tiling is not None]

    at_once = [tiling[-1].side is None for tiling in tilings]
    assert at_once[0]
    assert not at_once[-1]


def test_gates_are_kept_where_there_is_room_and_never_on_a_gpu() -> None:
    large = work(2213, 4016, evaluations=30)

    on_processor, on_gpu = (
        [plan.tiling for plan in plans(replace(large, footprint=footprint)) if plan.tiling]
        for footprint in (PROCESSOR, GPU)
    )

    kept = [tiling[0].keeps_gates for tiling in on_processor]
    assert kept[0]
    assert not kept[-1]
    assert not any(stage.keeps_gates for tiling in on_gpu for stage in tiling)


@pytest.mark.parametrize(
    ("content_layers", "style_layers", "pay"),
    [
        ("relu4_2", "relu1_1,relu2_1,relu3_1,relu4_1,relu5_1", True),
        ("relu3_1", "relu4_3", True),
        ("relu2_2", "relu1_1,relu5_1", False),
        ("relu4_2", "relu1_2,relu2_2,relu3_3,relu4_3", False),
    ],
)
def test_gates_are_not_kept_where_most_layers_are_looked_at(
    content_layers: str, style_layers: str, pay: bool
) -> None:
    settings = StyleSettings(content_layers=content_layers, style_layers=style_layers)
    large = replace(work(2213, 4016), gates_pay=gates_pay(settings))

    kept = [plan.tiling[0].keeps_gates for plan in plans(large) if plan.tiling]

    assert any(kept) == pay


def test_gates_are_kept_of_one_block() -> None:
    with pytest.raises(ValueError, match="of one block, not of"):
        Stage((1, 2), 64, keeps_gates=True)


def test_small_picture_in_one_tile_takes_less_than_all_at_once() -> None:
    small = work(384, 512, evaluations=30)

    second = plans(small)[1]

    assert second.tiling is not None
    assert second.tiles == 1


def error_between(one: Image, other: Image) -> int:
    first, second = (np.frombuffer(image.pixels, "<u2").astype(int) for image in (one, other))
    return int(np.abs(first - second).max())


@pytest.mark.parametrize("loss", StyleLoss)
def test_picture_is_the_same_in_little_memory(loss: StyleLoss) -> None:
    settings = replace(SETTINGS, style_loss=loss)
    network = VGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)

    at_once, in_tiles = (
        stylize(network, PHOTO, [PAINTING], settings, available_bytes=available)
        for available in (math.inf, 0)
    )

    assert error_between(at_once, in_tiles) <= 1


def test_larger_picture_is_the_same_with_deep_layers_in_tiles_too() -> None:
    photo = random_image(480, 384, PixelFormat.RGB_U16, seed=1)
    settings = replace(SETTINGS, size=480)
    network = VGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)
    smallest = plans(Work(384, 480, 90 * 70, 4, Optimizer.LBFGS, network.number_bytes))[-1]
    assert smallest.tiling is not None
    deep = next(stage for stage in smallest.tiling if 4 in stage.blocks)
    assert deep.side is not None
    assert grid(384 // 8, 480 // 8, deep.side) != (1, 1)

    at_once, in_tiles = (
        stylize(network, photo, [PAINTING], settings, available_bytes=available)
        for available in (math.inf, 0)
    )

    assert error_between(at_once, in_tiles) <= 1


class NarrowVGG(VGG):
    """A VGG that runs out of memory if it is evaluated on more than `most` pixels at once.

    These pixels must be freed by the next attempt: they would take its memory.
    """

    most = 168 * 140
    error: Callable[[str], Exception] = torch.OutOfMemoryError
    refused = 0
    kept: weakref.ref[Tensor] | None = None

    def normalised(self, image: Tensor) -> Tensor:
        assert self.kept is None or self.kept() is None
        normalised = super().normalised(image)
        if image.shape[2] * image.shape[3] > self.most:
            self.refused += 1
            self.kept = weakref.ref(normalised)
            raise self.error("DefaultCPUAllocator: can't allocate memory: you tried to have it all")
        return normalised


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_where_memory_runs_out_the_job_goes_on_in_smaller_tiles(
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
    assert error_between(expected, picture) <= 1
    assert steps == sorted(steps)
    assert steps[-1] == SETTINGS.iterations


@pytest.mark.parametrize(
    ("error", "most"),
    [(torch.OutOfMemoryError, 10), (RuntimeError, 10)],
    ids=["not even in the smallest tiles", "not even so on the CPU"],
)
def test_too_little_memory_for_any_tile_is_an_error(
    error: Callable[[str], Exception], most: int
) -> None:
    narrow = NarrowVGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)
    narrow.error, narrow.most = error, most

    with pytest.raises(error, match="allocate memory"):  # type: ignore[call-overload]
        stylize(narrow, PHOTO, [PAINTING], SETTINGS)


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    class BrokenVGG(VGG):
        calls = 0

        def normalised(self, _: Tensor) -> Tensor:
            self.calls += 1
            raise RuntimeError("a kernel has failed")

    broken = BrokenVGG(tiny_convolutions(), TINY_BLOCKS, pooling=Pooling.MAX)

    with pytest.raises(RuntimeError, match="a kernel has failed"):
        stylize(broken, PHOTO, [PAINTING], SETTINGS)

    assert broken.calls == 1


@given(works)
def test_every_way_runs_all_of_the_network(work: Work) -> None:
    for plan in plans(work):
        if plan.tiling is not None:
            blocks = [block for stage in plan.tiling for block in stage.blocks]
            assert blocks == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("height", "width", "side", "wanted"),
    [
        (100, 100, 100, (1, 1)),
        (101, 100, 100, (2, 1)),
        (866, 1155, 512, (2, 2)),
        (2213, 4016, 1024, (3, 3)),
        (10, 4000, 200, (1, 1)),
        (10, 4001, 200, (1, 2)),
    ],
)
def test_tiles_are_few_and_near_to_squares(
    height: int, width: int, side: int, wanted: tuple[int, int]
) -> None:
    assert grid(height, width, side) == wanted
