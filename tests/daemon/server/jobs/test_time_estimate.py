from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from impasto_daemon.server.jobs.time_estimate import ThroughputHistory, longest_step_share
from impasto_daemon.style_transfer.planning.time_model import (
    GPU,
    PROCESSOR,
    scale_times,
    seconds_until,
)
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.protocol.reports import CurvePoint
from impasto_shared.settings import ContentLoss, Quality, StyleLoss, StyleSettings

GOOD = StyleSettings()
DRAFT = StyleSettings(quality=Quality.DRAFT)
SMALL_DRAFT = StyleSettings(quality=Quality.DRAFT, size=256)
LARGE = StyleSettings(size=2048)


def painted(
    settings: StyleSettings, pace: float = 1.0, *, steps: int | None = None, side: int = 4096
) -> list[CurvePoint]:
    """Returns the steps of a job at `pace` times the seconds of the model; all by default."""
    scales = scale_times(Work(settings, side, side), PROCESSOR)
    count = sum(scale.evaluations for scale in scales) if steps is None else steps
    times_s = [pace * seconds_until(scales, step) for step in range(1, count + 1)]
    return [CurvePoint(step, seconds, 1.0) for step, seconds in enumerate(times_s, 1)]


def estimate(history: ThroughputHistory, settings: StyleSettings) -> float:
    """Returns the estimate relative to the seconds of the model."""
    seconds = history.estimate_s(Work(settings, 4096, 4096))
    known = ThroughputHistory()
    known.record(Work(GOOD, 4096, 4096), painted(GOOD))
    usual = known.estimate_s(Work(settings, 4096, 4096))
    assert seconds is not None
    assert usual is not None
    return seconds / usual


def record(history: ThroughputHistory, settings: StyleSettings, pace: float) -> None:
    history.record(Work(settings, 4096, 4096), painted(settings, pace))


def test_there_is_no_estimate_before_the_first_job() -> None:
    history = ThroughputHistory()

    assert (history.estimate_s(Work(GOOD, 512, 384)), history.is_known) == (None, False)


@pytest.mark.parametrize("first", [SMALL_DRAFT, GOOD, replace(LARGE, iterations=20, scales=1)])
def test_one_job_is_enough_for_all_sizes_and_qualities(first: StyleSettings) -> None:
    history = ThroughputHistory()

    record(history, first, 3.0)

    assert history.is_known
    for settings in (SMALL_DRAFT, DRAFT, GOOD, LARGE):
        assert estimate(history, settings) == pytest.approx(3)


def test_small_pictures_take_longer_per_pixel() -> None:
    history = ThroughputHistory()
    record(history, GOOD, 1.0)

    at_64, at_128 = (
        history.estimate_s(Work(StyleSettings(size=side, iterations=15), side, side))
        for side in (64, 128)
    )

    assert at_64 is not None
    assert at_128 is not None
    assert at_128 / 4 < at_64 < at_128


def test_photo_smaller_than_the_setting_counts_at_its_own_size() -> None:
    history = ThroughputHistory()
    record(history, GOOD, 1.0)

    assert history.estimate_s(Work(StyleSettings(size=4096), 512, 384)) == history.estimate_s(
        Work(StyleSettings(size=512), 512, 384)
    )


def test_picture_to_begin_from_saves_the_scales_that_it_stands_for() -> None:
    history = ThroughputHistory()
    record(history, GOOD, 1.0)
    large = StyleSettings(size=1024), 1024, 768

    continued_s, fresh_s = (history.estimate_s(Work(*large, begun_px=begun)) for begun in (512, 0))

    assert continued_s is not None
    assert fresh_s is not None
    assert 0.3 < continued_s / fresh_s < 0.9
    assert longest_step_share(Work(*large, begun_px=512)) > longest_step_share(Work(*large))


def test_larger_layer_takes_longer_than_a_picture_of_the_painted_size() -> None:
    history = ThroughputHistory()
    record(history, GOOD, 1.0)

    layer_s, picture_s = (history.estimate_s(Work(GOOD, side, side)) for side in (5000, 512))

    assert layer_s is not None
    assert picture_s is not None
    assert layer_s > picture_s


@pytest.mark.parametrize("steps", [2, 10, 18])
def test_stopped_job_teaches_with_the_steps_that_it_made(steps: int) -> None:
    history = ThroughputHistory()

    history.record(Work(DRAFT, 4096, 4096), painted(DRAFT, 2.5, steps=steps))

    assert estimate(history, GOOD) == pytest.approx(2.5)


@pytest.mark.parametrize("steps", [0, 1])
def test_job_without_a_second_step_teaches_nothing(steps: int) -> None:
    history = ThroughputHistory()

    history.record(Work(DRAFT, 4096, 4096), painted(DRAFT, steps=steps))

    assert not history.is_known


def test_scale_that_is_repeated_teaches_nothing_wrong() -> None:
    """After running out of memory a scale begins again, with its first step."""
    history = ThroughputHistory()
    points = painted(DRAFT)

    history.record(Work(DRAFT, 4096, 4096), [*points[:16], *points[:1]])

    assert history.estimate_s(Work(DRAFT, 512, 512)) is None or estimate(history, DRAFT) > 0


@pytest.mark.parametrize(
    "slow",
    [
        replace(GOOD, style_loss=StyleLoss.GRAM),
        replace(GOOD, content_loss=ContentLoss.RECONSTRUCTION),
        replace(GOOD, content_layers="relu5_1:1"),
        replace(GOOD, model="resnet50"),
    ],
)
def test_slower_settings_have_their_own_history(slow: StyleSettings) -> None:
    history = ThroughputHistory()
    record(history, GOOD, 1.0)
    assert estimate(history, slow) == pytest.approx(1)

    record(history, replace(slow, quality=Quality.DRAFT), 2.0)

    assert estimate(history, GOOD) == pytest.approx(1)
    assert estimate(history, slow) == pytest.approx(2)


def test_pace_between_two_known_sizes_lies_between_theirs() -> None:
    """On a GPU small pictures wait for the processor, large ones for the GPU."""
    history = ThroughputHistory()
    of_size = {side: StyleSettings(size=side, scales=1, iterations=20) for side in (181, 362, 724)}
    record(history, of_size[181], 1.0)
    record(history, of_size[724], 4.0)

    assert estimate(history, of_size[362]) == pytest.approx(2, rel=0.01)
    assert estimate(history, replace(of_size[724], size=2048)) == pytest.approx(4)
    assert estimate(history, replace(of_size[181], size=64)) == pytest.approx(1)
    # Of another kind, a single size tells how it compares at all.
    gram = replace(of_size[181], style_loss=StyleLoss.GRAM)
    record(history, gram, 1.5)
    assert estimate(history, replace(gram, size=724)) == pytest.approx(6)


def test_gpu_has_its_own_history() -> None:
    devices = [False]
    history = ThroughputHistory(has_gpu=lambda: devices[0])
    record(history, GOOD, 1.0)
    start_s = history.start_s

    devices[0] = True

    assert not history.is_known
    assert history.estimate_s(Work(GOOD, 512, 512)) is None
    history.record_start(GPU.start * 2)
    assert history.start_s == 2 * GPU.start
    devices[0] = False
    assert history.start_s == start_s


def test_start_of_the_painting_process_is_learnt_from_the_last_ones(tmp_path: Path) -> None:
    file = tmp_path / "pace.json"
    assert ThroughputHistory(file).start_s == PROCESSOR.start

    for seconds in (30.0, 2.0, 2.5):
        ThroughputHistory(file).record_start(seconds)

    assert ThroughputHistory(file).start_s == pytest.approx(2.5)
    assert not ThroughputHistory(file).is_known


def test_one_slow_job_among_others_does_not_count() -> None:
    history = ThroughputHistory()
    for pace in (1.0, 1.1, 7.0, 0.9):
        record(history, GOOD, pace)

    assert estimate(history, GOOD) == pytest.approx(1)


def test_estimate_soon_follows_a_faster_machine() -> None:
    history = ThroughputHistory()
    for pace in (9.0, 9.0, 9.0, 9.0, 9.0, 0.5, 0.5, 0.5):
        record(history, GOOD, pace)

    assert estimate(history, GOOD) == pytest.approx(0.5)


def test_history_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state/pace.json"
    record(ThroughputHistory(file), GOOD, 9.0)
    record(ThroughputHistory(file), GOOD, 2.0)

    assert estimate(ThroughputHistory(file), GOOD) == pytest.approx(2)


@pytest.mark.parametrize(
    "text", ["", "[1]", "\0", '{"cpu x": 1.5e-6}', '{"cpu x": {"256": [null]}}']
)
def test_damaged_file_is_reported_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    file = tmp_path / "pace.json"
    file.write_text(text)

    history = ThroughputHistory(file)

    assert not history.is_known
    assert "cannot be read" in caplog.text
    record(history, GOOD, 2.0)
    assert estimate(ThroughputHistory(file), GOOD) == pytest.approx(2)


def test_history_that_cannot_be_stored_stays_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    history = ThroughputHistory(tmp_path / "state/pace.json")

    record(history, GOOD, 2.0)

    assert estimate(history, GOOD) == pytest.approx(2)
    assert "cannot be stored" in caplog.text


def test_writing_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = tmp_path / "pace.json"

    record(ThroughputHistory(file), GOOD, 1.0)

    assert file.exists()
    assert synced == []
