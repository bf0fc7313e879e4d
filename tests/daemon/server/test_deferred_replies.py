import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon.server.test_jobs_with_journal import (
    CLIENT,
    Daemon,
    accept,
    done,
    full_disk,
    picture,
    submission,
)
from impasto_daemon.server.deferred_replies import DeferredReplies
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.messages import Accepted, ErrorReply, Fetch, Result


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

    assert deferred.fetch(Fetch("2", job.name), replies.append) is None
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

    reply = deferred.fetch(Fetch("2", job.name), pytest.fail)

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
        deferred.fetch(Fetch("2", job.name), replies.append)
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
        deferred.fetch(Fetch("2", job.name), pytest.fail)
