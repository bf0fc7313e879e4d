"""Jobs whose clients are lost: their lease, and its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from impasto_shared.client import Client
from impasto_shared.protocol.reports import JobState
from integration.daemon_process import DaemonProcess, free_address, wait_for
from integration.scripted_jobs import client_process, first_line, report_of, submit

LEASE_S = 2.0
ENDLESS = 9000
FOLLOW = f"print(submit(client, {ENDLESS}), flush=True)\nfor _ in client.updates(''): pass"


@contextmanager
def served(*, is_tcp: bool = True, lease_s: float = 60.0) -> Iterator[DaemonProcess]:
    """Runs a daemon."""
    address = free_address() if is_tcp else None
    options = ["--lease-seconds", str(lease_s)]
    with DaemonProcess(address, options, is_scripted=True) as daemon:
        yield daemon


def is_cancelled(onlooker: Client, job: str) -> bool:
    return report_of(onlooker, job).state is JobState.CANCELLED


def test_job_of_a_client_that_is_killed_behind_a_network_takes_its_lease() -> None:
    with (
        served(lease_s=LEASE_S) as daemon,
        daemon.client() as onlooker,
        client_process(daemon, FOLLOW) as process,
    ):
        job = first_line(process)
        process.kill()
        wait_for(lambda: f"job {job} has lost its client" in daemon.log, "the loss")
        assert report_of(onlooker, job).state is not JobState.CANCELLED

        wait_for(lambda: is_cancelled(onlooker, job), "the cancellation")
        problem = report_of(onlooker, job).problem
        assert problem is not None
        assert "was lost for more than 2 s" in problem.message


def test_job_of_a_client_that_is_killed_on_this_machine_takes_no_lease() -> None:
    with (
        served(is_tcp=False, lease_s=86_400) as daemon,
        daemon.client() as onlooker,
        client_process(daemon, FOLLOW) as process,
    ):
        job = first_line(process)
        process.kill()

        wait_for(lambda: is_cancelled(onlooker, job), "the cancellation")


def test_lost_job_continues_while_another_client_watches_it() -> None:
    with (
        served(lease_s=LEASE_S) as daemon,
        daemon.client() as onlooker,
        client_process(daemon, "print(submit(client, 600), flush=True)\ntime.sleep(99)") as process,
    ):
        job = first_line(process)
        process.kill()
        wait_for(lambda: f"job {job} has lost its client" in daemon.log, "the loss")
        onlooker.watch(job)

        assert [report.state for report in onlooker.updates(job)][-1] is JobState.DONE


@pytest.mark.parametrize("is_tcp", [False, True], ids=["ipc", "tcp"])
def test_job_of_a_client_that_closes_takes_no_lease(*, is_tcp: bool) -> None:
    with served(is_tcp=is_tcp, lease_s=86_400) as daemon, daemon.client() as onlooker:
        with daemon.client() as client:
            job = submit(client, ENDLESS)
        wait_for(lambda: is_cancelled(onlooker, job), "the cancellation")
