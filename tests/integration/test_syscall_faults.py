"""System calls of a real server that fail, or during which it is killed, one after another.

strace makes them fail from outside. Two promises are checked each time: the server lives, and no
accepted job is lost without an error. `--thorough` for 10,000 faults, spread over several daemons;
pytest's `-n` runs these at the same time. `--seed` chooses other faults.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode
from impasto_shared.protocol.reports import JobState
from integration.daemon_process import PATIENCE_S, DaemonProcess, wait_for
from integration.scripted_jobs import last_report, submit
from integration.scripted_worker import Behaviour, invert
from integration.test_durability import journal_files, numbered, restart

FAULTS, MANY_FAULTS = 30, 10_000
DAEMONS = 20
KILLS = 14
RESTARTED_AFTER = 20


def can_trace() -> bool:
    """Returns whether strace is installed, and may trace: containers often forbid it."""
    strace = shutil.which("strace")
    return strace is not None and not subprocess.run([strace, "-o", os.devnull, "true"]).returncode


pytestmark = [
    pytest.mark.skipif(not can_trace(), reason="strace is not installed, or may not trace"),
    pytest.mark.timeout(7200),
]

# Errors that a call can really have.
DISK = ("EIO", "ENOSPC", "EDQUOT", "EROFS")
IN_JOURNAL = {
    "openat": ("EMFILE", "ENFILE", "ENOMEM", *DISK),
    "write": DISK,
    "pwrite64": DISK,
    "fsync": DISK[:3],
    "fdatasync": DISK[:3],
    "unlink": ("EIO", "EROFS", "EPERM"),
    "newfstatat": ("EIO", "ENOMEM", "EACCES"),
    "pread64": ("EIO",),
}
IN_LOOP = {
    "openat": ("EMFILE", "ENFILE", "ENOMEM", *DISK),
    "newfstatat": ("EIO", "ENOMEM", "EACCES"),
    "unlink": ("EIO", "EROFS", "EPERM"),
    "read": ("EIO",),
    "write": ("EIO", "ENOSPC", "ENOMEM"),
    "fcntl": ("ENOMEM",),
    # The pipe to the worker, and connections of clients.
    "socketpair": ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"),
    "sendmsg": ("ENOMEM", "ENOBUFS"),
    "recvfrom": ("ENOMEM", "ENOBUFS"),
    "accept4": ("EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"),
    "setsockopt": ("ENOMEM", "ENOBUFS"),
    "epoll_ctl": ("ENOMEM", "ENOSPC"),
    "epoll_wait": ("EINTR", "ENOMEM"),
    "poll": ("EINTR", "ENOMEM"),
    "pipe2": ("EMFILE", "ENFILE"),
    "vfork": ("EAGAIN", "ENOMEM"),
    "kill": ("EPERM",),
    "mkdir": DISK,
    "fsync": DISK[:3],
    "rename": DISK,
}

AT_CONNECTION = {"accept4", "epoll_ctl", "setsockopt"}
OFTEN = {"poll", "epoll_wait", "recvfrom", "sendmsg", *AT_CONNECTION}


@dataclass(frozen=True)
class Fault:
    """The fate of the `number`-th call of a kind, by the loop or the threads of the journal."""

    call: str
    outcome: str
    number: int
    in_loop: bool
    every: int = 0

    @property
    def option(self) -> str:
        """The option of strace."""
        again = f"+{self.every}" if self.every else ""
        return f"--inject={self.call}:{self.outcome}:when={self.number}{again}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives each of the daemons of a thorough run its own number."""
    if "part" in metafunc.fixturenames:
        is_thorough = bool(metafunc.config.getoption("--thorough"))
        metafunc.parametrize("part", range(DAEMONS if is_thorough else 1))


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


def threads(daemon: DaemonProcess, *, in_loop: bool) -> list[str]:
    """Returns the ids of the server's threads: the main thread, or those of the journal."""
    main = str(daemon.pid)
    if in_loop:
        return [main]
    return [entry.name for entry in Path(f"/proc/{main}/task").iterdir() if entry.name != main]


@contextmanager
def injected(daemon: DaemonProcess, fault: Fault) -> Iterator[None]:
    """Attaches strace to the server within the context; its output is in the file `strace`."""
    ids = threads(daemon, in_loop=fault.in_loop)
    attached = [argument for thread in ids for argument in ("-p", thread)]
    output = str(daemon.folder / "strace")
    command = ["strace", "-o", output, f"--trace={fault.call}", fault.option, *attached]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        for _ in ids:
            assert "attached" in strace.stderr.readline()
        try:
            yield
        finally:
            strace.send_signal(signal.SIGTERM)


@contextmanager
def evidence(daemon: DaemonProcess, faults: list[Fault]) -> Iterator[None]:
    """Adds to a failure what the folder of the daemon, which is removed, says of its cause."""
    try:
        yield
    except BaseException as error:
        status = None if daemon.process is None else daemon.process.poll()
        output = daemon.folder / "strace"
        error.add_note(f"the last faults: {faults[-5:]}; the server's exit status: {status}")
        if output.exists():
            error.add_note(f"strace:\n{output.read_text()[-10_000:]}")
        lines = [line for line in daemon.log.splitlines() if "taken up" not in line]
        error.add_note("\n".join(["the daemon's log:", *lines[-150:]]))
        raise


@contextmanager
def client_under(daemon: DaemonProcess, fault: Fault) -> Iterator[Client | None]:
    """Opens a client of a server with a fault; None if the fault has refused the connection."""
    if fault.call not in AT_CONNECTION:
        with daemon.client() as client, injected(daemon, fault):
            yield client
        return
    with injected(daemon, fault):
        try:
            client = daemon.client()
        except DaemonUnavailable:
            yield None
            return
        with client:
            yield client


def injected_count(daemon: DaemonProcess) -> int:
    """Returns how many calls strace made fail within the last context."""
    return (daemon.folder / "strace").read_text().count("(INJECTED)")


@contextmanager
def may_refuse() -> Iterator[None]:
    """Lets the server refuse a request, for a reason that it can name."""
    try:
        yield
    except DaemonError as error:
        if error.code is ErrorCode.INTERNAL:
            raise


def paint(client: Client, number: int, promised: dict[str, int], *, dies: bool = False) -> None:
    """Submits, fetches and forgets a picture; whatever is refused must be refused with a reason.

    promised: the accepted jobs that are not forgotten.
    """
    behaviour = Behaviour.DIE if dies else Behaviour.INVERT
    job = submit(client, 2, behaviour, content=numbered(number), detached=True)
    promised[job] = number
    final = last_report(client, job)
    if final.state is not JobState.DONE:
        assert final.problem is not None
        return
    assert bytes(client.fetch(job).pixels) == invert(numbered(number)).pixels
    if number % 3:
        del promised[job]  # from here on, both are right
        client.forget(job)


def check_promises(client: Client, promised: dict[str, int]) -> None:
    """Checks that each accepted job is painted now, or lost with a reason; forgets it."""
    for job, number in promised.items():
        client.watch(job)
        final = last_report(client, job)
        if final.state is JobState.DONE:
            assert pixels_or_reason(client, job) in (invert(numbered(number)).pixels, None)
        else:
            assert final.problem is not None, final
        client.forget(job)
    promised.clear()


def end_all(client: Client) -> None:
    """Waits for the end of all jobs: one that was just forgotten may have come back by the kill."""
    for report in client.jobs():
        if not report.state.is_final:
            client.watch(report.job)
            last_report(client, report.job)


def pixels_or_reason(client: Client, job: str) -> bytes | None:
    """Returns the pixels of a done job; None if its report says why there are none."""
    try:
        return bytes(client.fetch(job).pixels)
    except DaemonError as error:
        reason = str(error)
    assert re.search(r"lost because|cannot be read", reason), reason
    return None


def random_fault(chance: random.Random, *, every: int) -> Fault:
    in_loop = chance.random() < 0.6
    calls = IN_LOOP if in_loop else IN_JOURNAL
    call = chance.choice(list(calls))
    error = chance.choice(calls[call])
    number = chance.randint(1, 12 if call == "pwrite64" else 6)
    if call in OFTEN and every == 1:
        every = 2  # no client could be served
    return Fault(call, f"error={error}", number, in_loop, every)


def test_server_survives_calls_that_fail_and_loses_no_job_without_an_error(
    service: DaemonProcess, is_thorough: bool, part: int, request: pytest.FixtureRequest
) -> None:
    faults: list[Fault] = []
    with evidence(service, faults):
        if is_thorough:
            seed = request.config.getoption("--seed") * DAEMONS + part
            chance, wanted = random.Random(seed), MANY_FAULTS // DAEMONS
        else:
            chance, wanted = random.Random(22), 0
        count = survive_faults(service, chance, faults, wanted)
        assert count >= max(wanted, FAULTS // 2)


def survive_faults(
    service: DaemonProcess, chance: random.Random, faults: list[Fault], wanted: int
) -> int:
    """Injects FAULTS faults and further ones up to `wanted`; returns how many calls have failed.

    faults: takes those that are injected. If `wanted` is not 0, most of them are repeated.
    """
    promised: dict[str, int] = {}
    failed = 0
    with service.client() as client:
        paint(client, 1, promised)
    for number in count(2):
        fault = random_fault(chance, every=chance.choice([0, 1, 2, 3, 5, 8]) if wanted else 0)
        faults.append(fault)
        with client_under(service, fault) as client:
            # After a death, a worker is started with the fault.
            dies = chance.random() < 0.2
            for picture in range(2 * number, 2 * number + (6 if fault.every else 2)):
                if client is None:
                    break
                with may_refuse():
                    paint(client, picture, promised, dies=dies and picture == 2 * number)
        failed += injected_count(service)
        assert service.process is not None
        assert service.process.poll() is None, fault
        if number % RESTARTED_AFTER == 0:
            restart(service)
        if number % 5 == 0:
            with service.client() as client:
                check_promises(client, promised)
        if number > FAULTS and failed >= wanted:
            break
    restart(service)  # which removes what could not be removed before
    with service.client() as client:
        check_promises(client, promised)
        end_all(client)
    assert service.signal(signal.SIGTERM) == 0
    assert not journal_files(service, "input")
    return failed


def test_server_has_no_libzmq(service: DaemonProcess) -> None:
    """It ends its process by an assertion if the system refuses it a descriptor or memory."""
    with service.client() as client:
        paint(client, 1, {})

    assert "zmq" not in Path(f"/proc/{service.pid}/maps").read_text()


def test_picture_of_an_ordinary_job_is_done_before_it_is_synced(service: DaemonProcess) -> None:
    never = Fault("fdatasync", "error=EIO", 1, in_loop=False, every=1)
    with service.client() as client:
        last_report(client, submit(client, content=numbered(1)))  # begins the database's journal
        with injected(service, never):
            job = submit(client, content=numbered(2))
            assert last_report(client, job).state is JobState.DONE
            assert client.status().metrics.picture_problem is None
            with pytest.raises(DaemonError, match="could not be stored"):
                submit(client, content=numbered(3), detached=True)
    restart(service)

    with service.client() as client:
        assert bytes(client.fetch(job).pixels) == invert(numbered(2)).pixels


KILL_POINTS = [
    Fault(call, "signal=KILL", number, in_loop)
    for in_loop, call, numbers in [
        (False, "openat", range(1, 9)),
        (False, "write", range(1, 9)),
        (False, "fsync", range(1, 7)),
        (False, "pwrite64", range(1, 21)),
        (False, "fdatasync", range(1, 7)),
        (False, "unlink", range(1, 4)),
        (False, "pread64", range(1, 2)),
        (True, "openat", range(1, 3)),
    ]
    for number in numbers
]


def paint_and_kill(
    service: DaemonProcess, point: Fault, number: int, promised: dict[str, int]
) -> bool:
    """Paints while the server is killed and started again; returns whether it was killed."""
    server = service.process
    assert server is not None
    with service.client() as client, injected(service, point), ThreadPoolExecutor(1) as pool:
        painted = pool.submit(paint, client, number, promised)
        wait_for(lambda: painted.done() or server.poll() is not None, "an end")
        with suppress(subprocess.TimeoutExpired):
            server.wait(0.2)
        is_killed = server.poll() is not None
        if is_killed:
            service.start()
        # The client waits for the next daemon, but not only in order to forget the picture.
        with suppress(DaemonUnavailable):
            painted.result(PATIENCE_S)
    return is_killed


def test_server_killed_at_each_step_of_a_job_keeps_it(
    service: DaemonProcess, is_thorough: bool
) -> None:
    points = KILL_POINTS if is_thorough else random.Random(22).sample(KILL_POINTS, KILLS)
    kills = 0
    for number, point in enumerate(points, 1):
        promised: dict[str, int] = {}
        if not paint_and_kill(service, point, number, promised):
            continue
        kills += 1
        with service.client() as client:
            for job, numbered_as in promised.items():
                client.watch(job)
                assert last_report(client, job).state is JobState.DONE, point
                assert bytes(client.fetch(job).pixels) == invert(numbered(numbered_as)).pixels
                client.forget(job)
            assert last_report(client, submit(client)).state is JobState.DONE

    assert kills >= len(points) / 2
    assert service.signal(signal.SIGTERM) == 0
    assert not journal_files(service, "input")


START = {
    "mkdir": ("EACCES", "ENOSPC"),
    "flock": ("ENOLCK", "EIO"),
    "bind": ("EACCES", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"),
    "pwrite64": ("EIO", "ENOSPC"),
    "pread64": ("EIO",),
}


@pytest.mark.parametrize("call", START)
def test_daemon_whose_start_fails_serves_or_exits_with_a_sentence(
    service: DaemonProcess, call: str, is_thorough: bool
) -> None:
    service.signal(signal.SIGTERM)
    for error in START[call]:
        for number in range(1, 12 if is_thorough else 2):
            start_with_fault(service, Fault(call, f"error={error}", number, in_loop=True))
    service.start()


def start_with_fault(daemon: DaemonProcess, fault: Fault) -> None:
    """Starts a daemon; checks that it paints, or says why it does not start."""
    said = daemon.folder / "said"
    command = ["strace", "-f", "-o", f"{daemon.folder}/strace", f"--trace={fault.call}"]
    command += [fault.option, *daemon.serve_command]
    with (
        said.open("w") as file,
        subprocess.Popen(command, env=daemon.environment, stderr=file) as strace,
    ):
        wait_for(lambda: strace.poll() is not None or daemon.answers(), "an answer")
        if strace.poll() is None:
            with daemon.client() as client:
                pid = client.status().pid
                assert last_report(client, submit(client)).state is JobState.DONE
            os.kill(pid, signal.SIGTERM)
            strace.wait(PATIENCE_S)
            return
    words = said.read_text()
    assert words.strip(), fault
    assert "Traceback" not in words, (fault, words)
