"""The daemon's state in words."""

from __future__ import annotations

from impasto_daemon.commands.status import status_lines
from impasto_shared.protocol.messages import StatusReport
from impasto_shared.protocol.reports import JobReport, JobState, Metrics, WorkerReport


def lines_of(**fields: object) -> list[str]:
    report = StatusReport("", 77, "0.1.0", 300.0, WorkerReport())
    for name, value in fields.items():
        object.__setattr__(report, name, value)
    return status_lines(report)


def test_idle_daemon_has_no_network_loaded() -> None:
    assert lines_of() == [
        "Impasto 0.1.0, pid 77, up for 5 min",
        "No network is loaded.",
        "Networks on the daemon's machine: none",
        "Jobs: 0 waiting, 0 done, 0 failed, 0 cancelled",
    ]


def test_worker_and_networks_are_named() -> None:
    lines = lines_of(worker=WorkerReport(78, "CPU", "vgg19"), models=("vgg19", "vgg16"))

    assert "Worker 78: vgg19 on CPU" in lines
    assert "Networks on the daemon's machine: vgg19, vgg16" in lines


def test_worker_that_starts_has_neither_model_nor_device() -> None:
    assert "Worker 78: starting on …" in lines_of(worker=WorkerReport(78))


def test_metrics_are_averages_and_totals() -> None:
    metrics = Metrics(
        done=3,
        waited_s=2,
        painted_s=30,
        server_bytes=25_000_000,
        pictures=2,
        picture_bytes=1_500_000,
        picture_problem="no space left",
    )

    assert lines_of(metrics=metrics)[3:] == [
        "Jobs: 0 waiting, 3 done, 0 failed, 0 cancelled; on average 30 s, after waiting 2 s",
        "Memory: server 25 MB",
        "Pictures kept: 2 (1.5 MB)",
        "The last picture could not be stored on disk: no space left",
    ]


def test_each_job_has_a_line() -> None:
    jobs = (JobReport("0123456789", JobState.CANCELLED), JobReport("abcdefghij", JobState.DONE))

    assert [line[:8] for line in lines_of(jobs=jobs)[-2:]] == ["01234567", "abcdefgh"]
