"""Errors of the server's loop: an unforeseen one costs a step of a round, and not all jobs."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable

logger = logging.getLogger(__name__)

REPEAT_S = 60.0
"""The same error is logged again after this time."""
PAUSE_S = 0.05
"""The pause after a round with an error: it may come at once in the next round, too."""
_MAX_REMEMBERED = 100


class Containment:
    """The steps of a round, of which each is run whatever has become of the others.

    The system may refuse anything at any time: a file, memory, a descriptor. Where that concerns
    one job or one client, it is handled there; what is not foreseen ends here, in the log.

    clock: monotonic, in seconds. pause: waits for some seconds.
    """

    def __init__(
        self, clock: Callable[[], float], pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._logged_s: dict[str, float] = {}

    def run(self, *steps: Callable[[], object]) -> None:
        """Runs all steps; logs the errors."""
        has_failed = False
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - whatever it is, other jobs go on
                has_failed = True
                self._log(error)
        if has_failed:
            self._pause(PAUSE_S)

    def _log(self, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind, now_s = f"{type(error).__name__} at {place.filename}:{place.lineno}", self._clock()
        if now_s - self._logged_s.get(kind, -REPEAT_S) < REPEAT_S:
            return
        if len(self._logged_s) >= _MAX_REMEMBERED:
            self._logged_s.clear()
        self._logged_s[kind] = now_s
        logger.error("an error in the server's loop; jobs continue", exc_info=error)
