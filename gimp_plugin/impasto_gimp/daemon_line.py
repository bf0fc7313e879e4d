"""One line that says what the daemon is doing, for the dialog."""

from __future__ import annotations

from dataclasses import dataclass

from impasto_gimp.translation import gettext, ngettext
from impasto_shared.config import default_endpoint
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.messages import JobState, StatusReport
from impasto_shared.paths import socket_path

# It answers at once where it runs; the dialog must not wait for it where it hangs.
_PATIENCE_S = 0.3


@dataclass(frozen=True)
class DaemonLine:
    """What the daemon is doing, in words, and whether it could be started from here."""

    text: str
    can_start: bool = False


def daemon_line() -> DaemonLine:
    """What the daemon is doing now."""
    from impasto_shared.client import Client

    try:
        with Client.connect(default_endpoint(), name="GIMP", timeout_s=_PATIENCE_S) as client:
            return DaemonLine(line_of(client.status(timeout_s=_PATIENCE_S)))
    except DaemonUnavailable as error:
        if socket_path(default_endpoint()) is None:
            return DaemonLine(str(error))  # elsewhere: it cannot be started from here
        text = gettext("The Impasto daemon is not running; OK starts it.")
        return DaemonLine(text, can_start=True)
    except ImpastoError as error:
        return DaemonLine(str(error))


def line_of(status: StatusReport) -> str:
    """The line for a daemon that answers."""
    line = gettext("The Impasto daemon is ready.")
    if status.worker.device is not None:
        line = gettext("The Impasto daemon is ready on {device}.").format(
            device=_device(status.worker.device)
        )
    under_way = sum(job.state in (JobState.QUEUED, JobState.RUNNING) for job in status.jobs)
    if under_way:
        before = ngettext(
            "{count} job is before yours.", "{count} jobs are before yours.", under_way
        )
        line += f" {before.format(count=under_way)}"
    return line


def _device(device: str) -> str:
    return gettext("the processor") if device == "CPU" else device
