from __future__ import annotations

import secrets
from typing import Any

import pytest

from daemon.server.fake_clock import FakeClock
from impasto_daemon.server.clients.leases import Leases
from impasto_daemon.server.clients.subscriptions import (
    STEP_INTERVAL_S,
    UNREAD_S,
    UPDATE_INTERVAL_S,
    Subscriptions,
)
from impasto_daemon.server.front.delivery import Delivery
from impasto_daemon.server.jobs.job import Job, Origin
from impasto_daemon.server.jobs.job_table import JobTable
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import Preview, Submit, Update
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
CLIENT, WATCHER = b"client", b"watcher"
LEASE_S = 20.0


class FakeOutbox:
    """Remembers what was sent; `delivery` is the outcome for each address."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []
        self.delivery: dict[bytes, Delivery] = {}

    def try_send(self, address: bytes, message: Any) -> Delivery:
        self.sent.append((address, message))
        return self.delivery.get(address, Delivery.SENT)

    def take(self) -> list[tuple[bytes, Any]]:
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
def outbox() -> FakeOutbox:
    return FakeOutbox()


@pytest.fixture
def subscriptions(outbox: FakeOutbox, clock: FakeClock) -> Subscriptions:
    leases = Leases(LEASE_S, clock, None)
    return Subscriptions(outbox, leases, clock)  # type: ignore[arg-type]


def start_job(table: JobTable, *, detached: bool = False) -> Job:
    settings = StyleSettings(iterations=11, size=64)
    name = secrets.token_hex(16)
    submission = Submit("1", name, settings, PIXEL, (Style(PIXEL),), None, detached)
    job = table.submit(submission, Origin(CLIENT))
    table.start(job)
    return job


def test_updates_without_news_are_sent_at_intervals(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)

    subscriptions.send_updates(table)
    assert outbox.take() == []
    clock.now_s += UPDATE_INTERVAL_S
    for _ in range(2):
        subscriptions.send_updates(table)

    ((address, update),) = outbox.take()
    assert address == CLIENT
    assert isinstance(update, Update)
    assert update.report.job == job.name


def test_steps_are_sent_earlier_but_not_all_of_them(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)

    for step in range(1, 11):
        clock.now_s += STEP_INTERVAL_S / 2 + 1e-9
        table.advance(job, step, 11, 1.0, step / 11)
        subscriptions.send_updates(table)

    assert [update.report.step for _, update in outbox.take()] == [2, 4, 6, 8, 10]


def test_end_is_sent_at_once_and_ends_the_subscription(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)
    table.finish(job, PIXEL)

    subscriptions.send_updates(table)

    assert [update.report.state for _, update in outbox.take()] == [JobState.DONE]
    assert not subscriptions.job_names


def test_end_is_sent_again_until_the_client_can_take_it(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)
    table.finish(job, PIXEL)
    outbox.delivery[CLIENT] = Delivery.REFUSED

    subscriptions.send_updates(table)
    assert job.name in subscriptions.job_names
    outbox.delivery.clear()
    clock.now_s += UPDATE_INTERVAL_S
    subscriptions.send_updates(table)

    assert len(outbox.take()) == 2
    assert not subscriptions.job_names


def test_last_update_is_dropped_if_its_client_does_not_read_for_a_minute(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)
    outbox.delivery[CLIENT] = Delivery.REFUSED
    clock.now_s += UNREAD_S
    subscriptions.send_updates(table)  # of a running job: it is not the last one
    assert job.name in subscriptions.job_names

    table.finish(job, PIXEL)
    subscriptions.send_updates(table)
    assert job.name in subscriptions.job_names
    clock.now_s += UNREAD_S + 1
    subscriptions.send_updates(table)

    assert not subscriptions.job_names


@pytest.mark.parametrize(
    ("address", "detached", "is_abandoned"),
    [(CLIENT, False, True), (CLIENT, True, False), (WATCHER, False, False)],
    ids=["its client", "detached", "another client"],
)
def test_job_is_abandoned_if_its_own_client_disconnects(
    table: JobTable,
    outbox: FakeOutbox,
    subscriptions: Subscriptions,
    clock: FakeClock,
    address: bytes,
    detached: bool,
    is_abandoned: bool,
) -> None:
    job = start_job(table, detached=detached)
    subscriptions.add(job, address, wants_previews=False)
    outbox.delivery[address] = Delivery.DISCONNECTED
    clock.now_s += UPDATE_INTERVAL_S

    abandoned = subscriptions.send_updates(table)

    assert abandoned == ({job: None} if is_abandoned else {})
    assert not subscriptions.job_names


def abandoned_within(
    seconds: float, table: JobTable, subscriptions: Subscriptions, clock: FakeClock
) -> dict[Job, Problem | None]:
    """Returns the jobs that are abandoned, with the reasons, while the server runs for a time."""
    abandoned: dict[Job, Problem | None] = {}
    for _ in range(round(seconds)):
        clock.now_s += 1
        abandoned |= subscriptions.send_updates(table)
    return abandoned


def test_job_of_a_lost_client_is_abandoned_with_the_reason_when_its_lease_ends(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions, clock: FakeClock
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)
    outbox.delivery[CLIENT] = Delivery.LOST
    clock.now_s += UPDATE_INTERVAL_S
    assert not subscriptions.send_updates(table)
    assert not subscriptions.job_names

    assert not abandoned_within(LEASE_S - 1, table, subscriptions, clock)
    abandoned = abandoned_within(LEASE_S, table, subscriptions, clock)

    assert list(abandoned) == [job]
    assert "more than 20 s" in str(abandoned[job])
    assert job.problem is None  # before it is cancelled, no report shows a reason


@pytest.mark.parametrize("is_early", [True, False], ids=["before it is missed", "later"])
def test_job_of_a_lost_client_continues_while_any_client_watches_it(
    table: JobTable,
    outbox: FakeOutbox,
    subscriptions: Subscriptions,
    clock: FakeClock,
    *,
    is_early: bool,
) -> None:
    job = start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)
    outbox.delivery[CLIENT] = Delivery.LOST
    if not is_early:
        assert not abandoned_within(LEASE_S - 1, table, subscriptions, clock)
    subscriptions.add(job, b"the same", wants_previews=False)

    assert not abandoned_within(2 * LEASE_S, table, subscriptions, clock)
    outbox.delivery[b"the same"] = Delivery.LOST
    assert not abandoned_within(LEASE_S - 1, table, subscriptions, clock)
    assert list(abandoned_within(LEASE_S, table, subscriptions, clock)) == [job]


def test_previews_go_to_the_subscribers_who_want_them(
    table: JobTable, outbox: FakeOutbox, subscriptions: Subscriptions
) -> None:
    job, other = start_job(table), start_job(table)
    subscriptions.add(job, CLIENT, wants_previews=False)
    subscriptions.add(job, WATCHER, wants_previews=True)
    subscriptions.add(other, b"another", wants_previews=True)
    preview = Preview(job.name, 3, PIXEL)

    subscriptions.send_preview(preview)

    assert outbox.take() == [(WATCHER, preview)]


def test_job_of_a_client_that_has_gone_is_cancelled_although_another_update_failed(
    table: JobTable,
    outbox: FakeOutbox,
    subscriptions: Subscriptions,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, other = start_job(table), start_job(table)
    subscriptions.add(left, CLIENT, wants_previews=False)
    subscriptions.add(other, WATCHER, wants_previews=False)
    outbox.delivery[CLIENT] = Delivery.DISCONNECTED
    clock.now_s += UPDATE_INTERVAL_S
    try_send = outbox.try_send

    def fail(address: bytes, message: Any) -> Delivery:
        if address == WATCHER:
            raise OSError(12, "Cannot allocate memory")
        return try_send(address, message)

    monkeypatch.setattr(outbox, "try_send", fail)
    with pytest.raises(OSError, match="memory"):
        subscriptions.send_updates(table)
    monkeypatch.setattr(outbox, "try_send", try_send)

    assert subscriptions.send_updates(table) == {left: None}
    assert subscriptions.send_updates(table) == {}
