from __future__ import annotations

import os
from pathlib import Path

import pytest

from impasto_daemon.server.jobs.time_estimate import ThroughputHistory, evaluated_px
from impasto_shared.settings import Optimizer, Quality, StyleLoss, StyleSettings

GOOD = StyleSettings()
DRAFT = StyleSettings(quality=Quality.DRAFT)


def test_there_is_no_estimate_before_the_first_job() -> None:
    assert ThroughputHistory().estimate_s(GOOD, 512, 384) is None


def test_one_job_is_enough_for_all_sizes_and_qualities() -> None:
    throughput = ThroughputHistory()

    throughput.record(GOOD, 512, 384, 45.0)

    assert throughput.estimate_s(GOOD, 512, 384) == pytest.approx(45)
    assert throughput.estimate_s(GOOD, 512, 192) == pytest.approx(45 / 2)
    assert throughput.estimate_s(GOOD, 384, 512) == pytest.approx(45)
    # 44 to 47 s and 10 to 11 s were measured.
    assert throughput.estimate_s(DRAFT, 512, 384) == pytest.approx(10.5, rel=0.15)


def test_tileable_pictures_take_longer_small_ones_most_of_all() -> None:
    tileable = StyleSettings(tileable=True)

    at_512, at_64 = (
        evaluated_px(tileable, side, side) / evaluated_px(GOOD, side, side) for side in (512, 64)
    )

    assert 1.5 < at_512 < at_64


def test_photo_smaller_than_the_setting_counts_at_its_own_size() -> None:
    assert evaluated_px(StyleSettings(size=4096), 512, 384) == evaluated_px(
        StyleSettings(size=512), 512, 384
    )


def test_slower_settings_have_their_own_history() -> None:
    throughput = ThroughputHistory()
    slow = StyleSettings(style_loss=StyleLoss.MMD_GAUSSIAN)
    throughput.record(GOOD, 512, 384, 45.0)
    throughput.record(slow, 512, 384, 90.0)

    assert throughput.estimate_s(GOOD, 512, 384) == pytest.approx(45)
    assert throughput.estimate_s(slow, 512, 384) == pytest.approx(90)
    unknown = StyleSettings(optimizer=Optimizer.ADAM)
    assert throughput.estimate_s(unknown, 512, 384) == pytest.approx(90)


def test_one_slow_job_among_others_does_not_count() -> None:
    throughput = ThroughputHistory()
    for seconds in (45.0, 46.0, 300.0, 44.0):
        throughput.record(GOOD, 512, 384, seconds)

    assert throughput.estimate_s(GOOD, 512, 384) == pytest.approx(45)


def test_estimate_soon_follows_a_faster_machine() -> None:
    throughput = ThroughputHistory()
    for seconds in (45.0, 45.0, 45.0, 45.0, 45.0, 2.0, 2.0, 2.0):
        throughput.record(GOOD, 512, 384, seconds)

    assert throughput.estimate_s(GOOD, 512, 384) == pytest.approx(2)


def test_history_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state/pace.json"
    ThroughputHistory(file).record(GOOD, 512, 384, 300.0)
    ThroughputHistory(file).record(GOOD, 512, 384, 45.0)

    assert ThroughputHistory(file).estimate_s(GOOD, 512, 384) == pytest.approx(45)


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1]", '{"lbfgs": 1.5e-6}', '{"lbfgs": [null]}', "\0", "[" * 100_000),
        *('{"lbfgs": [Infinity]}', '{"lbfgs": [NaN]}', '{"lbfgs": [1e308]}', '{"lbfgs": [-1]}'),
        *(
            '{"lbfgs": [0]}',
            '{"lbfgs": [true]}',
            '{"lbfgs": ["1e-6"]}',
            '{"lbfgs": [1' + "0" * 400 + "]}",
        ),
    ],
)
def test_damaged_file_is_reported_and_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    file = tmp_path / "pace.json"
    file.write_text(text)

    throughput = ThroughputHistory(file)

    assert throughput.estimate_s(GOOD, 512, 384) is None
    assert "cannot be read" in caplog.text
    throughput.record(GOOD, 512, 384, 45.0)
    assert ThroughputHistory(file).estimate_s(GOOD, 512, 384) == pytest.approx(45)


def test_damaged_values_are_left_out_and_the_others_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "pace.json"
    ThroughputHistory(file).record(GOOD, 512, 384, 45.0)
    file.write_text(file.read_text().replace("[", "[NaN, 1e99, "))

    assert ThroughputHistory(file).estimate_s(GOOD, 512, 384) == pytest.approx(45)
    assert "a part of it" in caplog.text


def test_history_that_cannot_be_stored_stays_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    throughput = ThroughputHistory(tmp_path / "state/pace.json")

    throughput.record(GOOD, 512, 384, 45.0)

    assert throughput.estimate_s(GOOD, 512, 384) == pytest.approx(45)
    assert "cannot be stored" in caplog.text


def test_writing_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    file = tmp_path / "pace.json"

    ThroughputHistory(file).record(GOOD, 512, 384, 45.0)

    assert file.exists()
    assert synced == []
