"""A clock that continues from daemon to daemon, and cannot be set.

The time of day is not one: it is set by hand or by the network, and a machine without a clock of
its own starts in 1970, or at its last shutdown. After a restart of the machine, a time of day that
was set forward looks like time for which the machine was off. So that time does not count at all.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.files.small_file import read_small_file

logger = logging.getLogger(__name__)

SAVED_EVERY_S = 600.0
"""As much may be missing after a power cut."""
_SAVED_AGAIN_S = 60.0  # after a failure
_LONGEST_S = 1e10  # three centuries


class LastingClock:
    """The seconds for which the machine has been running since the file was made.

    It continues while no daemon runs, but not while the machine is off or suspended.

    boot: a name for the time from the start of the machine to its end; where each process has
    another one, the time stands still while no daemon runs. clock: monotonic, in seconds, the same
    for all processes of a boot.
    """

    def __init__(self, file: Path, boot: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._boot, self._clock = file, boot, clock
        self.damage: str | None = None
        """What is wrong with the file; None: nothing, or there is none."""
        read_s = self._read()
        self._is_new = read_s is None
        self._ahead_s = read_s or 0.0
        self._due_s = self._clock()

    def __call__(self) -> float:
        """Returns the time."""
        return self._clock() + self._ahead_s

    def continue_from(self, times_s: Iterable[float]) -> None:
        """Continues from the latest of the recorded times, if there was no readable file.

        Otherwise all that was recorded would at once be as old as this boot.
        """
        if self._is_new:
            now_s = self._clock()
            self._ahead_s = min(0.0, max(times_s, default=now_s) - now_s)

    def is_due(self) -> bool:
        """Returns whether the time should be saved."""
        return self._clock() >= self._due_s

    def save(self) -> None:
        """Saves the time, for the next boot. Raises OSError; it is then soon due again."""
        now_s = self._clock()
        self._due_s = now_s + _SAVED_AGAIN_S
        state = {"boot": self._boot, "clock_s": now_s, "time_s": now_s + self._ahead_s}
        write_atomically(self._file, json.dumps(state).encode(), mode=0o600)
        self._due_s = now_s + SAVED_EVERY_S

    def _read(self) -> float | None:
        """Returns by how much the time is ahead of the clock of this boot; None if unknown."""
        now_s = self._clock()
        try:
            state = json.loads(read_small_file(self._file))
            boot = state["boot"]
            clock_s, time_s = (_seconds(state[name]) for name in ("clock_s", "time_s"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            self.damage = f"{self._file} is damaged, and pictures are kept for longer"
            logger.warning("%s: %s", self.damage, error)
            return None
        is_same = boot == self._boot and clock_s <= now_s
        return time_s - (clock_s if is_same else now_s)


def _seconds(value: object) -> float:
    """Returns a number of the file; raises ValueError or OverflowError if it is not a time."""
    if not isinstance(value, int | float) or not 0 <= float(value) <= _LONGEST_S:
        raise ValueError(f"{value!r:.40} is not a time")
    return float(value)
