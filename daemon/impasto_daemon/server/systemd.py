"""What the service manager that started the daemon is told (sd_notify): ready, alive, stopping.

A datagram to the socket that it names. Whoever has not been started by one tells nobody.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, MutableMapping

logger = logging.getLogger(__name__)

_FOR_EVER_MS = 2**31 - 1


class SystemdNotifier:
    """Talks to the manager that `environment` names, which is taken out of it.

    The worker would inherit it, and is not the one to speak for the daemon.
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
        # Twice as often as it must be, as systemd advises.
        self._interval_s = int(watchdog_us) / 2e6 if is_watched else 0.0
        self._told_s = -self._interval_s

    @property
    def interval_ms(self) -> int:
        """How long the daemon may wait before it says again that it is alive."""
        return int(self._interval_s * 1000) or _FOR_EVER_MS

    def notify_ready(self, status: str) -> None:
        """Says that clients are served; `status` is shown to people."""
        self._tell(f"READY=1\nSTATUS={status}")

    def notify_watchdog(self) -> None:
        """Says so to a watchdog, where there is one and it is time."""
        now_s = self._clock()
        if self._interval_s and now_s - self._told_s >= self._interval_s / 2:
            self._told_s = now_s
            self._tell("WATCHDOG=1")

    def notify_stopping(self) -> None:
        """Says that the daemon ends because it was asked to."""
        self._tell("STOPPING=1")

    def _tell(self, news: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):  # an abstract one
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.setblocking(False)
                out.sendto(news.encode(), address)
        except OSError as error:
            logger.warning("the service manager was not told %r: %s", news, error)
