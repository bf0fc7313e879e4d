from __future__ import annotations

import pytest

from impasto_daemon.style_transfer.planning.scales import plan_scales
from impasto_daemon.style_transfer.planning.time_model import (
    GPU,
    PROCESSOR,
    TimeModel,
    scale_of,
    scale_times,
    seconds_until,
)
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.settings import ContentLoss, Mode, Quality, StyleLoss, StyleSettings

DRAFT = StyleSettings(quality=Quality.DRAFT)


def seconds(
    settings: StyleSettings, width: int, height: int, model: TimeModel = PROCESSOR
) -> float:
    return sum(scale.seconds for scale in scale_times(Work(settings, width, height), model))


def test_scales_are_those_that_are_painted() -> None:
    times = scale_times(Work(DRAFT, 512, 256), PROCESSOR)

    planned = plan_scales(512, DRAFT)
    assert [scale.evaluations for scale in times] == [scale.evaluations for scale in planned]
    assert [scale.side_px for scale in times] == pytest.approx(
        [scale.longest_side_px / 2**0.5 for scale in planned]
    )


def test_time_of_a_step_adds_up_over_the_scales() -> None:
    first, second = scale_times(Work(DRAFT, 512, 512), PROCESSOR)
    scales, count = [first, second], first.evaluations

    assert seconds_until(scales, 1) == first.before_s + first.evaluation_s
    assert seconds_until(scales, count) == pytest.approx(first.seconds - first.after_s)
    assert seconds_until(scales, count + 2) == pytest.approx(
        first.seconds + second.before_s + 2 * second.evaluation_s
    )
    assert [scale_of(scales, step) for step in (1, count, count + 1, 999)] == [0, 0, 1, 1]


def test_tileable_pictures_take_longer_small_ones_most_of_all() -> None:
    tileable = StyleSettings(tileable=True)

    at_512, at_64 = (
        seconds(tileable, side, side) / seconds(StyleSettings(), side, side) for side in (512, 64)
    )

    assert 1.5 < at_512 < at_64


@pytest.mark.parametrize("mode", Mode)
def test_shallow_layers_take_less(mode: Mode) -> None:
    """Explore's sheets use one layer after the other."""
    usual = seconds(StyleSettings(mode=mode), 160, 160)
    times = [
        seconds(StyleSettings(mode=mode, content_layers=layers, style_layers=layers), 160, 160)
        for layers in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    ]

    assert times == sorted(times)
    assert times[0] < 0.5 * times[-1]
    assert usual in (pytest.approx(times[3]), pytest.approx(times[4]))


def test_layers_of_other_networks_are_counted_as_all_of_it() -> None:
    settings = StyleSettings(content_layers="features.3", style_layers="features.3")

    assert seconds(settings, 160, 160) >= seconds(StyleSettings(), 160, 160)


def test_losses_that_do_more_take_longer() -> None:
    usual = seconds(DRAFT, 512, 512)

    assert seconds(StyleSettings(quality=Quality.DRAFT, mode=Mode.TEXTURE), 512, 512) < usual
    reconstruction = StyleSettings(quality=Quality.DRAFT, content_loss=ContentLoss.RECONSTRUCTION)
    assert seconds(reconstruction, 512, 512) < usual
    gaussian = StyleSettings(quality=Quality.DRAFT, style_loss=StyleLoss.MMD_GAUSSIAN)
    assert seconds(gaussian, 512, 512) > usual


def test_more_paintings_take_longer_before_the_first_evaluation() -> None:
    (one, *_), (four, *_) = (
        scale_times(Work(DRAFT, 512, 512, paintings), PROCESSOR) for paintings in (1, 4)
    )

    assert four.before_s > 2 * one.before_s
    assert four.evaluation_s == one.evaluation_s


def test_gpu_takes_little_longer_for_larger_pictures() -> None:
    small, large = StyleSettings(size=256), StyleSettings(size=1024)

    assert seconds(large, 1024, 1024) > 5 * seconds(small, 1024, 1024)
    assert seconds(large, 1024, 1024, GPU) < 4 * seconds(small, 1024, 1024, GPU)
