"""The state of the daemon as a line of text, for the dialog."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from impasto_gimp.jobs.connection import PREVIEW_NAME, connect_to_running, patience_s
from impasto_gimp.translation import decimal, gettext, ngettext
from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.connection.local_socket import is_served
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.files.paths import local_path, socket_path
from impasto_shared.protocol.messages import ForecastReport, StatusReport
from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.system.host import HAS_UNIX_SOCKETS
from impasto_shared.text.durations import format_duration

if TYPE_CHECKING:
    from impasto_shared.client import Client


@dataclass(frozen=True)
class DaemonStatus:
    """The state of the daemon in words, and whether it can be started, or installed, from here.

    alternatives: the forecast for each alternative that was planned, by its size.
    """

    text: str
    can_start: bool = False
    can_install: bool = False
    alternatives: Mapping[int, ForecastReport | None] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedJobs:
    """The jobs that a dialog asks for: the settings of each, and the size of all in pixels.

    alternatives: the settings of jobs of other sizes that could be chosen in their place.
    begun_px, paintings: as in `Client.forecast`.
    further: the number of layers that follow, with the same settings.
    is_animation: whether each of these begins from the one before it.
    """

    pictures: tuple[StyleSettings, ...]
    width: int
    height: int
    alternatives: tuple[StyleSettings, ...] = ()
    begun_px: int = 0
    paintings: int = 1
    further: int = 0
    is_animation: bool = False


def daemon_status(
    planned: PlannedJobs | None = None, *, while_waiting: Callable[[], object] = lambda: None
) -> DaemonStatus:
    """Returns the state of the daemon, with a forecast for `planned`.

    while_waiting: as in `Client.connect`.
    """
    try:
        with connect_to_running(while_waiting=while_waiting) as client:
            status = client.status(timeout_s=patience_s())
            if planned is None:
                return DaemonStatus(status_text(status))
            forecast = _forecast(client, planned)
            alternatives = _alternatives(client, planned)
            text = status_text(status, forecast, len(planned.pictures) + planned.further)
            return DaemonStatus(text, alternatives=alternatives)
    except DaemonUnavailable as error:
        if local_path(default_endpoint()) is None:
            return DaemonStatus(str(error))  # on another machine: cannot be started from here
        return _stopped()
    except ImpastoError as error:
        return DaemonStatus(str(error))


def _stopped() -> DaemonStatus:
    """Returns the state of a daemon on this machine that does not run."""
    from impasto_shared.installation.sandbox import is_in_sandbox
    from impasto_shared.launcher import find_impasto

    try:
        if not _is_started_by_others():
            find_impasto()
    except DaemonUnavailable as error:  # it is not installed
        text = gettext("The daemon, which paints the pictures, is not installed yet.")
        return DaemonStatus(str(error) if is_in_sandbox() else text, can_install=True)
    text = gettext("Impasto's background program (the daemon) is not running; OK starts it.")
    return DaemonStatus(text, can_start=True)


def _is_started_by_others() -> bool:
    """Returns whether systemd listens for programs that need the daemon, and starts it."""
    path = socket_path(default_endpoint()) if HAS_UNIX_SOCKETS else None
    return path is not None and is_served(path)


def _alternatives(client: Client, planned: PlannedJobs) -> dict[int, ForecastReport | None]:
    """Returns the forecast for each alternative by its size; None if the daemon makes none."""
    return {
        settings.size: _forecast_of_layers(client, settings, planned)
        for settings in planned.alternatives
    }


def _forecast_of_layers(
    client: Client, settings: StyleSettings, planned: PlannedJobs
) -> ForecastReport | None:
    """Returns the forecast for a layer and those that follow; None if the daemon makes none."""

    def of_one(begun_px: int, *, follows: bool = False) -> ForecastReport | None:
        return client.forecast(
            *(settings, planned.width, planned.height, patience_s()),
            paintings=planned.paintings,
            begun_px=begun_px,
            follows=follows,
        )

    first = of_one(planned.begun_px)
    if first is None or not planned.further:
        return first
    is_film = planned.is_animation
    next_one = of_one(settings.size if is_film else 0, follows=is_film)
    return None if next_one is None else combined([first, *[next_one] * planned.further])


def _forecast(client: Client, planned: PlannedJobs) -> ForecastReport | None:
    """Returns the forecast for all jobs one after the other; None if the daemon makes none."""
    forecasts: list[ForecastReport] = []
    for settings in planned.pictures:
        forecast = _forecast_of_layers(client, settings, planned)
        if forecast is None:
            return None
        forecasts.append(forecast)
    return combined(forecasts)


def combined(forecasts: Sequence[ForecastReport]) -> ForecastReport:
    """Returns the forecast for one or more jobs that run one after the other."""
    times_s = [forecast.painting_s for forecast in forecasts if forecast.painting_s is not None]
    hungriest = max(forecasts, key=lambda forecast: forecast.needed_bytes)
    is_known = len(times_s) == len(forecasts)
    return replace(hungriest, painting_s=sum(times_s) if is_known else None)


def status_text(
    status: StatusReport, forecast: ForecastReport | None = None, layers: int = 1
) -> str:
    """Returns the line of text for a running daemon, with the forecast for `layers` layers."""
    line = gettext("The Impasto daemon is ready.")
    if status.worker.device is not None:
        line = gettext("The Impasto daemon is ready ({device}).").format(
            device=_device(status.worker.device)
        )
    count = sum(
        job.state in (JobState.QUEUED, JobState.RUNNING) and job.client != PREVIEW_NAME
        for job in status.jobs
    )
    if count:
        jobs = ngettext("{count} job is in progress.", "{count} jobs are in progress.", count)
        line += f" {jobs.format(count=count)}"
    return line if forecast is None else f"{line} {_takes(forecast, layers)}"


def _takes(forecast: ForecastReport, layers: int) -> str:
    """Returns the time and the memory for `layers` layers as a sentence."""
    needed, available = forecast.needed_bytes, forecast.available_bytes
    if available is not None and needed > available:
        return gettext(
            "There may not be enough memory: {needed} GB needed, {available} GB available. "
            "Choose a smaller size."
        ).format(needed=_gigabytes(needed), available=_gigabytes(available))
    memory = gettext("{needed} GB").format(needed=_gigabytes(needed))
    if available is not None:
        memory = gettext("{needed} of {available} GB").format(
            needed=_gigabytes(needed), available=_gigabytes(available)
        )
    if forecast.painting_s is None:
        takes = gettext("The picture takes {memory} of memory.").format(memory=memory)
    else:
        takes = gettext("The picture takes about {time} and {memory} of memory.")
        if layers > 1:
            takes = gettext("The {count} pictures take about {time} and {memory} of memory.")
        takes = takes.format(
            time=format_duration(forecast.start_s + forecast.painting_s, gettext),
            memory=memory,
            count=layers,
        )
    if forecast.tiles > 1:
        in_parts = gettext("To fit into memory, the picture is painted in {count} parts.").format(
            count=forecast.tiles
        )
        takes = f"{takes} {in_parts}"
    return takes


def _gigabytes(size_bytes: int) -> str:
    return decimal(f"{size_bytes / 1e9:.1f}")


def _device(device: str) -> str:
    return gettext("the processor") if device == "CPU" else device
