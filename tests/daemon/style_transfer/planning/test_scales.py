import pytest

from impasto_daemon.style_transfer.planning.scales import COARSEST_PX, plan_scales
from impasto_shared.settings import Mode, Quality, StyleSettings


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("size", [32, 100, 181, 200, 230, 512, 3000])
def test_scales_grow_up_to_the_size_asked_for(quality: Quality, size: int) -> None:
    scales = plan_scales(size, StyleSettings(quality=quality))

    sides = [scale.longest_side_px for scale in scales]
    assert sides == sorted(set(sides))
    finest = max(min(size, 256), round(0.75 * size)) if quality is Quality.DRAFT else size
    assert sides[-1] == finest
    assert sides[0] == min(size, COARSEST_PX) or finest < 1.2 * COARSEST_PX


@pytest.mark.parametrize("quality", Quality)
def test_preview_has_the_coarse_scales_of_the_print(quality: Quality) -> None:
    settings = StyleSettings(quality=quality)

    preview, large = plan_scales(256, settings), plan_scales(3000, settings)

    assert len(preview) > 1
    assert large[: len(preview) - 1] == preview[:-1]


def test_better_quality_is_more_work() -> None:
    work = [
        sum(scale.cost for scale in plan_scales(512, StyleSettings(quality=quality)))
        for quality in (Quality.DRAFT, Quality.GOOD, Quality.BEST)
    ]

    assert work[0] < work[1] / 2
    assert work[1] < work[2] / 2


@pytest.mark.parametrize("iterations", [1, 2, 3, 5, 10, 99, 1000])
@pytest.mark.parametrize("size", [32, 128, 512, 2000])
def test_iterations_asked_for_are_shared_out_to_the_last_one(iterations: int, size: int) -> None:
    scales = plan_scales(size, StyleSettings(iterations=iterations))

    assert sum(scale.evaluations for scale in scales) == iterations
    assert min(scale.evaluations for scale in scales) >= 1
    assert scales[-1].longest_side_px == size


@pytest.mark.parametrize("scales", range(1, 17))
@pytest.mark.parametrize("size", [32, 100, 181, 512, 3000])
def test_there_are_as_many_scales_as_are_asked_for(scales: int, size: int) -> None:
    found = plan_scales(size, StyleSettings(scales=scales))

    sides = [scale.longest_side_px for scale in found]
    assert sides == sorted(set(sides))
    assert sides[-1] == size
    # Where there are fewer, a coarser one would be too small.
    assert len(found) == scales or 32 <= sides[0] < 2**0.5 * 33


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_fewer_scales_get_the_evaluations_of_those_left_out(scales: int) -> None:
    usual, fewer = plan_scales(512, StyleSettings()), plan_scales(512, StyleSettings(scales=scales))

    assert len(fewer) < len(usual)
    assert sum(scale.evaluations for scale in fewer) == sum(scale.evaluations for scale in usual)
    assert fewer[1:] == usual[1 - scales :][: scales - 1]


@pytest.mark.parametrize("mode", Mode)
def test_one_scale_is_what_a_memory_of_the_photo_is_painted_at(mode: Mode) -> None:
    usual = plan_scales(512, StyleSettings(mode=mode))

    assert (len(usual) == 1) == (mode is Mode.CONTENT)
    assert len(plan_scales(512, StyleSettings(mode=mode, scales=3))) == 3


def test_iterations_are_shared_out_to_the_scales_asked_for() -> None:
    scales = plan_scales(512, StyleSettings(scales=2, iterations=50))

    assert [scale.longest_side_px for scale in scales] == [362, 512]
    assert sum(scale.evaluations for scale in scales) == 50
