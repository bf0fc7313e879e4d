from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.clients.authorized_clients import AuthorizedClients
from impasto_daemon.server.clients.leases import CHECK_S, Leases
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Submit
from impasto_shared.protocol.reports import Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

LEASE_S = 20.0
LAPTOP = "1" * 64
PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))


@pytest.fixture
def authorized(tmp_path: Path) -> AuthorizedClients:
    clients = AuthorizedClients(tmp_path / "known_clients")
    clients.add("laptop", LAPTOP)
    return clients


@pytest.fixture
def leases(clock: FakeClock, authorized: AuthorizedClients) -> Leases:
    return Leases(LEASE_S, clock, authorized)


def new_job(table: JobTable, user: str = "") -> Job:
    settings = StyleSettings(iterations=11, size=64)
    submission = Submit("1", secrets.token_hex(16), settings, PIXEL, (Style(PIXEL),))
    return table.submit(submission, Origin(b"client", user=user))


def ended_within(
    seconds: float, leases: Leases, clock: FakeClock, *watched: str
) -> dict[Job, Problem]:
    """Returns the jobs whose lease ends, with the reasons, while the server runs for a time."""
    ended: dict[Job, Problem] = {}
    for _ in range(round(seconds)):
        clock.now_s += 1
        ended |= leases.take_ended(watched)
    return ended


def test_lease_ends_once_and_with_the_reason(
    table: JobTable, leases: Leases, clock: FakeClock
) -> None:
    job = new_job(table)
    leases.begin(job)

    assert not ended_within(LEASE_S, leases, clock)
    assert leases.is_running
    ended = ended_within(2 * LEASE_S, leases, clock)
    assert list(ended) == [job]
    assert "more than 20 s" in ended[job].message
    assert not leases.is_running


def test_lease_begins_again_after_the_last_client_that_watches(
    table: JobTable, leases: Leases, clock: FakeClock
) -> None:
    job = new_job(table)
    leases.begin(job)

    assert not ended_within(3 * LEASE_S, leases, clock, job.name)
    assert not ended_within(LEASE_S - 1, leases, clock)
    assert list(ended_within(LEASE_S, leases, clock)) == [job]


def test_time_in_which_the_server_was_stopped_does_not_count(
    table: JobTable, leases: Leases, clock: FakeClock
) -> None:
    leases.begin(new_job(table))
    clock.now_s += 10 * LEASE_S

    assert not leases.take_ended([])


def test_job_that_ends_during_its_lease_has_no_problem(
    table: JobTable, leases: Leases, clock: FakeClock
) -> None:
    job = new_job(table)
    leases.begin(job)
    table.start(job)
    table.finish(job, PIXEL)

    assert not ended_within(2 * LEASE_S, leases, clock)
    assert job.problem is None


def test_job_that_is_detached_during_its_lease_continues(
    table: JobTable, leases: Leases, clock: FakeClock
) -> None:
    job = new_job(table)
    leases.begin(job)
    table.detach(job)

    assert not ended_within(2 * LEASE_S, leases, clock)
    assert not leases.is_running


@pytest.mark.parametrize("is_late", [False, True], ids=["before the loss", "after it"])
def test_job_of_a_removed_key_has_no_lease(
    table: JobTable,
    leases: Leases,
    clock: FakeClock,
    authorized: AuthorizedClients,
    *,
    is_late: bool,
) -> None:
    near, far = new_job(table), new_job(table, LAPTOP)
    leases.begin(near)
    if is_late:
        leases.begin(far)
        assert not ended_within(2, leases, clock)
    authorized.remove("laptop")
    if not is_late:
        leases.begin(far)

    ended = ended_within(2 * CHECK_S, leases, clock, near.name, far.name)
    assert list(ended) == [far]
    problem = ended[far]
    assert problem is not None
    assert problem.reason == "key-removed"


def test_keys_that_cannot_be_read_end_no_lease(
    table: JobTable, leases: Leases, clock: FakeClock, tmp_path: Path
) -> None:
    near, stranger = new_job(table, LAPTOP), new_job(table, "2" * 64)
    (tmp_path / "known_clients").write_text("nonsense\n")
    for job in (near, stranger):
        leases.begin(job)

    assert list(ended_within(LEASE_S - 1, leases, clock)) == [stranger]
