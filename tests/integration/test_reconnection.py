"""Clients that lose their connection to a real daemon, and take up their jobs again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from impasto_shared.client import Client
from impasto_shared.connection import conversation, patience
from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState
from integration.daemon_process import (
    PATIENCE_S,
    DaemonProcess,
    free_address,
    picture,
    wait_for,
)
from integration.relay import Relay, relayed
from integration.scripted_jobs import (
    client_process,
    first_line,
    last_report,
    report_of,
    submit,
)
from integration.scripted_worker import invert
from integration.test_durability import journal_files

LEASE_S = 6.0
ENDLESS = 9000
A_WHILE = 300
"""The steps of a job of three seconds."""


@contextmanager
def served(*, is_tcp: bool, lease_s: float = LEASE_S) -> Iterator[DaemonProcess]:
    """Runs a daemon."""
    address = free_address() if is_tcp else None
    options = ["--lease-seconds", str(lease_s)]
    with DaemonProcess(address, options, is_scripted=True) as daemon:
        yield daemon


@contextmanager
def networked(lease_s: float = LEASE_S) -> Iterator[tuple[DaemonProcess, Relay, Client]]:
    """Runs a daemon, a network to it, and a client behind that."""
    with (
        served(is_tcp=True, lease_s=lease_s) as daemon,
        relayed(daemon.endpoint) as relay,
        Client.connect(relay.address, name="test") as client,
    ):
        yield daemon, relay, client


def restart(daemon: DaemonProcess, number: signal.Signals = signal.SIGKILL) -> None:
    daemon.signal(number)
    daemon.start()


def first_step(client: Client, job: str) -> JobReport:
    return next(report for report in client.updates(job) if report.step)


@pytest.mark.parametrize("is_tcp", [False, True], ids=["ipc", "tcp"])
def test_daemon_that_is_stopped_for_a_while_costs_no_job(*, is_tcp: bool) -> None:
    with served(is_tcp=is_tcp) as daemon, daemon.client() as client:
        job = submit(client, A_WHILE)
        first_step(client, job)
        os.kill(daemon.pid, signal.SIGSTOP)

        def is_long_silent() -> bool:
            client.poll()
            return client.silent_s > LEASE_S / 2  # then a connection over TCP is replaced

        try:
            wait_for(is_long_silent, "silence")
        finally:
            os.kill(daemon.pid, signal.SIGCONT)

        assert last_report(client, job).state is JobState.DONE
        assert bytes(client.fetch(job).pixels) == invert(picture()).pixels


@pytest.mark.parametrize("is_tcp", [False, True], ids=["ipc", "tcp"])
def test_daemon_that_hangs_for_longer_than_the_lease_is_given_up(
    monkeypatch: pytest.MonkeyPatch, *, is_tcp: bool
) -> None:
    with served(is_tcp=is_tcp, lease_s=1) as daemon, daemon.client() as client:
        job = submit(client, ENDLESS)
        first_step(client, job)
        os.kill(daemon.pid, signal.SIGSTOP)
        monkeypatch.setattr(patience, "_SHORTEST_PATIENCE_S", 0.0)

        with pytest.raises(DaemonUnavailable, match="in the middle of the job"):
            last_report(client, job)


def test_job_and_its_previews_continue_through_a_new_connection() -> None:
    with networked() as (_, relay, client):
        job = submit(client, A_WHILE, previews=PreviewOptions(64, 0.2))
        first_step(client, job)
        relay.cut(stays_down=True)
        wait_for(lambda: client.poll(0.1) is None or not client.is_connected, "the loss")
        while client.take_preview(job):
            pass
        relay.repair()
        wait_for(lambda: client.poll(0.1) and client.take_preview(job), "a preview")

        assert last_report(client, job).state is JobState.DONE
        assert bytes(client.fetch(job).pixels) == invert(picture()).pixels


def test_job_continues_when_its_connection_falls_silent_for_good() -> None:
    with networked() as (_, relay, client):
        job = submit(client, A_WHILE)
        first_step(client, job)
        relay.lose(requests=True)

        assert last_report(client, job).state is JobState.DONE
        assert relay.accepted > 1


def test_request_after_an_unanswered_one_goes_through_a_new_connection() -> None:
    with networked() as (_, relay, client):
        relay.lose(requests=True)
        with pytest.raises(DaemonUnavailable):
            client.status(timeout_s=0.5)

        assert client.status().jobs == ()
        assert relay.accepted > 1


def test_request_whose_reply_is_lost_is_repeated_and_counts_once() -> None:
    with (
        networked() as (daemon, relay, client),
        daemon.client() as onlooker,
        ThreadPoolExecutor(1) as pool,
    ):
        relay.lose(requests=False)
        submitted = pool.submit(submit, client, 1)
        wait_for(onlooker.jobs, "the job")
        relay.cut()
        job = submitted.result(PATIENCE_S)
        assert last_report(client, job).state is JobState.DONE
        assert [report.job for report in onlooker.jobs()] == [job]

        relay.lose(requests=False)
        forgotten = pool.submit(client.forget, job)
        wait_for(lambda: report_of(onlooker, job).kept_s is None, "the end of the picture")
        # Its record goes first, and both after the report: else the next daemon takes it up.
        wait_for(lambda: not journal_files(daemon, "picture"), "the removal of the file")
        restart(daemon)
        forgotten.result(PATIENCE_S)
        with pytest.raises(DaemonError, match="knows no job"):
            client.forget(job)


@pytest.mark.parametrize("is_tcp", [False, True], ids=["ipc", "tcp"])
def test_picture_that_is_being_fetched_comes_from_the_next_daemon(
    monkeypatch: pytest.MonkeyPatch, *, is_tcp: bool
) -> None:
    # However long that takes to come: other requests are given up after this time.
    monkeypatch.setattr(conversation, "_SHORT_PATIENCE_S", 0.0)
    with (
        served(is_tcp=is_tcp) as daemon,
        daemon.client() as client,
        ThreadPoolExecutor(1) as pool,
    ):
        job = submit(client, 1)
        last_report(client, job)
        os.kill(daemon.pid, signal.SIGSTOP)
        fetched = pool.submit(client.fetch, job)
        restart(daemon)

        assert bytes(fetched.result(PATIENCE_S).pixels) == invert(picture()).pixels


@pytest.mark.parametrize(
    ("is_tcp", "number", "text"),
    [
        (False, signal.SIGKILL, "in the middle of the job"),
        (False, signal.SIGTERM, "was shut down"),
        (True, signal.SIGKILL, "was started again in the middle of the job"),
        (True, signal.SIGTERM, "was shut down"),
    ],
)
def test_detached_job_is_followed_to_the_next_daemon_and_another_one_has_failed(
    number: signal.Signals, text: str, *, is_tcp: bool
) -> None:
    with served(is_tcp=is_tcp) as daemon, daemon.client() as client:
        detached = submit(client, 30, detached=True)
        first_step(client, detached)
        attached = submit(client, ENDLESS)
        restart(daemon, number)

        failed = last_report(client, attached)
        assert last_report(client, detached).state is JobState.DONE
        assert bytes(client.fetch(detached).pixels) == invert(picture()).pixels
    assert failed.state is JobState.FAILED
    assert failed.problem is not None
    # And not that of a job that could not be painted.
    assert failed.problem.code in (ErrorCode.SHUTTING_DOWN, ErrorCode.UNKNOWN_JOB)
    assert text in failed.problem.message


def test_job_ends_at_once_with_the_daemon_on_the_same_machine() -> None:
    with served(is_tcp=False, lease_s=86_400) as daemon, daemon.client() as client:
        job = submit(client, ENDLESS)
        first_step(client, job)
        daemon.signal(signal.SIGKILL)

        with pytest.raises(DaemonUnavailable, match="in the middle of the job"):
            last_report(client, job)
        daemon.start()
        assert last_report(client, submit(client)).state is JobState.DONE


def test_detached_job_is_given_up_if_no_next_daemon_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(is_tcp=False, lease_s=1) as daemon, daemon.client() as client:
        job = submit(client, ENDLESS, detached=True)
        first_step(client, job)
        daemon.signal(signal.SIGTERM)
        monkeypatch.setattr(patience, "_SHORTEST_PATIENCE_S", 0.0)

        with pytest.raises(DaemonUnavailable, match="paints the job when it is started again"):
            last_report(client, job)


SUSPENDED = f"""
from impasto_shared.connection import patience
patience._SHORTEST_PATIENCE_S = 0.0
print(job := submit(client, {A_WHILE}), flush=True)
*_, last = client.updates(job)
print(last.state, len(client.fetch(job).pixels), flush=True)
"""


def test_client_that_was_suspended_takes_its_job_up_again() -> None:
    """It is suspended for longer than the lease, for which another client watches the job."""
    with (
        served(is_tcp=True, lease_s=2.5) as daemon,
        relayed(daemon.endpoint) as relay,
        daemon.client() as onlooker,
        client_process(daemon, SUSPENDED, relay.address) as process,
    ):
        job = first_line(process)
        onlooker.watch(job)
        process.send_signal(signal.SIGSTOP)
        relay.cut()
        assert last_report(onlooker, job).state is JobState.DONE
        process.send_signal(signal.SIGCONT)

        content = picture()
        assert first_line(process) == f"done {len(content.pixels)}"
        assert relay.accepted > 1
