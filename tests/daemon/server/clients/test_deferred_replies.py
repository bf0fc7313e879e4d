import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.server.jobs.test_jobs_with_journal import (
    CLIENT,
    Daemon,
    accept,
    done,
    full_disk,
    picture,
    submission,
)
from impasto_daemon.server.clients import deferred_replies as deferred_module
from impasto_daemon.server.clients.deferred_replies import DeferredReplies
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.protocol.messages import Accepted, ErrorReply, Fetch, Result


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path / "jobs" / "0123")
    yield daemon
    daemon.table.close()


@pytest.fixture
def deferred(daemon: Daemon) -> DeferredReplies:
    return DeferredReplies(daemon.table)


def submit(daemon: Daemon, deferred: DeferredReplies) -> list[Any]:
    """Returns what happens, in order: subscriptions, and replies."""
    events: list[Any] = []
    request = submission(1, detached=True)
    job = daemon.table.submit(request, CLIENT)
    deferred.submit(request, job, lambda: events.append("subscribed"), events.append)
    return events


def test_detached_job_is_accepted_once_it_is_stored(
    daemon: Daemon, deferred: DeferredReplies
) -> None:
    events = submit(daemon, deferred)
    deferred.send_due()
    assert events == []

    daemon.settle()
    deferred.send_due()
    deferred.send_due()

    subscribed, reply = events
    assert subscribed == "subscribed"
    assert isinstance(reply, Accepted)
    assert reply.re == "1"


def test_detached_job_that_cannot_be_stored_is_refused(
    daemon: Daemon, deferred: DeferredReplies
) -> None:
    with full_disk():
        events = submit(daemon, deferred)
        daemon.settle()
    deferred.send_due()

    (reply,) = events
    assert isinstance(reply, ErrorReply)
    assert reply.problem.code is ErrorCode.QUEUE_FULL


def test_picture_on_the_disk_is_sent_when_it_is_read(
    daemon: Daemon, deferred: DeferredReplies
) -> None:
    job = done(daemon, 7)
    replies: list[Any] = []

    assert deferred.fetch(Fetch("2", job.name), b"client", replies.append) is None
    daemon.settle()

    (reply,) = replies
    assert isinstance(reply, Result)
    assert (reply.re, reply.job) == ("2", job.name)
    assert bytes(reply.image.pixels) == picture(7).pixels


def test_picture_in_memory_is_sent_at_once(daemon: Daemon, deferred: DeferredReplies) -> None:
    job = accept(daemon)
    daemon.run_next()
    with full_disk():
        daemon.table.finish(job, picture(7))
        daemon.settle()

    reply = deferred.fetch(Fetch("2", job.name), b"client", pytest.fail)

    assert reply is not None
    assert bytes(reply.image.pixels) == picture(7).pixels


def test_picture_that_cannot_be_read_is_an_error_for_its_client(
    daemon: Daemon, deferred: DeferredReplies
) -> None:
    damaged, sound = done(daemon, 1), done(daemon, 2)
    (path,) = daemon.folder.glob(f"{damaged.name}*.picture")
    os.truncate(path, 1)
    replies: list[Any] = []

    for job in (damaged, sound):
        deferred.fetch(Fetch("2", job.name), b"client", replies.append)
    daemon.settle()

    error, result = replies
    assert isinstance(error, ErrorReply)
    assert error.problem.code is ErrorCode.UNKNOWN_JOB
    assert "cannot be read: " in error.problem.message
    assert isinstance(result, Result)


def test_job_without_a_picture_is_an_error_at_once(
    daemon: Daemon, deferred: DeferredReplies
) -> None:
    job = accept(daemon)

    with pytest.raises(DaemonError, match="no picture yet"):
        deferred.fetch(Fetch("2", job.name), b"client", pytest.fail)


def run_rounds(daemon: Daemon, deferred: DeferredReplies) -> None:
    """Runs some rounds of the loop: the thread may hold on to the last picture for a moment."""
    for _ in range(10):
        deferred.send_due()
        daemon.settle()
        time.sleep(0.01)


def test_client_that_does_not_read_has_no_further_pictures_in_memory(
    daemon: Daemon, deferred: DeferredReplies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_module, "MAX_UNREAD_BYTES", 7)
    jobs = [done(daemon, number) for number in range(5)]
    unread: list[Any] = []
    for job in jobs:
        deferred.fetch(Fetch("2", job.name), b"client", unread.append)
    received = []

    for _ in range(4):
        run_rounds(daemon, deferred)
        received.append([reply.job for reply in unread])
        unread.clear()

    names = [job.name for job in jobs]
    assert received == [names[:2], names[2:4], names[4:5], []]


def test_other_clients_are_sent_pictures_meanwhile(
    daemon: Daemon, deferred: DeferredReplies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_module, "MAX_UNREAD_BYTES", 1)
    job = done(daemon)
    unread: list[Any] = []
    others: list[Any] = []
    for _ in range(3):
        deferred.fetch(Fetch("2", job.name), b"client", unread.append)
    deferred.fetch(Fetch("2", job.name), b"other", others.append)

    run_rounds(daemon, deferred)

    assert (len(unread), len(others), deferred.is_waiting) == (1, 1, True)


def test_number_of_pictures_that_wait_for_a_client_is_limited(
    daemon: Daemon, deferred: DeferredReplies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_module, "MAX_UNREAD_BYTES", 1)
    monkeypatch.setattr(deferred_module, "MAX_WAITING_FETCHES", 3)
    job = done(daemon)
    unread: list[Any] = []

    for _ in range(4):
        deferred.fetch(Fetch("2", job.name), b"client", unread.append)
    with pytest.raises(DaemonError, match="3 pictures wait to be sent to this program"):
        deferred.fetch(Fetch("2", job.name), b"client", unread.append)
    deferred.fetch(Fetch("2", job.name), b"other", unread.append)
    daemon.settle()

    assert len(unread) == 2
