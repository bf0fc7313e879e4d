"""The doctor's connection to the daemon: it waits for one that starts, or is slow to answer.

Systemd starts the daemon for the first program that connects, and a busy machine takes its time. So
a daemon that does not answer at once is looked at from outside: its locks, its socket, its process.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from impasto_daemon.commands.output import warn
from impasto_daemon.server.process.endpoint import lock_of
from impasto_daemon.server.process.single_instance import lock_holder
from impasto_daemon.system.host import is_suspended, processor_ticks
from impasto_shared.client import Client
from impasto_shared.connection.local_socket import is_served
from impasto_shared.errors import DaemonUnavailable, ImpastoError
from impasto_shared.files.paths import local_path, lock_path, socket_path
from impasto_shared.launcher import START_TIMEOUT_S
from impasto_shared.running_clock import RunningClock
from impasto_shared.system.host import HAS_UNIX_SOCKETS

_TRY_S = 5.0
_PAUSE_S = 0.1
# Between its two locks, a daemon that starts looks like one that serves elsewhere.
_LOOKS = 10
# A second of processor time in a minute; a daemon that waits uses next to none.
_BUSY_TICKS = 100


class Condition(Enum):
    """The look of a daemon, from outside, that does not answer."""

    ABSENT = auto()
    """No process has locked the address, and none listens there."""
    ELSEWHERE = auto()
    """This user's daemon serves another address, and lets no second one start."""
    SUSPENDED = auto()
    """Its process is stopped, by a signal or a debugger, and would continue."""
    BUSY = auto()
    """Its process works."""
    HUNG = auto()
    """Its process neither answers nor uses the processor."""
    UNKNOWN = auto()
    """A program listens, but no daemon has locked the address: systemd, or another program."""


class NoAnswer(ImpastoError):
    """No daemon answers at an address, for what was seen of it; pid: that of the daemon."""

    def __init__(self, condition: Condition, pid: int | None = None) -> None:
        super().__init__(condition.name)
        self.condition = condition
        self.pid = pid


@dataclass(frozen=True)
class _Sight:
    """The look of a daemon at an address, from outside.

    pid: the process that has locked the address. other_pid: this user's daemon, if it serves
    another address. is_served: whether a program listens.
    """

    pid: int | None
    other_pid: int | None
    is_served: bool

    @property
    def is_of_none(self) -> bool:
        """True if there is neither a daemon nor a program that starts one."""
        return self.pid is None and not self.is_served


def connect_patiently(endpoint: str) -> Client:
    """Returns a client of the daemon at an address, also of one that is starting or slow.

    Raises:
        NoAnswer: if none answers at an address of this machine, within a minute if there is one.
        DaemonUnavailable: if none answers at an address of another machine.
        ImpastoError: as `Client.connect`.
    """
    clock, begin_ticks, looks = RunningClock(), dict[int, int](), 0
    while True:
        try:
            return Client.connect(
                endpoint, name="impasto doctor", timeout_s=_TRY_S, while_waiting=clock.look
            )
        except DaemonUnavailable:
            path = local_path(endpoint)
            if path is None:
                raise
        sight, looks = _look(endpoint, path), looks + 1
        if problem := _evident(sight, looks):
            raise problem
        if clock.look() > START_TIMEOUT_S:
            raise _overdue(sight, begin_ticks)
        if sight.pid is not None:
            begin_ticks.setdefault(sight.pid, processor_ticks(sight.pid) or 0)
        if looks == 1:
            warn(f"no answer from the daemon yet; waiting for {START_TIMEOUT_S:.0f} s at most")
        time.sleep(_PAUSE_S)


def is_absent(endpoint: str) -> bool:
    """Returns whether there is neither a daemon at an address nor a program that starts one."""
    path = local_path(endpoint)
    return path is None or _look(endpoint, path).is_of_none


def _look(endpoint: str, path: Path) -> _Sight:
    socket = socket_path(endpoint) if HAS_UNIX_SOCKETS else None
    pid, users_pid = lock_holder(lock_of(path)), lock_holder(lock_path())
    other_pid = None if users_pid == pid else users_pid
    return _Sight(pid, other_pid, is_served=socket is not None and is_served(socket))


def _evident(sight: _Sight, looks: int) -> NoAnswer | None:
    """Returns why waiting is of no use; None if the daemon may still answer."""
    if sight.pid is not None and is_suspended(sight.pid):
        return NoAnswer(Condition.SUSPENDED, sight.pid)
    if sight.pid is None and sight.other_pid is not None and looks >= _LOOKS:
        return NoAnswer(Condition.ELSEWHERE, sight.other_pid)
    if sight.is_of_none and sight.other_pid is None:
        return NoAnswer(Condition.ABSENT)
    return None


def _overdue(sight: _Sight, begin_ticks: Mapping[int, int]) -> NoAnswer:
    """Returns what a daemon looks like that has not answered in time.

    begin_ticks: the processor time of each daemon when it was seen first.
    """
    if sight.pid is None:
        return NoAnswer(Condition.UNKNOWN)
    ticks = (processor_ticks(sight.pid) or 0) - begin_ticks.get(sight.pid, 0)
    condition = Condition.BUSY if ticks >= _BUSY_TICKS else Condition.HUNG
    return NoAnswer(condition, sight.pid)
