"""The lock that lets one setup run at a time, which says that it waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from impasto_daemon.commands.output import say
from impasto_shared.installation.lock import only_installation

_held: list[int] = []


@contextmanager
def only_setup() -> Iterator[None]:
    """Opens a context in which no other process of this user installs or removes anything.

    Programs that `run` starts meanwhile hold the lock, too, should this process be killed.
    """
    has_told = False

    def tell() -> None:
        nonlocal has_told
        if not has_told:
            say("Another installation of Impasto is in progress; waiting for its end")
        has_told = True

    with only_installation(tell) as descriptor:
        _held.append(descriptor)
        try:
            yield
        finally:
            _held.remove(descriptor)


def held_descriptors() -> tuple[int, ...]:
    """Returns the descriptors that hold the lock, if this process has it."""
    return tuple(_held)
