"""Jobs from a client's point of view, with a real daemon, worker and installed network."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, DaemonUnavailable, ErrorCode
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import Quality, StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import (
    ENDLESS,
    SMALL,
    DaemonProcess,
    is_alive,
    picture,
    wait_for,
)


def last_report(client: Client, job: str) -> JobReport:
    *_, final = client.updates(job)
    return final


def wait_until_painting(client: Client, job: str, step: int = 1) -> JobReport:
    """Returns the first report of that number of evaluations."""
    return next(report for report in client.updates(job) if report.step >= step)


def state_of(client: Client, job: str) -> JobState:
    return next(report.state for report in client.status().jobs if report.job == job)


def is_cancelled(client: Client, job: str) -> bool:
    return state_of(client, job) is JobState.CANCELLED


def worker_pid(client: Client) -> int:
    pid = client.status().worker.pid
    assert pid is not None
    return pid


@pytest.mark.parametrize("form", list(PixelFormat))
def test_painting_has_the_photos_size_and_format(
    shared_daemon: DaemonProcess, form: PixelFormat
) -> None:
    photo = Image(40, 33, form, bytes(40 * 33 * form.bytes_per_pixel))

    with shared_daemon.client() as client:
        job = client.submit(photo, [Style(picture())], StyleSettings(**SMALL))
        final = last_report(client, job)
        painting = client.fetch(job)

    assert final.state is JobState.DONE
    assert (painting.width, painting.height, painting.format) == (40, 33, form)
    assert bytes(painting.pixels) != bytes(photo.pixels)


def test_updates_report_every_step_and_a_falling_loss(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(
            picture(), [Style(picture(50, 50))], StyleSettings(size=64, iterations=30)
        )
        reports = list(client.updates(job))

    steps = [report.step for report in reports]
    losses = [report.loss for report in reports if report.loss is not None]
    assert steps == sorted(steps)
    assert (reports[-1].state, reports[-1].step, reports[-1].steps) == (JobState.DONE, 30, 30)
    assert losses[-1] < losses[0]


def test_the_curve_has_every_evaluation_of_a_job(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=12))
        before = client.curve(job)
        final = last_report(client, job)
        client.forget(job)
        points = client.curve(job)

    assert len(before) < 12
    assert [point.step for point in points] == list(range(1, 13))
    assert points[0].seconds == 0
    assert [point.seconds for point in points] == sorted(point.seconds for point in points)
    assert points[-1].loss == final.loss


def test_unknown_job_has_no_curve(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client, pytest.raises(DaemonError) as caught:
        client.curve("0" * 32)

    assert caught.value.code is ErrorCode.UNKNOWN_JOB


@pytest.mark.parametrize(
    ("form", "preview_form"),
    [
        (PixelFormat.RGB_U16, PixelFormat.RGB_U8),
        (PixelFormat.RGBA_FLOAT, PixelFormat.RGBA_U8),
    ],
)
def test_previews_show_the_picture_grow(
    shared_daemon: DaemonProcess, form: PixelFormat, preview_form: PixelFormat
) -> None:
    photo = Image(300, 200, form, bytes(300 * 200 * form.bytes_per_pixel))
    with shared_daemon.client() as client:
        job = client.submit(
            photo,
            [Style(picture())],
            StyleSettings(size=96, iterations=60),
            PreviewOptions(longest_side_px=60, interval_s=0.2),
        )
        previews = [preview for _ in client.updates(job) if (preview := client.take_preview(job))]

    assert len(previews) > 1
    assert {(image.width, image.height, image.format) for image in previews} == {
        (60, 40, preview_form)
    }
    # A step without progress does not change the picture.
    assert len({bytes(image.pixels) for image in previews}) > len(previews) / 2


def test_previews_are_sent_only_on_request(
    shared_daemon: DaemonProcess,
) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=20))
        previews = [client.take_preview(job) for _ in client.updates(job)]

    assert set(previews) == {None}


def test_kept_job_is_done_with_its_best_picture_so_far(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture(50, 50))], StyleSettings(**ENDLESS))
        wait_until_painting(client, job, step=5)
        report = client.keep(job)
        final = last_report(client, job)
        painting = client.fetch(job)
        again = client.keep(job)

    assert report.state is JobState.RUNNING
    assert final.state is again.state is JobState.DONE
    assert 0 < final.step < final.steps
    assert bytes(painting.pixels) != bytes(picture().pixels)


def test_job_that_is_detached_while_it_runs_outlasts_its_client(
    shared_daemon: DaemonProcess,
) -> None:
    settings = StyleSettings(size=64, iterations=150)
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture(50, 50))], settings)
        wait_until_painting(client, job, step=2)
        detached = client.detach(job)
    with shared_daemon.client() as client:
        client.watch(job)
        final = last_report(client, job)
        painting = client.fetch(job)

    assert detached.detached
    assert (final.state, final.detached, final.painted_px) == (JobState.DONE, True, 64)
    assert bytes(painting.pixels) != bytes(picture().pixels)


def test_job_without_a_step_cannot_be_kept(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        first = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        waiting = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        with pytest.raises(DaemonError, match="no picture to keep yet") as caught:
            client.keep(waiting)
        state = state_of(client, waiting)
        for job in (waiting, first):
            client.cancel(job)

    assert caught.value.code is ErrorCode.NOT_DONE
    assert state is JobState.QUEUED


def test_job_that_is_to_be_kept_can_still_be_cancelled(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        wait_until_painting(client, job, step=5)
        client.keep(job)
        cancelled = client.cancel(job)
        final = last_report(client, job)
        # The worker is idle again.
        following = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        after = last_report(client, following)

    assert final.state is cancelled.state is JobState.CANCELLED
    assert after.state is JobState.DONE


def test_worker_is_kept_between_jobs(shared_daemon: DaemonProcess) -> None:
    workers = set()
    with shared_daemon.client() as client:
        for _ in range(2):
            last_report(
                client, client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
            )
            workers.add(worker_pid(client))

    assert len(workers) == 1


def test_warm_start_begins_where_the_last_such_job_ended(shared_daemon: DaemonProcess) -> None:
    draft = StyleSettings(size=64, quality=Quality.DRAFT)

    def steps(settings: StyleSettings, *, warm_start: bool) -> int:
        styles = [Style(picture())]
        return last_report(
            client, client.submit(picture(), styles, settings, warm_start=warm_start)
        ).steps

    with shared_daemon.client() as client:
        first = steps(draft, warm_start=True)
        changed = steps(replace(draft, style_strength=1.3), warm_start=True)
        # An ordinary job has all of the memory, and begins as if it were the first.
        ordinary = steps(replace(draft, iterations=7), warm_start=False)
        after_it = steps(draft, warm_start=True)

    assert (first, changed, ordinary, after_it) == (15, 5, 7, 15)


def test_server_never_loads_torch(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        last_report(client, client.submit(picture(), [Style(picture())], StyleSettings(**SMALL)))
        worker = worker_pid(client)

    def maps(pid: int) -> str:
        return Path(f"/proc/{pid}/maps").read_text()

    assert "libtorch" in maps(worker)
    assert "libtorch" not in maps(shared_daemon.pid)


def test_status_is_answered_while_a_job_runs(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client, shared_daemon.client() as onlooker:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        wait_until_painting(client, job)

        status = onlooker.status()

        assert state_of(onlooker, job) is JobState.RUNNING
        assert (status.worker.device, status.worker.model) == ("CPU", "vgg19")
        onlooker.cancel(job)


def test_second_job_waits_for_the_first(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        first = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        second = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        wait_until_painting(client, first)

        waiting = next(report for report in client.status().jobs if report.job == second)
        client.cancel(first)

        assert (waiting.state, waiting.position) == (JobState.QUEUED, 1)
        assert last_report(client, second).state is JobState.DONE


def test_cancelled_job_ends_and_the_worker_stays(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        wait_until_painting(client, job)
        worker = worker_pid(client)

        cancelled = client.cancel(job)

        assert cancelled.state is JobState.CANCELLED
        assert last_report(client, job).state is JobState.CANCELLED
        with pytest.raises(DaemonError, match="no picture"):
            client.fetch(job)
        next_job = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        assert last_report(client, next_job).state is JobState.DONE
        assert worker_pid(client) == worker


def test_job_in_one_huge_evaluation_is_cancelled_too(daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        large = picture(1400, 1400)
        job = client.submit(large, [Style(picture())], StyleSettings(iterations=2, size=1400))
        wait_for(lambda: client.status().worker.device, "the network")

        client.cancel(job)
        small = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))

        assert last_report(client, small).state is JobState.DONE


def test_forgotten_picture_is_gone(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        last_report(client, job)
        client.fetch(job)
        client.forget(job)

        with pytest.raises(DaemonError) as caught:
            client.fetch(job)

    assert caught.value.code is ErrorCode.UNKNOWN_JOB


def test_job_of_a_killed_client_is_cancelled(shared_daemon: DaemonProcess) -> None:
    program = """
import sys
from pathlib import Path
from impasto_shared.client import Client
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import ENDLESS, picture
client = Client.connect(sys.argv[1], name="doomed")
settings = StyleSettings(**ENDLESS)
running, waiting = (client.submit(picture(), [Style(picture())], settings) for _ in "12")
print(running, waiting, flush=True)
for _ in client.updates(running):
    pass
"""
    environment = shared_daemon.environment
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    with (
        subprocess.Popen(
            [sys.executable, "-c", program, shared_daemon.endpoint],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        ) as doomed,
        shared_daemon.client() as onlooker,
    ):
        assert doomed.stdout is not None
        jobs = doomed.stdout.readline().split()
        wait_for(lambda: state_of(onlooker, jobs[0]) is JobState.RUNNING, "the job's start")
        doomed.kill()

        for job in jobs:
            wait_for(partial(is_cancelled, onlooker, job), "the cancellation")


def test_job_of_a_closed_client_is_cancelled(shared_daemon: DaemonProcess) -> None:
    with shared_daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))

    with shared_daemon.client() as onlooker:
        wait_for(lambda: state_of(onlooker, job) is JobState.CANCELLED, "the cancellation")


def test_job_fails_with_its_worker_and_the_next_one_runs(daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        wait_until_painting(client, job)

        os.kill(worker_pid(client), signal.SIGKILL)
        final = last_report(client, job)

        assert final.state is JobState.FAILED
        assert final.problem is not None
        assert final.problem.code is ErrorCode.WORKER_DIED
        next_job = client.submit(picture(), [Style(picture())], StyleSettings(**SMALL))
        assert last_report(client, next_job).state is JobState.DONE


def test_worker_ends_with_a_killed_daemon(daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        wait_until_painting(client, job)
        worker = worker_pid(client)

        daemon.signal(signal.SIGKILL)

        with pytest.raises(DaemonUnavailable, match="in the middle of the job"):
            last_report(client, job)
        wait_for(lambda: not is_alive(worker), "the worker's end")


def test_killed_daemon_can_be_started_again(daemon: DaemonProcess) -> None:
    daemon.signal(signal.SIGKILL)

    daemon.start()

    with daemon.client() as client:
        assert client.status().pid == daemon.pid


def test_terminated_daemon_notifies_its_clients_and_leaves_nothing(daemon: DaemonProcess) -> None:
    with daemon.client() as client:
        job = client.submit(picture(), [Style(picture())], StyleSettings(**ENDLESS))
        wait_until_painting(client, job)
        worker = worker_pid(client)

        exit_status = daemon.signal(signal.SIGTERM)
        final = last_report(client, job)

    assert exit_status == 0
    assert final.problem is not None
    assert final.problem.code is ErrorCode.SHUTTING_DOWN
    assert not is_alive(worker)
    # Locks stay: without them, two daemons that start at once could hold different files.
    names = sorted(path.name for path in daemon.runtime.iterdir())
    assert names == ["daemon.lock", "daemon.sock.lock"]
    assert "Traceback" not in daemon.log
