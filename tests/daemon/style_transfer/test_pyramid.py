import pytest

from impasto_daemon.style_transfer.pyramid import COARSEST_PX, plan_scales
from impasto_shared.settings import Quality, StyleSettings


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("size", [32, 100, 181, 200, 230, 512, 3000])
def test_scales_grow_up_to_the_size_asked_for(quality: Quality, size: int) -> None:
    scales = plan_scales(size, StyleSettings(quality=quality))

    sides = [scale.longest_side_px for scale in scales]
    assert sides == sorted(set(sides))
    finest = max(min(size, COARSEST_PX), 0.75 * size) if quality is Quality.DRAFT else size
    assert sides[-1] == finest
    assert sides[0] == min(size, COARSEST_PX) or finest < 1.2 * COARSEST_PX


@pytest.mark.parametrize("quality", Quality)
def test_preview_has_the_coarse_scales_of_the_print(quality: Quality) -> None:
    settings = StyleSettings(quality=quality)

    preview, large = plan_scales(256, settings), plan_scales(3000, settings)

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
