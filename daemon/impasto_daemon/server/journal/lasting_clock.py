"""A clock that continues from daemon to daemon, and cannot be set.

The time of day is not one: it is set by hand or by the network, and a machine without a clock of
its own starts in 1970, or at its last shutdown. After a restart of the machine, a time of day that
was set forward looks like time for which the machine was off. So that time does not count at all.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.small_file import read_small_file

logger = logging.getLogger(__name__)

SAVED_EVERY_S = 600.0
"""As much may be missing after a power cut."""
_LONGEST_S = 1e10  # three centuries


class LastingClock:
    """The seconds for which the machine has been running since the file was made.

    It continues while no daemon runs, but not while the machine is off or suspended.

    boot: a name for the time from the start of the machine to its end. clock: monotonic, in
    seconds, the same for all processes of a boot.
    """

    def __init__(self, file: Path, boot: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._boot, self._clock = file, boot, clock
        self._ahead_s = self._read()
        self._saved_s = -math.inf

    def __call__(self) -> float:
        """Returns the time."""
        return self._clock() + self._ahead_s

    def is_due(self) -> bool:
        """Returns whether the time should be saved, and expects that."""
        if self._clock() < self._saved_s + SAVED_EVERY_S:
            return False
        self._saved_s = self._clock()
        return True

    def save(self) -> None:
        """Saves the time, for the next boot. Raises OSError."""
        now_s = self._clock()
        state = {"boot": self._boot, "clock_s": now_s, "time_s": now_s + self._ahead_s}
        write_atomically(self._file, json.dumps(state).encode(), mode=0o600)

    def _read(self) -> float:
        """Returns by how much the time is ahead of the clock of this boot."""
        now_s = self._clock()
        try:
            state = json.loads(read_small_file(self._file))
            boot, clock_s, time_s = (state[name] for name in ("boot", "clock_s", "time_s"))
            if not (0 <= float(clock_s) <= _LONGEST_S and 0 <= float(time_s) <= _LONGEST_S):
                raise ValueError(f"{time_s!r:.40} is not a time")
        except FileNotFoundError:
            return 0.0
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            logger.warning("%s is damaged, and pictures are kept for longer: %s", self._file, error)
            return 0.0
        is_same = boot == self._boot and clock_s <= now_s
        return float(time_s) - float(clock_s if is_same else now_s)
