"""The details of a job."""

from __future__ import annotations

from dataclasses import replace

from impasto_daemon.commands.jobs.show import job_lines
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.reports import JobReport, JobState, Problem

DONE = JobReport(
    "0123456789",
    JobState.DONE,
    step=90,
    steps=90,
    width=64,
    height=48,
    loss=0.01234,
    submitted_s=120,
    painted_s=30,
    kept_s=7_200,
)


def test_finished_job_is_described_line_by_line() -> None:
    assert job_lines(DONE) == [
        "Job        0123456789",
        "State      done",
        "Size       64 × 48 pixels",
        "Submitted  2 min ago by an unnamed program",
        "Steps      90 of 90, loss 0.01234",
        "Painted    for 30 s",
        "Picture    kept for another 2 h 0 min",
    ]


def test_running_job_shows_its_progress() -> None:
    running = replace(DONE, state=JobState.RUNNING, step=45, kept_s=None, client="GIMP")

    lines = "\n".join(job_lines(replace(running, detached=True)))

    assert "by GIMP, detached" in lines
    assert "Progress   [" in lines
    assert "Picture" not in lines


def test_expired_picture_is_no_longer_kept() -> None:
    assert job_lines(replace(DONE, kept_s=None))[-1] == "Picture    no longer kept"


def test_problem_is_shown_with_its_code() -> None:
    problem = Problem(ErrorCode.OUT_OF_MEMORY, "Choose a smaller size.")
    failed = replace(DONE, state=JobState.FAILED, kept_s=None, problem=problem)

    assert job_lines(failed)[-1] == "Problem    Choose a smaller size. (out-of-memory)"


def test_job_without_a_step_for_long_is_said_to_hang() -> None:
    stalled = replace(DONE, state=JobState.RUNNING, step=45, kept_s=None, stalled_s=120.0)

    assert "Stalled    no step for 2 min: the painting process may hang" in "\n".join(
        job_lines(stalled)
    )
