"""The clock of the journal, from daemon to daemon and from boot to boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.journal.lasting_clock import SAVED_EVERY_S, LastingClock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "clock.json"


def clock_of(file: Path, now_s: float, boot: str = "boot") -> LastingClock:
    return LastingClock(file, boot, FakeClock(now_s))


def test_time_goes_on_while_no_daemon_runs(file: Path) -> None:
    clock_of(file, 1000.0).save()

    assert clock_of(file, 5000.0)() == 5000.0


def test_time_stands_still_while_the_machine_is_off(file: Path) -> None:
    clock_of(file, 1000.0).save()
    clock_of(file, 10.0, "second").save()

    assert clock_of(file, 20.0, "second")() == 1010.0
    assert clock_of(file, 7.0, "third")() == 1000.0


def test_time_never_goes_back(file: Path) -> None:
    # The same name, as on a machine that was restored from a snapshot.
    clock_of(file, 1000.0).save()

    assert clock_of(file, 10.0)() == 1000.0


@pytest.mark.parametrize(
    "contents",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"boot": "boot"}',
        '{"boot": "boot", "clock_s": 1.0, "time_s": NaN}',
        '{"boot": "boot", "clock_s": 1e999, "time_s": 1.0}',
        '{"boot": "boot", "clock_s": -1, "time_s": 1.0}',
        '{"boot": "boot", "clock_s": 1, "time_s": 1' + 400 * "0" + "}",
        '{"boot": "boot", "clock_s": null, "time_s": "1"}',
        '{"boot": "boot", "clock_s": "1", "time_s": "5"}',
        '{"boot": "boot", "clock_s": 1, "time_s": "5"}',
    ],
)
def test_damaged_file_counts_as_none(
    file: Path, contents: str, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_text(contents)

    clock = clock_of(file, 50.0)

    assert clock() == 50.0
    assert f"{file} is damaged" in caplog.text
    assert f"{file} is damaged" in str(clock.damage)


@pytest.mark.parametrize(("times_s", "now_s"), [([303.0, 40.0], 303.0), ([], 50e3), ([1e9], 50e3)])
def test_time_without_a_file_continues_from_what_was_recorded(
    file: Path, times_s: list[float], now_s: float
) -> None:
    clock = clock_of(file, 50e3)

    clock.continue_from(times_s)

    assert clock() == now_s
    assert clock.damage is None


def test_time_of_the_file_does_not_depend_on_what_was_recorded(file: Path) -> None:
    clock_of(file, 1000.0).save()
    clock = clock_of(file, 2000.0)

    clock.continue_from([303.0])

    assert clock() == 2000.0


def test_file_is_this_users_alone(file: Path) -> None:
    clock_of(file, 50.0).save()

    assert file.stat().st_mode & 0o777 == 0o600


def test_time_is_saved_every_few_minutes(file: Path) -> None:
    source = FakeClock(5.0)
    clock = LastingClock(file, "boot", source)

    for _ in range(2):
        assert clock.is_due()
        clock.save()
        assert not clock.is_due()
        source.now_s += SAVED_EVERY_S


def test_time_that_could_not_be_saved_is_soon_due_again(file: Path) -> None:
    source = FakeClock(5.0)
    clock = LastingClock(file, "boot", source)
    file.mkdir()

    with pytest.raises(OSError, match="clock"):
        clock.save()

    assert not clock.is_due()
    source.now_s += SAVED_EVERY_S / 10
    assert clock.is_due()
