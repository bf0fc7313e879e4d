"""The daemon as a service, with a worker that follows a script: all but the painting is real."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from impasto_daemon.commands.image_file import read_image, write_image
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import encode
from impasto_shared.protocol.messages import PreviewOptions, Status
from impasto_shared.protocol.reports import MAX_NAME_CHARACTERS, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import SMALL, DaemonProcess, is_alive, picture, wait_for
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

PATIENCE_MS = 20_000
# Of the replies to `status`, each of hundreds of bytes, in the buffers of the system and of ZeroMQ.
MOST_REPLIES_IN_BUFFERS = 50_000


@pytest.fixture(scope="module")
def service() -> Iterator[DaemonProcess]:
    """A daemon for the tests that leave it unchanged."""
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


@pytest.fixture
def client_of_new_daemon() -> Iterator[Client]:
    """A client of a daemon that has never painted on this machine."""
    with DaemonProcess(knows_pace=False) as daemon, daemon.client() as client:
        yield client


# Detached jobs, and clients that return


def test_detached_job_continues_without_its_client_and_any_other_can_fetch_it(
    service: DaemonProcess,
) -> None:
    with service.client() as client:
        job = submit(client, steps=60, detached=True)
        next(report for report in client.updates(job) if report.step)

    with service.client() as other:
        watched = other.watch(job)
        final = last_report(other, job)
        fetched = other.fetch(job)

    assert (watched.state, watched.client, watched.detached) == (JobState.RUNNING, "test", True)
    assert final.state is JobState.DONE
    assert bytes(fetched.pixels) == invert(picture()).pixels


def test_watcher_of_a_job_that_has_ended_is_notified(service: DaemonProcess) -> None:
    with service.client() as client, service.client() as other:
        job = submit(client)
        last_report(client, job)

        assert other.watch(job).state is JobState.DONE
        assert last_report(other, job).state is JobState.DONE


def test_unknown_job_cannot_be_watched(service: DaemonProcess) -> None:
    with service.client() as client, pytest.raises(DaemonError) as caught:
        client.watch(secrets.token_hex(16))

    assert caught.value.code is ErrorCode.UNKNOWN_JOB


def test_job_of_another_client_does_not_end_with_its_watcher(service: DaemonProcess) -> None:
    with service.client() as client:
        job = submit(client, steps=100)
        with service.client() as other:
            other.watch(job)
            next(report for report in other.updates(job) if report.step)

        assert last_report(client, job).state is JobState.DONE


def test_watcher_has_previews_that_the_submitter_did_not_request(service: DaemonProcess) -> None:
    with service.client() as client, service.client() as other:
        job = submit(client, steps=100, detached=True)
        next(report for report in client.updates(job) if report.step)
        other.watch(job, PreviewOptions(64, 0.2))
        previews = [other.take_preview(job) for _ in other.updates(job)]
        of_first = client.take_preview(job)

    assert any(previews)
    assert of_first is None


def test_detached_job_outlives_its_killed_client(service: DaemonProcess) -> None:
    with client_process(
        service, "print(submit(client, 100, detached=True), flush=True); time.sleep(60)"
    ) as process:
        job = first_line(process)

    with service.client() as client:
        client.watch(job)
        assert last_report(client, job).state is JobState.DONE


def test_picture_of_a_client_that_crashed_before_it_was_fetched_is_still_there(
    service: DaemonProcess,
) -> None:
    with client_process(
        service, "print(submit(client), flush=True); list(client.poll(5)); time.sleep(60)"
    ) as process:
        job = first_line(process)
        with service.client() as client:
            wait_for(lambda: report_of(client, job).state is JobState.DONE, "the picture")

    with service.client() as client:
        assert bytes(client.fetch(job).pixels) == invert(picture()).pixels


# The commands


def test_commands_detach_list_show_and_fetch(service: DaemonProcess) -> None:
    photo = service.folder / "photo.png"
    write_image(picture(), photo)

    detached = service.run(
        "stylize", "photo.png", "photo.png", "--iterations", "10000", "--detach"
    ).stdout.strip()
    shown = service.run("show", detached[:10]).stdout
    refused = service.run("fetch", detached[:10], "-o", "early.png")
    with service.client() as client:
        wait_for(lambda: report_of(client, detached).can_keep, "the second step")
        client.keep(detached)
    fetched = service.run("fetch", detached[:10], "-o", "painted.png", "--wait")
    listed = service.run("jobs").stdout
    of_programs = json.loads(service.run("show", detached, "--json").stdout)

    assert len(detached) == 32
    assert f"Job        {detached}\nState      " in shown
    assert "ago by impasto, detached" in shown
    assert refused.returncode == 1
    assert "no picture" in refused.stderr
    assert fetched.stdout == "painted.png\n", fetched.stderr
    painted = read_image(service.folder / "painted.png")
    assert bytes(painted.pixels) == invert(picture()).pixels
    assert f"{detached[:8]}  done       64 × 48  kept for another 24 h 0 min" in listed
    assert (of_programs["state"], of_programs["client"]) == ("done", "impasto")


def test_fetch_of_a_job_that_fails_says_why(service: DaemonProcess) -> None:
    with service.client() as client:
        job = submit(client, behaviour=Behaviour.FAIL, detached=True)
        failed = service.run("fetch", job, "-o", "never.png", "--wait")

    assert failed.returncode == 1
    assert "There are no weights." in failed.stderr
    assert not (service.folder / "never.png").exists()


def test_stylize_requires_an_output_file_or_detach(service: DaemonProcess) -> None:
    refused = service.run("stylize", "photo.png", "photo.png")

    assert refused.returncode == 2
    assert "one of the arguments -o/--output --detach is required" in refused.stderr


def test_metrics_count_jobs_times_and_memory() -> None:
    with DaemonProcess(is_scripted=True) as daemon, daemon.client() as client:
        before = client.status().metrics
        for behaviour in (Behaviour.INVERT, Behaviour.INVERT, Behaviour.FAIL):
            last_report(client, submit(client, behaviour=behaviour))
        running = submit(client, steps=1000)
        waiting = submit(client)
        next(report for report in client.updates(running) if report.step)
        client.cancel(waiting)
        metrics = json.loads(daemon.run("status", "--json").stdout)["metrics"]
        for_people = daemon.run("status").stdout

    assert (before.done, before.waited_s, before.worker_bytes) == (0, None, None)
    counted = [metrics[name] for name in ("done", "failed", "cancelled", "queued", "workers")]
    assert counted == [2, 1, 1, 0, 1]
    assert metrics["painted_s"] >= 0.03
    assert metrics["waited_s"] >= 0
    assert 10**7 < metrics["server_bytes"] < 10**8
    assert metrics["worker_bytes"] > 10**7
    assert (metrics["pictures"], metrics["picture_bytes"]) == (2, 2 * len(picture().pixels))
    assert metrics["picture_problem"] is None
    assert "Jobs: 0 waiting, 2 done, 1 failed, 1 cancelled; on average " in for_people


# The queue


def test_clients_take_turns(service: DaemonProcess) -> None:
    with service.client() as greedy, service.client() as modest:
        first = submit(greedy, steps=30)
        # Each takes so long that the next has not started when all states have been read.
        many = [submit(greedy, steps=1000) for _ in range(10)]
        one = submit(modest, steps=1)
        position = report_of(modest, one).position
        last_report(modest, one)
        still_waiting = [report_of(modest, job).state is JobState.QUEUED for job in many]
        last_report(greedy, first)
        for job in many:
            greedy.cancel(job)

    assert position == 1  # after the running job
    assert sum(still_waiting) >= len(many) - 1


def test_full_queue_is_refused_with_a_reason_and_others_are_not(service: DaemonProcess) -> None:
    with service.client() as greedy, service.client() as modest:
        limits = greedy.welcome.limits
        running = submit(greedy, steps=1000)
        wait_for(lambda: report_of(modest, running).step, "the first step")
        for _ in range(limits.queue_of_one):
            submit(greedy)
        with pytest.raises(DaemonError, match="jobs of this program are waiting") as caught:
            submit(greedy)
        accepted = submit(modest)
        greedy.close()

        assert last_report(modest, accepted).state is JobState.DONE
    assert caught.value.code is ErrorCode.QUEUE_FULL
    assert limits.queue_of_one < limits.queue


# The worker


def test_worker_without_a_job_ends_and_the_next_job_starts_another() -> None:
    with (
        DaemonProcess(options=["--idle-minutes", "0.01"], is_scripted=True) as daemon,
        daemon.client() as client,
    ):
        # It stays while it works, however long that takes.
        assert last_report(client, submit(client, steps=150)).state is JobState.DONE
        first = client.status().worker.pid
        wait_for(lambda: client.status().worker.pid is None, "the end of the worker")
        last_report(client, submit(client))
        metrics = client.status().metrics

    assert first is not None
    assert not is_alive(first)
    assert (metrics.done, metrics.failed, metrics.workers) == (2, 0, 2)


def test_worker_that_does_not_stop_is_replaced(service: DaemonProcess) -> None:
    with service.client() as client:
        job = submit(client, behaviour=Behaviour.HANG)
        next(report for report in client.updates(job) if report.step)
        hanging = client.status().worker.pid
        client.cancel(job)

        assert last_report(client, submit(client)).state is JobState.DONE
    assert hanging is not None
    assert not is_alive(hanging)


def test_job_fails_with_its_worker_and_the_queue_continues(service: DaemonProcess) -> None:
    with service.client() as client:
        doomed = submit(client, behaviour=Behaviour.DIE)
        following = submit(client)
        final, after = last_report(client, doomed), last_report(client, following)

    assert final.problem is not None
    assert final.problem.code is ErrorCode.WORKER_DIED
    assert after.state is JobState.DONE


def test_job_sent_to_a_dying_worker_is_done_by_the_next_one(
    service: DaemonProcess,
) -> None:
    with service.client() as client:
        last_report(client, submit(client))
        before = client.status()
        assert before.worker.pid is not None
        os.kill(before.worker.pid, signal.SIGSTOP)
        job = submit(client)
        wait_for(lambda: report_of(client, job).state is JobState.RUNNING, "its turn")
        os.kill(before.worker.pid, signal.SIGKILL)

        assert last_report(client, job).state is JobState.DONE
        assert client.status().metrics.workers == before.metrics.workers + 1


def test_job_that_kills_every_worker_is_tried_twice_at_most(service: DaemonProcess) -> None:
    with service.client() as client:
        last_report(client, submit(client))
        workers = client.status().metrics.workers
        final = last_report(client, submit(client, behaviour=Behaviour.DIE_AT_ONCE))

        assert final.problem is not None
        assert final.problem.code is ErrorCode.WORKER_DIED
        assert client.status().metrics.workers == workers + 1
        assert last_report(client, submit(client)).state is JobState.DONE


# Pauses and silence


def test_paused_client_loses_no_update_and_no_picture(service: DaemonProcess) -> None:
    program = "print(submit(client, 100), flush=True)\nfor _ in range(9): print(client.poll(9)[-1])"
    with client_process(service, program) as process, service.client() as client:
        job = first_line(process)
        process.send_signal(signal.SIGSTOP)
        wait_for(lambda: report_of(client, job).state is JobState.DONE, "the picture")
        answered = client.status().pid == service.pid
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        heard = wait_for(lambda: "DONE" in process.stdout.readline(), "the end")  # type: ignore[union-attr]

    assert answered
    assert heard


def test_requests_of_a_client_that_does_not_read_are_answered_when_it_reads(
    service: DaemonProcess,
) -> None:
    with zmq.Context.instance().socket(zmq.DEALER) as stalled, service.client() as other:
        stalled.setsockopt(zmq.LINGER, 0)
        stalled.setsockopt(zmq.RCVHWM, 1)
        stalled.setsockopt(zmq.RCVBUF, 4096)
        stalled.connect(service.endpoint)
        asked: list[str] = []
        answers: list[str] = []
        while "its replies wait" not in service.log:
            assert len(asked) < MOST_REPLIES_IN_BUFFERS
            for _ in range(20):
                asked.append(str(len(asked)))
                stalled.send_multipart(encode(Status(asked[-1])))
                assert other.status().pid == service.pid  # which takes turns with it
        while len(answers) < len(asked):
            assert stalled.poll(PATIENCE_MS)
            answers.append(json.loads(stalled.recv_multipart()[1])["re"])
        for _ in range(200):
            asked.append(str(len(asked)))
            stalled.send_multipart(encode(Status(asked[-1])))
            assert stalled.poll(PATIENCE_MS)
            answers.append(json.loads(stalled.recv_multipart()[1])["re"])

    assert answers == asked


def test_silence_of_the_daemon_is_noticed(daemon_to_stop: DaemonProcess) -> None:
    with daemon_to_stop.client() as client:
        job = submit(client, steps=1000)
        next(report for report in client.updates(job) if report.step)
        os.kill(daemon_to_stop.pid, signal.SIGSTOP)
        wait_for(lambda: client.poll(0.1) or client.silent_s > 1.5, "silence")
        silent_s = wait_for(lambda: not client.poll(0.1) and client.silent_s, "silence")
        os.kill(daemon_to_stop.pid, signal.SIGCONT)
        client.cancel(job)

        assert silent_s > 0.6  # longer than between two updates
        assert last_report(client, job).state is JobState.CANCELLED
        assert client.silent_s == 0.0


@pytest.fixture
def daemon_to_stop() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


# Memory and disk


def large_picture() -> Image:
    """Returns four megapixels of noise, 12 MB."""
    return Image(2000, 2000, PixelFormat.RGB_U8, os.urandom(12_000_000))


def test_pictures_are_kept_on_the_disk_and_the_server_stays_small(
    daemon_to_stop: DaemonProcess,
) -> None:
    large = large_picture()
    with daemon_to_stop.client() as client:
        jobs = []
        for _ in range(12):
            jobs.append(submit(client, content=large, behaviour=Behaviour.ECHO))
            last_report(client, jobs[-1])
        equal = [client.fetch(job).pixels == large.pixels for job in (jobs[0], jobs[-1])]
        metrics = client.status().metrics

        assert equal == [True, True]
        assert metrics.picture_bytes == 12 * len(large.pixels)
        assert rss_bytes(daemon_to_stop.pid) < 60 * MEGABYTE
        (folder,) = (daemon_to_stop.folder / "cache" / "impasto" / "jobs").iterdir()
        assert len(list(folder.glob("*.picture"))) == 12
        descriptors = list(Path(f"/proc/{daemon_to_stop.pid}/fd").iterdir())
        for job in jobs:
            client.forget(job)
        assert client.status().metrics.pictures == 0
        wait_for(lambda: not list(folder.glob("*.picture")), "the removal of the files")
        assert len(descriptors) < 40


def test_status_fits_into_a_message_with_the_longest_names_of_jobs() -> None:
    with (
        DaemonProcess(is_scripted=True) as daemon,
        Client.connect(daemon.endpoint, name="\U0001f58c" * MAX_NAME_CHARACTERS) as client,
    ):
        for _ in range(60):
            last_report(client, submit(client, behaviour=Behaviour.ECHO))
        running = submit(client, steps=1000)
        waiting = submit(client)
        status = client.status()

    assert len(status.jobs) < 62
    assert [report.job for report in status.jobs[-2:]] == [running, waiting]
    ages_s = [report.submitted_s for report in status.jobs]
    assert ages_s == sorted(ages_s, reverse=True)
    assert status.metrics.done == 60


# The pace of the machine


def test_new_daemon_measures_how_fast_the_machine_paints(client_of_new_daemon: Client) -> None:
    def knows() -> bool:
        forecast = client_of_new_daemon.forecast(StyleSettings(), 512, 384)
        return forecast is not None and forecast.painting_s is not None

    wait_for(knows, "a forecast of the time")
    status = client_of_new_daemon.status()
    assert status.jobs == ()
    assert status.worker.model == "vgg19"


def test_job_is_painted_at_once_where_the_pace_is_not_known_yet(
    client_of_new_daemon: Client,
) -> None:
    job = client_of_new_daemon.submit(picture(), [Style(picture())], StyleSettings(**SMALL))

    assert last_report(client_of_new_daemon, job).state is JobState.DONE
