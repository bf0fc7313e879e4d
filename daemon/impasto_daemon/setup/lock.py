"""The lock that lets one setup run at a time, which says that it waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from impasto_daemon.commands.output import say
from impasto_shared.installation.lock import only_installation


@contextmanager
def only_setup() -> Iterator[None]:
    """Opens a context in which no other process of this user installs or removes anything."""
    has_told = False

    def tell() -> None:
        nonlocal has_told
        if not has_told:
            say("Another installation of Impasto is in progress; waiting for its end")
        has_told = True

    with only_installation(tell):
        yield
