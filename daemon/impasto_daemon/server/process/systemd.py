"""The daemon under systemd: sockets that are handed over, and notifications.

Notifications (sd_notify: ready, alive, stopping) are datagrams to the socket that systemd names;
without one, nothing is sent.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path

logger = logging.getLogger(__name__)

_FIRST_DESCRIPTOR = 3  # as sd_listen_fds(3) has it


def take_sockets(
    environment: MutableMapping[str, str] = os.environ,
) -> dict[Path, socket.socket]:
    """Returns the sockets that systemd listens at and has handed over, by their paths.

    To be called once. Removes their variables from `environment`.
    """
    count, pid = (environment.pop(name, "") for name in ("LISTEN_FDS", "LISTEN_PID"))
    environment.pop("LISTEN_FDNAMES", None)
    if not count.isdecimal() or pid != str(os.getpid()):
        return {}
    listeners = {}
    for descriptor in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count)):
        try:
            handed_over = socket.socket(fileno=descriptor)
        except OSError as error:
            logger.warning("descriptor %d of systemd is not used: %s", descriptor, error)
            break
        handed_over.set_inheritable(False)
        name = handed_over.getsockname()
        is_listening = handed_over.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        if handed_over.family == socket.AF_UNIX and is_listening and isinstance(name, str):
            listeners[Path(name)] = handed_over
        else:
            logger.warning("the socket %s of systemd is not used: it is no Unix socket", name)
            handed_over.close()
    return listeners


class SystemdNotifier:
    """Sends to the socket that `environment` names, and removes its variables from it.

    The worker would inherit them otherwise, and must not speak for the daemon.
    """

    def __init__(
        self,
        environment: MutableMapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._address = environment.pop("NOTIFY_SOCKET", "")
        watchdog_us = environment.pop("WATCHDOG_USEC", "")
        watched_pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
        is_watched = watchdog_us.isdigit() and watched_pid == str(os.getpid())
        # Twice as often as required, as systemd recommends.
        self._interval_s = int(watchdog_us) / 2e6 if is_watched else 0.0
        self._sent_s = -self._interval_s

    @property
    def interval_ms(self) -> float:
        """The longest time that may pass between two calls of `notify_watchdog`."""
        return self._interval_s * 1000 or math.inf

    def notify_ready(self, status: str) -> None:
        """Notifies systemd that clients are served; `status` is shown to people."""
        self._send(f"READY=1\nSTATUS={status}")

    def notify_watchdog(self) -> None:
        """Notifies the watchdog, if there is one and a notification is due."""
        now_s = self._clock()
        if self._interval_s and now_s - self._sent_s >= self._interval_s / 2:
            self._sent_s = now_s
            self._send("WATCHDOG=1")

    def notify_stopping(self) -> None:
        """Notifies systemd that the daemon stops on request."""
        self._send("STOPPING=1")

    def _send(self, news: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):  # the abstract namespace
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.sendto(news.encode(), socket.MSG_DONTWAIT, address)
        except OSError as error:
            logger.warning("systemd could not be notified of %r: %s", news, error)
