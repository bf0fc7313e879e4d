"""Paints a job's scales within the available memory, with smaller plans if it runs out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from impasto_daemon.style_transfer.planning.memory_plan import (
    Plan,
    ScaleWork,
    fastest_plan,
    smaller_plan,
)
from impasto_daemon.style_transfer.runtime.out_of_memory import is_out_of_memory
from impasto_daemon.system.malloc import trim_large_blocks

logger = logging.getLogger(__name__)


class Attempt:
    """A context in which a scale is painted by `plan`; running out of memory ends it quietly.

    is_last: whether no smaller plan is left; then the error is raised.
    """

    def __init__(self, plan: Plan, *, is_last: bool) -> None:
        self._plan = plan
        self._is_last = is_last
        self._allocation: AbstractContextManager[None] = nullcontext()
        self.ran_out_of_memory = False

    def __enter__(self) -> Plan:
        """Returns the plan."""
        if self._plan.tiling is not None:
            self._allocation = trim_large_blocks()
        self._allocation.__enter__()
        return self._plan

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        """Returns whether the next attempt is to follow."""
        self._allocation.__exit__(kind, error, traceback)
        if not isinstance(error, Exception) or not is_out_of_memory(error) or self._is_last:
            return False
        # Not the error itself: its traceback would keep the tensors of the failed attempt.
        logger.warning("memory has run out: %s", str(error))
        self.ran_out_of_memory = True
        return True


class OomRetry:
    """Finds, for each scale of a job, a plan that fits into memory."""

    def __init__(self, available_bytes: float) -> None:
        self._available_bytes = available_bytes

    def attempts(self, work: ScaleWork) -> Iterator[Attempt]:
        """Yields attempts to paint `work`, until one does not run out of memory.

        The first has the fastest plan that fits, each of the others a smaller one. Later scales
        are then planned with less memory, too. Each attempt is a context, which gives its plan.

        Raises:
            MemoryError: if it is known beforehand that no plan fits.
        """
        fastest = fastest_plan(work, self._available_bytes)
        if work.untiled_bytes is not None and fastest.needed_bytes > self._available_bytes:
            raise MemoryError(f"{fastest} are needed, and this network cannot be run in tiles")
        plan: Plan | None = fastest
        while plan is not None:
            smaller = smaller_plan(work, plan)
            attempt = Attempt(plan, is_last=smaller is None)
            yield attempt
            if not attempt.ran_out_of_memory:
                return
            if smaller is not None:
                self._available_bytes = min(self._available_bytes, smaller.needed_bytes)
            plan = smaller
