"""Jobs for the scripted worker, and other processes that submit them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from impasto_shared.client import Client
from impasto_shared.errors import ErrorCode
from impasto_shared.image import Image
from impasto_shared.protocol.messages import PreviewOptions
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import DaemonProcess, picture
from integration.scripted_worker import Behaviour, invert

MEGABYTE = 2**20


def submit(
    client: Client,
    steps: int = 3,
    behaviour: Behaviour = Behaviour.INVERT,
    content: Image | None = None,
    **options: Any,
) -> str:
    """Submits a job and returns its name. `options` are those of `Client.submit`."""
    settings = StyleSettings(iterations=steps, seed=behaviour)
    return client.submit(content or picture(), [Style(picture())], settings, **options)


def last_report(client: Client, job: str) -> JobReport:
    """Waits for the end of a job, and returns its report."""
    *_, final = client.updates(job)
    return final


def report_of(client: Client, job: str) -> JobReport:
    """Returns the current report of a job."""
    return next(report for report in client.status().jobs if report.job == job)


def rss_bytes(pid: int) -> int:
    """Returns the resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def client_process(
    daemon: DaemonProcess, program: str, endpoint: str | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Starts a process that runs `program` with a `client`; kills it at the end.

    endpoint: the address at which it finds the daemon, if not its own.
    """
    start = (
        "import sys, time\n"
        "from impasto_shared.client import Client\n"
        "from integration.scripted_jobs import submit\n"
        "client = Client.connect(sys.argv[1], name='other')\n"
    )
    environment = daemon.environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", start + program, endpoint or daemon.endpoint],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """Returns the first line that a process writes."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def keep_busy(client: Client, seed: int) -> None:
    """Submits jobs of all kinds and fetches their pictures for ever; reports its start."""
    chance = random.Random(seed)
    sys.stdout.write("busy\n")
    sys.stdout.flush()
    while True:
        content = picture(chance.choice([8, 640]), chance.choice([8, 480]))
        options: dict[str, Any] = {
            "previews": chance.choice([None, PreviewOptions(64, 0.2)]),
            "detached": chance.random() < 0.3,
        }
        job = submit(client, chance.randint(1, 20), content=content, **options)
        final = last_report(client, job)
        if final.state is JobState.DONE:
            assert bytes(client.fetch(job).pixels) == invert(content).pixels
        else:
            assert final.problem is not None
            assert final.problem.code is ErrorCode.WORKER_DIED
            assert "killed" in final.problem.message
