"""The watch over the daemon's address: a removed socket is bound again, a lost address reported."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from impasto_daemon.server.process.endpoint import Address
from impasto_daemon.server.process.single_instance import AlreadyRunning
from impasto_shared.errors import ImpastoError

logger = logging.getLogger(__name__)

RETRY_S = 5.0


class AddressWatch:
    """Looks whether clients still reach the daemon at `address`, and restores it if it can.

    bind: binds the address again; raises ImpastoError. clock: monotonic, in seconds.
    """

    def __init__(
        self, address: Address, bind: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._address = address
        self._bind = bind
        self._clock = clock
        self._tried_s = -math.inf
        self._problem = ""

    def check(self) -> bool:
        """Restores the address if necessary; returns False if another daemon serves at it."""
        if self._address.is_ours or self._clock() < self._tried_s + RETRY_S:
            return True
        self._tried_s = self._clock()
        try:
            self._address.lock_again()
            self._bind()
        except (ImpastoError, OSError) as error:
            self._report(str(error))
            return not isinstance(error, AlreadyRunning)
        self._address.remember_file()
        self._problem = ""
        logger.warning("the socket of %s was removed; it is bound again", self._address.endpoint)
        return True

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            logger.error(
                "the socket of %s was removed or replaced, and no client can connect to it: %s",
                self._address.endpoint,
                problem,
            )
