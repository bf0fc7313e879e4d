"""A clock that stands still while its process is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable

_LONGEST_INTERVAL_S = 1.0


class RunningClock:
    """The time for which this process has been running: it stands still while it is stopped.

    A longer interval between two looks at `clock` counts as a second: then the machine or the
    process was suspended, and its child processes with it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last_s = clock()
        self.now_s = 0.0

    def look(self) -> float:
        """Advances `now_s` and returns it; to be called in every round of a loop."""
        now_s = self._clock()
        self.now_s += min(now_s - self._last_s, _LONGEST_INTERVAL_S)
        self._last_s = now_s
        return self.now_s
