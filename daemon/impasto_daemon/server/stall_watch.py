"""Noticing that a worker hangs: by the pace of its job, and by the processor time it uses."""

from __future__ import annotations

from collections.abc import Callable

from impasto_shared.running_clock import RunningClock

SLOWEST = 10.0
"""Steps that take as many times their expected duration are a stall, ..."""
SHORTEST_STALL_S = 60.0
"""... if they take at least this long."""
IDLE_STALL_S = 120.0
"""Without an expected duration (while a network is loaded or downloaded, and after the last step):
the time without any use of the processor."""
START_LIMIT_S = 300.0
"""The longest time in which a new worker must report that it is ready."""
RECEIPT_LIMIT_S = 60.0
"""The longest time in which a worker that is ready must confirm a job: much, on a busy machine."""
_SAMPLE_S = 1.0


class StallWatch:
    """Watches the worker of one job.

    clock: advances as long as the server runs.
    processor_ticks: returns the processor time of the worker, None if unknown.
    longest_step: the share of the longest step in the work of the job, in (0, 1].
    expected_s: the expected duration of the job; None if there is no estimate.
    """

    def __init__(
        self,
        clock: RunningClock,
        processor_ticks: Callable[[], int | None],
        *,
        longest_step: float,
        expected_s: float | None,
    ) -> None:
        self._clock = clock
        self._processor_ticks = processor_ticks
        self._longest_step = longest_step
        self._expected_s = expected_s
        self._heard_s = self._active_s = self._sampled_s = clock.now_s
        self._ticks = processor_ticks()
        self._first: tuple[float, float] | None = None
        self._done = 0.0
        self.is_received = False

    def record_sign(self) -> None:
        """Records that the worker has reported anything about the job."""
        self._heard_s = self._active_s = self._clock.now_s
        self.is_received = True

    def record_step(self, done: float) -> None:
        """Records a step, after which a fraction `done` of the work is done."""
        self.record_sign()
        if self._first is None:
            self._first = self._clock.now_s, done
        self._done = done

    def record_ready(self) -> None:
        """Records that the worker can receive the job, if it has not yet."""
        self._heard_s = self._active_s = self._clock.now_s

    def look(self) -> None:
        """Samples the worker's use of the processor; to be called in every round."""
        if self._clock.now_s - self._sampled_s < _SAMPLE_S:
            return
        self._sampled_s = self._clock.now_s
        ticks = self._processor_ticks()
        # If the system does not say, the worker counts as active.
        if ticks is None or ticks != self._ticks:
            self._ticks, self._active_s = ticks, self._clock.now_s

    def is_unreached(self, *, is_ready: bool) -> bool:
        """Returns whether the job has not reached the worker, ready or not, in the time allowed."""
        limit_s = RECEIPT_LIMIT_S if is_ready else START_LIMIT_S
        return not self.is_received and self._silent_s >= limit_s

    @property
    def stalled_s(self) -> float | None:
        """The time without a sign of progress, if it is suspiciously long."""
        is_long = self._silent_s >= (self._limit_s or IDLE_STALL_S)
        is_stalled = is_long and (self._limit_s is not None or self._idle_s >= IDLE_STALL_S)
        return self._silent_s if is_stalled else None

    @property
    def is_hopeless(self) -> bool:
        """True if the worker must be ended.

        A process that uses no processor time is given twice the time of a stall; one that does may
        be taking an exceptionally long step, and is given ten times as long.
        """
        limit_s = self._limit_s
        if limit_s is None:
            return self._idle_s >= 2 * IDLE_STALL_S
        if self._silent_s >= SLOWEST * limit_s:
            return True
        return self._silent_s >= 2 * limit_s and self._idle_s >= limit_s

    @property
    def step_s(self) -> float | None:
        """The expected duration of the longest step; None before its pace is known."""
        job_s = self._expected_s
        if self._first is not None and self._done > self._first[1]:
            job_s = (self._heard_s - self._first[0]) / (self._done - self._first[1])
        return None if job_s is None or self._first is None else job_s * self._longest_step

    @property
    def _limit_s(self) -> float | None:
        # After the last step the picture is enlarged and written, which has no pace.
        if self.step_s is None or self._done >= 1.0:
            return None
        return max(SHORTEST_STALL_S, SLOWEST * self.step_s)

    @property
    def _silent_s(self) -> float:
        return self._clock.now_s - self._heard_s

    @property
    def _idle_s(self) -> float:
        return self._clock.now_s - self._active_s
