"""The plug-in's connection to the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from impasto_shared.configuration.resolution import default_endpoint
from impasto_shared.files.paths import local_path

if TYPE_CHECKING:
    from impasto_shared.client import Client

NAME = "GIMP"
"""The name of the plug-in in the daemon's list of clients."""
PREVIEW_NAME = "GIMP: preview"
"""The name of a dialog there that paints drafts, which are no jobs that a user waits for."""

# A running daemon answers at once; the dialog must not wait for one that hangs.
_PATIENCE_S = 0.3
# For a daemon on another machine.
_REMOTE_PATIENCE_S = 1.5


def connect(
    *,
    on_start: Callable[[], None] = lambda: None,
    while_waiting: Callable[[], object],
) -> Client:
    """Returns a client of the daemon, which is started if none runs.

    while_waiting: as in `Client.connect`.
    Raises what impasto_shared.launcher.connect_or_start raises.
    """
    from impasto_shared.launcher import connect_or_start

    return connect_or_start(
        default_endpoint(), name=NAME, on_start=on_start, while_waiting=while_waiting
    )


def connect_to_running(*, while_waiting: Callable[[], object], name: str = NAME) -> Client:
    """Returns a client of the daemon that runs, which is expected to answer at once.

    while_waiting, name: as in `Client.connect`.
    Raises what `Client.connect` raises: DaemonUnavailable if none runs.
    """
    from impasto_shared.client import Client

    return Client.connect(
        default_endpoint(), name=name, timeout_s=patience_s(), while_waiting=while_waiting
    )


def patience_s() -> float:
    """Returns the time within which a running daemon answers."""
    return _PATIENCE_S if local_path(default_endpoint()) else _REMOTE_PATIENCE_S
