"""Jobs as lines, and finding one by the beginning of its name."""

from __future__ import annotations

from typing import cast

import pytest

from impasto_daemon.commands.jobs.list_jobs import find_job, job_line
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.protocol.reports import JobReport, JobState, Problem


class FakeClient:
    """A client of a daemon with jobs of these names."""

    def __init__(self, *names: str) -> None:
        self._jobs = [JobReport(name, JobState.QUEUED) for name in names]

    def jobs(self) -> list[JobReport]:
        return self._jobs


CLIENT = cast(Client, FakeClient("abc123", "abd456"))


@pytest.mark.parametrize("beginning", ["abc1", "ABC12"])
def test_job_is_found_by_the_beginning_of_its_name(beginning: str) -> None:
    assert find_job(CLIENT, beginning).job == "abc123"


@pytest.mark.parametrize(
    ("beginning", "message"),
    [("xyz", "No job has a name that begins with 'xyz'"), ("ab", "2 jobs have a name")],
)
def test_unknown_or_ambiguous_name_is_refused(beginning: str, message: str) -> None:
    with pytest.raises(DaemonError, match=message) as raised:
        find_job(CLIENT, beginning)

    assert raised.value.code is ErrorCode.UNKNOWN_JOB


def test_line_of_a_finished_job_says_how_long_it_is_kept() -> None:
    report = JobReport("0123456789", JobState.DONE, width=64, height=48, kept_s=7_200)

    assert job_line(report) == "01234567  done       64 × 48  kept for another 2 h 0 min"


def test_line_of_a_failed_job_says_why() -> None:
    problem = Problem(ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.")

    assert job_line(JobReport("0123456789", JobState.FAILED, problem=problem)).endswith(
        "Choose a smaller size."
    )


def test_job_whose_worker_may_hang_is_said_to() -> None:
    stalled = JobReport("abc123", JobState.RUNNING, step=1, steps=9, stalled_s=120.0)

    assert "no step for 2 min: the painting process may hang" in job_line(stalled)
