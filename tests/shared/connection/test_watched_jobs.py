from __future__ import annotations

from dataclasses import replace

import pytest

from impasto_shared.connection.watched_jobs import WatchedJobs
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.messages import Update
from impasto_shared.protocol.reports import JobReport, JobState, Problem

JOB = "a" * 32
RUNNING = JobReport(JOB, JobState.RUNNING, step=7, steps=9)
UNKNOWN = Problem(ErrorCode.UNKNOWN_JOB, "The daemon knows no job a.")
SHUT_DOWN = Problem(ErrorCode.SHUTTING_DOWN, "The daemon was shut down.")


@pytest.fixture
def jobs() -> WatchedJobs:
    """Returns one job, which the daemon of the boot “first” has accepted."""
    jobs = WatchedJobs()
    jobs.add(JOB, None, is_own=True)
    jobs.accept(RUNNING, "first")
    return jobs


def test_job_that_another_daemon_does_not_know_has_failed_where_it_was(jobs: WatchedJobs) -> None:
    jobs.refuse(JOB, UNKNOWN, "second")

    (failed,) = jobs.take_reports()
    assert replace(failed, problem=None) == replace(RUNNING, state=JobState.FAILED)
    assert failed.problem is not None
    assert "was started again in the middle of the job" in failed.problem.message
    assert JOB not in jobs
    assert jobs.take_own() == set()


def test_detached_job_does_not_end_with_its_client(jobs: WatchedJobs) -> None:
    jobs.disown(replace(RUNNING, detached=True))

    assert jobs.take_own() == set()
    assert jobs.attached == []
    assert JOB in jobs


def test_job_that_its_daemon_does_not_know_any_more_has_the_daemons_reason(
    jobs: WatchedJobs,
) -> None:
    jobs.refuse(JOB, UNKNOWN, "first")

    assert [report.problem for report in jobs.take_reports()] == [UNKNOWN]


@pytest.mark.parametrize("is_detached", [False, True])
def test_only_a_detached_job_outlives_a_daemon_that_is_shut_down(
    jobs: WatchedJobs, *, is_detached: bool
) -> None:
    report = replace(RUNNING, state=JobState.FAILED, problem=SHUT_DOWN, detached=is_detached)

    jobs.note(Update(report))

    assert (JOB in jobs) == is_detached
    assert jobs.take_reports() == ([] if is_detached else [report])


def test_job_that_was_never_accepted_is_not_taken_up_again(jobs: WatchedJobs) -> None:
    jobs.add("b" * 32, None, is_own=True)

    assert [name for name, _ in jobs.accepted] == jobs.attached == [JOB]
    assert jobs.take_own() == {JOB, "b" * 32}
