"""Notifications to systemd (sd_notify): ready, alive, stopping.

They are datagrams to the socket that systemd names; without one, nothing is sent.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import time
from collections.abc import Callable, MutableMapping

logger = logging.getLogger(__name__)


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
