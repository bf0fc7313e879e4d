"""The check that a job can be painted, by the one thing that proves it: painting one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from impasto_daemon.commands.doctor.connection import is_absent
from impasto_daemon.commands.doctor.finding import Finding, note, ok, problem
from impasto_daemon.server.process.endpoint import Address
from impasto_daemon.setup.programs import PATIENCE_S
from impasto_shared.client import Client
from impasto_shared.errors import DaemonError, DaemonUnavailable, ImpastoError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.reports import JobReport, JobState
from impasto_shared.settings import SETTINGS, StyleSettings
from impasto_shared.style import Style

_TOPIC = "painting"
_SIDE_PX = 64
_AGAIN = "Run impasto doctor again."
_LOG = "See the daemon's log; then end the daemon, and run impasto doctor again."


def check_job(endpoint: str) -> Iterator[Finding]:
    """Has the daemon at `endpoint` paint a tiny picture, unless it is painting one anyway.

    Without a daemon it checks that one could serve there.
    """
    try:
        client = Client.connect(endpoint, name="impasto doctor")
    except ImpastoError as error:
        if isinstance(error, DaemonUnavailable) and is_absent(endpoint):
            yield from _check_start(endpoint)
        else:  # check_daemon, which waits for longer, may have reached it
            yield problem(_TOPIC, f"a test picture was not painted: {error}", _AGAIN)
        return
    with client:
        unfinished = [job for job in client.status().jobs if not job.state.is_final]
        if unfinished:
            yield note(_TOPIC, f"not tried, because the daemon has {len(unfinished)} jobs")
            return
        yield _result_of_a_job(client)


def _check_start(endpoint: str) -> Iterator[Finding]:
    """Yields the reason why no daemon can be started; none is if there is no such reason."""
    try:
        Address(endpoint).check()
    except (ImpastoError, OSError) as error:
        yield problem(_TOPIC, f"no daemon can be started: {error}")


def _result_of_a_job(client: Client) -> Finding:
    started_s = time.monotonic()
    image = Image(_SIDE_PX, _SIDE_PX, PixelFormat.RGB_U8, bytes(range(256)) * 48)
    settings = StyleSettings(size=SETTINGS.integer("size").low, iterations=1)
    try:
        job = client.submit(image, [Style(image)], settings)
        final = _final_report(client, job, started_s + PATIENCE_S)
    except (DaemonError, DaemonUnavailable) as error:
        return problem(_TOPIC, f"a test picture was not painted: {error}", _LOG)
    if final is None:
        text = f"a test picture was not painted within {PATIENCE_S:.0f} s"
        return problem(_TOPIC, text, _LOG)
    if final.problem is not None:
        return problem(_TOPIC, f"a test picture was not painted: {final.problem.message}", _LOG)
    if final.state is JobState.DONE:
        client.forget(job)
    return ok(_TOPIC, f"a test picture took {time.monotonic() - started_s:.1f} s")


def _final_report(client: Client, job: str, deadline_s: float) -> JobReport | None:
    while time.monotonic() < deadline_s:
        for report in client.poll(timeout_s=0.5):
            if report.job == job and report.state.is_final:
                return report
    return None
