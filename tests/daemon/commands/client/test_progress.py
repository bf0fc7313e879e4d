"""Estimates and progress of jobs, as lines and on a stream."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import cast

import pytest

from impasto_daemon.commands.client.progress import estimate_line, follow, progress_line
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.protocol.messages import ForecastReport
from impasto_shared.protocol.reports import JobReport, JobState, Problem

RUNNING = JobReport("job", JobState.RUNNING, step=80, steps=90, done=0.5, eta_s=61)
DONE = replace(RUNNING, state=JobState.DONE, step=90, done=1.0)


@pytest.mark.parametrize(
    ("painting_s", "waiting_s", "available", "tiles", "line"),
    [
        (30.0, 0.0, 6_000_000_000, 4, "Estimated: 30 s, 1.8 of 6.0 GB, 4 tiles."),
        (30.0, 300.0, None, 1, "Estimated: 30 s, 1.8 GB, after 5 min of waiting."),
        (None, None, 6_000_000_000, 1, "Estimated: 1.8 of 6.0 GB."),
    ],
)
def test_estimate_names_only_known_figures(
    painting_s: float | None, waiting_s: float | None, available: int | None, tiles: int, line: str
) -> None:
    report = ForecastReport("", painting_s, waiting_s, 1_800_000_000, available, tiles)

    assert estimate_line(report) == line


def test_estimate_includes_the_start_of_the_painting_process() -> None:
    report = ForecastReport("", 30.0, 0.0, 1_800_000_000, None, 1, start_s=5.0)

    assert estimate_line(report) == "Estimated: 35 s, 1.8 GB."


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (replace(RUNNING, state=JobState.QUEUED, position=1), "waiting, 1 job ahead  61 s left"),
        (replace(RUNNING, state=JobState.QUEUED, position=2), "waiting, 2 jobs ahead  61 s left"),
        (replace(RUNNING, step=0), "loading the network…"),
        (
            replace(RUNNING, loss=0.01234567),
            f"[{'#' * 15}{'.' * 15}]  80/90  loss 0.01235  61 s left",
        ),
        (DONE, f"[{'#' * 30}]  90/90"),
    ],
    ids=["next", "queued", "loading", "running", "done"],
)
def test_progress_is_one_line(report: JobReport, line: str) -> None:
    assert progress_line(report) == line


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (39, f"[{'#' * 8}{'.' * 9}]  80/90  61 s left"),
        (26, f"[{'#' * 2}{'.' * 2}]  80/90  61 s left"),
        (24, " 80/90  61 s left"),
        (5, " 80/90  61 s left"),
    ],
)
def test_bar_takes_the_columns_that_remain(columns: int, line: str) -> None:
    shown = progress_line(RUNNING, columns)

    assert shown.startswith("[") == line.startswith("[")
    assert shown.endswith(" 80/90  61 s left")
    assert len(shown) <= max(columns, len(" 80/90  61 s left"))


class FakeClient:
    """A client that receives the given reports, one at a time."""

    def __init__(self, *reports: JobReport, silent_s: float, is_connected: bool) -> None:
        self._reports = list(reports)
        self.silent_s, self.is_connected = silent_s, is_connected

    def poll(self, timeout_s: float) -> list[JobReport]:
        assert timeout_s > 0
        return [self._reports.pop(0)]


def client_of(*reports: JobReport, silent_s: float = 0.0, is_connected: bool = True) -> Client:
    return cast(Client, FakeClient(*reports, silent_s=silent_s, is_connected=is_connected))


@pytest.fixture(autouse=True)
def terminal_that_redraws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


class Terminal(io.StringIO):
    """A stream that passes for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("state", "is_done"), [(JobState.DONE, True), (JobState.CANCELLED, False)])
def test_following_ends_with_the_job(
    capsys: pytest.CaptureFixture[str], state: JobState, is_done: bool
) -> None:
    other = replace(DONE, job="another job")

    assert follow(client_of(other, RUNNING, replace(DONE, state=state)), "job") == is_done
    assert capsys.readouterr().err.count("90/90") == 1


def test_failed_job_raises_its_problem() -> None:
    problem = Problem(ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.")

    with pytest.raises(DaemonError, match="Choose a smaller size") as raised:
        follow(client_of(replace(DONE, state=JobState.FAILED, problem=problem)), "job")

    assert raised.value.code is ErrorCode.OUT_OF_MEMORY


def test_terminal_shows_each_report_in_the_same_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    follow(client_of(RUNNING, DONE), "job")

    assert terminal.getvalue().count("\r") == 2
    assert terminal.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("is_connected", "text"),
    [
        (True, "The daemon has not responded for 3 s…"),
        (False, "No connection to the daemon for 3 s. Connecting again…"),
    ],
)
def test_silence_of_the_daemon_is_shown_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, text: str, *, is_connected: bool
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    client = client_of(RUNNING, DONE, silent_s=3.0, is_connected=is_connected)

    follow(client, "job")

    assert text in terminal.getvalue()
