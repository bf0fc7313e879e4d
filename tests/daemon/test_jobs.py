import secrets

import pytest

from impasto_daemon.jobs import (
    KEPT_REPORTS,
    KEPT_RESULT_BYTES,
    KEPT_RESULT_S,
    MAX_QUEUED_JOBS,
    Job,
    JobTable,
)
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.messages import JobState, Problem, Submit
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
PROBLEM = Problem(ErrorCode.INTERNAL, "It broke.")


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def table(clock: Clock) -> JobTable:
    return JobTable(clock)


def submission() -> Submit:
    return Submit("1", secrets.token_hex(16), StyleSettings(iterations=11), PIXEL, (Style(PIXEL),))


def done_job(table: JobTable, result: Image = PIXEL) -> Job:
    job = table.submit(submission())
    table.start(job)
    table.finish(job, result)
    return job


def test_jobs_run_in_the_order_they_came(table: JobTable) -> None:
    first, second = table.submit(submission()), table.submit(submission())

    assert table.next_queued is first
    assert [table.report(job).position for job in (first, second)] == [0, 1]
    table.start(first)
    assert (table.running, table.next_queued) == (first, second)
    assert table.report(second).position == 1
    table.finish(first, PIXEL)
    assert table.report(second).position == 0


def test_same_submission_twice_is_one_job(table: JobTable) -> None:
    twice = submission()

    assert table.submit(twice) is table.submit(twice)
    assert len(table.all) == 1


def test_full_queue_refuses_with_a_reason(table: JobTable) -> None:
    jobs = [table.submit(submission()) for _ in range(MAX_QUEUED_JOBS)]

    with pytest.raises(DaemonError, match="waiting already") as caught:
        table.submit(submission())
    table.cancel(jobs[0])
    table.submit(submission())

    assert caught.value.code is ErrorCode.QUEUE_FULL


def test_final_state_never_changes(table: JobTable) -> None:
    job = table.submit(submission())
    table.start(job)
    table.cancel(job)

    table.finish(job, PIXEL)
    table.fail(job, PROBLEM)

    assert job.state is JobState.CANCELLED
    assert (job.result, job.problem) == (None, None)


def test_ended_job_holds_no_submission(table: JobTable) -> None:
    jobs = [table.submit(submission()) for _ in range(3)]
    table.cancel(jobs[0])
    table.fail(jobs[1], PROBLEM)
    table.start(jobs[2])
    table.finish(jobs[2], PIXEL)

    assert [job.submission for job in jobs] == [None, None, None]


def test_job_that_is_not_queued_cannot_start(table: JobTable) -> None:
    job = done_job(table)

    with pytest.raises(ValueError, match="done, not queued"):
        table.start(job)


def test_time_left_follows_the_pace_of_the_work(table: JobTable, clock: Clock) -> None:
    job = table.submit(submission())
    table.start(job)
    clock.now_s += 30  # loading the network is not the pace
    table.advance(job, 1, 11, 5.0, 0.1)
    assert table.report(job).eta_s is None

    clock.now_s += 4
    table.advance(job, 3, 11, 4.0, 0.2)

    assert table.report(job).eta_s == pytest.approx(32)
    assert table.report(job).loss == 4.0


def test_result_can_be_fetched_again_until_forgotten(table: JobTable) -> None:
    job = done_job(table)

    assert table.fetch(job.name) is table.fetch(job.name) is PIXEL
    table.forget(job)
    with pytest.raises(DaemonError, match="gone now"):
        table.fetch(job.name)


def test_unfinished_job_has_no_picture(table: JobTable) -> None:
    job = table.submit(submission())

    with pytest.raises(DaemonError, match="queued: no picture") as caught:
        table.fetch(job.name)

    assert caught.value.code is ErrorCode.NOT_DONE


def test_unknown_job_is_said_to_be_unknown(table: JobTable) -> None:
    with pytest.raises(DaemonError, match="knows no job") as caught:
        table.fetch("f" * 32)

    assert caught.value.code is ErrorCode.UNKNOWN_JOB


def test_old_results_expire(table: JobTable, clock: Clock) -> None:
    job = done_job(table)

    clock.now_s += KEPT_RESULT_S
    table.expire()
    assert job.result is PIXEL
    clock.now_s += 1
    table.expire()

    assert job.result is None


def test_results_beyond_the_size_limit_expire_oldest_first(table: JobTable, clock: Clock) -> None:
    # The bytes are never touched, so the system never gives them memory.
    side = int((KEPT_RESULT_BYTES * 0.6 / PixelFormat.RGBA_FLOAT.bytes_per_pixel) ** 0.5)
    large = Image(side, side, PixelFormat.RGBA_FLOAT, bytes(side * side * 16))
    jobs = []
    for _ in range(2):
        jobs.append(done_job(table, large))
        clock.now_s += 1

    table.expire()

    assert [job.result for job in jobs] == [None, large]


def test_reports_of_jobs_long_ended_are_dropped(table: JobTable, clock: Clock) -> None:
    waiting = table.submit(submission())
    for _ in range(KEPT_REPORTS + 5):
        done_job(table)
        clock.now_s += 1

    table.expire()

    assert len(table.all) == KEPT_REPORTS + 1
    assert table.find(waiting.name) is waiting


def test_job_whose_end_is_still_to_be_told_is_not_dropped(table: JobTable, clock: Clock) -> None:
    first = done_job(table)
    for _ in range(KEPT_REPORTS + 5):
        clock.now_s += 1
        done_job(table)

    table.expire(watched=[first.name])

    assert len(table.all) == KEPT_REPORTS + 1
    assert table.find(first.name) is first
