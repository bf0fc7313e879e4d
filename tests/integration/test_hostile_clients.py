"""Clients that mean harm, next to an honest one whose job continues.

The honest client gives up after five seconds of silence: its job would not be done then.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from impasto_shared.client import Client
from impasto_shared.connection.keys import Role, ensure_keys
from impasto_shared.errors import AccessDenied
from impasto_shared.protocol.reports import JobState
from integration import hostile_clients
from integration.daemon_process import DaemonProcess, free_address, wait_for
from integration.scripted_jobs import (
    MEGABYTE,
    first_line,
    last_report,
    report_of,
    rss_bytes,
    submit,
)
from integration.test_systemd import WATCHDOG_S, Service

# Three seconds of painting.
STEPS = 300
GROWTH = 200 * MEGABYTE


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
    assert_job_is_done_during(service, name)


# Not of idle connections, which can end the front, and the honest client's connection with it.
@pytest.mark.parametrize("name", sorted(hostile_clients.ATTACKS.keys() - {"idle_connections"}))
def test_job_is_done_during_an_attack_behind_a_front(name: str) -> None:
    with DaemonProcess(free_address(), is_scripted=True) as service:
        assert_job_is_done_during(service, name)


def assert_job_is_done_during(service: DaemonProcess, name: str) -> None:
    """Follows a job to its end during one of `hostile_clients`' attacks."""
    before_bytes, before = rss_bytes(service.pid), descriptors(service.pid)
    with service.client() as client:
        job = submit(client, steps=STEPS)
        with attack(service, name):
            assert last_report(client, job).state is JobState.DONE
            wait_for(service.answers, "an answer to a new client")
        assert client.status().pid == service.pid

    wait_for(lambda: descriptors(service.pid) <= before + 8, "the end of all connections")
    assert rss_bytes(service.pid) < before_bytes + GROWTH


@pytest.mark.parametrize("name", hostile_clients.UNKNOWN_ATTACKS)
def test_strangers_on_the_network_reach_a_front_alone(name: str) -> None:
    address = free_address()
    with DaemonProcess(options=["--listen", address], is_scripted=True) as daemon:
        (front,) = fronts_of(daemon)
        for pid in (daemon.pid, front):  # as on many a system
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (256, 256))
        before_bytes, before = rss_bytes(daemon.pid), descriptors(daemon.pid)
        with daemon.client() as client:
            job = submit(client, steps=STEPS)
            with attack(daemon, name, address):
                while not client.status().jobs[0].state.is_final:
                    assert daemon.answers()
                    assert descriptors(daemon.pid) <= before + 60
            assert last_report(client, job).state is JobState.DONE
            assert client.status().pid == daemon.pid
        assert rss_bytes(daemon.pid) < before_bytes + GROWTH
        wait_for(lambda: is_listening(address), "the end of the attack")


class DaemonWithFewDescriptors(DaemonProcess):
    """A daemon that may open fewer files than its clients have connections."""

    @property
    def serve_command(self) -> list[str]:
        return ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", *super().serve_command]


def test_connections_of_a_program_cost_no_job_and_others_are_served() -> None:
    with DaemonWithFewDescriptors(is_scripted=True) as daemon, daemon.client() as client:
        job = submit(client, steps=STEPS)
        with attack(daemon, "idle_connections"):
            while not client.status().jobs[0].state.is_final:
                assert daemon.answers()
        assert last_report(client, job).state is JobState.DONE
        assert client.status().pid == daemon.pid


def fronts_of(daemon: DaemonProcess) -> list[int]:
    """Returns the processes that clients on TCP connect to."""
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text().split()
    return [pid for pid in map(int, children) if b"server.front.main" in command_of(pid)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_listening(address: str) -> bool:
    """Returns whether a handshake begins at an address."""
    try:
        with hostile_clients.connected(address) as plain:
            plain.settimeout(5)
            plain.sendall(hostile_clients.greeting(b"CURVE"))
            return bool(plain.recv(1))
    except OSError:
        return False


def test_watchdog_is_notified_during_a_flood() -> None:
    service = Service()
    try:
        service.start_only()
        assert service.hear().startswith("READY=1")
        with attack(service, "hellos"):
            service.hear_rest()
            # Far more often than systemd's limit would be, and at all.
            service.ear.settimeout(10 * WATCHDOG_S)
            assert [service.hear() for _ in range(6)] == ["WATCHDOG=1"] * 6
    finally:
        service.end()


def test_job_and_its_client_outlive_a_killed_front() -> None:
    with DaemonProcess(free_address(), is_scripted=True) as daemon, daemon.client() as client:
        job = submit(client, steps=30 * STEPS)
        next(report for report in client.updates(job) if report.step)
        (front,) = fronts_of(daemon)
        os.kill(front, signal.SIGKILL)

        client.keep(job)
        assert last_report(client, job).state is JobState.DONE
        assert client.status().pid == daemon.pid
        assert front not in fronts_of(daemon)


def test_removal_of_a_key_cuts_its_connection_and_cancels_no_other_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = free_address()
    with (
        DaemonProcess(options=["--listen", address], is_scripted=True) as daemon,
        ExitStack() as on,
    ):
        (key,) = re.findall(r"Daemon's key .*: +(\w+)", daemon.run("keys").stdout)
        clients = {}
        for name in ("laptop", "studio"):
            monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / name))
            daemon.run("keys", "add", name, ensure_keys(Role.CLIENT).public.hex())
            client = Client.connect(address, name=name, server_key=key)
            clients[name] = on.enter_context(client)
        near = on.enter_context(daemon.client())
        jobs = [submit(client, steps=3 * STEPS) for client in (near, clients["studio"])]
        clients["laptop"].watch(jobs[0])
        cancelled = submit(clients["laptop"], steps=3 * STEPS)
        daemon.run("keys", "remove", "laptop")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "laptop"))

        with pytest.raises(AccessDenied):
            list(clients["laptop"].updates(jobs[0]))
        wait_for(lambda: report_of(near, cancelled).state is JobState.CANCELLED, "the cancellation")
        assert "no longer authorised" in str(report_of(near, cancelled).problem)
        for job, client in zip(jobs, (near, clients["studio"]), strict=True):
            assert last_report(client, job).state is JobState.DONE
        with pytest.raises(AccessDenied):
            Client.connect(address, name="test", server_key=key)
