"""The time that a worker takes to start, and to load the network that comes with Impasto."""

from __future__ import annotations

from collections.abc import Callable

from impasto_shared.settings import Model


class StartTimer:
    """The start of one worker. `clock` is monotonic, in seconds.

    A worker may be ready long before it has anything to do: that time does not count. Nor does the
    time of networks that may have to be downloaded.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started_s = clock()
        self._ready_s: float | None = None
        self._busy_s: float | None = None

    def record_ready(self) -> None:
        """Records that the worker is ready; only the first time counts."""
        self._ready_s = self._clock() if self._ready_s is None else self._ready_s

    def record_work(self) -> None:
        """Records that the worker is given something to do; only the last time counts."""
        self._busy_s = self._clock()

    def duration_s(self, model: str) -> float | None:
        """Returns how long the start took, now that `model` is loaded; None if it does not tell."""
        if self._ready_s is None or self._busy_s is None or model != Model.VGG19:
            return None
        loading_s = self._clock() - max(self._ready_s, self._busy_s)
        return self._ready_s - self._started_s + loading_s
