"""Waiting for many sockets at once: poll and epoll, or select where they are missing (Windows)."""

from __future__ import annotations

import select
import sys
import time
from typing import Protocol

READ, WRITE = 1, 4
"""The events, as Linux numbers those of poll and epoll."""
BROKEN = 8 | 16
"""What is reported of a connection that has ended or failed, whether asked for or not."""


class _Waitable(Protocol):
    def fileno(self) -> int: ...


class SelectEpoll:
    """A stand-in for select.epoll, by select: for sockets alone, 512 of them on Windows.

    A socket must be unregistered before it is closed.
    """

    def __init__(self) -> None:
        self.events: dict[int, int] = {}
        """The events that are waited for, by descriptor."""
        self._turn = 0

    def register(self, descriptor: int, events: int) -> None:
        """Waits for the events of a socket from now on."""
        self.events[descriptor] = events

    modify = register

    def unregister(self, descriptor: int) -> None:
        """Waits for a socket no longer; nothing happens to one that is not waited for."""
        self.events.pop(descriptor, None)

    def poll(self, timeout_s: float, most: int) -> list[tuple[int, int]]:
        """Returns some of the sockets that have events, with these; they take turns."""
        ready_events = _selected(self.events, timeout_s)
        self._turn += most
        begin = self._turn % len(ready_events) if len(ready_events) > most else 0
        return (ready_events[begin:] + ready_events[:begin])[:most]

    def fileno(self) -> int:
        """Returns -1: there is no descriptor that stands for all of them."""
        return -1

    def close(self) -> None:
        """Waits for nothing more."""
        self.events.clear()


class SelectPoller:
    """A stand-in for select.poll, by select, which can also wait for a SelectEpoll."""

    def __init__(self) -> None:
        self._events: dict[int, int] = {}

    def register(self, what: int | _Waitable, events: int = READ) -> None:
        """Waits for the events of a socket from now on, instead of earlier ones."""
        if isinstance(what, SelectEpoll):
            self._events.update(what.events)
        else:
            self._events[what if isinstance(what, int) else what.fileno()] = events

    def poll(self, timeout_ms: float | None = None) -> list[tuple[int, int]]:
        """Returns the sockets with the events that they have; waits for the first."""
        return _selected(self._events, None if timeout_ms is None else timeout_ms / 1000)


class Poller(Protocol):
    """The methods that select.poll and SelectPoller have in common."""

    def register(self, what: int | _Waitable, events: int = READ, /) -> object:
        """Waits for the events of a socket from now on."""

    def poll(self, timeout_ms: float | None = None, /) -> list[tuple[int, int]]:
        """Returns the sockets with the events that they have; waits for the first."""


def new_poller() -> Poller:
    """Returns the fastest that the system has for a single wait."""
    return select.poll() if hasattr(select, "poll") else SelectPoller()


class Epoll(Protocol):
    """The methods that select.epoll and SelectEpoll have in common."""

    def register(self, descriptor: int, events: int, /) -> None:
        """Waits for the events of a socket from now on."""

    def modify(self, descriptor: int, events: int, /) -> None:
        """Waits for other events of a socket."""

    def unregister(self, descriptor: int, /) -> None:
        """Waits for a socket no longer."""

    def poll(self, timeout_s: float, most: int, /) -> list[tuple[int, int]]:
        """Returns some of the sockets that have events, with these."""

    def fileno(self) -> int:
        """Returns the descriptor of the epoll."""

    def close(self) -> None:
        """Waits for nothing more."""


def new_epoll() -> Epoll:
    """Returns the fastest that the system has for sockets that stay the same."""
    if sys.platform == "linux":
        return select.epoll()
    return SelectEpoll()


def _selected(events_of: dict[int, int], timeout_s: float | None) -> list[tuple[int, int]]:
    reading = [each for each, events in events_of.items() if events & READ]
    writing = [each for each, events in events_of.items() if events & WRITE]
    if not (reading or writing):  # which Windows refuses to wait for
        time.sleep(timeout_s or 0.0)
        return []
    # A connection that fails is reported apart on Windows.
    ready = select.select(reading, writing, writing, timeout_s)
    ready_events: dict[int, int] = {}
    for descriptors, event in zip(ready, (READ, WRITE, BROKEN), strict=True):
        for each in descriptors:
            ready_events[each] = ready_events.get(each, 0) | event
    return list(ready_events.items())
