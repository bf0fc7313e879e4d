"""One line that says what the daemon is doing, for the dialog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from impasto_gimp.jobs.connection import NAME
from impasto_gimp.translation import gettext, ngettext
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.durations import format_duration
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.messages import ForecastReport, StatusReport
from impasto_shared.paths import socket_path
from impasto_shared.reports import JobState
from impasto_shared.settings import StyleSettings

if TYPE_CHECKING:
    from impasto_shared.client import Client

# It answers at once where it runs; the dialog must not wait for it where it hangs.
_PATIENCE_S = 0.3
# For a network between.
_REMOTE_PATIENCE_S = 1.5


@dataclass(frozen=True)
class DaemonStatus:
    """What the daemon is doing, in words, and whether it could be started from here."""

    text: str
    can_start: bool = False


@dataclass(frozen=True)
class PlannedJobs:
    """What is to be painted: with which settings each picture, and their size in pixels."""

    pictures: tuple[StyleSettings, ...]
    width: int
    height: int


def daemon_status(
    work: PlannedJobs | None = None, *, while_waiting: Callable[[], object] = lambda: None
) -> DaemonStatus:
    """What the daemon is doing now, and how long `work` would take.

    while_waiting: as in `Client.connect`.
    """
    from impasto_shared.client import Client

    try:
        endpoint = default_endpoint()
        patience_s = _PATIENCE_S if socket_path(endpoint) else _REMOTE_PATIENCE_S
        with Client.connect(
            endpoint, name=NAME, timeout_s=patience_s, while_waiting=while_waiting
        ) as client:
            status = client.status(timeout_s=patience_s)
            return DaemonStatus(status_text(status, _forecast(client, work, patience_s)))
    except DaemonUnavailable as error:
        if socket_path(default_endpoint()) is None:
            return DaemonStatus(str(error))  # elsewhere: it cannot be started from here
        text = gettext("The Impasto daemon is not running; OK starts it.")
        return DaemonStatus(text, can_start=True)
    except ImpastoError as error:
        return DaemonStatus(str(error))


def _forecast(client: Client, work: PlannedJobs | None, patience_s: float) -> ForecastReport | None:
    """What all pictures of `work` would take, one after the other."""
    if work is None:
        return None
    forecasts: list[ForecastReport] = []
    for settings in work.pictures:
        forecast = client.forecast(settings, work.width, work.height, patience_s)
        if forecast is None:
            return None
        forecasts.append(forecast)
    return combined(forecasts)


def combined(forecasts: Sequence[ForecastReport]) -> ForecastReport:
    """The forecast for jobs one after the other, of which there is at least one."""
    times_s = [forecast.painting_s for forecast in forecasts if forecast.painting_s is not None]
    hungriest = max(forecasts, key=lambda forecast: forecast.needed_bytes)
    is_known = len(times_s) == len(forecasts)
    return replace(hungriest, painting_s=sum(times_s) if is_known else None)


def status_text(status: StatusReport, forecast: ForecastReport | None = None) -> str:
    """The line for a daemon that answers; `forecast`: what the painting would take."""
    line = gettext("The Impasto daemon is ready.")
    if status.worker.device is not None:
        line = gettext("The Impasto daemon is ready on {device}.").format(
            device=_device(status.worker.device)
        )
    under_way = sum(job.state in (JobState.QUEUED, JobState.RUNNING) for job in status.jobs)
    if under_way:
        jobs = ngettext("{count} job is under way.", "{count} jobs are under way.", under_way)
        line += f" {jobs.format(count=under_way)}"
    return line if forecast is None else f"{line} {_takes(forecast)}"


def _takes(forecast: ForecastReport) -> str:
    """What the painting would take, as a sentence."""
    needed, available = forecast.needed_bytes, forecast.available_bytes
    if available is not None and needed > available:
        return gettext(
            "There may be too little memory, {needed} GB of {available} GB: choose a smaller size."
        ).format(needed=_gigabytes(needed), available=_gigabytes(available))
    memory = gettext("{needed} GB").format(needed=_gigabytes(needed))
    if available is not None:
        memory = gettext("{needed} of {available} GB").format(
            needed=_gigabytes(needed), available=_gigabytes(available)
        )
    if forecast.painting_s is None:
        takes = gettext("Painting takes {memory} of memory.").format(memory=memory)
    else:
        takes = gettext("Painting takes about {time} and {memory} of memory.").format(
            time=format_duration(forecast.painting_s, gettext), memory=memory
        )
    if forecast.tiles > 1:
        in_tiles = gettext("The picture is painted in {count} tiles.").format(count=forecast.tiles)
        takes = f"{takes} {in_tiles}"
    return takes


def _gigabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f}"


def _device(device: str) -> str:
    return gettext("the processor") if device == "CPU" else device
