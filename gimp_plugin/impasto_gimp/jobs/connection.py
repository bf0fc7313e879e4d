"""The plug-in's connection to the daemon."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from impasto_shared.configuration.resolution import default_endpoint

if TYPE_CHECKING:
    from impasto_shared.client import Client

NAME = "GIMP"
"""The name of the plug-in in the daemon's list of clients."""


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
