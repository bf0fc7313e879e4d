import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.jobs import job_table as jobs_module
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import (
    MAX_ENDED_REPORTS,
    MAX_QUEUED_JOBS,
    MAX_QUEUED_JOBS_OF_ONE,
    MAX_QUEUED_JOBS_OF_USER,
    JobTable,
    Retention,
)
from impasto_daemon.server.jobs.results import Results
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Submit
from impasto_shared.protocol.reports import CurvePoint, JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
KEPT_S = 600.0
ALICE, BOB = Origin(b"alice", "GIMP"), Origin(b"bob", "script")
PROBLEM = Problem(ErrorCode.INTERNAL, "It broke.")


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return Results(tmp_path / "results")


@pytest.fixture
def table(clock: FakeClock, results: Results) -> JobTable:
    return JobTable(clock, results, Retention(seconds=KEPT_S, size_bytes=1000))


def submission(content: Image = PIXEL, *, detached: bool = False, size: int = 64) -> Submit:
    settings = StyleSettings(iterations=11, size=size)
    return Submit("1", secrets.token_hex(16), settings, content, (Style(PIXEL),), None, detached)


def picture(size_bytes: int) -> Image:
    return Image(size_bytes // 3, 1, PixelFormat.RGB_U8, bytes(size_bytes // 3 * 3))


def done_job(table: JobTable, result: Image = PIXEL) -> Job:
    job = table.submit(submission(), ALICE)
    table.start(job)
    table.finish(job, result)
    return job


def test_jobs_run_in_the_order_they_came(table: JobTable) -> None:
    first, second = table.submit(submission(), ALICE), table.submit(submission(), ALICE)

    assert table.next_queued is first
    assert [table.report(job).position for job in (first, second)] == [0, 1]
    table.start(first)
    assert (table.running, table.next_queued) == ([first], second)
    assert table.report(second).position == 1
    table.finish(first, PIXEL)
    assert table.report(second).position == 0


def test_same_submission_twice_is_one_job(table: JobTable) -> None:
    twice = submission()

    assert table.submit(twice, ALICE) is table.submit(twice, ALICE)
    assert len(table.all) == 1


def test_submission_belongs_to_the_latest_connection_of_its_user(table: JobTable) -> None:
    twice = submission()
    first, later = Origin(b"first", user="laptop"), Origin(b"later", user="laptop")
    stranger = Origin(b"stranger", user="studio")

    job = table.submit(twice, first)
    for origin in (later, stranger):
        assert table.submit(twice, origin) is job

    owners = [origin for origin in (first, later, stranger) if job.belongs_to(origin.address)]
    assert owners == [later]


def test_full_queue_refuses_with_a_reason(table: JobTable) -> None:
    origins = [Origin(b"%d" % number, user=str(number)) for number in range(MAX_QUEUED_JOBS)]
    jobs = [table.submit(submission(), origin) for origin in origins]

    with pytest.raises(DaemonError, match="128 jobs are waiting already") as caught:
        table.submit(submission(), BOB)
    table.cancel(jobs[0])
    table.submit(submission(), BOB)

    assert caught.value.code is ErrorCode.QUEUE_FULL


def test_one_client_cannot_fill_the_queue(table: JobTable) -> None:
    for _ in range(MAX_QUEUED_JOBS_OF_ONE):
        table.submit(submission(), ALICE)

    with pytest.raises(DaemonError, match="48 jobs of this program are waiting") as caught:
        table.submit(submission(), ALICE)
    table.submit(submission(), BOB)

    assert caught.value.code is ErrorCode.QUEUE_FULL


@pytest.mark.parametrize("user", ["", "a key"], ids=["this machine", "another machine"])
def test_one_user_cannot_fill_the_queue_by_any_number_of_connections(
    table: JobTable, user: str
) -> None:
    for number in range(MAX_QUEUED_JOBS_OF_USER):
        origin = Origin(bytes([number % 3]), user=user)
        table.submit(submission(detached=number % 3 == 0), origin)

    with pytest.raises(DaemonError, match="96 jobs of this user are waiting") as caught:
        table.submit(submission(), Origin(b"another", user=user))
    table.submit(submission(), Origin(b"another", user="another key"))

    assert caught.value.code is ErrorCode.QUEUE_FULL


def test_queued_pictures_must_fit_into_memory(
    table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MAX_QUEUED_BYTES", 100)

    # One is accepted whatever its size: else some pictures could never be painted.
    table.start(table.submit(submission(picture(300)), ALICE))
    table.submit(submission(picture(300)), ALICE)
    with pytest.raises(DaemonError, match="are waiting to be painted already") as caught:
        table.submit(submission(), ALICE)

    assert caught.value.code is ErrorCode.QUEUE_FULL


def test_clients_take_turns(table: JobTable) -> None:
    of_alice = [table.submit(submission(), ALICE) for _ in range(3)]
    of_bob = [table.submit(submission(), BOB) for _ in range(2)]
    ran = []
    while job := table.next_queued:
        ran.append(job)
        table.start(job)
        table.finish(job, PIXEL)

    assert ran == [of_alice[0], of_bob[0], of_alice[1], of_bob[1], of_alice[2]]


def test_client_that_returns_does_not_overtake_waiting_clients(table: JobTable) -> None:
    waiting = [table.submit(submission(), ALICE) for _ in range(2)]
    ran = []
    for _ in range(4):
        table.submit(submission(), BOB)
        job = table.next_queued
        assert job is not None
        ran.append(job)
        table.start(job)
        table.finish(job, PIXEL)

    assert [job for job in ran if job.origin is ALICE] == waiting


def test_detached_jobs_share_their_turns(table: JobTable) -> None:
    folder = [
        table.submit(submission(detached=True), Origin(bytes([number]))) for number in range(3)
    ]
    awaited = table.submit(submission(), ALICE)

    assert [table.report(job).position for job in (folder[0], awaited, folder[1], folder[2])] == [
        0,
        1,
        2,
        3,
    ]


def test_remaining_time_of_a_queued_job_is_that_of_similar_jobs(
    table: JobTable, clock: FakeClock
) -> None:
    photo = Image(128, 128, PixelFormat.RGB_U8, bytes(3 * 128 * 128))
    first, second, third = (
        table.submit(submission(photo, size=size), ALICE) for size in (64, 64, 128)
    )
    assert table.report(second).eta_s is None  # no job has been finished yet
    assert table.waiting_s() is None
    table.start(first)
    for step in range(1, 12):
        clock.now_s += 10
        table.advance(first, step, 11, 5.0, step / 11)
    table.finish(first, PIXEL)

    small_s, large_s = (
        table.throughput.estimate_s(Work(settings, 128, 128))
        for settings in (second.settings, third.settings)
    )
    assert small_s is not None
    assert large_s is not None
    assert 2 * small_s < large_s < 4 * small_s
    assert table.report(second).eta_s == pytest.approx(small_s)
    assert table.report(third).eta_s == pytest.approx(small_s + large_s)
    assert table.waiting_s() == pytest.approx(small_s + large_s)

    table.start(second)
    assert table.report(second).eta_s == pytest.approx(small_s)  # there is no better estimate yet


def test_final_state_never_changes(table: JobTable) -> None:
    job = table.submit(submission(), ALICE)
    table.start(job)
    table.cancel(job)

    table.finish(job, PIXEL)
    table.fail(job, PROBLEM)

    assert job.state is JobState.CANCELLED
    assert (job.picture, job.problem) == (None, None)


def test_job_holds_no_submission_once_it_runs(table: JobTable) -> None:
    jobs = [table.submit(submission(), ALICE) for _ in range(3)]
    table.cancel(jobs[0])
    table.fail(jobs[1], PROBLEM)
    table.start(jobs[2])
    table.finish(jobs[2], PIXEL)

    assert [job.submission for job in jobs] == [None, None, None]


def test_report_names_the_client_and_the_times(table: JobTable, clock: FakeClock) -> None:
    job = table.submit(submission(detached=True), ALICE)
    clock.now_s += 5
    table.start(job)
    clock.now_s += 7
    table.finish(job, PIXEL)
    clock.now_s += 100

    report = table.report(job)
    assert (report.client, report.detached) == ("GIMP", True)
    assert (report.submitted_s, report.painted_s, report.kept_s) == (112, 7, KEPT_S - 100)
    table.forget(job)
    assert table.report(job).kept_s is None


def test_job_can_be_started_again_until_its_first_step(table: JobTable, clock: FakeClock) -> None:
    order = submission()
    job = table.submit(order, ALICE)

    assert table.start(job) is order
    clock.now_s += 5
    assert table.start(job) is order
    assert table.report(job).painted_s == 5
    table.advance(job, 1, 11, 5.0, 0.1)
    with pytest.raises(ValueError, match="can no longer be started"):
        table.start(job)


def test_curve_begins_with_the_first_step(table: JobTable, clock: FakeClock) -> None:
    job = table.submit(submission(), ALICE)
    table.start(job)
    for step, loss in ((1, 9.0), (2, 8.0)):
        clock.now_s += 5
        table.advance(job, step=step, steps=11, loss=loss, done=step / 11)

    assert job.curve.points == (CurvePoint(1, 0, 9.0), CurvePoint(2, 5, 8.0))


def test_job_that_has_ended_cannot_start(table: JobTable) -> None:
    job = table.submit(submission(), ALICE)
    table.cancel(job)

    with pytest.raises(ValueError, match="can no longer be started"):
        table.start(job)


def test_reports_of_a_full_queue_estimate_each_job_once(
    table: JobTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sum of the jobs ahead is part of every report: else there would be thousands."""
    done_job(table)
    jobs = [table.submit(submission(), ALICE) for _ in range(MAX_QUEUED_JOBS_OF_ONE)]
    estimated: list[Work] = []

    def estimate(work: Work) -> float:
        estimated.append(work)
        return 2.0

    monkeypatch.setattr(table.throughput, "estimate_s", estimate)
    for _ in range(3):
        reports = [table.report(job) for job in jobs]

    assert [report.eta_s for report in reports] == [2.0 * count for count in range(1, 49)]
    assert len(estimated) == len(jobs)


def test_remaining_time_follows_the_throughput(table: JobTable, clock: FakeClock) -> None:
    job = table.submit(submission(), ALICE)
    table.start(job)
    clock.now_s += 30  # loading the network does not count
    table.advance(job, 1, 11, 5.0, 0.1)
    assert table.report(job).eta_s is None

    clock.now_s += 4
    table.advance(job, 3, 11, 4.0, 0.2)

    assert table.report(job).eta_s == pytest.approx(32)
    assert table.report(job).loss == 4.0


@pytest.mark.parametrize("end", ["finish", "cancel"])
def test_job_that_ends_early_teaches_how_long_the_next_takes(
    table: JobTable, clock: FakeClock, end: str
) -> None:
    job = table.submit(submission(), ALICE)
    table.start(job)
    for step in (1, 2, 3):
        clock.now_s += 4
        table.advance(job, step, 11, 5.0, step / 11)

    if end == "finish":
        table.finish(job, PIXEL)
    else:
        table.cancel(job)

    next_job = table.submit(submission(), ALICE)
    eta_s = table.report(next_job).eta_s
    assert eta_s is not None
    assert eta_s > 3 * 4


def test_job_with_a_warm_start_teaches_nothing(table: JobTable, clock: FakeClock) -> None:
    """It makes fewer steps than its settings say."""
    job = table.submit(replace(submission(), warm_start=True), ALICE)
    table.start(job)
    for step in (1, 2, 3):
        clock.now_s += 4
        table.advance(job, step, 3, 5.0, step / 3)

    table.finish(job, PIXEL)

    assert not table.throughput.is_known


def test_job_that_failed_teaches_nothing(table: JobTable, clock: FakeClock) -> None:
    job = table.submit(submission(), ALICE)
    table.start(job)
    for step in (1, 2, 3):
        clock.now_s += 4
        table.advance(job, step, 11, 5.0, step / 11)

    table.fail(job, PROBLEM)

    assert not table.throughput.is_known


def test_result_can_be_fetched_again_until_forgotten(table: JobTable) -> None:
    job = done_job(table)

    assert [bytes(table.fetch(job.name).pixels) for _ in range(2)] == [PIXEL.pixels] * 2
    table.forget(job)
    with pytest.raises(DaemonError, match="has expired"):
        table.fetch(job.name)


def test_unfinished_job_has_no_picture(table: JobTable) -> None:
    job = table.submit(submission(), ALICE)

    with pytest.raises(DaemonError, match="still waiting and has no picture yet") as caught:
        table.fetch(job.name)

    assert caught.value.code is ErrorCode.NOT_DONE


def test_unknown_job_is_an_error(table: JobTable) -> None:
    with pytest.raises(DaemonError, match="knows no job") as caught:
        table.fetch("f" * 32)

    assert caught.value.code is ErrorCode.UNKNOWN_JOB


def test_old_results_expire(table: JobTable, clock: FakeClock) -> None:
    job = done_job(table)

    clock.now_s += KEPT_S
    table.expire()
    assert job.picture
    clock.now_s += 1
    table.expire()

    assert job.picture is None


def test_results_beyond_the_size_limit_expire_oldest_first(
    table: JobTable, clock: FakeClock
) -> None:
    jobs = []
    for size_bytes in (300, 600, 300):
        jobs.append(done_job(table, picture(size_bytes)))
        clock.now_s += 1
    table.expire()
    has_picture = [job.picture is not None for job in jobs]

    large = done_job(table, picture(3000))
    table.expire()

    assert has_picture == [False, True, True]
    assert [job.picture is not None for job in [*jobs, large]] == [False, False, False, True]


def test_results_without_room_on_the_disk_stay_in_memory(
    table: JobTable, results: Results, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MAX_MEMORY_BYTES", 500)
    results.problem = "No space left on device"
    jobs = []
    for _ in range(3):
        jobs.append(done_job(table, picture(200)))
        clock.now_s += 1

    table.expire()

    assert [job.picture is not None for job in jobs] == [False, True, True]
    with pytest.raises(DaemonError, match="No space left on device"):
        table.fetch(jobs[0].name)


def test_reports_without_a_picture_are_limited(table: JobTable, clock: FakeClock) -> None:
    waiting = table.submit(submission(), ALICE)
    for _ in range(MAX_ENDED_REPORTS + 5):
        table.forget(done_job(table))
        clock.now_s += 1

    table.expire()

    assert len(table.all) == MAX_ENDED_REPORTS + 1
    assert table.find(waiting.name) is waiting


def test_kept_pictures_do_not_count_against_the_reports(table: JobTable, clock: FakeClock) -> None:
    kept = [done_job(table) for _ in range(150)]
    for _ in range(MAX_ENDED_REPORTS + 5):
        clock.now_s += 1
        table.forget(done_job(table))

    table.expire()

    assert all(table.fetch(job.name).pixels == PIXEL.pixels for job in kept)
    assert len(table.all) == 150 + MAX_ENDED_REPORTS


def test_number_of_kept_pictures_is_limited(
    table: JobTable, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "MAX_KEPT_PICTURES", 2)
    jobs = []
    for _ in range(3):
        jobs.append(done_job(table))
        clock.now_s += 1

    table.expire()

    assert [job.picture is not None for job in jobs] == [False, True, True]
    with pytest.raises(DaemonError, match="removed to make room"):
        table.fetch(jobs[0].name)


def test_report_of_a_job_with_subscribers_is_kept(table: JobTable, clock: FakeClock) -> None:
    first = done_job(table)
    table.forget(first)
    for _ in range(MAX_ENDED_REPORTS + 5):
        clock.now_s += 1
        table.forget(done_job(table))

    table.expire(watched=[first.name])

    assert len(table.all) == MAX_ENDED_REPORTS + 1
    assert table.find(first.name) is first


def test_job_that_is_detached_later_takes_turns_with_the_detached_ones(table: JobTable) -> None:
    detached = table.submit(submission(detached=True), BOB)
    first, second = (table.submit(submission(), ALICE) for _ in range(2))
    before = [table.report(job).position for job in (detached, first, second)]

    table.detach(second)

    assert table.report(second).detached
    assert not table.report(first).detached
    assert before == [0, 1, 2]
    table.detach(second)
    assert table.report(second).detached


def test_limits_are_those_of_the_protocol_and_of_architecture() -> None:
    root = Path(__file__).parents[4]
    protocol = " ".join((root / "shared/PROTOCOL.md").read_text().split())
    architecture = " ".join((root / "docs/architecture.md").read_text().split())

    assert f"when {MAX_ENDED_REPORTS} other such jobs have ended after it" in protocol
    assert f"or there are {jobs_module.MAX_KEPT_PICTURES}." in protocol
    limits = f"{MAX_QUEUED_JOBS} jobs, {MAX_QUEUED_JOBS_OF_USER} of a key"
    assert f"{limits}, {MAX_QUEUED_JOBS_OF_ONE} of a connection or detached" in architecture
    assert f"{jobs_module.MAX_MEMORY_BYTES // 2**20} MB wait while the disk is full" in architecture
    assert jobs_module.MAX_QUEUED_BYTES == 2 * 2**30


def test_duration_is_remembered_only_until_the_job_has_ended(table: JobTable) -> None:
    jobs = [table.submit(submission(), ALICE) for _ in range(3)]
    for job in jobs:
        table.report(job)
    assert table._durations.remembered == 3

    table.start(jobs[0])
    table.finish(jobs[0], PIXEL)
    for job in jobs[1:]:
        table.cancel(job)
    for job in jobs:
        table.report(job)

    assert table._durations.remembered == 0
