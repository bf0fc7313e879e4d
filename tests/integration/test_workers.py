"""Several workers of a real daemon: `devices` in its configuration."""

import os
import re
import signal
from collections.abc import Iterator

import pytest

from impasto_shared.client import Client
from impasto_shared.errors import ErrorCode
from impasto_shared.protocol.reports import JobState, WorkerReport
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture, wait_for
from integration.scripted_jobs import last_report, report_of, submit
from integration.scripted_worker import Behaviour, invert

TWO = ("--devices", "cpu,cpu")


@pytest.fixture
def service() -> Iterator[DaemonProcess]:
    with DaemonProcess(options=TWO, is_scripted=True) as daemon:
        yield daemon


def painting(client: Client) -> set[str | None]:
    """Returns the jobs in the workers."""
    return {worker.job for worker in client.status().workers} - {None}


def wait_for_steps(client: Client, *jobs: str) -> None:
    wait_for(lambda: all(report_of(client, job).step > 1 for job in jobs), "steps of the jobs")


def test_two_jobs_are_painted_at_once_and_the_third_waits(service: DaemonProcess) -> None:
    with service.client() as client:
        jobs = [submit(client, 10_000) for _ in range(3)]
        wait_for_steps(client, *jobs[:2])

        assert painting(client) == set(jobs[:2])
        assert [report_of(client, job).position for job in jobs] == [0, 0, 2]
        client.keep(jobs[1])
        assert last_report(client, jobs[1]).state is JobState.DONE
        wait_for_steps(client, jobs[2])
        assert painting(client) == {jobs[0], jobs[2]}


def test_devices_of_different_kinds_are_refused_with_a_sentence() -> None:
    daemon = DaemonProcess(options=("--devices", "cpu,cuda:0"))
    refused = daemon.run("serve", "--devices", "cpu,cuda:0")
    daemon.end()

    assert refused.returncode == 1
    assert "--devices: cpu, cuda:0 are of different kinds" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_cancel_and_keep_hit_the_right_job(service: DaemonProcess) -> None:
    with service.client() as client:
        first, second = (submit(client, 10_000, content=picture(64 + n, 48)) for n in range(2))
        wait_for_steps(client, first, second)
        client.keep(second)
        final = last_report(client, second)
        client.cancel(first)

        assert last_report(client, first).state is JobState.CANCELLED
        assert (final.state, final.step < 5000) == (JobState.DONE, True)
        wait_for(lambda: not painting(client), "idle workers")
        assert bytes(client.fetch(second).pixels) == invert(picture(65, 48)).pixels


def test_worker_that_dies_takes_only_its_own_job(service: DaemonProcess) -> None:
    with service.client() as client:
        lasting = submit(client, 200)
        wait_for_steps(client, lasting)
        dying = submit(client, 10, Behaviour.DIE)
        died = last_report(client, dying)
        next_one = submit(client, 3)

        assert died.problem is not None
        assert died.problem.code is ErrorCode.WORKER_DIED
        assert last_report(client, next_one).state is JobState.DONE
        assert last_report(client, lasting).state is JobState.DONE


def test_killed_worker_is_replaced_and_the_other_keeps_its_job(service: DaemonProcess) -> None:
    with service.client() as client:
        jobs = [submit(client, 300) for _ in range(2)]
        wait_for_steps(client, *jobs)
        victim = next(worker for worker in client.status().workers if worker.job == jobs[0])
        assert victim.pid is not None
        os.kill(victim.pid, signal.SIGKILL)

        assert last_report(client, jobs[0]).state is JobState.FAILED
        assert last_report(client, jobs[1]).state is JobState.DONE
        assert last_report(client, submit(client)).state is JobState.DONE


def test_one_job_starts_one_worker(service: DaemonProcess) -> None:
    with service.client() as client:
        last_report(client, submit(client))
        last_report(client, submit(client))

        assert client.status().metrics.workers == 1
        first, second = client.status().workers
        assert (first.device, second) == ("cpu", WorkerReport())


def test_waiting_time_is_divided_among_the_workers(service: DaemonProcess) -> None:
    with service.client() as client:
        settings = StyleSettings(iterations=100, seed=Behaviour.INVERT)
        alone = client.forecast(settings, 64, 48)
        jobs = [submit(client, 10_000) for _ in range(2)]
        wait_for_steps(client, *jobs)
        busy = client.forecast(settings, 64, 48)
        client.cancel(jobs[0])
        last_report(client, jobs[0])
        one_free = client.forecast(settings, 64, 48)

        assert alone is not None
        assert busy is not None
        assert one_free is not None
        assert (alone.waiting_s, one_free.waiting_s) == (0, 0)
        assert busy.waiting_s


def test_memory_is_shared_by_the_workers(service: DaemonProcess) -> None:
    with DaemonProcess(is_scripted=True) as single, single.client() as client:
        whole = client.forecast(StyleSettings(), 640, 480)
    with service.client() as client:
        share = client.forecast(StyleSettings(), 640, 480)

    assert whole is not None
    assert share is not None
    assert whole.available_bytes is not None
    assert share.available_bytes is not None
    assert share.available_bytes < 0.75 * whole.available_bytes


def test_status_shows_each_worker(service: DaemonProcess) -> None:
    with service.client() as client:
        jobs = [submit(client, 10_000) for _ in range(2)]
        wait_for_steps(client, *jobs)
        shown = service.run("status").stdout

    lines = re.findall(r"Worker \d+: scripted on cpu, job (\w+)", shown)
    assert sorted(lines) == sorted(job[:8] for job in jobs)


def test_every_gpu_that_the_first_worker_finds_has_a_worker() -> None:
    variables = {"SCRIPTED_GPU_BYTES": "2000000000", "SCRIPTED_GPUS": "3"}
    with DaemonProcess(is_scripted=True, variables=variables) as daemon, daemon.client() as client:
        jobs = [submit(client, 10_000) for _ in range(3)]
        wait_for_steps(client, *jobs)

        devices = [worker.device for worker in client.status().workers]
        assert devices == ["CPU", "cuda:1", "cuda:2"]


def test_gpus_that_the_configuration_does_not_name_have_none() -> None:
    variables = {"SCRIPTED_GPU_BYTES": "2000000000", "SCRIPTED_GPUS": "3"}
    options = ["--devices", "cuda:0"]
    with (
        DaemonProcess(options=options, is_scripted=True, variables=variables) as daemon,
        daemon.client() as client,
    ):
        wait_for_steps(client, submit(client, 10_000))

        assert len(client.status().workers) == 1


@pytest.mark.parametrize("device", ["cuda:99", "xpu:99"])
def test_device_that_the_machine_lacks_is_said(device: str) -> None:
    with DaemonProcess(options=("--devices", device)) as daemon, daemon.client() as client:
        settings = StyleSettings(iterations=2, size=64)
        final = last_report(client, client.submit(picture(), [Style(picture())], settings))

    assert final.problem is not None
    assert f"names the GPU {device}" in final.problem.message
    assert "impasto config" in final.problem.message


@pytest.mark.parametrize("devices", ["gpu", "cpu,", "cpu;cpu", "cuda:x"])
def test_unknown_device_is_refused_before_the_daemon_starts(devices: str) -> None:
    daemon = DaemonProcess(is_scripted=True)
    try:
        completed = daemon.run("serve", "--devices", devices)
    finally:
        daemon.end()

    assert completed.returncode == 1
    assert "--devices: Devices must be a list of cpu, cuda, cuda:NUMBER, mps" in completed.stderr
