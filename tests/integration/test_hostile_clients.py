"""Clients that mean harm, next to an honest one whose job continues.

The honest client gives up after five seconds of silence: its job would not be done then.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from impasto_shared.reports import JobState
from integration import hostile_clients
from integration.daemon_process import DaemonProcess, wait_for
from integration.scripted_jobs import MEGABYTE, first_line, last_report, rss_bytes, submit

# Three seconds of painting.
STEPS = 300
GROWTH = 100 * MEGABYTE


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


@contextmanager
def attack(daemon: DaemonProcess, name: str, endpoint: str = "") -> Iterator[None]:
    """Runs one of `hostile_clients` against a daemon."""
    command = [sys.executable, hostile_clients.__file__, name, endpoint or daemon.endpoint]
    environment = daemon.environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert first_line(process) == "begun", process.communicate()[1]
            yield
            assert process.poll() is None, process.communicate()[1]
        finally:
            process.kill()


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.parametrize("name", hostile_clients.ATTACKS)
def test_job_of_another_client_is_done_during_an_attack(service: DaemonProcess, name: str) -> None:
    before_bytes, before = rss_bytes(service.pid), descriptors(service.pid)
    with service.client() as client:
        job = submit(client, steps=STEPS)
        with attack(service, name):
            assert last_report(client, job).state is JobState.DONE
            wait_for(service.answers, "an answer to a new client")
        assert client.status().pid == service.pid

    wait_for(lambda: descriptors(service.pid) <= before + 8, "the end of all connections")
    assert rss_bytes(service.pid) < before_bytes + GROWTH
