"""Detached jobs and finished pictures outlive a real daemon, however it ends."""

import os
import random
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from impasto_daemon.commands.image_file.reading import read_image
from impasto_daemon.commands.image_file.writing import write_image
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import encode
from impasto_shared.protocol.messages import Submit, Watch
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, RawConnection, picture, wait_for
from integration.scripted_jobs import client_process, first_line, last_report, report_of, submit
from integration.scripted_worker import invert
from integration.test_faults import little_room

ROUNDS, MANY_ROUNDS = 6, 200
MOST_PROMISED = 50


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


def restart(daemon: DaemonProcess, number: signal.Signals = signal.SIGKILL) -> None:
    daemon.signal(number)
    daemon.start()


def numbered(number: int) -> Image:
    """Returns a picture of its own, which is large enough for the worker to write it."""
    return Image(120, 100, PixelFormat.RGB_U8, number.to_bytes(4) * 9000)


def journal_files(daemon: DaemonProcess, suffix: str) -> list[Path]:
    return sorted((daemon.folder / "cache" / "impasto" / "jobs").glob(f"*/*.{suffix}"))


def fetch_when_done(client: Client, job: str) -> Image:
    client.watch(job)
    final = last_report(client, job)
    assert final.state is JobState.DONE, final.problem
    return client.fetch(job)


# A client that submits detached jobs, and reports each one that it was promised.
SUBMITTER = """
from impasto_shared.errors import DaemonError, ErrorCode
from integration.test_durability import numbered
number = int(time.time() * 1000) % 1_000_000
while True:
    try:
        job = submit(client, 3, content=numbered(number), detached=True)
    except DaemonError as error:
        if error.code is not ErrorCode.QUEUE_FULL:
            raise
        time.sleep(0.02)  # it submits faster than the worker paints
        continue
    print(job, number, flush=True)
    number += 1
    for old in client.status().jobs:
        if old.kept_s is not None and number % 3 == 0:
            print("forgets", old.job, flush=True)
            client.forget(old.job)
            break
"""


@pytest.mark.timeout(3600)
def test_daemon_killed_at_any_moment_loses_no_accepted_job(
    service: DaemonProcess, is_thorough: bool
) -> None:
    chance = random.Random(22)
    promised: dict[str, int] = {}
    for _ in range(MANY_ROUNDS if is_thorough else ROUNDS):
        with client_process(service, SUBMITTER) as process:
            first = first_line(process)
            # The moment is random: there is no event to wait for.
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, 0.6))
            restart(service)
            process.kill()
            assert process.stdout is not None
            rest = process.stdout.read()
        for line in [first, *rest.splitlines()]:
            job, value = line.split()
            if job == "forgets":
                promised.pop(value, None)
            else:
                promised[job] = int(value)
        with service.client() as client:
            for job, number in promised.items():
                pixels = fetch_when_done(client, job).pixels
                assert bytes(pixels) == invert(numbered(number)).pixels
            for job in list(promised)[:-MOST_PROMISED]:
                client.forget(job)
                del promised[job]

    assert len(promised) >= ROUNDS
    # A job whose promise the killed client could not report any more may still be painted.
    wait_for(lambda: not journal_files(service, "input"), "the end of the input of all jobs")


def test_detached_job_survives_a_normal_restart(service: DaemonProcess) -> None:
    with service.client() as client:
        finished = submit(client, content=numbered(1), detached=True)
        last_report(client, finished)
        running = submit(client, 100, content=numbered(2), detached=True)
        waiting = [submit(client, content=numbered(3 + n), detached=True) for n in range(3)]
        ordinary = submit(client)
        next(report for report in client.updates(running) if report.step)
        service.signal(signal.SIGTERM)
        end = last_report(client, ordinary)
    service.start()

    assert end.problem is not None
    assert end.problem.code is ErrorCode.SHUTTING_DOWN
    assert "Run the job again" in end.problem.message
    with service.client() as client:
        assert bytes(client.fetch(finished).pixels) == invert(numbered(1)).pixels
        reports = [report_of(client, job) for job in waiting]
        positions = [report.position for report in reports]
        assert positions == sorted(positions)
        assert {(report.client, report.detached) for report in reports} == {("test", True)}
        for number, job in enumerate([running, *waiting], 2):
            assert bytes(fetch_when_done(client, job).pixels) == invert(numbered(number)).pixels
        with pytest.raises(DaemonError, match="not detached and ended with an earlier daemon"):
            client.fetch(ordinary)
    assert service.signal(signal.SIGTERM) == 0


def test_picture_that_its_client_did_not_fetch_survives_the_daemon(
    service: DaemonProcess,
) -> None:
    with service.client() as client:
        jobs = {submit(client, content=numbered(n)): numbered(n) for n in range(3)}
        jobs[submit(client)] = picture()  # a small one, which the worker does not write itself
        for job in jobs:
            last_report(client, job)
    for _ in range(2):
        restart(service)
        with service.client() as client:
            for job, content in jobs.items():
                assert bytes(client.fetch(job).pixels) == invert(content).pixels
                report = report_of(client, job)
                assert 86_000 < (report.kept_s or 0) <= 86_400


def test_200_pictures_are_listed_and_fetched_by_the_beginning_of_their_names(
    service: DaemonProcess,
) -> None:
    with service.client() as client:
        jobs = []
        for number in range(200):
            jobs.append(submit(client, 1, content=numbered(number), detached=True))
            last_report(client, jobs[-1])
    restart(service)

    with service.client() as client:
        assert [report.job for report in client.jobs()] == jobs
        assert len(client.status().jobs) < 200
    fetched = service.run("fetch", jobs[0][:10], "-o", "first.png")
    assert fetched.returncode == 0, fetched.stderr
    assert len(service.run("jobs").stdout.splitlines()) == 200
    pixels = read_image(service.folder / "first.png").pixels
    assert bytes(pixels) == invert(numbered(0)).pixels


def test_forgotten_job_does_not_come_back(service: DaemonProcess) -> None:
    with service.client() as client:
        jobs = [
            submit(client, content=numbered(1), detached=detached) for detached in (False, True)
        ]
        for job in jobs:
            last_report(client, job)
            client.forget(job)
        wait_for(lambda: not journal_files(service, "picture"), "the removal of the files")
    restart(service)

    with service.client() as client:
        for job in jobs:
            with pytest.raises(DaemonError, match="expired"):
                client.fetch(job)


def test_files_cut_off_by_a_loss_of_power_are_reported(service: DaemonProcess) -> None:
    with service.client() as client:
        sound, damaged, gone = (
            submit(client, content=numbered(n), detached=True) for n in range(3)
        )
        for job in (sound, damaged, gone):
            client.watch(job)
            last_report(client, job)
        running = submit(client, 1000, detached=True)
        waiting = submit(client, content=numbered(3), detached=True)
        next(report for report in client.updates(running) if report.step)
    service.signal(signal.SIGKILL)
    for path in [*journal_files(service, "picture"), *journal_files(service, "input")]:
        if path.name.startswith((damaged, waiting)):
            os.truncate(path, path.stat().st_size // 2)
        if path.name.startswith(gone):
            path.unlink()
    service.start()

    said = service.run("jobs").stdout
    shown = service.run("show", damaged[:8]).stdout
    fetched = service.run("fetch", gone[:8], "-o", "gone.png")
    lost = service.run("fetch", waiting[:8], "--wait", "-o", "lost.png")
    with service.client() as client:
        assert bytes(client.fetch(sound).pixels) == invert(numbered(0)).pixels
        client.watch(running)
        client.cancel(running)
    assert "was lost because its file is damaged: it has 18000 bytes instead of 36000" in said
    assert "lost because its file is damaged" in shown
    assert fetched.returncode == 1
    assert "lost because its file is missing" in fetched.stderr
    assert lost.returncode == 1
    assert "lost because the file of its pictures is damaged" in lost.stderr


def test_daemon_starts_with_a_damaged_database_and_says_so(service: DaemonProcess) -> None:
    with service.client() as client:
        job = submit(client, detached=True)
        last_report(client, job)
    service.signal(signal.SIGKILL)
    (database,) = journal_files(service, "sqlite")
    for path in database.parent.glob("*.sqlite*"):
        path.write_bytes(os.urandom(20_000))
    service.start()

    with service.client() as client:
        with pytest.raises(DaemonError, match="list of stored jobs was damaged and is now in"):
            client.fetch(job)
        assert last_report(client, submit(client, detached=True)).state is JobState.DONE
    assert "the journal of jobs is damaged" in service.log


def test_detached_job_is_refused_if_the_disk_is_full(service: DaemonProcess) -> None:
    write_image(picture(600, 600), service.folder / "photo.png")
    with little_room(service.pid, 500_000):
        refused = service.run("stylize", "photo.png", "photo.png", "--detach", "--iterations", "2")
        with service.client() as client:
            # Another one has room, and nothing of the first remains.
            job = submit(client, detached=True)
            assert last_report(client, job).state is JobState.DONE
            assert [report.job for report in client.status().jobs] == [job]

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "could not be stored" in refused.stderr
    assert "File too large" in refused.stderr
    restart(service)
    with service.client() as client:
        assert bytes(client.fetch(job).pixels) == invert(picture()).pixels


def test_job_that_is_watched_before_it_is_refused_does_not_end_the_daemon(
    service: DaemonProcess,
) -> None:
    large, job = Image(1000, 1000, PixelFormat.RGB_U8, bytes(3_000_000)), "7" * 32
    request = Submit("1", job, StyleSettings(), large, (Style(picture()),), detached=True)
    pid = service.pid
    with little_room(pid, 500_000), RawConnection(service.endpoint) as connection:
        connection.send(*encode(request))
        connection.send(*encode(Watch("2", job)))
        replies = [connection.receive(), connection.receive()]

    assert [reply.re for reply in replies] == ["1", "2"]
    refused, watched = (reply.problem.code for reply in replies)
    assert refused is ErrorCode.QUEUE_FULL
    # The second message may arrive only after the refusal.
    assert watched in (ErrorCode.QUEUE_FULL, ErrorCode.UNKNOWN_JOB)
    with service.client() as client:
        assert client.status().pid == pid


def test_daemon_that_can_store_nothing_paints_and_refuses_detached_jobs() -> None:
    daemon = DaemonProcess(is_scripted=True, knows_pace=False)
    (daemon.folder / "cache").mkdir()
    (daemon.folder / "cache" / "impasto").write_text("a file where the folder should be")
    with daemon, daemon.client() as client:
        job = submit(client)
        assert last_report(client, job).state is JobState.DONE
        assert bytes(client.fetch(job).pixels) == invert(picture()).pixels
        with pytest.raises(DaemonError, match="could not be stored") as caught:
            submit(client, detached=True)

    assert caught.value.code is ErrorCode.QUEUE_FULL


def test_jobs_of_a_newer_version_stay_and_detached_ones_are_refused(
    service: DaemonProcess,
) -> None:
    service.signal(signal.SIGTERM)
    (database,) = journal_files(service, "sqlite")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 99")
    service.start()

    with service.client() as client:
        assert last_report(client, submit(client)).state is JobState.DONE
        with pytest.raises(DaemonError, match="stored by a newer Impasto"):
            submit(client, detached=True)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_job_that_kills_its_daemon_again_and_again_is_given_up(service: DaemonProcess) -> None:
    with service.client() as client:
        job = submit(client, 1000, detached=True)
    for _ in range(3):
        with service.client() as client:
            client.watch(job)
            next(report for report in client.updates(job) if report.step)
        restart(service)

    with service.client() as client:
        problem = report_of(client, job).problem
    assert problem is not None
    assert "the daemon was killed 3 times while it was painted" in problem.message
