import pytest

from impasto_daemon.style_transfer.planning.scales import COARSEST_PX, plan_scales
from impasto_shared.settings import Mode, Quality, StyleSettings


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("size", [32, 100, 181, 200, 230, 512, 3000])
def test_scales_grow_up_to_the_requested_size(quality: Quality, size: int) -> None:
    scales = plan_scales(size, StyleSettings(quality=quality))

    sides = [scale.longest_side_px for scale in scales]
    assert sides == sorted(set(sides))
    finest = max(min(size, 256), round(0.75 * size)) if quality is Quality.DRAFT else size
    assert sides[-1] == finest
    assert sides[0] == min(size, COARSEST_PX) or finest < 1.2 * COARSEST_PX


@pytest.mark.parametrize("quality", Quality)
def test_a_preview_has_the_coarse_scales_of_the_final_result(quality: Quality) -> None:
    settings = StyleSettings(quality=quality)

    preview, large = plan_scales(256, settings), plan_scales(3000, settings)

    assert len(preview) > 1
    assert large[: len(preview) - 1] == preview[:-1]


def test_better_quality_costs_more() -> None:
    costs = [
        sum(scale.cost for scale in plan_scales(512, StyleSettings(quality=quality)))
        for quality in (Quality.DRAFT, Quality.GOOD, Quality.BEST)
    ]

    assert costs[0] < costs[1] / 2
    assert costs[1] < costs[2] / 2


@pytest.mark.parametrize("iterations", [1, 2, 3, 5, 10, 99, 1000])
@pytest.mark.parametrize("size", [32, 128, 512, 2000])
def test_iterations_are_distributed_to_the_last_one(iterations: int, size: int) -> None:
    scales = plan_scales(size, StyleSettings(iterations=iterations))

    assert sum(scale.evaluations for scale in scales) == iterations
    assert min(scale.evaluations for scale in scales) >= 1
    assert scales[-1].longest_side_px == size


@pytest.mark.parametrize("count", range(1, 17))
@pytest.mark.parametrize("size", [32, 100, 181, 512, 3000])
def test_the_number_of_scales_is_the_requested_one(count: int, size: int) -> None:
    scales = plan_scales(size, StyleSettings(scales=count))

    sides = [scale.longest_side_px for scale in scales]
    assert sides == sorted(set(sides))
    assert sides[-1] == size
    # If there are fewer, a coarser one would be too small.
    assert len(scales) == count or 32 <= sides[0] < 2**0.5 * 33


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_fewer_scales_get_the_evaluations_of_omitted_ones(scales: int) -> None:
    usual, fewer = plan_scales(512, StyleSettings()), plan_scales(512, StyleSettings(scales=scales))

    assert len(fewer) < len(usual)
    assert sum(scale.evaluations for scale in fewer) == sum(scale.evaluations for scale in usual)
    assert fewer[1:] == usual[1 - scales :][: scales - 1]


@pytest.mark.parametrize("mode", Mode)
def test_content_alone_is_painted_at_one_scale(mode: Mode) -> None:
    usual = plan_scales(512, StyleSettings(mode=mode))

    assert (len(usual) == 1) == (mode is Mode.CONTENT)
    assert len(plan_scales(512, StyleSettings(mode=mode, scales=3))) == 3


def test_iterations_are_distributed_to_the_requested_scales() -> None:
    scales = plan_scales(512, StyleSettings(scales=2, iterations=50))

    assert [scale.longest_side_px for scale in scales] == [362, 512]
    assert sum(scale.evaluations for scale in scales) == 50


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("begun_px", [1, 181, 200, 384, 512])
def test_scales_of_the_picture_to_begin_from_are_omitted(quality: Quality, begun_px: int) -> None:
    settings = StyleSettings(quality=quality)

    scales = plan_scales(2000, settings, begun_px)

    expected = [scale for scale in plan_scales(2000, settings) if scale.longest_side_px > begun_px]
    assert scales == expected


@pytest.mark.parametrize("settings", [StyleSettings(), StyleSettings(scales=5)])
def test_last_scale_is_painted_whatever_the_picture_to_begin_from(settings: StyleSettings) -> None:
    scales = plan_scales(512, settings, begun_px=2000)

    assert [scale.longest_side_px for scale in scales] == [512]


def test_iterations_are_those_after_the_picture_to_begin_from() -> None:
    scales = plan_scales(2000, StyleSettings(iterations=30), begun_px=512)

    assert scales[0].longest_side_px == 724
    assert sum(scale.evaluations for scale in scales) == 30


def test_frame_that_keeps_paint_has_fewer_evaluations_and_some_at_least() -> None:
    usual = plan_scales(1000, StyleSettings(), 512)
    follows = plan_scales(1000, StyleSettings(), 512, follows=True)

    assert [scale.longest_side_px for scale in follows] == [
        scale.longest_side_px for scale in usual
    ]
    assert all(
        1 <= few.evaluations < scale.evaluations for few, scale in zip(follows, usual, strict=True)
    )


def test_frame_has_the_evaluations_that_are_asked_for() -> None:
    settings = StyleSettings(iterations=30)

    assert plan_scales(512, settings, 512, follows=True) == plan_scales(512, settings, 512)
