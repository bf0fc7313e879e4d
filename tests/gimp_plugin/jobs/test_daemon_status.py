import socket
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.style_transfer.planning.time_model import (
    PROCESSOR,
    scale_times,
    seconds_until,
)
from impasto_daemon.style_transfer.planning.work import Work
from impasto_gimp.jobs.connection import NAME, PREVIEW_NAME
from impasto_gimp.jobs.daemon_status import (
    DaemonStatus,
    PlannedJobs,
    combined,
    daemon_status,
    status_text,
)
from impasto_shared.protocol.messages import ForecastReport, StatusReport
from impasto_shared.protocol.reports import CurvePoint, JobReport, JobState, WorkerReport
from impasto_shared.settings import StyleSettings
from integration.daemon_process import DaemonProcess


def status(device: str | None, *states: JobState) -> StatusReport:
    jobs = tuple(JobReport(f"{number:032x}", state) for number, state in enumerate(states))
    return StatusReport("1", 1, "1.0", 2.0, WorkerReport(device=device), jobs)


def forecast(
    painting_s: float | None, available: int | None = 8_000_000_000, tiles: int = 1
) -> ForecastReport:
    return ForecastReport("1", painting_s, 0.0, 1_500_000_000, available, tiles)


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (status(None), "The Impasto daemon is ready."),
        (status("CPU", JobState.DONE), "The Impasto daemon is ready (the processor)."),
        (
            status("NVIDIA RTX 4070", JobState.RUNNING, JobState.FAILED),
            "The Impasto daemon is ready (NVIDIA RTX 4070). 1 job is in progress.",
        ),
        (
            status(None, JobState.RUNNING, JobState.QUEUED, JobState.CANCELLED),
            "The Impasto daemon is ready. 2 jobs are in progress.",
        ),
    ],
)
def test_line_says_where_it_paints_and_who_waits(report: StatusReport, line: str) -> None:
    assert status_text(report) == line


def test_draft_of_a_preview_is_no_job_that_is_in_progress() -> None:
    draft, picture = (
        JobReport(f"{number:032x}", JobState.RUNNING, client=client)
        for number, client in enumerate((PREVIEW_NAME, NAME))
    )
    report = replace(status(None), jobs=(draft,))

    assert status_text(report) == "The Impasto daemon is ready."
    assert "1 job is in progress" in status_text(replace(report, jobs=(draft, picture)))


@pytest.mark.parametrize(
    ("forecast", "sentence"),
    [
        (forecast(45.4), "The picture takes about 45 s and 1.5 of 8.0 GB of memory."),
        (forecast(None), "The picture takes 1.5 of 8.0 GB of memory."),
        (forecast(45.4, available=None), "The picture takes about 45 s and 1.5 GB of memory."),
        (
            forecast(45.4, tiles=6),
            "The picture takes about 45 s and 1.5 of 8.0 GB of memory. "
            "To fit into memory, the picture is painted in 6 parts.",
        ),
        (
            forecast(45.4, available=1_000_000_000),
            "There may not be enough memory: 1.5 GB needed, 1.0 GB available. "
            "Choose a smaller size.",
        ),
    ],
    ids=["all is known", "first painting", "memory unknown", "in tiles", "not enough memory"],
)
def test_line_says_what_the_painting_takes(forecast: ForecastReport, sentence: str) -> None:
    assert status_text(status(None), forecast) == f"The Impasto daemon is ready. {sentence}"


def test_line_counts_the_layers() -> None:
    line = status_text(status(None), forecast(45.4), 12)

    assert line.endswith("The 12 pictures take about 45 s and 1.5 of 8.0 GB of memory.")


def test_pictures_take_their_times_together_and_the_memory_of_the_largest() -> None:
    small, large = forecast(10.0), replace(forecast(20.5), needed_bytes=3_000_000_000)

    assert combined([small, large, small]) == replace(large, painting_s=40.5)
    assert combined([small, forecast(None)]).painting_s is None


def test_start_of_the_painting_process_counts_once() -> None:
    picture = replace(forecast(10.0), start_s=5.0)

    line = status_text(status(None), combined([picture, picture]))

    assert "The picture takes about 25 s and 1.5 of 8.0 GB of memory." in line


def test_line_says_how_long_it_takes_where_the_machine_has_painted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alternatives = (StyleSettings(), StyleSettings(size=256))
    work = PlannedJobs((StyleSettings(), StyleSettings(seed=1)), 512, 384, alternatives)
    daemon = DaemonProcess()
    history = ThroughputHistory(daemon.folder / "cache/impasto/pace.json")
    scales = scale_times(Work(work.pictures[0], 512, 384), PROCESSOR)
    steps = [CurvePoint(step, 30 * seconds_until(scales, step), 1.0) for step in range(1, 69)]
    history.record(Work(work.pictures[0], 512, 384), steps)
    history.record_start(1.0)
    seconds = history.estimate_s(Work(work.pictures[0], 512, 384))
    assert seconds is not None
    with daemon:
        for name, value in daemon.environment.items():
            monkeypatch.setenv(name, value)
        line = daemon_status(work)
        of_three_layers = daemon_status(replace(work, further=2))
        of_three_frames = daemon_status(replace(work, further=2, is_animation=True))
        with_four_paintings = daemon_status(replace(work, paintings=4)).alternatives

    assert line.text.startswith(
        f"The Impasto daemon is ready. The 2 pictures take about {2 * seconds / 60:.0f} min and 1."
    )
    own, smaller = (each.painting_s if each else None for each in line.alternatives.values())
    assert own == pytest.approx(seconds)
    assert smaller is not None
    assert 0 < smaller < seconds / 2
    of_four = with_four_paintings[work.pictures[0].size]
    assert of_four is not None
    assert of_four.painting_s == pytest.approx(
        history.estimate_s(Work(work.pictures[0], 512, 384, paintings=4))
    )
    assert (of_four.painting_s or 0) > seconds
    layers, frames = (each.alternatives[512] for each in (of_three_layers, of_three_frames))
    assert layers is not None
    assert frames is not None
    assert layers.painting_s == pytest.approx(3 * seconds)
    # The frames after the first are painted at the finest scale only.
    assert seconds < (frames.painting_s or 0) < 2.5 * seconds


def test_line_says_whether_a_daemon_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with DaemonProcess() as daemon:
        for name, value in daemon.environment.items():
            monkeypatch.setenv(name, value)
        running = daemon_status()

    monkeypatch.setenv("IMPASTO_COMMAND", "impasto")
    assert running == DaemonStatus("The Impasto daemon is ready.")
    assert daemon_status() == DaemonStatus(
        "Impasto's background program (the daemon) is not running; OK starts it.", can_start=True
    )


def test_daemon_that_is_not_installed_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("IMPASTO_COMMAND", raising=False)
    for name in ("PATH", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path))

    line = daemon_status()

    assert "is not installed" in line.text
    assert line.can_install
    assert not line.can_start


def test_daemon_that_systemd_starts_need_not_be_installed_here(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("IMPASTO_COMMAND", raising=False)
    with (
        tempfile.TemporaryDirectory(prefix="impasto-test-") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        for name in ("PATH", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            monkeypatch.setenv(name, folder)
        (Path(folder) / "impasto").mkdir(mode=0o700)
        listener.bind(f"{folder}/impasto/daemon.sock")
        listener.listen()

        line = daemon_status()

    assert line.can_start
    assert not line.can_install


def test_daemon_elsewhere_cannot_be_started_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPASTO_ENDPOINT", "tcp://127.0.0.1:1")

    line = daemon_status()

    assert not line.can_start
    assert "tcp://127.0.0.1:1" in line.text
